"""The bridge's server: two threads that only answer, a clerk that writes, workers that work.

The main thread has the request socket, the events socket and the worker of live calls; another
thread has the control socket. Both answer from the job store, whose readers do not wait for its
writer, the clerk, who also has the workers that render.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import zmq

from reenact_bridge.callers import ROLES, Caller, visitor_of
from reenact_bridge.clerk import Clerk, Submitted
from reenact_bridge.connection import (
    alone,
    connection_file,
    default_folder,
    new_instance,
    read_bind,
)
from reenact_bridge.errors import ProtocolError
from reenact_bridge.front_desk import HERE, FrontDesk
from reenact_bridge.keys import AllowList, KeyPair, read_keys
from reenact_bridge.limits import Limits
from reenact_bridge.live_desk import Call, LiveDesk
from reenact_bridge.lookups import Lookups
from reenact_bridge.mailbox import Mailbox
from reenact_bridge.previews import Previews
from reenact_bridge.publisher import Publisher
from reenact_bridge.reception import WRITES, Orders, Reception
from reenact_bridge.records import Submission
from reenact_bridge.regions import map_region, sweep
from reenact_bridge.renderers import Renderers
from reenact_bridge.roots import Roots
from reenact_bridge.schemas import check
from reenact_bridge.sockets import open_socket, send
from reenact_bridge.store import Store
from reenact_bridge.wire import Header, Message, pack, read_header, read_message
from reenact_bridge.worker_process import WorkerProcess
from reenact_bridge.zap import Doorkeeper
from reenact_core.errors import SettingsError
from reenact_core.files import sweep_passing

TICK_MS = 200
BURST = 64
"""Messages of one socket that are answered before the others are looked at."""

REQUEST_HIGH_WATER, CONTROL_HIGH_WATER, EVENTS_HIGH_WATER = 64, 256, 1000


Answer = Callable[[dict[str, Any] | ProtocolError], None]


@dataclass(frozen=True, slots=True)
class ServeSettings:
    """What `reenact serve` is told."""

    connection_file: Path
    roots: tuple[Path, ...]
    store: Path
    """Folder of the jobs and logs."""
    bind: str | None = None
    devices: tuple[str, ...] = ("auto",)
    server_key: Path | None = None
    allow: Path | None = None
    limits: Limits = field(default_factory=Limits)


def serve(settings: ServeSettings, ready: Callable[["Server"], None]) -> None:
    """Serve until told to stop; `ready` is called once, when clients may come.

    Raises:
        SettingsError, OutputError: it cannot start.
    """
    with ExitStack() as stack:
        settings.store.mkdir(parents=True, exist_ok=True, mode=0o700)
        stack.enter_context(alone(settings.connection_file, "connection file"))
        stack.enter_context(alone(settings.store / "jobs.sqlite", "job store"))
        server = stack.enter_context(Server.open(settings))
        ready(server)
        server.run()


class Server:
    """A server whose sockets are bound."""

    def __init__(
        self,
        settings: ServeSettings,
        context: zmq.Context[Any],
        endpoints: dict[str, str],
        sockets: dict[str, Any],
        publisher: Publisher,
        allowed: AllowList | None,
    ) -> None:
        self.settings, self.endpoints = settings, endpoints
        self.instance = new_instance()
        self._sockets, self._publisher, self._allowed = sockets, publisher, allowed
        self._mail = {"request": Mailbox(), "control": Mailbox()}
        self._stopping = False
        self._fault: Exception | None = None
        limits, roots = settings.limits, Roots.of(settings.roots)
        logs = settings.store / "logs"
        post = self._mail["request"].put
        self._store = Store(settings.store, lambda event: post(("event", event)))
        start = {"roots": [str(folder) for folder in roots.folders], "logs": str(logs)}
        self._clerk = Clerk(self._store, self._clerks_tick, self._fail)
        self._renderers = Renderers(
            self._store, list(settings.devices), start, self._renderer_said, limits.silence_s
        )
        live = {**start, "device": settings.devices[0], "work_bytes": limits.work_bytes}
        self._desk = LiveDesk(
            live,
            logs,
            lambda worker, message: post(("live", worker, message)),
            self._finish,
            limits,
        )
        self._lookups = Lookups(limits)
        self._front = FrontDesk(
            self._desk,
            Previews(limits),
            roots,
            self._lookups,
            lambda work: post(("do", work)),
            self._reply_here,
            limits,
        )
        orders = Orders(
            stop=lambda job, now: self._clerk.do(self._stop_job, job, now),
            heard=lambda caller: post(("heard", caller)),
            shutdown=lambda drain: post(("shutdown", drain)),
        )
        self._reception = Reception(
            self._store, roots, limits, list(settings.devices), self.instance, orders
        )
        self._control = threading.Thread(target=self._run_control, name="control", daemon=True)

    @classmethod
    @contextmanager
    def open(cls, settings: ServeSettings) -> Iterator["Server"]:
        """Bind, tell clients where, and on the way out take everything back.

        Raises:
            SettingsError, OutputError: it cannot start.
        """
        keys, allowed = _security(settings)
        sweep()
        sweep_passing()
        with ExitStack() as stack:
            folder = _socket_folder(settings, stack)
            bound = read_bind(settings.bind, folder)
            if not bound.local and keys is None:
                raise SettingsError(
                    f"{settings.bind}: others than this machine can reach it, so it needs keys; "
                    "give --server-key and --allow"
                )
            context: zmq.Context[Any] = zmq.Context()
            context.setsockopt(zmq.MAX_SOCKETS, 8192)
            stack.callback(context.term)
            if allowed is not None:
                stack.callback(Doorkeeper(context, allowed).close)
            sockets, endpoints = dict[str, Any](), dict[str, str]()
            stack.callback(lambda: [socket.close(200) for socket in sockets.values()])
            limits = settings.limits
            for name, place, most, high in (
                ("request", bound.request, limits.message_bytes, REQUEST_HIGH_WATER),
                ("control", bound.control, limits.control_bytes, CONTROL_HIGH_WATER),
            ):
                sockets[name], endpoints[name] = open_socket(
                    context, zmq.ROUTER, place, keys, most_bytes=most, high_water=high
                )

            def events_at(place: str) -> tuple[Any, str]:
                most, high = limits.control_bytes, EVENTS_HIGH_WATER
                return open_socket(context, zmq.XPUB, place, keys, most_bytes=most, high_water=high)

            publisher = Publisher(events_at, bound.events, allowed)
            stack.callback(lambda: publisher.close(200))
            endpoints["events"] = publisher.endpoint
            server = cls(settings, context, endpoints, sockets, publisher, allowed)
            stack.callback(server.close)
            public = None if keys is None else keys.public
            stack.enter_context(
                connection_file(settings.connection_file, endpoints, public, server.instance)
            )
            yield server

    def stop(self) -> None:
        """Stop soon; may be called from any thread and from a signal's handler."""
        self._mail["request"].put(("shutdown", False))

    def run(self) -> None:
        """Serve until told to stop."""
        self._store.recover()
        self._clerk.start()
        self._control.start()
        mail, poller = self._mail["request"], zmq.Poller()
        events = self._publisher.socket
        for key in (self._sockets["request"], events, mail.fd):
            poller.register(key, zmq.POLLIN)
        next_tick = time.monotonic()
        while not self._stopping:
            if events is not self._publisher.socket:
                poller.unregister(events)
                events = self._publisher.socket
                poller.register(events, zmq.POLLIN)
            found = dict(poller.poll(TICK_MS))
            if mail.fd in found:
                self._read_mail()
            if events in found and events is self._publisher.socket:
                self._publisher.receive(self._store)
            if self._sockets["request"] in found:
                self._receive("request")
            if time.monotonic() >= next_tick:
                self._tick()
                next_tick = time.monotonic() + TICK_MS / 1000
        if self._fault is not None:
            raise self._fault

    def _fail(self, error: Exception) -> None:
        """Stop, since a thread that others rely on has ended by a bug."""
        self._fault = error
        self.stop()

    def close(self) -> None:
        """End threads and workers; jobs that were under way go on after the next start."""
        self._mail["control"].put(("stop",))
        if self._control.is_alive():
            self._control.join()
        self._clerk.stop()
        self._desk.close()
        self._renderers.close()
        self._read_mail()  # what was said last is still told
        self._front.close()
        self._store.close()
        for mailbox in self._mail.values():
            mailbox.close()

    def _read_mail(self) -> None:
        for kind, *values in self._mail["request"].take():
            if kind == "event":
                self._publisher.publish(values[0])
            elif kind == "answer":
                send(self._sockets["request"], values[0])
            elif kind == "live":
                self._desk.heard(*values)
            elif kind == "do":
                values[0]()
            elif kind == "heard":
                self._front.hear(values[0])
            elif kind == "idle":
                self._stopping = True
            elif kind == "shutdown":
                self._clerk.do(self._drain)
                self._stopping = self._stopping or not values[0]

    def _tick(self) -> None:
        self._publisher.judge_anew()
        self._lookups.tick()
        self._desk.tick()
        self._front.tick()
        self._reception.load = self._desk.load

    def _renderer_said(self, worker: WorkerProcess, message: dict[str, Any]) -> None:
        self._clerk.do(self._hear_renderer, worker, message)

    def _hear_renderer(self, worker: WorkerProcess, message: dict[str, Any]) -> None:
        self._renderers.heard(worker, message)

    def _stop_job(self, job: str, now: bool) -> None:
        self._renderers.stop(job, now=now)

    def _drain(self) -> None:
        self._renderers.draining = True

    def _clerks_tick(self) -> None:
        self._renderers.tick()
        if self._renderers.draining and not self._renderers.busy:
            self._mail["request"].put(("idle",))

    def _run_control(self) -> None:
        socket, mail, poller = self._sockets["control"], self._mail["control"], zmq.Poller()
        poller.register(socket, zmq.POLLIN)
        poller.register(mail.fd, zmq.POLLIN)
        while True:
            found = dict(poller.poll())
            if mail.fd in found:
                for kind, *values in mail.take():
                    if kind == "stop":
                        return
                    send(socket, values[0])
            if socket in found:
                self._receive("control")

    def _receive(self, name: str) -> None:
        """Answer the messages that have come to a socket."""
        for _ in range(BURST):
            try:
                frames = self._sockets[name].recv_multipart(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                return
            self._answer(name, frames)

    def _answer(self, name: str, frames: list[Any]) -> None:
        """Answer one message; whatever it holds, the answer is one message."""
        identity, header = frames[0].bytes, None
        try:
            parts = [frame.buffer for frame in frames[1:]]
            header = read_header(parts)
            visitor = visitor_of(frames[-1], self._allowed)
            caller = Caller(identity, visitor, header.session)
            if header.type not in ROLES:
                raise ProtocolError(
                    "E_SCHEMA", f"there is no request {header.type}", pointer="/type"
                )
            caller.check_may(header.type)
            message = read_message(header, parts)
            check(f"{header.type}.request", message.body)
            body = self._take(name, caller, message)
        except ProtocolError as error:
            send(self._sockets[name], _reply(identity, header, error))
            return
        if body is not None:
            send(self._sockets[name], _reply(identity, header, body))

    def _take(self, name: str, caller: Caller, message: Message) -> dict[str, Any] | None:
        """The body of the reply; None where it comes later."""
        kind = message.header.type
        if kind in HERE:
            if name == "control":
                said = f"`{kind}` goes to the request socket"
                raise ProtocolError("E_SCHEMA", said, pointer="/type")
            return self._front.take(caller, message)
        if kind not in WRITES:
            return self._reception.answer(caller, kind, message.body)

        def answer(outcome: dict[str, Any] | ProtocolError) -> None:
            reply = _reply(caller.identity, message.header, outcome)
            self._mail[name].put(("answer", reply))

        if kind == "submit":

            def written(outcome: Submitted) -> None:
                answer(_submitted(outcome))

            def found(asked: tuple[Submission, int] | ProtocolError) -> None:
                if isinstance(asked, ProtocolError):
                    answer(asked)
                else:
                    self._clerk.submit(*asked, written)

            find = partial(self._reception.submission, caller, message.body)
            self._lookups.begin(caller, kind, find, found)
        else:
            self._clerk.do(self._change, caller, message, answer)
        return None

    def _change(self, caller: Caller, message: Message, answer: Answer) -> None:
        """Have a job cancelled or forgotten; in the clerk's thread."""
        try:
            answer(self._reception.change(caller, message.header.type, message.body))
        except ProtocolError as error:
            answer(error)

    def _reply_here(
        self, caller: Caller, message: Message, outcome: dict[str, Any] | ProtocolError
    ) -> None:
        """Answer a request of the request socket; in the main thread."""
        send(self._sockets["request"], _reply(caller.identity, message.header, outcome))

    def _finish(self, call: Call, outcome: dict[str, Any] | ProtocolError) -> None:
        """Answer a call that a worker has done."""
        buffers, told = list[Any](), outcome
        if call.name == "frame" and isinstance(outcome, dict):
            told = {**outcome, "slot": call.body.get("slot")}
            if call.region is not None:
                mapped = map_region(call.region.path, call.region.size)
                buffers.append(bytes(mapped.view))
                mapped.close()
        frames = _reply(call.caller.identity, call.header, told, buffers)
        send(self._sockets["request"], frames)


def _reply(
    identity: bytes,
    header: Header | None,
    outcome: dict[str, Any] | ProtocolError,
    buffers: Sequence[Any] = (),
) -> list[Any]:
    """The frames that answer a request; its header is None where it could not be read."""
    parent = None if header is None else header.id
    if isinstance(outcome, ProtocolError):
        return [identity, *pack("error", parent, outcome.body())]
    kind = "" if header is None else header.type
    return [identity, *pack(f"{kind}.ok", parent, outcome, buffers)]


def _submitted(outcome: Submitted) -> dict[str, Any] | ProtocolError:
    """The body of the reply to `submit`."""
    if isinstance(outcome, ProtocolError):
        return outcome
    job, known = outcome
    return {"job": job.id, "state": job.state, "known": known}


def _security(settings: ServeSettings) -> tuple[KeyPair | None, AllowList | None]:
    if (settings.server_key is None) != (settings.allow is None):
        raise SettingsError("--server-key and --allow belong together; give both, or none")
    if settings.server_key is None or settings.allow is None:
        return None, None
    return read_keys(settings.server_key), AllowList(settings.allow)


def _socket_folder(settings: ServeSettings, stack: ExitStack) -> Path:
    """A folder for sockets where none was named; removed at the end."""
    if settings.bind is not None or os.name == "nt":
        return Path()
    return stack.enter_context(default_folder())
