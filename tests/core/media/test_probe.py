import os
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from reenact_core.errors import MediaError
from reenact_core.frames import ColourSpec
from reenact_core.media.probe import probe
from tests.core.media.clips import Clip, write_clip

VARIED = (0, 1001, 2002, 5005, 6006, 10010)


@pytest.mark.parametrize(
    "rate", [Fraction(24000, 1001), Fraction(30000, 1001), Fraction(25), Fraction(60)]
)
@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov", ".ts"])
def test_rate_and_count_are_exact(tmp_path: Path, rate: Fraction, suffix: str) -> None:
    info = probe(write_clip(tmp_path / f"a{suffix}", Clip(rate=rate, count=31)))
    assert (info.rate, info.frame_count, info.variable_rate) == (rate, 31, False)
    steps = np.diff(info.times) * float(info.time_base * rate)
    assert np.abs(steps - 1).max() < 0.07


def test_varying_times_are_told(tmp_path: Path) -> None:
    info = probe(write_clip(tmp_path / "a.mp4", Clip(count=6, times=VARIED)))
    assert info.variable_rate
    seconds = [int(time) * info.time_base for time in info.times]
    assert seconds == [Fraction(time, 30000) for time in VARIED]
    assert info.frame_at(Fraction(5004, 30000)) == 2
    assert info.frame_at(Fraction(5005, 30000)) == 3
    assert info.frame_at(Fraction(100)) == 5


def test_tags_shape_and_timecode_are_read(tmp_path: Path) -> None:
    colour = ColourSpec("bt2020", "arib-std-b67", "bt2020nc", False)
    clip = Clip(
        codec="libx265",
        pixel_format="yuv420p10le",
        colour=colour,
        rotation=90,
        aspect=Fraction(4, 3),
        timecode="10:00:00:00",
        sound=("aac", "aac"),
        options={"x265-params": "log-level=error"},
    )
    info = probe(write_clip(tmp_path / "a.mov", clip))
    assert info.colour == colour
    assert (info.width, info.height, info.rotation) == (64, 96, 90)
    assert info.pixel_aspect == Fraction(3, 4)
    assert info.timecode == "10:00:00:00"
    assert info.sound_codecs == ("aac", "aac")
    assert (info.codec, info.layout.depth) == ("hevc", 10)
    assert not info.interlaced


def test_the_layout_is_that_of_the_turned_picture(tmp_path: Path) -> None:
    clip = Clip(codec="prores_ks", pixel_format="yuv422p10le", rotation=270)
    layout = probe(write_clip(tmp_path / "a.mov", clip)).layout
    assert (layout.chroma_width_shift, layout.chroma_height_shift) == (0, 1)


def test_untagged_colours_stay_unknown(tmp_path: Path) -> None:
    info = probe(write_clip(tmp_path / "a.mkv", Clip(colour=ColourSpec())))
    assert info.colour == ColourSpec()


def test_long_files_are_indexed_from_their_table(tmp_path: Path) -> None:
    options = {"g": "40", "x264-params": "keyint=40:bframes=3"}
    path = write_clip(tmp_path / "a.mp4", Clip(count=250, options=options, size=(32, 32)))
    info = probe(path)
    assert info.frame_count == 250
    assert len(info.index.keyframes) >= 6
    assert np.unique(np.diff(info.times)).size == 1


def test_a_sequence_is_counted_by_its_files(tmp_path: Path) -> None:
    for number in range(5, 9):
        cv2.imwrite(str(tmp_path / f"s.{number:04d}.png"), np.full((20, 30, 3), number, np.uint8))
    info = probe(tmp_path / "s.%04d.png")
    assert (info.frame_count, info.first_number, info.still) == (4, 5, False)
    assert (info.width, info.height, info.layout.kind) == (30, 20, "rgb")
    assert probe(tmp_path / "s.%04d.png", first_number=6, number_step=2).numbers == (6, 8)


@pytest.mark.parametrize(
    ("suffix", "kind", "depth"),
    [(".png", "rgb", 8), (".jpg", "yuv", 8), (".tif", "rgb", 8), (".bmp", "rgb", 8)],
)
def test_a_still_is_one_frame(tmp_path: Path, suffix: str, kind: str, depth: int) -> None:
    path = tmp_path / f"a{suffix}"
    cv2.imwrite(str(path), np.full((22, 34, 3), 90, np.uint8))
    info = probe(path)
    assert (info.still, info.frame_count, info.has_sound) == (True, 1, False)
    assert (info.width, info.height) == (34, 22)
    assert (info.layout.kind, info.layout.depth) == (kind, depth)


def test_sixteen_bit_stills_keep_their_depth(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.full((22, 34, 3), 40000, np.uint16))
    assert probe(tmp_path / "a.png").layout.depth == 16


def refused(path: Path) -> str:
    with pytest.raises(MediaError) as caught:
        probe(path)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


def test_what_is_no_video_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("not a video at all")
    write_clip(tmp_path / "whole.mp4", Clip())
    (tmp_path / "cut.mp4").write_bytes((tmp_path / "whole.mp4").read_bytes()[:2000])
    assert "zero bytes" in refused(tmp_path / "empty.mp4")
    assert "no media file" in refused(tmp_path / "text.mp4")
    assert "cut off" in refused(tmp_path / "cut.mp4")
    assert "no such file" in refused(tmp_path / "missing.mp4")
    assert "folder" in refused(tmp_path)
    refused(tmp_path / "none.%04d.png")


def test_sound_alone_is_refused(tmp_path: Path) -> None:
    import av

    with av.open(str(tmp_path / "a.m4a"), "w") as target:
        track = target.add_stream("aac", rate=48000)
        assert isinstance(track, av.AudioStream)
        frame = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), "fltp", "stereo")
        frame.sample_rate = 48000
        target.mux(track.encode(frame))
        target.mux(track.encode(None))
    assert "sound only" in refused(tmp_path / "a.m4a")


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser reads every file")
def test_a_file_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", Clip())
    path.chmod(0)
    assert "cannot be read" in refused(path)


def test_a_file_cut_off_behind_its_header_has_the_frames_that_are_there(tmp_path: Path) -> None:
    from tests.core.media.clips import all_frames

    clip = Clip(codec="prores_ks", pixel_format="yuv422p10le", count=30)
    whole = write_clip(tmp_path / "a.mov", clip)
    import av

    fast = tmp_path / "fast.mov"
    with (
        av.open(str(whole)) as source,
        av.open(str(fast), "w", container_options={"movflags": "faststart"}) as target,
    ):
        stream = target.add_stream_from_template(source.streams.video[0], opaque=True)
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                target.mux(packet)
    cut = tmp_path / "cut.mov"
    cut.write_bytes(fast.read_bytes()[: fast.stat().st_size * 6 // 10])
    info = probe(cut)
    assert 10 < info.frame_count < 30
    assert len(all_frames(cut, 0, info.frame_count - 1)) == info.frame_count - 1
