"""HDR10+ goes along from HEVC to HEVC frame by frame, and is told of where it does not."""

import re
from pathlib import Path

import av
from av.sidedata.sidedata import Type

from reenact_core.media.decode import decode
from reenact_core.media.dynamic_hdr import read_hdr10plus
from reenact_core.media.encode import open_encoder
from reenact_core.media.extras import BESIDE, Extras, lost_extras
from reenact_core.media.fitting import fit_codec
from reenact_core.media.join import Piece, join
from reenact_core.media.probe import MediaInfo, probe
from reenact_core.timing import FrameRange
from tests.core.media.clips import Clip, write_clip


def message(number: int) -> bytes:
    """A message of ST 2094-40 for one window, whose first MaxSCL tells frames apart."""
    window = [(100 + number, 17), (200, 17), (300, 17), (150, 17), (0, 4), (0, 10)]
    values = [(1, 2), (1000, 27), (0, 1), *window, (0, 1), (0, 1), (0, 1)]
    text = "".join(format(value, f"0{width}b") for value, width in values)
    text += "0" * (-len(text) % 8)
    body = bytes((0xB5, 0, 0x3C, 0, 1, 4, 1)) + int(text, 2).to_bytes(len(text) // 8, "big")
    plain = bytes((4, len(body))) + body + b"\x80"
    return bytes((39 << 1, 1)) + re.sub(rb"\0\0(?=[\0-\3])", b"\0\0\3", plain)


def hdr_clip(folder: Path, count: int) -> Path:
    """An HEVC film in which every frame has a message of its own."""
    options = {"x265-params": "log-level=error:bframes=0:repeat-headers=1"}
    form = Clip("libx265", "yuv420p10le", count=count, size=(128, 96), options=options)
    path = folder / "hdr.mp4"
    with (
        av.open(str(write_clip(folder / "plain.mkv", form))) as source,
        av.open(str(path), "w") as target,
    ):
        track = target.add_stream_from_template(source.streams.video[0])
        length = 4
        for number, packet in enumerate(p for p in source.demux(video=0) if p.size):
            data = message(number)
            made = av.Packet(len(data).to_bytes(length, "big") + data + bytes(packet))
            made.pts, made.dts, made.duration = packet.pts, packet.dts, packet.duration
            made.time_base, made.is_keyframe = packet.time_base, packet.is_keyframe
            made.stream = track
            target.mux(made)
    return path


def written(info: MediaInfo, frames: FrameRange, path: Path) -> MediaInfo:
    settings, _ = fit_codec(info, "hevc")
    with open_encoder(path, info, frames, settings) as encoder:
        for picture in decode(info, frames):
            encoder.write(picture)
    return probe(path)


def messages_of(info: MediaInfo) -> list[bytes]:
    frames = FrameRange(0, info.frame_count, info.rate)
    return [unit for _, unit in sorted(read_hdr10plus(info, frames).items())]


def test_every_frame_keeps_its_own_message(tmp_path: Path) -> None:
    info = probe(hdr_clip(tmp_path, 30))
    assert info.extras.beside == ("HDR10+ metadata",)
    assert messages_of(info) == [message(number) for number in range(30)]
    made = written(info, FrameRange(5, 25, info.rate), tmp_path / "new.mp4")
    assert messages_of(made) == [message(number) for number in range(5, 25)]
    assert made.extras.beside == ("HDR10+ metadata",)


def test_a_farms_joined_file_has_them_too(tmp_path: Path) -> None:
    info = probe(hdr_clip(tmp_path, 20))
    parts = [FrameRange(0, 10, info.rate), FrameRange(10, 20, info.rate)]
    pieces = [Piece(tmp_path / f"{part.start}.mp4", part) for part in parts]
    for piece in pieces:
        written(info, piece.frames, piece.path)
    whole = FrameRange(0, 20, info.rate)
    join(tmp_path / "joined.mp4", pieces, info, whole, fit_codec(info, "hevc")[0])
    assert messages_of(probe(tmp_path / "joined.mp4")) == [message(n) for n in range(20)]


def test_the_notes_tell_of_it_where_the_codec_takes_none(tmp_path: Path) -> None:
    info = probe(hdr_clip(tmp_path, 4))
    assert not any("HDR10+" in note for note in fit_codec(info, "match")[1])
    for codec in ("prores", "ffv1", "exr"):
        notes = fit_codec(info, codec)[1]
        assert "HDR10+ metadata are not written; they stay in the source" in notes


def test_what_cannot_be_put_beside_a_frame_is_named() -> None:
    """PyAV knows these kinds by these names, and a file that lacks them is told of."""
    assert {kind.name for kind in Type}.issuperset(BESIDE)
    lost = lost_extras(Extras(beside=("Dolby Vision metadata",)), Extras(), frozenset(), "mov")
    assert list(lost) == ["Dolby Vision metadata are not written; they stay in the source"]
