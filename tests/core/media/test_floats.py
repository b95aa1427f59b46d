"""Footage of floating point: OpenEXR and what else holds it."""

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from reenact_core.frames import ColourSpec, Picture
from reenact_core.geometry import Box
from reenact_core.media.codecs import Codec, choose_codec
from reenact_core.media.colour import from_rgb, to_rgb, to_rgb8
from reenact_core.media.decode import decode
from reenact_core.media.layouts import packing_of, write_planes
from reenact_core.media.probe import MediaInfo, probe
from reenact_core.timing import FrameRange
from tests.core.media.clips import Clip, rewrite, write_clip

WIDTH, HEIGHT = 38, 30
# (pixel format that the encoder takes, its option, what a reader gets)
KINDS = [
    ("gbrpf32le", "half", "gbrpf16le"),
    ("gbrpf32le", "float", "gbrpf32le"),
    ("gbrapf32le", "half", "gbrapf16le"),
    ("gbrapf32le", "float", "gbrapf32le"),
    ("grayf32le", "half", "grayf16le"),
    ("grayf32le", "float", "grayf32le"),
]


def values(number: int, plane: int, *, half: bool) -> NDArray[np.float32]:
    """From far below 0 to far above 1, every kind of what is no number among them."""
    random = np.random.default_rng([number, plane])
    size = (HEIGHT, WIDTH)
    found = random.standard_normal(size) * 10.0 ** random.integers(-3, 5 if half else 30, size)
    found = np.clip(found, -65504, 65504) if half else found
    found[0, :5] = [np.nan, np.inf, -np.inf, -0.0, 5.25]
    return (found.astype(np.float16) if half else found).astype(np.float32)


def write_exr(path: Path, pixel_format: str, size: str, number: int = 0) -> None:
    """An OpenEXR picture, written with PyAV alone."""
    frame = av.VideoFrame(WIDTH, HEIGHT, pixel_format)
    count = len(packing_of(pixel_format).components)
    half = size == "half"
    write_planes(frame, tuple(values(number, plane, half=half) for plane in range(count)))
    frame.pts = 0
    with av.open(str(path), "w", format="image2pipe") as file:
        options = {"format": size, "compression": "zip1"}
        stream = file.add_stream("exr", rate=1, options=options)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, pixel_format
        file.mux(stream.encode(frame))
        file.mux(stream.encode(None))


def write_sequence(folder: Path, pixel_format: str = "gbrpf32le", size: str = "half") -> Path:
    for number in range(3):
        write_exr(folder / f"s.{number:04d}.exr", pixel_format, size, number)
    return folder / "s.%04d.exr"


def pictures_of(info: MediaInfo) -> list[Picture]:
    return list(decode(info, FrameRange(0, info.frame_count, info.rate)))


def same_bits(one: Picture, other: Picture) -> bool:
    return one.layout == other.layout and all(
        mine.tobytes() == theirs.tobytes()
        for mine, theirs in zip(one.planes, other.planes, strict=True)
    )


@pytest.mark.parametrize("codec", ["match", "exr"])
@pytest.mark.parametrize(("pixel_format", "size", "read_as"), KINDS)
def test_every_bit_of_an_exr_sequence_survives(
    pixel_format: str, size: str, read_as: str, codec: Codec, tmp_path: Path
) -> None:
    source = probe(write_sequence(tmp_path, pixel_format, size))
    assert source.layout.pixel_format == read_as
    assert not source.notes
    assert choose_codec(source, codec)[1] == ()
    target = probe(rewrite(source.path, tmp_path / "out", codec))
    assert target.codec == "exr"
    for number, (one, other) in enumerate(
        zip(pictures_of(source), pictures_of(target), strict=True)
    ):
        assert same_bits(one, other)
        count = len(one.planes)
        put = [values(number, plane, half=size == "half") for plane in range(count)]
        for plane, wanted in zip(one.planes, put, strict=True):
            assert plane.astype(np.float32).tobytes() == wanted.tobytes()


@pytest.mark.parametrize(("pixel_format", "size", "read_as"), KINDS)
def test_ffv1_keeps_every_bit_where_it_can(
    pixel_format: str, size: str, read_as: str, tmp_path: Path
) -> None:
    source = probe(write_sequence(tmp_path, pixel_format, size))
    _, notes = choose_codec(source, "ffv1")
    target = probe(rewrite(source.path, tmp_path / "out", "ffv1"))
    if "gbrap" in read_as:
        assert any("clipped" in note for note in notes)
        assert target.layout.pixel_format == "gbrap16le"
        return
    assert any("version 4" in note for note in notes)
    for one, other in zip(pictures_of(source), pictures_of(target), strict=True):
        planes = one.planes * 3 if one.layout.kind == "grey" else one.planes
        assert other.layout.floating
        for mine, theirs in zip(planes, other.planes, strict=True):
            assert mine.tobytes() == theirs.tobytes()


def test_a_still_of_floating_point_becomes_a_sequence_of_it(tmp_path: Path) -> None:
    write_exr(tmp_path / "a.exr", "gbrpf32le", "half")
    settings, notes = choose_codec(probe(tmp_path / "a.exr"), "match")
    assert (settings.encoder, dict(settings.options)["format"]) == ("exr", "half")
    assert any("still" in note for note in notes)


@pytest.mark.parametrize("suffix", [".tif", ".pfm"])
def test_other_files_of_floating_point_become_exr(suffix: str, tmp_path: Path) -> None:
    wanted = np.random.default_rng(0).standard_normal((20, 30, 3)).astype(np.float32) * 4
    for number in range(2):
        cv2.imwrite(str(tmp_path / f"s.{number}{suffix}"), wanted)
    source = probe(tmp_path / f"s.%d{suffix}")
    settings, notes = choose_codec(source, "match")
    assert (settings.encoder, dict(settings.options)["format"]) == ("exr", "float")
    assert any("OpenEXR" in note for note in notes)
    target = probe(rewrite(source.path, tmp_path / "out", "match"))
    for one, other in zip(pictures_of(source), pictures_of(target), strict=True):
        assert np.array_equal(np.dstack(one.planes), wanted[:, :, ::-1])
        assert np.array_equal(np.dstack(other.planes), wanted[:, :, ::-1])


def light(levels: list[float], transfer: str = "linear") -> Picture:
    plane = np.array([levels], np.float32)
    layout = packing_of("gbrpf32le").layout
    colour = ColourSpec(transfer=transfer, matrix="gbr")
    return Picture((plane, plane, plane), layout, colour, 0, 0, Fraction(1, 25))


def test_linear_light_is_shown_under_the_curve_of_srgb() -> None:
    # IEC 61966-2-1: 0.18 is 0.4614, 0.002 is 12.92 times as much.
    shown = to_rgb(light([0.0, 0.002, 0.18, 1.0, 7.5, -1.0, np.nan, np.inf, -np.inf]))
    wanted = [0.0, 0.02584, 0.4614, 1.0, 1.0, 0.0, 0.0, 1.0, 0.0]
    assert shown[0, :, 0] == pytest.approx(wanted, abs=1e-4)
    quick = to_rgb8(light([0.0, 0.18, 1.0, 7.5, np.nan, np.inf]))
    assert quick[0, :, 1].tolist() == [0, 118, 255, 255, 0, 255]


@pytest.mark.parametrize("transfer", ["bt709", "smpte2084"])
def test_another_transfer_is_left_alone(transfer: str) -> None:
    assert to_rgb(light([0.18, 0.5], transfer))[0, :, 0] == pytest.approx([0.18, 0.5])


def test_floating_point_that_does_not_say_is_linear_light() -> None:
    assert to_rgb(light([0.18], "unknown"))[0, 0, 0] == pytest.approx(0.4614, abs=1e-4)


def test_what_is_kept_comes_back_from_what_is_shown() -> None:
    levels = [-3.0, -0.001, 0.0, 0.002, 0.5, 1.0, 40.0, 60000.0]
    shown = to_rgb(light(levels), Box(0, 0, len(levels), 1), out_of_range="keep")
    assert from_rgb(shown, light(levels), 0, 0, out_of_range="keep")[1][0] == pytest.approx(
        levels, rel=1e-5, abs=1e-6
    )


def test_linear_light_is_written_as_it_is_shown_where_samples_are_whole(tmp_path: Path) -> None:
    frame = av.VideoFrame(256, 128, "gbrpf32le")
    write_planes(frame, tuple(np.full((128, 256), 0.18, np.float32) for _ in range(3)))
    frame.pts = 0
    with av.open(str(tmp_path / "g.exr"), "w", format="image2pipe") as file:
        stream = file.add_stream("exr", rate=1)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 256, 128, "gbrpf32le"
        file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    source = probe(tmp_path / "g.exr")
    codecs: tuple[Codec, ...] = ("prores", "dnxhr", "h264", "hevc", "png")
    for codec in codecs:
        _, notes = choose_codec(source, codec)
        assert any("clipped" in note for note in notes)
        target = probe(rewrite(source.path, tmp_path / codec, codec))
        shown = to_rgb(pictures_of(target)[0])
        assert shown.mean() == pytest.approx(0.4614, abs=2.5 / 255)
        assert target.colour.transfer in ("iec61966-2-1", "unknown")


def test_codes_brighter_than_white_reach_exr(tmp_path: Path) -> None:
    clip = Clip(codec="ffv1", pixel_format="yuv444p10le", count=1)
    source = probe(write_clip(tmp_path / "a.mkv", clip))
    target = probe(rewrite(source.path, tmp_path / "out", "exr"))
    meant = to_rgb(pictures_of(source)[0], out_of_range="keep")
    found = np.dstack(pictures_of(target)[0].planes).astype(np.float32)
    assert meant.min() < 0 or meant.max() > 1
    assert np.abs(found - meant).max() < 1 / 1023
