"""Headers of DPX files (SMPTE 268M): what encoders do not know, copied from the source."""

from collections.abc import Iterator
from pathlib import Path

from reenact_core.files import written_whole
from reenact_core.media.opening import Stamp, open_file

_BIG, _LITTLE = b"SDPX", b"XPDS"
_GENERIC, _WHOLE = 1664, 2048
"""Bytes of the generic header, and with those of film and television behind it."""
_DEPTH = 803
# Numbers of four and of two bytes: (first byte, one after the last).
_FOURS = (
    *((0, 8), (16, 36), (660, 664), (772, 780), (1408, 1432), (1628, 1644), (1712, 1732)),
    *((1920, 1928), (1932, 1972)),
    *((780 + 72 * element, 800 + 72 * element) for element in range(8)),
    *((808 + 72 * element, 820 + 72 * element) for element in range(8)),
)
_TWOS = (
    *((768, 772), (1620, 1628)),
    *((804 + 72 * element, 808 + 72 * element) for element in range(8)),
)
# Creation time, creator, project, copyright; transfer and colorimetric; the element's description;
# where the picture came from; film and television.
_COPIED = ((136, 660), (801, 803), (820, 852), (1408, 1628), (1636, _WHOLE))
_CODES = (784, 800)
"""Reference black and white, which hold for the same depth."""


def is_big_endian(path: Path, stamp: Stamp | None = None) -> bool:
    """Whether a DPX file has its highest bytes first.

    Raises:
        MediaError: as `media.opening.open_file`.
    """
    with open_file(path, stamp) as stream:
        return stream.read(4) == _BIG


def copy_header(source: Path, stamp: Stamp | None, target: Path) -> None:
    """Give a DPX file that was just written the header of another one, as far as it still holds.

    Size, packing, depth and pixel aspect stay the encoder's; timecode, film and television headers
    are those of the source's frame.

    Raises:
        MediaError: as `media.opening.open_file`, of the source.
    """
    old, new = _header(source, stamp), target.read_bytes()
    if old is None or new[:4] not in (_BIG, _LITTLE):
        return
    big = new[:4] == _BIG
    generic = _in_order(new[:_GENERIC].ljust(_WHOLE, b"\xff"), big)
    for first, last in _copied(generic, old):
        generic[first:last] = old[first:last]
    begin = int.from_bytes(generic[4:8], "big")
    size = _WHOLE + len(new) - begin
    for place, value in ((4, _WHOLE), (16, size), (24, _GENERIC), (28, _WHOLE - _GENERIC)):
        generic[place : place + 4] = value.to_bytes(4, "big")
    generic[808:812] = _WHOLE.to_bytes(4, "big")
    # Samples of eight bits have no order of bytes, so that the header may have the source's.
    wanted = is_big_endian(source, stamp) if generic[_DEPTH] == 8 else big
    with written_whole(target) as partial:
        partial.write_bytes(bytes(_in_order(bytes(generic), wanted)) + new[begin:])


def _copied(new: bytearray, old: bytearray) -> Iterator[tuple[int, int]]:
    yield from _COPIED
    if new[_DEPTH] == old[_DEPTH]:
        yield _CODES


def _header(path: Path, stamp: Stamp | None) -> bytearray | None:
    """The header of a DPX file with its highest bytes first; what it lacks is all ones."""
    with open_file(path, stamp) as stream:
        found = stream.read(_WHOLE)
    if len(found) < _GENERIC or found[:4] not in (_BIG, _LITTLE):
        return None
    big = found[:4] == _BIG
    begin = int.from_bytes(found[4:8], "big" if big else "little")
    return _in_order(found[: max(_GENERIC, min(begin, _WHOLE))].ljust(_WHOLE, b"\xff"), big)


def _in_order(header: bytes, big: bool) -> bytearray:
    """The header with its numbers turned from big endian, or to it, where `big` says no."""
    found = bytearray(header)
    if big:
        return found
    for ranges, size in ((_FOURS, 4), (_TWOS, 2)):
        for first, last in ranges:
            for place in range(first, last, size):
                found[place : place + size] = found[place : place + size][::-1]
    return found
