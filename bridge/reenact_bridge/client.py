"""What a plug-in calls: the bridge's client in one file, for Python 3.9 and later and pyzmq.

This file can be dropped into an editor's script folder as it is. It needs neither the rest of
reenact nor numpy or torch. The protocol it speaks is docs/reference/bridge-protocol.md.

    from client import Client

    with Client("bridge.json") as bridge:
        job = bridge.submit("/show/cut.otio", "/show/out", {"source": "/show/face.png"})
        for event in bridge.watch(job):
            print(event["state"], event.get("fraction"))
        print(bridge.result(job)["timeline"])

`Client` belongs to one thread, and its methods block but for `begin`, by which an editor's main
thread asks and looks for the answer later. `AsyncClient` has the same methods as coroutines.
"""

from __future__ import annotations

import asyncio
import json
import mmap
import os
import re
import stat
import time
import uuid
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Union
from urllib.parse import unquote, urlsplit

import zmq
import zmq.asyncio

__all__ = [
    "AsyncClient",
    "AsyncPreview",
    "BridgeError",
    "Client",
    "Endpoints",
    "Key",
    "PathMap",
    "Pending",
    "Preview",
    "PreviewState",
    "Reply",
    "Request",
    "ServerAwayError",
    "read_endpoints",
    "read_key",
]

MAGIC = b"RNC1"
VERSION = "1"
"""Of this file."""
FINAL = ("done", "failed", "cancelled")
"""States that a job does not leave."""

REPLY_SECONDS = 30.0
"""A request is given up after so long."""
ASK_AGAIN_SECONDS = 4.0
"""After so long without an answer the same request is sent once more."""
LOOK_SECONDS = 0.5
"""So often the connection file is looked at while no answer comes."""
REPAIR_SECONDS = 1.0
"""After so long without an event it is asked for those that were missed."""

Body = dict[str, Any]
Buffer = Union[bytes, bytearray, memoryview]
PathLike = Union[str, "os.PathLike[str]"]

_CONTROL = frozenset({"ping", "status", "list", "events.since", "cancel", "shutdown"})
_DTYPE_BYTES = {"u1": 1, "u2": 2, "f2": 2, "f4": 4}


class BridgeError(Exception):
    """The server's answer is an error."""

    def __init__(self, body: Body) -> None:
        super().__init__(str(body.get("message", "the server answered with an error")))
        self.code = str(body.get("code", "E_INTERNAL"))
        """As `E_BUSY`; the protocol page lists them."""
        self.retryable = bool(body.get("retryable"))
        """Whether the same request may succeed later."""
        self.detail: Body = dict(body.get("detail") or {})
        """Values for programs, as `retry_after_ms`."""
        self.where: str | None = body.get("where")
        """Clip and frame, where that is known."""


class ServerAwayError(BridgeError):
    """No answer came; the server is not there, or does not know this client's key."""

    def __init__(self, message: str) -> None:
        super().__init__({"code": "E_AWAY", "retryable": True, "message": message})


@dataclass(frozen=True)
class Endpoints:
    """What a connection file says."""

    request: str
    control: str
    events: str
    server_public: str | None
    """The server's public CURVE key (Z85); None: the connection is not encrypted."""
    instance: str
    """Another one after every start of the server."""
    pid: int = 0


@dataclass(frozen=True)
class Key:
    """A client's CURVE key pair (Z85), as `reenact keygen` writes it."""

    public: str
    secret: str = field(repr=False)


def read_endpoints(path: PathLike) -> Endpoints:
    """Read a connection file.

    Raises:
        ServerAwayError: it is not there, or is no connection file.
    """
    try:
        table = json.loads(Path(path).read_text("utf-8"))
        return Endpoints(
            str(table["request"]),
            str(table["control"]),
            str(table["events"]),
            table["server_public"] or None,
            str(table["instance"]),
            int(table["pid"]),
        )
    except OSError as error:
        raise ServerAwayError(
            f"{path}: no connection file ({error.strerror}); start `reenact serve`"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise ServerAwayError(f"{path}: is no connection file of reenact") from error


def read_key(path: PathLike) -> Key:
    """Read a key file that `reenact keygen` wrote."""
    table = json.loads(Path(path).read_text("utf-8"))
    return Key(str(table["public"]), str(table["secret"]))


@dataclass(frozen=True)
class PathMap:
    """Folders that lie elsewhere on the server's machine: `P:\\show` here, `/show` there."""

    pairs: tuple[tuple[str, str], ...] = ()
    """Folder here, the same folder there; of several that fit, the longest counts."""

    def there(self, path: PathLike) -> str:
        """A path of this machine as the server knows it."""
        return _mapped(os.fspath(path), self.pairs)

    def here(self, path: PathLike) -> str:
        """A path of the server's machine as it is known here."""
        return _mapped(os.fspath(path), tuple((there, here) for here, there in self.pairs))

    def timeline(self, text: str) -> str:
        """An `.otio` file's text with the places of its media as the server knows them."""
        return json.dumps(self._walked(json.loads(text)), ensure_ascii=False, indent=1)

    def _walked(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._walked(item) for item in value]
        if not isinstance(value, dict):
            return value
        return {
            key: self._place(item) if key in _PLACES and isinstance(item, str) else walked
            for key, item in value.items()
            for walked in [self._walked(item)]
        }

    def _place(self, written: str) -> str:
        if not written.lower().startswith("file:"):
            return self.there(written)
        path = unquote(urlsplit(written).path)
        if re.match(r"/[A-Za-z]:", path):
            path = path[1:]
        found = self.there(path)
        return written if found == path else found


_PLACES = frozenset({"target_url", "target_url_base", "source", "driving", "reference", "path"})
"""Keys of a timeline under which paths stand."""


def _mapped(path: str, pairs: tuple[tuple[str, str], ...]) -> str:
    """The path with the folder that it lies in replaced, and that one's kind of slashes."""
    fitting = [pair for pair in pairs if _inside(path, pair[0])]
    if not fitting:
        return path
    old, new = max(fitting, key=lambda pair: len(pair[0]))
    rest = path[len(old.rstrip("/\\")) :]
    windows = "\\" in new or re.match(r"[A-Za-z]:", new) is not None
    rest = rest.replace("/", "\\") if windows else rest.replace("\\", "/")
    return new.rstrip("/\\") + rest


def _inside(path: str, folder: str) -> bool:
    """Whether a path lies in a folder, by the rules of the system that the folder is of."""
    folder = folder.rstrip("/\\")
    if re.match(r"[A-Za-z]:|\\\\", folder):
        path, folder = path.replace("/", "\\").lower(), folder.replace("/", "\\").lower()
        return path == folder or path.startswith(folder + "\\")
    return path == folder or path.startswith(folder + "/")


@dataclass(frozen=True)
class Request:
    """A request that is not sent yet."""

    type: str
    body: Body
    buffers: tuple[Buffer, ...] = ()
    once: bool = False
    """It is not sent again: a frame that is late is of no use."""

    @property
    def control(self) -> bool:
        """Whether it goes to the socket that never waits behind work."""
        return self.type in _CONTROL


@dataclass(frozen=True)
class Reply:
    """The answer to a request."""

    body: Body
    buffers: tuple[bytes, ...] = ()


def pack(header: Body, body: Body, buffers: Sequence[Buffer] = ()) -> list[Buffer]:
    """The frames of a message."""
    return [MAGIC, _json(header), _json(body), *buffers]


def _json(value: Body) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False).encode("utf-8")


def _unpack(frames: Sequence[bytes]) -> tuple[Body, Reply] | None:
    """Header and reply; None for what is not of this protocol."""
    if len(frames) < 3 or frames[0] != MAGIC:
        return None
    try:
        header, body = json.loads(frames[1]), json.loads(frames[2])
    except ValueError:
        return None
    if not isinstance(header, dict) or not isinstance(body, dict):
        return None
    return header, Reply(body, tuple(frames[3:]))


def _event(frames: Sequence[bytes]) -> Body | None:
    """The event of a message of the events socket, which begins with its topic."""
    found = _unpack(frames[1:])
    return found[1].body if found is not None else None


class _Link:
    """The three sockets of one connection; opened anew where the server is another one."""

    def __init__(
        self, context: zmq.Context[Any], where: Endpoints | PathLike, key: Key | None
    ) -> None:
        self._context, self._where, self._key = context, where, key
        self._looked = 0.0
        self.session = uuid.uuid4().hex
        self.topics: list[bytes] = []
        self.sockets: dict[str, Any] = {}
        self.endpoints = self._look()
        self._open()

    def send(self, request: Request, message_id: str, seconds: float) -> None:
        """Send a request, whose answer is waited for so long, without waiting."""
        header = {
            "v": 1,
            "id": message_id,
            "type": request.type,
            "ts": round(time.time(), 3),
            "deadline_ms": max(1, min(3_600_000, int(seconds * 1000))),
            "session": self.session,
        }
        socket = self.sockets["control" if request.control else "request"]
        frames = pack(header, request.body, request.buffers)
        try:
            sent = socket.send_multipart(frames, zmq.NOBLOCK)
        except zmq.Again:
            return  # nobody is connected: it is sent again when somebody may be
        if isinstance(sent, asyncio.Future):
            sent.add_done_callback(_heard)

    def follow_server(self) -> bool:
        """Connect anew if the connection file names another server; whether it did."""
        if isinstance(self._where, Endpoints) or time.monotonic() - self._looked < LOOK_SECONDS:
            return False
        try:
            found = self._look()
        except ServerAwayError:
            return False
        if found == self.endpoints:
            return False
        self.endpoints = found
        self.close()
        self._open()
        return True

    def subscribe(self, topic: bytes) -> None:
        self.topics.append(topic)
        self.sockets["events"].setsockopt(zmq.SUBSCRIBE, topic)

    def unsubscribe(self, topic: bytes) -> None:
        self.topics.remove(topic)
        self.sockets["events"].setsockopt(zmq.UNSUBSCRIBE, topic)

    def close(self) -> None:
        for socket in self.sockets.values():
            socket.close(0)
        self.sockets = {}

    def _look(self) -> Endpoints:
        self._looked = time.monotonic()
        where = self._where
        return where if isinstance(where, Endpoints) else read_endpoints(where)

    def _open(self) -> None:
        places = self.endpoints
        kinds = (
            ("request", zmq.DEALER, places.request),
            ("control", zmq.DEALER, places.control),
            ("events", zmq.SUB, places.events),
        )
        for name, kind, endpoint in kinds:
            self.sockets[name] = self._socket(kind, endpoint)
        for topic in self.topics:
            self.sockets["events"].setsockopt(zmq.SUBSCRIBE, topic)

    def _socket(self, kind: int, endpoint: str) -> Any:
        socket: Any = self._context.socket(kind)
        options = (
            (zmq.LINGER, 0),
            (zmq.IPV6, 1),
            (zmq.RECONNECT_IVL, 100),
            (zmq.RECONNECT_IVL_MAX, 2000),
            (zmq.HEARTBEAT_IVL, 2000),
            (zmq.HEARTBEAT_TIMEOUT, 10000),
            (zmq.TCP_KEEPALIVE, 1),
        )
        for option, value in options:
            socket.setsockopt(option, value)
        if self.endpoints.server_public:
            if self._key is None:
                socket.close(0)
                raise ServerAwayError(
                    "the server asks for a key: make one by `reenact keygen` and have its public "
                    "half put on the server's list"
                )
            socket.setsockopt(zmq.CURVE_SERVERKEY, self.endpoints.server_public.encode())
            socket.setsockopt(zmq.CURVE_PUBLICKEY, self._key.public.encode())
            socket.setsockopt(zmq.CURVE_SECRETKEY, self._key.secret.encode())
        socket.connect(endpoint)
        return socket


class _Attempt:
    """One request from its first sending to its answer, whoever waits."""

    def __init__(self, link: _Link, request: Request, seconds: float) -> None:
        self.link, self.request = link, request
        self.id = uuid.uuid4().hex
        self.ends = time.monotonic() + seconds
        self._sent = 0.0
        self.send()

    def send(self) -> None:
        self._sent = time.monotonic()
        self.link.send(self.request, self.id, max(0.001, self.ends - self._sent))

    def wait_ms(self) -> int:
        """How long to wait before `tend` is called.

        Raises:
            ServerAwayError: the time is over.
        """
        left = self.ends - time.monotonic()
        if left <= 0:
            raise ServerAwayError(
                f"no answer to `{self.request.type}` from {self.link.endpoints.request}; the "
                "server is not there, or does not accept this client's key"
            )
        return max(1, int(1000 * min(left, LOOK_SECONDS)))

    def tend(self) -> None:
        """Send once more if the server is another one, or seems not to have heard."""
        moved = self.link.follow_server()
        late = time.monotonic() - self._sent > ASK_AGAIN_SECONDS
        if moved or (late and not self.request.once):
            self.send()

    def answer(self, frames: Sequence[bytes]) -> Reply | None:
        """The reply, if these frames are the answer.

        Raises:
            BridgeError: the answer is an error.
        """
        found = _unpack(frames)
        if found is None or found[0].get("parent") != self.id:
            return None
        header, reply = found
        if header.get("type") == "error":
            raise BridgeError(reply.body)
        return reply


class _Follower:
    """The events of a job in order, each once, from the socket and from what was asked for."""

    def __init__(self, job: str, seq: int) -> None:
        self.job, self.seq = job, seq
        self.topic = f"job.{job}.".encode()
        self.ended = False

    def take(self, event: Body) -> Body | None:
        """The event if it is the next new one; None where it is old, foreign or comes too early."""
        if event.get("job") != self.job or int(event["seq"]) <= self.seq or self.ended:
            return None
        self.seq = int(event["seq"])
        self.ended = event["state"] in FINAL
        return event

    def missed(self) -> Request:
        """What asks for the events after the last one taken."""
        return _events_since(self.job, self.seq)


def _events_since(job: str, seq: int, limit: int = 200) -> Request:
    return Request("events.since", {"job": job, "seq": seq, "limit": limit})


def _hello(name: str) -> Request:
    body = {"client": name, "client_version": VERSION, "protocols": [1], "pid": os.getpid()}
    return Request("hello", body)


def _work(timeline: PathLike, out: PathLike | None, options: Body | None) -> Body:
    body: Body = {"timeline": {"path": os.fspath(timeline)}, "options": dict(options or {})}
    if out is not None:
        body["out"] = {"dir": os.fspath(out)}
    return body


def _submit(
    timeline: PathLike, out: PathLike, options: Body | None, key: str | None, priority: int
) -> Request:
    body = _work(timeline, out, options)
    return Request(
        "submit", {**body, "idempotency_key": key or uuid.uuid4().hex, "priority": priority}
    )


def _list(state: str | None, limit: int, after: str | None) -> Request:
    body: Body = {"limit": limit, "after": after}
    return Request("list", {**body, "state": state} if state else body)


def _detect(path: PathLike, frame: int | None, seconds: float | None) -> Request:
    body: Body = {"path": os.fspath(path)}
    if frame is not None:
        body["frame"] = frame
    if seconds is not None:
        body["time"] = seconds
    return Request("detect", body)


def _detect_pixels(pixels: Buffer, width: int, height: int, channels: int, dtype: str) -> Request:
    body = {"pixels": _pixels(width, height, channels, dtype)}
    return Request("detect", body, (pixels,))


def _pixels(width: int, height: int, channels: int, dtype: str) -> Body:
    return {"width": width, "height": height, "channels": channels, "dtype": dtype}


def _open_preview(
    pixels: Body, source: PathLike | None, engine: str, transport: str, options: Body
) -> Request:
    body = {"pixels": pixels, "engine": engine, "transport": transport, **options}
    if source is not None:
        body["source"] = os.fspath(source)
    return Request("session.open", body)


class _Slots:
    """The shared memory that a server lends to a preview."""

    def __init__(self, shm: Body, slot_bytes: int) -> None:
        self.slot_bytes = slot_bytes
        self._map = _map_shared(str(shm["path"]), int(shm["bytes"]))
        self.view = memoryview(self._map)

    def slot(self, number: int) -> memoryview:
        """The bytes of a slot, to be written and read."""
        return self.view[number * self.slot_bytes : (number + 1) * self.slot_bytes]

    def close(self) -> None:
        self.view.release()
        self._map.close()


def _map_shared(path: str, size: int) -> mmap.mmap:
    """Map a file that the server named; it must be what a server of reenact makes.

    Raises:
        OSError: it is not, or cannot be opened: the server is on another machine.
    """
    if not os.path.basename(path).startswith("reenact-"):
        raise OSError(f"{path} is no shared memory of reenact")
    flags = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    handle = os.open(path, flags)
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode) or found.st_size != size:
            raise OSError(f"{path} is not the shared memory that was promised")
        return mmap.mmap(handle, size)
    finally:
        os.close(handle)


class PreviewState:
    """A preview's session: its slots, and which of them comes next."""

    def __init__(self, reply: Body, pixels: Body) -> None:
        self.session = str(reply["session"])
        self.size = pixels["width"] * pixels["height"] * pixels["channels"]
        self.size *= _DTYPE_BYTES[pixels["dtype"]]
        self.slots: _Slots | None = None
        self._next, self._count = 0, int(reply["slots"])
        if reply["shm"] is not None:
            self.slots = _Slots(reply["shm"], int(reply["slot_bytes"]))

    def request(self, pixels: Buffer, frame: int, options: Body) -> tuple[Request, int | None]:
        """What sends a frame, and the slot that it lies in."""
        given = memoryview(pixels).cast("B")
        if len(given) != self.size:
            raise ValueError(f"a frame has {self.size} bytes here, got {len(given)}")
        body: Body = {"session": self.session, "frame": frame, **options}
        if self.slots is None:
            return Request("frame", body, (given,), once=True), None
        slot = self._turn()
        self.slots.slot(slot)[: self.size] = given
        return Request("frame", {**body, "slot": slot}, once=True), slot

    def reading(self, frame: int, options: Body) -> tuple[Request, int | None]:
        """What has the server read a frame of the session's clip, and the slot it comes into."""
        body: Body = {"session": self.session, "frame": frame, "read": True, **options}
        if self.slots is None:
            return Request("frame", body, once=True), None
        slot = self._turn()
        return Request("frame", {**body, "slot": slot}, once=True), slot

    def result(self, reply: Reply, slot: int | None) -> tuple[bytes, Body]:
        """The pixels of a reply, and what it says of them."""
        if slot is None or self.slots is None:
            return reply.buffers[0], reply.body
        return bytes(self.slots.slot(slot)[: self.size]), reply.body

    def _turn(self) -> int:
        """The slot whose turn it is."""
        slot, self._next = self._next, (self._next + 1) % self._count
        return slot

    def close(self) -> None:
        """Let go of the memory; the session stays open."""
        if self.slots is not None:
            self.slots.close()
            self.slots = None


class Pending:
    """A request whose answer is looked for without waiting; made by `Client.begin`."""

    def __init__(self, client: Client, attempt: _Attempt) -> None:
        self._client, self._attempt = client, attempt

    def poll(self) -> Reply | None:
        """The reply, once; None where it has not come yet. To be called from time to time.

        Raises:
            BridgeError: the answer is an error.
            ServerAwayError: no answer came in time.
        """
        reply = self.take()
        if reply is None:
            self._attempt.wait_ms()
            self._attempt.tend()
        return reply

    def take(self) -> Reply | None:
        """The reply if it lies here; nothing is sent again."""
        frames = self._client.answer_to(self._attempt.id)
        return None if frames is None else self._attempt.answer(frames)

    def wait(self) -> None:
        """Wait for the answer, half a second at most, and send again what seems to be lost."""
        if not self._client.wait_for(self._attempt.request, self._attempt.wait_ms()):
            self._attempt.tend()

    def drop(self) -> None:
        """Let the answer go."""
        self._client.forget_answer(self._attempt.id)


class Client:
    """A connection to a server; not to be shared between threads."""

    def __init__(
        self,
        where: Endpoints | PathLike,
        key: Key | PathLike | None = None,
        *,
        name: str = "reenact client",
        timeout: float = REPLY_SECONDS,
    ) -> None:
        """`where` is a connection file, `key` a key file; nothing is sent yet.

        Raises:
            ServerAwayError: the connection file is not there, or a key is needed.
        """
        self._name, self._timeout = name, timeout
        self._answers: dict[str, Sequence[bytes] | None] = {}
        self._context: zmq.Context[Any] = zmq.Context()
        try:
            self._link = _Link(self._context, where, _key(key))
        except BridgeError:
            self._context.term()
            raise

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the connection; jobs go on."""
        self._link.close()
        self._context.term()

    def call(self, request: Request, timeout: float | None = None) -> Reply:
        """Send any request and wait for its answer.

        Raises:
            BridgeError: the answer is an error.
            ServerAwayError: no answer came in time.
        """
        pending = self.begin(request, timeout)
        try:
            while True:
                pending.wait()
                reply = pending.take()
                if reply is not None:
                    return reply
        finally:
            pending.drop()

    def begin(self, request: Request, timeout: float | None = None) -> Pending:
        """Send any request and go on; its answer is looked for by `Pending.poll`.

        For editors that draw from the thread that calls: nothing of it waits. Several may be under
        way, and `call` in between.
        """
        attempt = _Attempt(self._link, request, timeout or self._timeout)
        self._answers[attempt.id] = None
        return Pending(self, attempt)

    def wait_for(self, request: Request, milliseconds: int) -> bool:
        """Wait for an answer on the socket that a request goes to; whether one is there."""
        socket = self._link.sockets["control" if request.control else "request"]
        return bool(socket.poll(milliseconds))

    def answer_to(self, message_id: str) -> Sequence[bytes] | None:
        """The frames that answer a message, once; those of others are kept for them."""
        for name in ("request", "control"):
            socket = self._link.sockets[name]
            while socket.poll(0):
                self._keep(socket.recv_multipart())
        frames = self._answers.get(message_id)
        if frames is not None:
            del self._answers[message_id]
        return frames

    def forget_answer(self, message_id: str) -> None:
        """Take no answer to a message any more."""
        self._answers.pop(message_id, None)

    def _keep(self, frames: Sequence[bytes]) -> None:
        found = _unpack(frames)
        parent = str(found[0].get("parent")) if found is not None else ""
        if parent in self._answers:
            self._answers[parent] = frames

    def hello(self) -> Body:
        """Who the server is, what it allows, and the role of this client."""
        return self.call(_hello(self._name)).body

    def ping(self) -> Body:
        """Load, jobs and devices; also keeps previews alive."""
        return self.call(Request("ping", {})).body

    def capabilities(self) -> Body:
        """The schema of all options and settings, checkpoints, devices."""
        return self.call(Request("capabilities", {})).body

    def validate(self, timeline: PathLike, options: Body | None = None) -> Body:
        """The shots that would be rendered; nothing is done."""
        return self.call(Request("validate", _work(timeline, None, options))).body

    def submit(
        self,
        timeline: PathLike,
        out: PathLike,
        options: Body | None = None,
        *,
        key: str | None = None,
        priority: int = 5,
    ) -> str:
        """Start a render; its job's id. The same `key` with the same work is the same job."""
        return str(self.call(_submit(timeline, out, options, key, priority)).body["job"])

    def status(self, job: str) -> Body:
        """A job's record."""
        return self.call(Request("status", {"job": job})).body

    def jobs(self, state: str | None = None, *, limit: int = 50, after: str | None = None) -> Body:
        """Jobs, newest first, and whether there are more after the last."""
        return self.call(_list(state, limit, after)).body

    def result(self, job: str) -> Body:
        """What a job made."""
        return self.call(Request("result", {"job": job})).body

    def forget(self, job: str) -> None:
        """Let the server forget a job that has ended; its files stay."""
        self.call(Request("forget", {"job": job}))

    def cancel(self, job: str, mode: str = "graceful") -> Body:
        """Stop a job: `graceful` at the next frame, `now` at once."""
        return self.call(Request("cancel", {"job": job, "mode": mode})).body

    def events_since(self, job: str, seq: int = 0, limit: int = 200) -> list[Body]:
        """Events of a job after a number."""
        events: list[Body] = self.call(_events_since(job, seq, limit)).body["events"]
        return events

    def watch(self, job: str, seq: int = 0, timeout: float | None = None) -> Iterator[Body]:
        """Every event of a job after `seq`, as it comes, up to the one that ends it.

        Lost events are asked for, also after the server was started anew.

        Raises:
            ServerAwayError: the server stays away.
            TimeoutError: the job has not ended after `timeout` seconds.
        """
        follower, ends = _Follower(job, seq), _ends(timeout)
        self._link.subscribe(follower.topic)
        try:
            while not follower.ended:
                yield from self._missed(follower)
                while not follower.ended and self._link.sockets["events"].poll(
                    int(REPAIR_SECONDS * 1000)
                ):
                    event = _event(self._link.sockets["events"].recv_multipart())
                    if event is not None and event.get("job") == job:
                        if event["seq"] > follower.seq + 1:
                            break  # some are missing, this one too comes with them
                        event = follower.take(event)
                        if event is not None:
                            yield event
                _check_time(ends, job)
        finally:
            self._link.unsubscribe(follower.topic)

    def wait(self, job: str, timeout: float | None = None) -> Body:
        """The record of a job that has ended.

        Raises:
            TimeoutError: it has not after `timeout` seconds.
        """
        for _ in self.watch(job, timeout=timeout):
            pass
        return self.status(job)

    def detect(
        self, path: PathLike, *, frame: int | None = None, seconds: float | None = None
    ) -> Body:
        """The faces in one frame of a file that the server can read."""
        return self.call(_detect(path, frame, seconds)).body

    def detect_pixels(
        self, pixels: Buffer, width: int, height: int, channels: int = 3, dtype: str = "u1"
    ) -> Body:
        """The faces in a picture: rows from the top, R'G'B' or R'G'B'A."""
        return self.call(_detect_pixels(pixels, width, height, channels, dtype)).body

    def open_preview(
        self,
        width: int,
        height: int,
        source: PathLike | None = None,
        *,
        channels: int = 3,
        dtype: str = "u1",
        engine: str = "reenact",
        transport: str = "shm",
        **options: Any,
    ) -> Preview:
        """Begin to show single frames with the face of `source` in them."""
        pixels = _pixels(width, height, channels, dtype)
        request = _open_preview(pixels, source, engine, transport, options)
        reply = self.call(request)
        try:
            return Preview(self, PreviewState(reply.body, pixels))
        except OSError:  # the memory is on another machine, or another user's
            self.call(Request("session.close", {"session": reply.body["session"]}))
            request = _open_preview(pixels, source, engine, "inline", options)
            return Preview(self, PreviewState(self.call(request).body, pixels))

    def shutdown(self, drain: bool = True) -> Body:
        """Stop the server; with `drain` after the jobs that are running."""
        return self.call(Request("shutdown", {"drain": drain})).body

    def _missed(self, follower: _Follower) -> list[Body]:
        found: list[Body] = []
        more = True
        while more:
            body = self.call(follower.missed()).body
            taken = [follower.take(event) for event in body["events"]]
            found += [event for event in taken if event is not None]
            more = bool(body["more"])
        return found


class Preview:
    """Frames shown with another face, one after another; made by `Client.open_preview`."""

    def __init__(self, client: Client, state: PreviewState) -> None:
        self._client, self._state = client, state

    def __enter__(self) -> Preview:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def frame(
        self, pixels: Buffer, frame: int, timeout: float | None = None, **options: Any
    ) -> tuple[bytes, Body]:
        """The frame of that number with the new face, and what the server says of it."""
        request, slot = self._state.request(pixels, frame, options)
        return self._state.result(self._client.call(request, timeout), slot)

    def read(self, frame: int, timeout: float | None = None, **options: Any) -> tuple[bytes, Body]:
        """The same for a frame that the server reads from the preview's `clip` by itself."""
        request, slot = self._state.reading(frame, options)
        return self._state.result(self._client.call(request, timeout), slot)

    def close(self) -> None:
        """Give the memory back."""
        self._state.close()
        self._client.call(Request("session.close", {"session": self._state.session}))


class AsyncClient:
    """The same as `Client` for asyncio; calls may run side by side."""

    def __init__(
        self,
        where: Endpoints | PathLike,
        key: Key | PathLike | None = None,
        *,
        name: str = "reenact client",
        timeout: float = REPLY_SECONDS,
    ) -> None:
        """See `Client`."""
        self._name, self._timeout = name, timeout
        self._context: zmq.Context[Any] = zmq.asyncio.Context()
        self._attempts: dict[str, tuple[_Attempt, asyncio.Future[Reply]]] = {}
        self._watchers: list[tuple[str, asyncio.Queue[Body]]] = []
        self._readers: list[asyncio.Task[None]] = []
        try:
            self._link = _Link(self._context, where, _key(key))
        except BridgeError:
            self._context.term()
            raise

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """See `Client.close`."""
        for reader in self._readers:
            reader.cancel()
        await asyncio.gather(*self._readers, return_exceptions=True)
        self._link.close()
        self._context.term()

    async def call(self, request: Request, timeout: float | None = None) -> Reply:
        """See `Client.call`."""
        self._read()
        attempt = _Attempt(self._link, request, timeout or self._timeout)
        answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._attempts[attempt.id] = attempt, answer
        try:
            while True:
                waited = asyncio.shield(answer)
                done, _ = await asyncio.wait({waited}, timeout=attempt.wait_ms() / 1000)
                if done:
                    return await answer
                if self._tend(attempt):
                    self._read()
        finally:
            del self._attempts[attempt.id]
            answer.cancel()

    async def hello(self) -> Body:
        """See `Client.hello`."""
        return (await self.call(_hello(self._name))).body

    async def ping(self) -> Body:
        """See `Client.ping`."""
        return (await self.call(Request("ping", {}))).body

    async def capabilities(self) -> Body:
        """See `Client.capabilities`."""
        return (await self.call(Request("capabilities", {}))).body

    async def validate(self, timeline: PathLike, options: Body | None = None) -> Body:
        """See `Client.validate`."""
        return (await self.call(Request("validate", _work(timeline, None, options)))).body

    async def submit(
        self,
        timeline: PathLike,
        out: PathLike,
        options: Body | None = None,
        *,
        key: str | None = None,
        priority: int = 5,
    ) -> str:
        """See `Client.submit`."""
        return str((await self.call(_submit(timeline, out, options, key, priority))).body["job"])

    async def status(self, job: str) -> Body:
        """See `Client.status`."""
        return (await self.call(Request("status", {"job": job}))).body

    async def jobs(
        self, state: str | None = None, *, limit: int = 50, after: str | None = None
    ) -> Body:
        """See `Client.jobs`."""
        return (await self.call(_list(state, limit, after))).body

    async def result(self, job: str) -> Body:
        """See `Client.result`."""
        return (await self.call(Request("result", {"job": job}))).body

    async def forget(self, job: str) -> None:
        """See `Client.forget`."""
        await self.call(Request("forget", {"job": job}))

    async def cancel(self, job: str, mode: str = "graceful") -> Body:
        """See `Client.cancel`."""
        return (await self.call(Request("cancel", {"job": job, "mode": mode}))).body

    async def events_since(self, job: str, seq: int = 0, limit: int = 200) -> list[Body]:
        """See `Client.events_since`."""
        events: list[Body] = (await self.call(_events_since(job, seq, limit))).body["events"]
        return events

    async def watch(
        self, job: str, seq: int = 0, timeout: float | None = None
    ) -> AsyncIterator[Body]:
        """See `Client.watch`."""
        follower, ends = _Follower(job, seq), _ends(timeout)
        passing: asyncio.Queue[Body] = asyncio.Queue()
        watcher = (job, passing)
        self._read()
        self._watchers.append(watcher)
        self._link.subscribe(follower.topic)
        try:
            while not follower.ended:
                for event in await self._missed(follower):
                    yield event
                while not follower.ended:
                    try:
                        event = await asyncio.wait_for(passing.get(), REPAIR_SECONDS)
                    except asyncio.TimeoutError:
                        break
                    if event["seq"] > follower.seq + 1:
                        break  # some are missing, this one too comes with them
                    if follower.take(event) is not None:
                        yield event
                _check_time(ends, job)
        finally:
            self._watchers.remove(watcher)
            self._link.unsubscribe(follower.topic)

    async def wait(self, job: str, timeout: float | None = None) -> Body:
        """See `Client.wait`."""
        async for _ in self.watch(job, timeout=timeout):
            pass
        return await self.status(job)

    async def detect(
        self, path: PathLike, *, frame: int | None = None, seconds: float | None = None
    ) -> Body:
        """See `Client.detect`."""
        return (await self.call(_detect(path, frame, seconds))).body

    async def detect_pixels(
        self, pixels: Buffer, width: int, height: int, channels: int = 3, dtype: str = "u1"
    ) -> Body:
        """See `Client.detect_pixels`."""
        return (await self.call(_detect_pixels(pixels, width, height, channels, dtype))).body

    async def open_preview(
        self,
        width: int,
        height: int,
        source: PathLike | None = None,
        *,
        channels: int = 3,
        dtype: str = "u1",
        engine: str = "reenact",
        transport: str = "shm",
        **options: Any,
    ) -> AsyncPreview:
        """See `Client.open_preview`."""
        pixels = _pixels(width, height, channels, dtype)
        request = _open_preview(pixels, source, engine, transport, options)
        reply = await self.call(request)
        try:
            return AsyncPreview(self, PreviewState(reply.body, pixels))
        except OSError:  # the memory is on another machine, or another user's
            await self.call(Request("session.close", {"session": reply.body["session"]}))
            request = _open_preview(pixels, source, engine, "inline", options)
            return AsyncPreview(self, PreviewState((await self.call(request)).body, pixels))

    async def shutdown(self, drain: bool = True) -> Body:
        """See `Client.shutdown`."""
        return (await self.call(Request("shutdown", {"drain": drain}))).body

    async def _missed(self, follower: _Follower) -> list[Body]:
        found: list[Body] = []
        more = True
        while more:
            body = (await self.call(follower.missed())).body
            taken = [follower.take(event) for event in body["events"]]
            found += [event for event in taken if event is not None]
            more = bool(body["more"])
        return found

    def _tend(self, attempt: _Attempt) -> bool:
        """Tend an attempt; whether the sockets are others now, so that readers must begin anew."""
        before = self._link.sockets
        attempt.tend()
        return self._link.sockets is not before

    def _read(self) -> None:
        """Have a task read each socket."""
        current = [reader for reader in self._readers if not reader.done()]
        sockets = self._link.sockets
        named = {reader.get_name() for reader in current}
        for name, socket in sockets.items():
            label = f"{name} {id(socket)}"
            if label not in named:
                task = asyncio.ensure_future(self._read_socket(name, socket))
                task.set_name(label)
                current.append(task)
        self._readers = current

    async def _read_socket(self, name: str, socket: Any) -> None:
        while name in self._link.sockets and self._link.sockets[name] is socket:
            try:
                frames = await socket.recv_multipart()
            except (zmq.ZMQError, asyncio.CancelledError):
                return
            if name == "events":
                self._pass_event(frames)
            else:
                self._pass_answer(frames)

    def _pass_event(self, frames: Sequence[bytes]) -> None:
        event = _event(frames)
        for job, passing in self._watchers:
            if event is not None and event.get("job") == job:
                passing.put_nowait(event)

    def _pass_answer(self, frames: Sequence[bytes]) -> None:
        found = _unpack(frames)
        known = self._attempts.get(str(found[0].get("parent"))) if found else None
        if known is None or known[1].done():
            return
        attempt, answer = known
        try:
            reply = attempt.answer(frames)
        except BridgeError as error:
            answer.set_exception(error)
            return
        if reply is not None:
            answer.set_result(reply)


class AsyncPreview:
    """The same as `Preview` for asyncio."""

    def __init__(self, client: AsyncClient, state: PreviewState) -> None:
        self._client, self._state = client, state

    async def __aenter__(self) -> AsyncPreview:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def frame(
        self, pixels: Buffer, frame: int, timeout: float | None = None, **options: Any
    ) -> tuple[bytes, Body]:
        """See `Preview.frame`."""
        request, slot = self._state.request(pixels, frame, options)
        return self._state.result(await self._client.call(request, timeout), slot)

    async def read(
        self, frame: int, timeout: float | None = None, **options: Any
    ) -> tuple[bytes, Body]:
        """See `Preview.read`."""
        request, slot = self._state.reading(frame, options)
        return self._state.result(await self._client.call(request, timeout), slot)

    async def close(self) -> None:
        """See `Preview.close`."""
        self._state.close()
        await self._client.call(Request("session.close", {"session": self._state.session}))


def _heard(sent: asyncio.Future[Any]) -> None:
    """A request that could not be sent is sent again; asyncio need not complain."""
    if not sent.cancelled():
        sent.exception()


def _key(key: Key | PathLike | None) -> Key | None:
    return key if key is None or isinstance(key, Key) else read_key(key)


def _ends(timeout: float | None) -> float:
    return float("inf") if timeout is None else time.monotonic() + timeout


def _check_time(ends: float, job: str) -> None:
    if time.monotonic() > ends:
        raise TimeoutError(f"job {job} has not ended in time")
