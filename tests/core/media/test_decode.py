import threading
from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from reenact_core.errors import MediaError
from reenact_core.frames import ColourSpec
from reenact_core.media.decode import blackened, decode
from reenact_core.media.probe import probe
from reenact_core.timing import FrameRange
from tests.core.media.clips import (
    Clip,
    all_frames,
    make_picture,
    make_planes,
    same,
    write_clip,
)

OPEN_GOP = {"x264-params": "keyint=12:min-keyint=12:bframes=3:open-gop=1:scenecut=0"}
PYRAMID = {"x264-params": "keyint=250:bframes=8:b-pyramid=normal"}
CLIPS = [
    ("closed.mp4", Clip(options={"g": "10"}, count=45, noise=30)),
    ("open.mp4", Clip(options=OPEN_GOP, count=60, noise=30)),
    ("open.ts", Clip(options=OPEN_GOP, count=60, noise=30)),
    ("open.mkv", Clip(options=OPEN_GOP, count=60, noise=30)),
    ("long.mkv", Clip(options=PYRAMID, count=60, noise=30)),
    ("hevc.mp4", Clip(codec="libx265", count=50, noise=30,
                      options={"x265-params": "keyint=12:open-gop=1:bframes=4:log-level=error"})),
    ("mpeg2.mpg", Clip(codec="mpeg2video", count=40, noise=30, options={"g": "9", "bf": "2"})),
    ("mpeg4.avi", Clip(codec="mpeg4", count=40, noise=30, options={"g": "12", "bf": "2"})),
    ("varied.mp4", Clip(count=20, noise=30, options={"g": "5"},
                        times=tuple(1001 * (n + n // 3) for n in range(20)))),
    ("raw.h264", Clip(options=OPEN_GOP, count=30, noise=30)),
    ("intra.mov", Clip(codec="prores_ks", pixel_format="yuv422p10le", count=12)),
    ("table.mp4", Clip(options=OPEN_GOP, count=160, noise=30, size=(48, 32))),
]  # fmt: skip


@pytest.mark.parametrize(("name", "clip"), CLIPS, ids=[name for name, _ in CLIPS])
def test_a_frame_is_the_same_wherever_decoding_starts(
    tmp_path: Path, name: str, clip: Clip
) -> None:
    path = write_clip(tmp_path / name, clip)
    whole = all_frames(path)
    assert [picture.index for picture in whole] == list(range(clip.count))
    for start in {0, 1, clip.count // 4, clip.count // 2 + 1, clip.count - 2, clip.count - 1}:
        for part, wanted in zip(all_frames(path, start), whole[start:], strict=True):
            assert (part.index, part.pts) == (wanted.index, wanted.pts)
            assert same(part, wanted)


def test_lossless_frames_come_in_the_order_of_display(tmp_path: Path) -> None:
    options = {"qp": "0", "x264-params": "bframes=4:keyint=20"}
    clip = Clip(pixel_format="yuv444p", options=options, count=30, noise=20)
    for picture in all_frames(write_clip(tmp_path / "a.mp4", clip)):
        drawn = make_planes(picture.layout, clip.size, picture.index, clip.noise)
        for found, wanted in zip(picture.planes, drawn, strict=True):
            np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_pictures_are_turned_as_they_are_displayed(tmp_path: Path, rotation: int) -> None:
    lossless = Clip(pixel_format="yuv422p", options={"qp": "0"})
    upright = write_clip(tmp_path / "a.mp4", lossless)
    turned = write_clip(tmp_path / "b.mp4", replace(lossless, rotation=rotation))
    info = probe(turned)
    for stored, shown in zip(all_frames(upright, 0, 3), all_frames(turned, 0, 3), strict=True):
        assert (shown.width, shown.height) == (info.width, info.height)
        for plane, other in zip(stored.planes, shown.planes, strict=True):
            np.testing.assert_array_equal(np.rot90(plane, rotation // 90), other)


def test_an_edit_list_hides_frames(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "a.mp4", Clip(options={"g": "8"}, count=40, noise=20))
    whole = all_frames(source)
    trimmed = tmp_path / "b.mp4"
    with av.open(str(source)) as reader, av.open(str(trimmed), "w") as writer:
        stream = writer.add_stream_from_template(reader.streams.video[0], opaque=True)
        shift = whole[11].pts
        for packet in reader.demux(video=0):
            if packet.pts is not None and packet.dts is not None and packet.pts >= whole[8].pts:
                packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
                packet.stream = stream
                writer.mux(packet)
    shown = all_frames(trimmed)
    assert len(shown) == 29
    assert same(shown[0], whole[11])
    assert same(all_frames(trimmed, 20, 21)[0], whole[31])


def test_closing_early_stops_the_thread(tmp_path: Path) -> None:
    info = probe(write_clip(tmp_path / "a.mp4", Clip(count=200)))
    before = threading.active_count()
    with closing(decode(info, FrameRange(0, 200, info.rate), ahead=2)) as pictures:
        next(pictures)
        assert threading.active_count() > before
    assert threading.active_count() == before


def test_no_more_is_decoded_than_may_wait(tmp_path: Path) -> None:
    info = probe(write_clip(tmp_path / "a.mkv", Clip(codec="ffv1", count=120)))
    held: list[int] = []
    with closing(decode(info, FrameRange(0, 120, info.rate), ahead=3)) as pictures:
        next(pictures)
        for thread in threading.enumerate():
            if thread.name.startswith("decode "):
                thread.join(0.3)  # it must be waiting, not running on
                held.append(thread.is_alive())
    assert held == [True]


def test_a_range_beyond_the_file_is_refused(tmp_path: Path) -> None:
    info = probe(write_clip(tmp_path / "a.mp4", Clip(count=10)))
    with pytest.raises(MediaError, match=r"a\.mp4: has frames 0 to 9, frames 5 to 11"):
        next(decode(info, FrameRange(5, 12, info.rate)))


def test_an_empty_range_gives_nothing(tmp_path: Path) -> None:
    info = probe(write_clip(tmp_path / "a.mp4", Clip(count=10)))
    assert list(decode(info, FrameRange(4, 4, info.rate))) == []


def test_a_frame_that_is_gone_is_named(tmp_path: Path) -> None:
    clip = Clip(codec="mjpeg", pixel_format="yuvj420p", count=12)
    path = write_clip(tmp_path / "a.avi", clip)
    content = bytearray(path.read_bytes())
    with av.open(str(path)) as reader:
        hit = [packet for packet in reader.demux(video=0) if packet.size][6]
        assert hit.pos is not None
        content[hit.pos + 8 : hit.pos + hit.size - 8] = bytes(hit.size - 16)
    path.write_bytes(content)
    info = probe(path)
    with pytest.raises(MediaError, match=r"a\.avi: frame 6 of 12 is damaged"):
        list(decode(info, FrameRange(0, 12, info.rate)))
    assert len(list(decode(info, FrameRange(7, 12, info.rate)))) == 5


def test_a_change_of_size_is_named(tmp_path: Path) -> None:
    one = write_clip(tmp_path / "a.ts", Clip(count=8)).read_bytes()
    two = write_clip(tmp_path / "b.ts", Clip(count=8, size=(64, 48))).read_bytes()
    joined = tmp_path / "joined.ts"
    joined.write_bytes(one + two)
    info = probe(joined)
    with pytest.raises(MediaError, match=r"joined\.ts: frame 8 is 64x48, the first is 96x64"):
        list(decode(info, FrameRange(0, info.frame_count, info.rate)))


def test_a_file_that_goes_away_is_an_error_of_the_caller(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", Clip(count=10))
    info = probe(path)
    path.unlink()
    with pytest.raises(MediaError, match="no such file"):
        list(decode(info, FrameRange(0, 10, info.rate)))


def test_a_sequence_gives_its_files_in_the_rate_that_is_asked(tmp_path: Path) -> None:
    for number in range(3, 9):
        cv2.imwrite(str(tmp_path / f"s.{number}.png"), np.full((16, 24, 3), number, np.uint8))
    info = probe(tmp_path / "s.%d.png", number_step=2)
    rate = Fraction(24000, 1001)
    pictures = list(decode(info, FrameRange(1, 3, rate)))
    assert [int(picture.planes[0][0, 0]) for picture in pictures] == [5, 7]
    assert [picture.pts * picture.time_base for picture in pictures] == [1 / rate, 2 / rate]
    (tmp_path / "s.5.png").unlink()
    with pytest.raises(MediaError, match=r"s\.5\.png: there is no such file"):
        list(decode(info, FrameRange(0, 3, rate)))


def test_a_still_answers_for_every_frame(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.full((16, 24, 3), 70, np.uint8))
    info = probe(tmp_path / "a.png")
    pictures = list(decode(info, FrameRange(10, 14, Fraction(24))))
    assert [picture.index for picture in pictures] == [10, 11, 12, 13]
    assert all(picture.planes[0].max() == 70 for picture in pictures)


def test_palettes_are_converted(tmp_path: Path) -> None:
    path = tmp_path / "a.gif"
    random = np.random.default_rng(0).integers(0, 255, (16, 24, 3), np.uint8)
    with av.open(str(path), "w") as target:
        stream = target.add_stream("gif", rate=10)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 24, 16, "rgb8"
        for _ in range(3):
            target.mux(stream.encode(av.VideoFrame.from_ndarray(random, "rgb24")))
        target.mux(stream.encode(None))
    info = probe(path)
    assert info.frame_count == 3
    assert len(all_frames(path)) == 3


def test_upside_down_pictures_are_read_upright(tmp_path: Path) -> None:
    random = np.random.default_rng(0).integers(0, 255, (17, 23, 3), np.uint8)
    cv2.imwrite(str(tmp_path / "a.bmp"), random)
    planes = all_frames(tmp_path / "a.bmp")[0].planes
    np.testing.assert_array_equal(np.stack(planes, 2), random[:, :, ::-1])


def test_samples_of_other_shapes_are_refused(tmp_path: Path) -> None:
    picture = all_frames(write_clip(tmp_path / "a.mp4", Clip(count=1)))[0]
    with pytest.raises(ValueError, match="planes differ"):
        picture.with_planes(tuple(plane[:4] for plane in picture.planes))
    assert replace(picture, index=3).index == 3


@pytest.mark.parametrize(
    ("pixel_format", "full", "black"),
    [
        ("gbrp", None, [0, 0, 0]),
        ("gray", None, [0]),
        ("yuv420p", None, [16, 128, 128]),
        ("yuv420p", True, [0, 128, 128]),
        ("yuv422p10le", False, [64, 512, 512]),
        ("yuva444p10le", False, [64, 512, 512, 1023]),
        ("gbrap", None, [0, 0, 0, 255]),
        ("gbrapf32le", None, [0, 0, 0, 1]),
    ],
)
def test_black_is_black_in_every_kind_of_samples(
    pixel_format: str, full: bool | None, black: list[int]
) -> None:
    made = blackened(make_picture(pixel_format, (16, 8), ColourSpec(full_range=full)))
    assert [set(plane.ravel().tolist()) for plane in made.planes] == [{value} for value in black]
