"""CURVE keys in files, and the list of clients that a server lets in.

A key file is JSON, readable by its owner alone. The list is TOML:

    [[client]]
    name = "anna"
    key = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"
    role = "submit"
"""

import json
import os
import stat
import threading
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import zmq
from zmq.utils import z85

from reenact_core.errors import OutputError, SettingsError

Role = Literal["viewer", "submit", "admin"]
"""viewer: sees which jobs there are and how far they are; submit: has jobs of its own; admin: sees
and stops everything."""


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A CURVE key pair, each key as Z85 of 40 characters."""

    public: str
    secret: str


@dataclass(frozen=True, slots=True)
class Visitor:
    """A client that is let in."""

    name: str
    """Whose jobs are whose; two keys of one name are one client."""
    role: Role


class AllowList:
    """The clients of a list file, read anew whenever the file changes; for any thread.

    A list that cannot be read any more lets nobody in.
    """

    def __init__(self, path: Path) -> None:
        """Raises SettingsError if the file is not as it must be."""
        self.path = path
        self._lock = threading.Lock()
        self._stamp = _stamp(path)
        self._visitors = read_allow_list(path)
        self._losses = 0

    def find(self, public: str) -> Visitor | None:
        """Who has that public key; None: nobody who is let in."""
        with self._lock:
            self._look()
            return self._visitors.get(public)

    @property
    def losses(self) -> int:
        """How often somebody was taken off the list, or became another, so far."""
        with self._lock:
            self._look()
            return self._losses

    def _look(self) -> None:
        """Read the list anew if its file has changed."""
        stamp = _stamp(self.path)
        if stamp == self._stamp:
            return
        before, self._stamp = self._visitors, stamp
        try:
            self._visitors = read_allow_list(self.path)
        except SettingsError:
            self._visitors = {}
        if any(self._visitors.get(key) != visitor for key, visitor in before.items()):
            self._losses += 1


def make_keys() -> KeyPair:
    """A new pair."""
    public, secret = zmq.curve_keypair()
    return KeyPair(public.decode(), secret.decode())


def write_keys(path: Path, keys: KeyPair, *, overwrite: bool = False) -> None:
    """Write a key file that only its owner can read.

    Raises:
        OutputError: it is there already, or cannot be written.
    """
    flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if overwrite else os.O_EXCL)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, flags, 0o600), "w", encoding="utf-8") as stream:
            os.chmod(path, 0o600)
            json.dump({"public": keys.public, "secret": keys.secret}, stream, indent=2)
            stream.write("\n")
    except FileExistsError as error:
        raise OutputError(
            f"{path}: there is a key already; who was given it would be locked out, so choose "
            "another name, or say --force"
        ) from error
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror})") from error


def read_keys(path: Path) -> KeyPair:
    """Read a key file.

    Raises:
        SettingsError: it is missing, not a key file, or others can read it.
    """
    try:
        mode = path.stat().st_mode
        table = json.loads(path.read_text("utf-8"))
        keys = KeyPair(str(table["public"]), str(table["secret"]))
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, KeyError, TypeError) as error:
        raise SettingsError(
            f"{path}: is no key file; make one by `reenact keygen -o FILE`"
        ) from error
    if os.name != "nt" and stat.S_IMODE(mode) & 0o077:
        raise SettingsError(f"{path}: others can read this secret key; `chmod 600` it")
    if not is_key(keys.public) or not is_key(keys.secret):
        raise SettingsError(f"{path}: holds no CURVE keys; make one by `reenact keygen -o FILE`")
    if zmq.curve_public(keys.secret.encode()).decode() != keys.public:
        raise SettingsError(f"{path}: its two keys do not belong together")
    return keys


def read_allow_list(path: Path) -> dict[str, Visitor]:
    """Who is let in, by public key.

    Raises:
        SettingsError: the file cannot be read, or an entry is wrong, which is named.
    """
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: is not a TOML file: {error}") from error
    entries = table.get("client", [])
    if set(table) - {"client"} or not isinstance(entries, list):
        raise SettingsError(f"{path}: holds entries [[client]] with name, key and role")
    visitors: dict[str, Visitor] = {}
    for number, entry in enumerate(entries, 1):
        public, visitor = _entry(entry, f"{path}: client {number}")
        if public in visitors:
            raise SettingsError(f"{path}: client {number} has the key of another")
        visitors[public] = visitor
    return visitors


def is_key(text: str) -> bool:
    """Whether a text is a CURVE key in Z85."""
    try:
        return len(text) == 40 and len(z85.decode(text)) == 32
    except (ValueError, KeyError, OverflowError, zmq.ZMQError):
        return False


def _entry(entry: Any, where: str) -> tuple[str, Visitor]:
    if not isinstance(entry, dict) or set(entry) != {"name", "key", "role"}:
        raise SettingsError(f"{where} must have name, key and role, and nothing else")
    name, public, role = entry["name"], entry["key"], entry["role"]
    if not isinstance(name, str) or not 1 <= len(name) <= 64:
        raise SettingsError(f"{where}: name must be a text of 1 to 64 characters")
    if not isinstance(public, str) or not is_key(public):
        raise SettingsError(f"{where}: key must be a public key of 40 characters")
    if role not in get_args(Role):
        raise SettingsError(f"{where}: role must be one of {', '.join(get_args(Role))}")
    return public, Visitor(name, role)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
