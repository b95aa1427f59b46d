"""The bridge's server: two threads that never work, and workers that do.

The main thread has the request socket, the events socket and the workers; another thread has the
control socket. Both answer from the job store, whose readers do not wait for its writers.
"""

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import zmq

from reenact_bridge.callers import ROLES, Caller, visitor_of
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
from reenact_bridge.mailbox import Mailbox
from reenact_bridge.previews import Previews
from reenact_bridge.reception import Orders, Reception
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

TICK_MS = 200
BURST = 64
"""Messages of one socket that are answered before the others are looked at."""

REQUEST_HIGH_WATER, CONTROL_HIGH_WATER, EVENTS_HIGH_WATER = 64, 256, 1000


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
        allowed: AllowList | None,
    ) -> None:
        self.settings, self.endpoints = settings, endpoints
        self.instance = new_instance()
        self._sockets, self._allowed = sockets, allowed
        self._mailbox, self._stop_control = Mailbox(), Mailbox()
        self._stopping = self._draining = False
        limits, roots = settings.limits, Roots.of(settings.roots)
        logs = settings.store / "logs"
        self._store = Store(settings.store, self._told(("event",)))
        start = {"roots": [str(folder) for folder in roots.folders], "logs": str(logs)}
        hear = self._hear_worker
        self._renderers = Renderers(self._store, list(settings.devices), start, hear)
        live = {**start, "device": settings.devices[0]}
        self._desk = LiveDesk(live, logs / "live.log", hear, self._finish, limits)
        self._front = FrontDesk(self._desk, Previews(limits), roots, limits)
        orders = Orders(
            work=self._told(("work",)),
            stop=self._told(("stop",)),
            heard=self._told(("heard",)),
            shutdown=self._told(("shutdown",)),
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
            for name, kind, place, most, high in (
                ("request", zmq.ROUTER, bound.request, limits.message_bytes, REQUEST_HIGH_WATER),
                ("control", zmq.ROUTER, bound.control, limits.control_bytes, CONTROL_HIGH_WATER),
                ("events", zmq.XPUB, bound.events, limits.control_bytes, EVENTS_HIGH_WATER),
            ):
                sockets[name], endpoints[name] = open_socket(
                    context, kind, place, keys, most_bytes=most, high_water=high
                )
            server = cls(settings, context, endpoints, sockets, allowed)
            stack.callback(server.close)
            public = None if keys is None else keys.public
            stack.enter_context(
                connection_file(settings.connection_file, endpoints, public, server.instance)
            )
            yield server

    def stop(self) -> None:
        """Stop soon; may be called from any thread and from a signal's handler."""
        self._mailbox.put(("shutdown", False))

    def run(self) -> None:
        """Serve until told to stop."""
        self._store.recover()
        self._control.start()
        self._renderers.go_on()
        poller = zmq.Poller()
        for key in (self._sockets["request"], self._sockets["events"], self._mailbox.fd):
            poller.register(key, zmq.POLLIN)
        next_tick = time.monotonic()
        while not self._stopping:
            found = dict(poller.poll(TICK_MS))
            if self._mailbox.fd in found:
                self._read_mail()
            if self._sockets["events"] in found:
                self._subscriptions()
            if self._sockets["request"] in found:
                self._receive(self._sockets["request"], self._take_request)
            if time.monotonic() >= next_tick:
                self._tick()
                next_tick = time.monotonic() + TICK_MS / 1000

    def close(self) -> None:
        """End threads and workers; jobs that were under way go on after the next start."""
        self._stop_control.put(None)
        if self._control.is_alive():
            self._control.join()
        self._desk.close()
        self._renderers.close()
        self._read_mail()  # what was said last is still told
        self._front.close()
        self._store.close()
        self._mailbox.close()
        self._stop_control.close()

    def _told(self, what: tuple[str]) -> Callable[..., None]:
        """A function that leaves its arguments for the main thread."""
        return lambda *values: self._mailbox.put((*what, *values))

    def _hear_worker(self, worker: WorkerProcess, message: dict[str, Any]) -> None:
        self._mailbox.put(("worker", worker, message))

    def _read_mail(self) -> None:
        for kind, *values in self._mailbox.take():
            if kind == "event":
                self._publish(values[0])
            elif kind == "worker":
                if not self._renderers.heard(*values):
                    self._desk.heard(*values)
            elif kind == "work":
                self._renderers.go_on()
            elif kind == "stop":
                self._renderers.stop(values[0], now=values[1])
            elif kind == "heard":
                self._front.hear(values[0])
            elif kind == "shutdown":
                self._draining = self._renderers.draining = True
                self._stopping = self._stopping or not values[0]

    def _tick(self) -> None:
        self._renderers.tick()
        self._desk.tick()
        self._front.tick()
        self._reception.load = self._desk.load
        if self._draining and not self._renderers.busy:
            self._stopping = True

    def _run_control(self) -> None:
        poller, socket = zmq.Poller(), self._sockets["control"]
        poller.register(socket, zmq.POLLIN)
        poller.register(self._stop_control.fd, zmq.POLLIN)
        while True:
            found = dict(poller.poll())
            if self._stop_control.fd in found:
                return
            self._receive(socket, self._take_control)

    def _receive(
        self, socket: Any, take: Callable[[Caller, Message], dict[str, Any] | None]
    ) -> None:
        for _ in range(BURST):
            try:
                frames = socket.recv_multipart(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                return
            self._answer(socket, frames, take)

    def _answer(
        self,
        socket: Any,
        frames: list[Any],
        take: Callable[[Caller, Message], dict[str, Any] | None],
    ) -> None:
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
            body = take(caller, message)
        except ProtocolError as error:
            self._refuse(socket, identity, header, error)
            return
        if body is not None:
            send(socket, [identity, *pack(f"{header.type}.ok", header.id, body)])

    def _take_request(self, caller: Caller, message: Message) -> dict[str, Any] | None:
        if message.header.type in HERE:
            return self._front.take(caller, message)
        return self._reception.answer(caller, message.header.type, message.body)

    def _take_control(self, caller: Caller, message: Message) -> dict[str, Any] | None:
        kind = message.header.type
        if kind in HERE:
            raise ProtocolError("E_SCHEMA", f"`{kind}` goes to the request socket", pointer="/type")
        return self._reception.answer(caller, kind, message.body)

    def _finish(self, call: Call, outcome: dict[str, Any] | ProtocolError) -> None:
        """Answer a call that a worker has done."""
        socket, identity = self._sockets["request"], call.caller.identity
        if isinstance(outcome, ProtocolError):
            self._refuse(socket, identity, call.header, outcome)
            return
        buffers, body = list[Any](), outcome
        if call.name == "frame":
            body = {**outcome, "slot": call.body.get("slot")}
            if call.region is not None:
                mapped = map_region(call.region.path, call.region.size)
                buffers.append(bytes(mapped.view))
                mapped.close()
        reply = pack(f"{call.header.type}.ok", call.header.id, body, buffers)
        send(socket, [identity, *reply])

    def _refuse(
        self, socket: Any, identity: bytes, header: Header | None, error: ProtocolError
    ) -> None:
        parent = None if header is None else header.id
        send(socket, [identity, *pack("error", parent, error.body())])

    def _publish(self, event: dict[str, Any]) -> None:
        topic = f"job.{event['job']}.".encode()
        send(self._sockets["events"], [topic, *pack("event", None, event)])

    def _subscriptions(self) -> None:
        """Let clients hear of jobs that are theirs, and of no others."""
        socket = self._sockets["events"]
        for _ in range(BURST):
            try:
                frame = socket.recv(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                return
            wish, topic = frame.bytes[:1], frame.bytes[1:]
            if wish == b"\x01" and self._may_hear(frame, topic):
                socket.setsockopt(zmq.SUBSCRIBE, topic)
            elif wish == b"\x00":
                socket.setsockopt(zmq.UNSUBSCRIBE, topic)

    def _may_hear(self, frame: Any, topic: bytes) -> bool:
        try:
            visitor = visitor_of(frame, self._allowed)
        except ProtocolError:
            return False
        if visitor.role == "admin":
            return len(topic) <= 64
        parts = topic.decode("ascii", "replace").split(".")
        if len(parts) != 3 or parts[0] != "job" or parts[2] or visitor.role == "viewer":
            return False
        job = self._store.job(parts[1])
        return job is not None and Caller(b"", visitor).owns(job)


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
    folder = default_folder()
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    return folder
