"""JSON messages over the pipes between server and worker: four bytes of length, then the text."""

import json
import struct
from collections.abc import Iterator
from typing import IO, Any

_LENGTH = struct.Struct("<I")
LONGEST = 64 * 1024 * 1024
"""Bytes; a worker that says more is broken."""


def write_message(stream: IO[bytes], message: dict[str, Any]) -> None:
    """Write one message and flush it.

    Raises:
        OSError: the other side is gone.
    """
    data = json.dumps(message).encode()
    stream.write(_LENGTH.pack(len(data)) + data)
    stream.flush()


def read_messages(stream: IO[bytes]) -> Iterator[dict[str, Any]]:
    """Messages until the other side is gone, or says what is none."""
    while len(head := stream.read(_LENGTH.size)) == _LENGTH.size:
        (length,) = _LENGTH.unpack(head)
        if length > LONGEST:
            return
        data = stream.read(length)
        if len(data) < length:
            return
        yield json.loads(data)
