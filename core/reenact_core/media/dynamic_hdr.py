"""HDR10+ metadata (SMPTE ST 2094-40) of HEVC: read from a file's packets, put into new ones.

PyAV puts nothing beside a frame that is to be encoded, so that the message goes into the packet.
"""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import av

from reenact_core.media.opening import opened
from reenact_core.media.probe import MediaInfo, video_stream
from reenact_core.timing import FrameRange

HDR10PLUS = "HDR10+ metadata"
"""As `extras.BESIDE` calls it."""
_BEGINS = bytes((0xB5, 0x00, 0x3C, 0x00, 0x01, 0x04))
"""United States, Samsung's code, ST 2094-40: how the registered message begins."""
_PREFIX_SEI = 39
_REGISTERED = 4
_LAST_SLICE = 31
_START = b"\0\0\1"


def read_hdr10plus(info: MediaInfo, frames: FrameRange) -> dict[int, bytes]:
    """The messages of a range's frames as NAL units, by the frames' times in the source's clock."""
    wanted = {int(time) for time in info.times[frames.start : frames.stop]}
    found: dict[int, bytes] = {}
    with opened(*info.file_of(0)) as container:
        stream = video_stream(info.path, container)
        length = _length_size(stream.codec_context.extradata)
        container.seek(min(wanted), stream=stream, backward=True)
        for packet in container.demux(stream):
            if packet.dts is not None and packet.dts > max(wanted):
                break
            if packet.pts in wanted and packet.pts is not None:
                unit = next(_messages(bytes(packet), length), None)
                if unit is not None:
                    found[packet.pts] = unit
    return found


def with_message(packet: "av.Packet[av.VideoStream]", unit: bytes) -> "av.Packet[Any]":
    """An encoder's packet (with start codes) with a message before its first slice."""
    data = bytes(packet)
    for start in re.finditer(_START, data):
        if start.end() < len(data) and _kind(data[start.end() :]) <= _LAST_SLICE:
            before, rest = data[: start.start()], data[start.start() :]
            made: av.Packet[Any] = av.Packet(before + _START + unit + rest)
            made.pts, made.dts, made.duration = packet.pts, packet.dts, packet.duration
            made.time_base, made.is_keyframe = packet.time_base, packet.is_keyframe
            made.stream = packet.stream
            return made
    return packet


def _messages(data: bytes, length: int) -> Iterator[bytes]:
    for unit in _units(data, length):
        if len(unit) > 2 and _kind(unit) == _PREFIX_SEI:
            for payload in _payloads(unit[2:].replace(b"\0\0\3", b"\0\0")):
                if payload.startswith(_BEGINS):
                    yield _unit_of(payload)


def _units(data: bytes, length: int) -> Iterator[bytes]:
    """The NAL units of a packet, by their lengths or, where those have no size, by start codes."""
    if not length:
        starts = [found.start() for found in re.finditer(_START, data)]
        for begin, end in pairwise([*starts, len(data)]):
            yield data[begin + len(_START) : end]
        return
    place = 0
    while place + length <= len(data):
        size = int.from_bytes(data[place : place + length], "big")
        yield data[place + length : place + length + size]
        place += length + size


def _payloads(message: bytes) -> Iterator[bytes]:
    """The registered user data of a supplemental message."""
    place = 0
    while place + 2 < len(message):
        kind, place = _number(message, place)
        size, place = _number(message, place)
        if kind == _REGISTERED:
            yield message[place : place + size]
        place += size


def _number(message: bytes, place: int) -> tuple[int, int]:
    """A number in bytes that go on while they are 255, and where it ends."""
    value = 0
    while place < len(message) and message[place] == 255:
        value, place = value + 255, place + 1
    return value + (message[place] if place < len(message) else 0), place + 1


def _unit_of(payload: bytes) -> bytes:
    size = len(payload)
    head = bytes((_REGISTERED, *(255,) * (size // 255), size % 255))
    plain = head + payload + b"\x80"
    # No start code may arise inside a unit.
    guarded = re.sub(rb"\0\0(?=[\0-\3])", b"\0\0\3", plain)
    return bytes((_PREFIX_SEI << 1, 1)) + guarded


def _kind(unit: bytes) -> int:
    return (unit[0] >> 1) & 0x3F


def _length_size(header: bytes | None) -> int:
    """Bytes of a unit's length, as an `hvcC` header says; 0: units begin with start codes."""
    if header is None or len(header) < 23 or header[0] != 1:
        return 0
    return (header[21] & 3) + 1
