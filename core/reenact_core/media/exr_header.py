"""What FFmpeg neither reads nor writes of an OpenEXR file's header."""

import struct
from collections.abc import Iterator
from pathlib import Path

from reenact_core.files import written_whole
from reenact_core.media.opening import Stamp, open_file
from reenact_core.media.tags import TRANSFERS

_MAGIC = b"v/1\x01"
_MANY_PARTS = 0x1000
_MOST = 1 << 20
"""Bytes that are looked at; a header is much shorter."""
_READ = frozenset("RGBAY")
"""Channels that are decoded, of the layer without a name."""
_TRANSFER = "reenactTransfer"
"""Our entry: the transfer function of samples that are not linear light."""
_KNOWN = frozenset(
    (
        _TRANSFER,
        "channels",
        "chunkCount",
        "compression",
        "dataWindow",
        "displayWindow",
        "framesPerSecond",
        "gamma",
        "lineOrder",
        "name",
        "pixelAspectRatio",
        "preview",
        "screenWindowCenter",
        "screenWindowWidth",
        "tiles",
        "type",
        "version",
        "writer",
    )
)
"""Entries that describe the file itself, or are written anew."""


def left_behind(path: Path, stamp: Stamp | None = None) -> tuple[str, ...]:
    """What is not carried from an OpenEXR file to a new one, a sentence each.

    Raises:
        MediaError: as `media.opening.open_file`.
    """
    data = _head(path, stamp)
    if not data:
        return ()
    entries = _entries(data)
    found = []
    unread = [name for name in _channels(entries.get("channels", b"")) if name not in _READ]
    if unread:
        found.append(f"its channels {_listed(unread)} are not read, only R, G, B, A and Y")
    if struct.unpack_from("<I", data, 4)[0] & _MANY_PARTS:
        found.append("it has more than one part, of which the first is read")
    if _overscan(entries):
        found.append("its pixels outside the display window are not read")
    unknown = [name for name in entries if name not in _KNOWN]
    if unknown:
        found.append(f"its header's entries {_listed(unknown)} are not written again")
    return tuple(found)


def transfer_in(path: Path, stamp: Stamp | None = None) -> str | None:
    """The transfer function that `write_transfer` wrote; None where samples are linear light.

    Raises:
        MediaError: as `media.opening.open_file`.
    """
    said = _entries(_head(path, stamp)).get(_TRANSFER, b"").decode("latin-1")
    return said if said in TRANSFERS.values() else None


def write_transfer(path: Path, transfer: str) -> None:
    """Tell in the header of a file that FFmpeg has just written which curve its samples are under.

    The table behind the header holds the place of every chunk, the first one's right behind it.
    """
    data = path.read_bytes()
    stop = max(stop for _, _, stop in _places(data))
    value = transfer.encode("latin-1")
    entry = _TRANSFER.encode() + b"\0string\0" + struct.pack("<I", len(value)) + value
    table = stop + 1
    chunks = (struct.unpack_from("<Q", data, table)[0] - table) // 8
    places = struct.unpack_from(f"<{chunks}Q", data, table)
    moved = struct.pack(f"<{chunks}Q", *(place + len(entry) for place in places))
    with written_whole(path) as partial:
        partial.write_bytes(data[:stop] + entry + b"\0" + moved + data[table + len(moved) :])


def _head(path: Path, stamp: Stamp | None) -> bytes:
    """The first bytes of an OpenEXR file; none of another one."""
    with open_file(path, stamp) as file:
        data = file.read(_MOST)
    return data if data[:4] == _MAGIC and len(data) >= 8 else b""


def _entries(data: bytes) -> dict[str, bytes]:
    """Name and value of every entry of the first part's header; a cut-off one ends early."""
    return {name: data[start:stop] for name, start, stop in _places(data)}


def _places(data: bytes) -> Iterator[tuple[str, int, int]]:
    """Name of every entry, where its value starts and where it stops."""
    place = 8
    while 0 <= place < len(data) and data[place]:
        name, place = _text(data, place)
        _, place = _text(data, place)
        if not place or place + 4 > len(data):
            return
        size = struct.unpack_from("<I", data, place)[0]
        yield name, place + 4, place + 4 + size
        place += 4 + size


def _channels(data: bytes) -> Iterator[str]:
    place = 0
    while place < len(data) and data[place]:
        name, place = _text(data, place)
        if not place:
            return
        yield name
        place += 16  # type, linearity, sampling


def _text(data: bytes, place: int) -> tuple[str, int]:
    """The text at a place and the place after it; place 0 where it does not end."""
    stop = data.find(b"\0", place)
    return data[place:stop].decode("latin-1"), stop + 1


def _overscan(entries: dict[str, bytes]) -> bool:
    windows = [entries.get(name, b"") for name in ("dataWindow", "displayWindow")]
    if any(len(window) != 16 for window in windows):
        return False
    left, top, right, bottom = struct.unpack("<4i", windows[0])
    first, above, last, below = struct.unpack("<4i", windows[1])
    return bool(left < first or top < above or right > last or bottom > below)


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:4])
    return shown if len(names) <= 4 else f"{shown} and {len(names) - 4} more"
