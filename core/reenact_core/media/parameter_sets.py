"""Where chroma samples lie, read from the headers of H.264, HEVC and AV1 streams.

FFmpeg knows, but PyAV 18 hands it on neither by streams nor by frames. Parameter sets of sequences
are read as far as their video usability information (ITU-T H.264 7.3.2.1 and E.1; H.265 7.3.2.2 and
E.2).
"""

from collections.abc import Iterator, Sequence

_PLACES = ("left", "center", "topleft", "top", "bottomleft", "bottom")
"""By `chroma_sample_loc_type`."""
_AV1_PLACES = {1: "left", 2: "topleft"}
_CHROMA_PROFILES = (44, 83, 86, 100, 110, 118, 122, 128, 134, 135, 138, 139, 244)
"""Of H.264, those whose parameter sets tell the chroma format."""


def chroma_location(codec: str, headers: bytes) -> str:
    """Where chroma samples of a 4:2:0 stream lie, in FFmpeg's words; `unknown` if it does not say.

    `headers` is the stream's extradata, as in its container, or else its first packet.
    """
    if codec == "av1" and len(headers) >= 4 and headers[0] == 0x81:
        return _AV1_PLACES.get(headers[2] & 3, "unknown")
    read = {"h264": _h264, "hevc": _hevc}.get(codec)
    if read is None:
        return "unknown"
    for unit in _units(codec, headers):
        try:
            if (place := read(unit)) is not None:
                return place
        except IndexError:  # cut off: it tells nothing
            continue
    return "unknown"


class _Bits:
    """The bits of a parameter set, without the bytes that keep start codes out of it."""

    def __init__(self, data: bytes) -> None:
        plain = bytearray()
        zeros = 0
        for byte in data:
            if zeros >= 2 and byte == 3:
                zeros = 0
                continue
            plain.append(byte)
            zeros = zeros + 1 if byte == 0 else 0
        self._data, self._place = bytes(plain), 0

    def take(self, count: int) -> int:
        value = 0
        for _ in range(count):
            byte = self._data[self._place >> 3]
            value = value << 1 | byte >> (7 - (self._place & 7)) & 1
            self._place += 1
        return value

    def number(self) -> int:
        """An Exp-Golomb code, ue(v)."""
        zeros = 0
        while not self.take(1):
            zeros += 1
        return (1 << zeros) - 1 + self.take(zeros)

    def signed(self) -> int:
        """se(v)."""
        code = self.number()
        return (code + 1) // 2 if code % 2 else -(code // 2)

    def numbers(self, count: int) -> list[int]:
        return [self.number() for _ in range(count)]


def _units(codec: str, headers: bytes) -> Iterator[bytes]:
    """The units of avcC, of hvcC, or with start codes."""
    if headers[:3] == b"\0\0\1" or headers[:4] == b"\0\0\0\1":
        yield from headers.split(b"\0\0\1")[1:]
    elif codec == "h264" and len(headers) > 6:
        yield from _counted(headers, 6, headers[5] & 31)
    elif codec == "hevc" and len(headers) > 22:
        place = 23
        for _ in range(headers[22]):
            count = int.from_bytes(headers[place + 1 : place + 3], "big")
            for unit in _counted(headers, place + 3, count):
                yield unit
                place += 2 + len(unit)
            place += 3


def _counted(data: bytes, place: int, count: int) -> Iterator[bytes]:
    """Units with their lengths in two bytes before them."""
    for _ in range(count):
        size = int.from_bytes(data[place : place + 2], "big")
        yield data[place + 2 : place + 2 + size]
        place += 2 + size


def _h264(unit: bytes) -> str | None:
    """What an H.264 unit says; None if it is no parameter set of a sequence."""
    if not unit or unit[0] & 31 != 7:
        return None
    bits = _Bits(unit[1:])
    profile = bits.take(24) >> 16
    bits.number()
    chroma = 1
    if profile in _CHROMA_PROFILES:
        chroma = bits.number()
        if chroma == 3:
            bits.take(1)
        bits.numbers(2)
        bits.take(1)
        if bits.take(1):
            for number in range(12 if chroma == 3 else 8):
                if bits.take(1):
                    _skip_scaling(bits, 16 if number < 6 else 64)
    bits.number()
    order = bits.number()
    if order == 0:
        bits.number()
    elif order == 1:
        bits.take(1)
        bits.numbers(2)
        bits.numbers(bits.number())
    bits.number()
    bits.take(1)
    bits.numbers(2)
    if not bits.take(1):
        bits.take(1)
    bits.take(1)
    if bits.take(1):
        bits.numbers(4)
    return _usability(bits, chroma)


def _skip_scaling(bits: _Bits, count: int) -> None:
    last = following = 8
    for _ in range(count):
        if following:
            following = (last + bits.signed()) % 256
        last = following or last


def _hevc(unit: bytes) -> str | None:
    """What an HEVC unit says; None if it is no parameter set of the base layer's sequence."""
    if len(unit) < 2 or unit[0] >> 1 & 63 != 33 or unit[0] & 1 or unit[1] >> 3:
        return None
    bits = _Bits(unit[2:])
    bits.take(4)
    layers = bits.take(3)
    bits.take(1)
    _skip_profile(bits, layers)
    bits.number()
    chroma = bits.number()
    if chroma == 3:
        bits.take(1)
    bits.numbers(2)
    if bits.take(1):
        bits.numbers(4)
    bits.numbers(2)
    order_bits = bits.number() + 4
    bits.numbers(3 * (layers + 1 if bits.take(1) else 1))
    bits.numbers(6)
    if bits.take(1) and bits.take(1):
        _skip_scaling_lists(bits)
    bits.take(2)
    if bits.take(1):
        bits.take(8)
        bits.numbers(2)
        bits.take(1)
    _skip_references(bits, order_bits)
    bits.take(2)
    return _usability(bits, chroma)


def _skip_profile(bits: _Bits, layers: int) -> None:
    bits.take(96)
    held = [(bits.take(1), bits.take(1)) for _ in range(layers)]
    if layers:
        bits.take(2 * (8 - layers))
    for profile, level in held:
        bits.take(88 * profile + 8 * level)


def _skip_scaling_lists(bits: _Bits) -> None:
    for size in range(4):
        for _ in range(0, 6, 3 if size == 3 else 1):
            if not bits.take(1):
                bits.number()
                continue
            bits.numbers(min(64, 1 << (4 + 2 * size)) + (size > 1))


def _skip_references(bits: _Bits, order_bits: int) -> None:
    """Sets of reference pictures; each may be told by its difference from the one before."""
    before: list[int] = []
    for number in range(bits.number()):
        before = _moved(bits, before) if number and bits.take(1) else _listed(bits)
    if bits.take(1):
        for _ in range(bits.number()):
            bits.take(order_bits + 1)


def _listed(bits: _Bits) -> list[int]:
    counts = bits.numbers(2)
    found: list[int] = []
    for sign, count in zip((-1, 1), counts, strict=True):
        place = 0
        for _ in range(count):
            place += sign * (bits.number() + 1)
            bits.take(1)
            found.append(place)
    return found


def _moved(bits: _Bits, before: Sequence[int]) -> list[int]:
    step = -1 if bits.take(1) else 1
    step *= bits.number() + 1
    # One flag where it is set, two where it is not, for each old place and for the step itself.
    kept = [place + step for place in (*before, 0) if bits.take(1) or bits.take(1)]
    return [*sorted((p for p in kept if p < 0), reverse=True), *sorted(p for p in kept if p > 0)]


def _usability(bits: _Bits, chroma: int) -> str:
    """The beginning of the video usability information, which both standards share."""
    if not bits.take(1):
        return "unknown"
    if bits.take(1) and bits.take(8) == 255:
        bits.take(32)
    if bits.take(1):
        bits.take(1)
    if bits.take(1):
        bits.take(4)
        if bits.take(1):
            bits.take(24)
    if not bits.take(1):
        return "unknown"
    place = bits.number()
    return _PLACES[place] if chroma == 1 and place < len(_PLACES) else "unknown"
