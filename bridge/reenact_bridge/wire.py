"""Multipart messages: checked before anything in them is used.

[ b"RNC1", header JSON, body JSON, *buffers ]     after the identity
"""

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reenact_bridge.client import MAGIC
from reenact_bridge.errors import ProtocolError
from reenact_bridge.schemas import check
from reenact_bridge.strict_json import read_object, write_object

PROTOCOL = 1
MAX_HEADER = 4096
"""Bytes of a header."""
MAX_BODY = 256 * 1024
"""Bytes of a request's body."""
MAX_BUFFERS = 4


@dataclass(frozen=True, slots=True)
class Header:
    """What is common to all messages."""

    id: str
    """Chosen by the sender, unique among what it sends."""
    type: str
    session: str | None = None
    """Names the client through reconnects; chosen by it."""
    deadline_ms: int | None = None
    """After so long since its arrival nobody waits for the answer."""


@dataclass(frozen=True, slots=True, eq=False)
class Message:
    """A request as it came in."""

    header: Header
    body: dict[str, Any]
    buffers: tuple[memoryview, ...] = ()


def read_header(parts: Sequence[memoryview]) -> Header:
    """The header of a message whose frames after the identity are `parts`.

    Raises:
        ProtocolError: E_PROTO: another protocol; E_LIMIT: too large; E_SCHEMA: not as it must be.
    """
    if len(parts) < 3 or bytes(parts[0][:16]) != MAGIC:
        found = bytes(parts[0][:8]) if parts else b""
        raise ProtocolError(
            "E_PROTO",
            f"a message is {MAGIC!r}, header, body and buffers; this one has {len(parts)} "
            f"frames and begins with {found!r}",
            protocols=[PROTOCOL],
        )
    _limit("header_bytes", len(parts[1]), MAX_HEADER)
    table = read_object(bytes(parts[1]), "header")
    if table.get("v") != PROTOCOL:
        raise ProtocolError(
            "E_PROTO", f"this server speaks protocol {PROTOCOL}", protocols=[PROTOCOL]
        )
    check("header", table)
    deadline = table.get("deadline_ms")
    return Header(
        table["id"],
        table["type"],
        table.get("session"),
        None if deadline is None else int(deadline),
    )


def read_message(header: Header, parts: Sequence[memoryview]) -> Message:
    """The whole message of that header; its body is not yet compared with its schema.

    Raises:
        ProtocolError: E_LIMIT or E_SCHEMA.
    """
    _limit("body_bytes", len(parts[2]), MAX_BODY)
    _limit("buffers", len(parts) - 3, MAX_BUFFERS)
    return Message(header, read_object(bytes(parts[2]), "body"), tuple(parts[3:]))


def pack(
    kind: str, parent: str | None, body: dict[str, Any], buffers: Sequence[Any] = ()
) -> list[Any]:
    """The frames of a message from the server; `parent` is the id of the request it answers."""
    header = {
        "v": PROTOCOL,
        "id": uuid.uuid4().hex,
        "type": kind,
        "parent": parent,
        "ts": round(time.time(), 3),
        "more": False,
    }
    return [MAGIC, write_object(header), write_object(body), *buffers]


def _limit(name: str, value: int, most: int) -> None:
    if value > most:
        raise ProtocolError(
            "E_LIMIT", f"{name} is {value}, at most {most}", limit=name, value=value, max=most
        )
