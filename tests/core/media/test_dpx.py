"""DPX headers come back as the source has them."""

import struct
from pathlib import Path

import av
import numpy as np
import pytest

from reenact_core.errors import MediaError
from reenact_core.media.decode import decode
from reenact_core.media.dpx import is_big_endian
from reenact_core.media.encode import open_encoder
from reenact_core.media.fitting import fit_codec
from reenact_core.media.probe import filled, probe
from reenact_core.media.sequence import frame_path
from reenact_core.timing import FrameRange
from tests.core.media.clips import Clip, make_frame

FIELDS = {
    "creation time": (136, b"2020:02:03:04:05:06"),
    "creator": (160, b"a film scanner"),
    "project": (260, b"a project"),
    "copyright": (460, b"the author's own"),
    "transfer": (801, bytes([3])),  # logarithmic
    "colorimetric": (802, bytes([1])),
    "description": (820, b"scan 1"),
    "input device": (1556, b"scanner"),
    "slate": (1764, b"12A"),
}


def write_pictures(pattern: Path, numbers: range, pixel_format: str) -> None:
    """Pictures by PyAV alone."""
    clip = Clip("dpx", pixel_format, size=(64, 48))
    for number in numbers:
        path = str(frame_path(pattern, number))
        with av.open(path, "w", format="image2pipe") as file:
            stream = file.add_stream("dpx", rate=25)
            assert isinstance(stream, av.VideoStream)
            stream.width, stream.height, stream.pix_fmt = 64, 48, pixel_format
            file.mux(stream.encode(make_frame(clip, number)))
            file.mux(stream.encode(None))


def with_header(path: Path, number: int) -> None:
    """The picture with a header as scanners write it: all of 2048 bytes, a timecode each."""
    data = bytearray(path.read_bytes())
    order = ">" if data[:4] == b"SDPX" else "<"
    begin = struct.unpack_from(order + "I", data, 4)[0]
    header = bytearray(bytes(data[:1664]).ljust(2048, b"\0"))
    for place, text in FIELDS.values():
        header[place : place + len(text)] = text
    for place, value in ((4, 2048), (16, 2048 + len(data) - begin), (24, 1664), (28, 384)):
        struct.pack_into(order + "I", header, place, value)
    struct.pack_into(order + "I", header, 808, 2048)
    struct.pack_into(order + "I", header, 1920, 0x01000000 + number)
    struct.pack_into(order + "f", header, 1940, 24.0)
    path.write_bytes(bytes(header) + bytes(data[begin:]))


@pytest.mark.parametrize("pixel_format", ["gbrp10be", "gbrp10le", "rgb24", "rgb48be", "gbrp12be"])
def test_headers_and_samples_come_back(tmp_path: Path, pixel_format: str) -> None:
    pattern = tmp_path / "scan.%04d.dpx"
    write_pictures(pattern, range(1001, 1004), pixel_format)
    for number in range(1001, 1004):
        with_header(frame_path(pattern, number), number)
    info = probe(pattern)
    settings, _ = fit_codec(info, "match")
    frames = FrameRange(1, 3, info.rate)
    out = settings.output_path(tmp_path / "out", "new")
    out.parent.parent.mkdir()
    with open_encoder(out, info, frames, settings) as encoder:
        for picture in decode(info, frames):
            encoder.write(picture)
    made = probe(out)
    for number, (old, new) in enumerate(
        zip(decode(info, frames), decode(made, FrameRange(0, 2, info.rate)), strict=True), 1002
    ):
        for before, after in zip(old.planes, new.planes, strict=True):
            assert np.array_equal(before, after)
        written = frame_path(out, number).read_bytes()
        assert is_big_endian(frame_path(out, number)) == is_big_endian(frame_path(pattern, number))
        order = ">" if written[:4] == b"SDPX" else "<"
        for name, (place, text) in FIELDS.items():
            assert written[place : place + len(text)] == text, name
        assert struct.unpack_from(order + "I", written, 1920)[0] == 0x01000000 + number
        assert struct.unpack_from(order + "f", written, 1940)[0] == 24.0
        assert struct.unpack_from(order + "I", written, 16)[0] == len(written)


def test_the_header_of_a_file_that_has_changed_is_not_copied(tmp_path: Path) -> None:
    write_pictures(tmp_path / "scan.%04d.dpx", range(1001, 1003), "gbrp10be")
    info = probe(tmp_path / "scan.%04d.dpx")
    frames = FrameRange(0, 2, info.rate)
    settings, _ = fit_codec(info, "match")
    pictures = list(decode(info, frames))
    with_header(tmp_path / "scan.1002.dpx", 7)
    out = settings.output_path(tmp_path / "out", "new")
    out.parent.parent.mkdir()
    with (
        pytest.raises(MediaError, match=r"scan\.1002\.dpx: has changed"),
        open_encoder(out, info, frames, settings) as encoder,
    ):
        for picture in pictures:
            encoder.write(picture)


def test_a_frame_that_is_held_has_the_header_that_its_encoder_gives(tmp_path: Path) -> None:
    pattern = tmp_path / "scan.%04d.dpx"
    write_pictures(pattern, range(1001, 1004), "gbrp10be")
    frame_path(pattern, 1002).unlink()
    info = filled(probe(pattern), 1, "hold", 3)
    frames = FrameRange(0, 3, info.rate)
    settings, _ = fit_codec(info, "match")
    out = settings.output_path(tmp_path / "out", "new")
    out.parent.parent.mkdir()
    with open_encoder(out, info, frames, settings) as encoder:
        for picture in decode(info, frames):
            encoder.write(picture)
    made = list(decode(probe(out), frames))
    assert np.array_equal(made[0].planes[0], made[1].planes[0])
    assert not np.array_equal(made[1].planes[0], made[2].planes[0])
