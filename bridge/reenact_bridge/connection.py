"""Where a server listens, and the connection file that tells clients."""

import ipaddress
import json
import os
import re
import stat
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import zmq

from reenact_core.errors import OutputError, SettingsError
from reenact_core.files import lock_for_life, passing_folder

SOCKETS = ("request", "control", "events")
LONGEST_IPC = 100
"""Bytes of a socket's path that every system takes."""
_TCP = re.compile(r"tcp://(\[[^\]]+\]|[^:/]+|\*)(?::(\d+|\*))?/?")


@dataclass(frozen=True, slots=True)
class Bind:
    """Where the three sockets are bound."""

    request: str
    control: str
    events: str
    local: bool
    """Only programs of this machine can reach them."""


def read_bind(endpoint: str | None, folder: Path) -> Bind:
    """The endpoints that `--bind` stands for; None: sockets in `folder`.

    `tcp://HOST` takes three free ports, `tcp://HOST:PORT` that one and the two after it,
    `ipc://FOLDER` three sockets in a folder.

    Raises:
        SettingsError: it is neither, or too long a path.
    """
    if endpoint is None or endpoint.startswith("ipc://"):
        return _ipc(folder if endpoint is None else Path(endpoint[6:]))
    found = _TCP.fullmatch(endpoint)
    if found is None:
        raise SettingsError(f"{endpoint}: give tcp://HOST, tcp://HOST:PORT or ipc://FOLDER")
    host, port = found[1], found[2] or "0"
    first = 0 if port == "*" else int(port)
    if first > 65533:
        raise SettingsError(f"{endpoint}: three ports are needed from {first} on")
    ports = [str(first + number) if first else "*" for number in range(3)]
    places = [f"tcp://{host}:{port}" for port in ports]
    return Bind(places[0], places[1], places[2], _is_loopback(host))


def default_folder() -> AbstractContextManager[Path]:
    """Where a server without `--bind` puts its sockets: a new folder of this user alone."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    base = runtime if runtime and os.access(runtime, os.W_OK) and len(runtime) < 60 else None
    return passing_folder(None if base is None else Path(base))


def bind(socket: Any, endpoint: str) -> str:
    """Bind a socket; the endpoint that clients connect to.

    Raises:
        SettingsError: it cannot be bound; the other server that is there is named as a reason.
    """
    try:
        socket.bind(endpoint)
    except zmq.ZMQError as error:
        raise SettingsError(
            f"{endpoint}: cannot be bound ({error.strerror}); another server may be there"
        ) from error
    bound: str = socket.getsockopt(zmq.LAST_ENDPOINT).rstrip(b"\0").decode()
    return bound


@contextmanager
def connection_file(
    path: Path, endpoints: dict[str, str], server_public: str | None, instance: str
) -> Iterator[None]:
    """Tell clients where the server is, for as long as it is there.

    The file appears whole, readable by its owner alone, and goes with the server; a server that
    was killed leaves one that the next replaces.
    """
    table = {
        "version": 1,
        **endpoints,
        "server_public": server_public,
        "pid": os.getpid(),
        "instance": instance,
    }
    if os.path.lexists(path) and _instance_in(path) is None:
        raise OutputError(
            f"{path}: is there already and is no connection file; choose another name"
        )
    _write_private(path, json.dumps(table, indent=2) + "\n")
    try:
        yield
    finally:
        if _instance_in(path) == instance:
            path.unlink(missing_ok=True)


@contextmanager
def alone(path: Path, what: str) -> Iterator[None]:
    """Hold a lock beside `path` so that no two servers use it.

    Raises:
        OutputError: another server holds it, or the folder cannot be written.
    """
    lock = path.with_name(f".{path.name}.lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        stream: IO[str] = os.fdopen(os.open(lock, os.O_RDWR | os.O_CREAT, 0o600), "a+")
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror})") from error
    with stream:
        try:
            lock_for_life(stream)
        except OSError as error:
            raise OutputError(
                f"{path}: another server uses this {what}; stop it, or name another"
            ) from error
        yield


def new_instance() -> str:
    """A name for one life of a server."""
    return uuid.uuid4().hex


def _ipc(folder: Path) -> Bind:
    if os.name == "nt":
        return read_bind("tcp://127.0.0.1", folder)
    folder = folder.absolute()
    if len(os.fsencode(folder)) > LONGEST_IPC - len("/request"):
        raise SettingsError(f"{folder}: is too long a path for sockets; use a shorter one")
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        found = folder.stat()
    except OSError as error:
        raise SettingsError(f"{folder}: cannot be written ({error.strerror})") from error
    if found.st_uid != os.getuid() or stat.S_IMODE(found.st_mode) & 0o077:
        raise SettingsError(f"{folder}: others can enter this folder; use one of mode 0700")
    request, control, events = (f"ipc://{folder / name}" for name in SOCKETS)
    return Bind(request, control, events, local=True)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False  # a name, an interface or all of them


def _write_private(path: Path, text: str) -> None:
    partial = path.with_name(f".partial-{os.getpid()}-{path.name}")
    try:
        partial.unlink(missing_ok=True)
        handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        os.replace(partial, path)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror})") from error


def _instance_in(path: Path) -> str | None:
    try:
        found = json.loads(path.read_text("utf-8")).get("instance")
    except (OSError, ValueError, AttributeError):
        return None
    return found if isinstance(found, str) else None
