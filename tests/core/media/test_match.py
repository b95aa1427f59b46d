"""What `--codec match` keeps of every codec and pixel format that can be decoded."""

import subprocess
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import pytest

from reenact_core.frames import ColourSpec
from reenact_core.media.codecs import choose_codec
from reenact_core.media.ffmpeg_binary import find_ffmpeg
from reenact_core.media.hdr import MasteringDisplay
from reenact_core.media.layouts import packing_of
from reenact_core.media.probe import MediaInfo, probe
from tests.core.media.clips import HD, Clip, all_frames, rewrite, write_clip
from tests.core.media.test_layouts import FORMATS

WRITTEN = [
    "av1", "bmp", "cfhd", "dnxhd", "dpx", "exr", "ffv1", "ffvhuff", "h264", "hevc", "huffyuv",
    "jpeg2000", "mjpeg", "mpeg1video", "mpeg2video", "mpeg4", "png", "prores", "qtrle", "tiff",
    "utvideo", "v210", "vp8", "vp9",
]  # fmt: skip
NOT_WRITTEN = ["magicyuv", "rawvideo", "webp", "dvvideo", "vc1", "theora", "pfm", "hdr", "jpegxl"]
STILLS = ("bmp", "dpx", "exr", "hdr", "jpegxl", "mjpeg", "pfm", "png", "tiff", "webp")


@pytest.fixture(scope="module")
def some_info(tmp_path_factory: pytest.TempPathFactory) -> MediaInfo:
    clip = Clip(count=2, size=(256, 128))
    return probe(write_clip(tmp_path_factory.mktemp("some") / "a.mp4", clip))


def lost(own: str, written: str) -> set[str]:
    """What FFmpeg's own description of two pixel formats says is lost."""
    one, other = av.VideoFormat(own, 64, 64), av.VideoFormat(written, 64, 64)
    found = set()
    if any(c.is_alpha for c in one.components) and not any(c.is_alpha for c in other.components):
        found.add("opacity")
    floats = [packing_of(name).layout.floating for name in (own, written)]
    if floats == [True, False]:
        found.add("clipped")
    elif one.components[0].bits > other.components[0].bits:
        found.add("bits a sample")
    if len(one.components) >= 3 > len(other.components):
        found.add("no colour")
    elif len(one.components) >= 3 and not other.is_rgb:
        mine, theirs = (
            (layout.components[1].width, layout.components[1].height) for layout in (one, other)
        )
        if one.is_rgb:
            mine = (64, 64)
        if theirs[0] < mine[0] or theirs[1] < mine[1]:
            found.add("halved")
    return found


@pytest.mark.parametrize("codec", WRITTEN + NOT_WRITTEN)
def test_nothing_is_lost_unsaid(codec: str, some_info: MediaInfo) -> None:
    for name in FORMATS:
        for numbers in ((), (1, 2)) if codec in STILLS else ((),):
            info = replace(
                some_info, codec=codec, layout=packing_of(name).layout, numbers=numbers, colour=HD
            )
            settings, notes = choose_codec(info, "match")
            for word in lost(name, settings.pixel_format):
                assert any(word in note for note in notes), (codec, name, settings, notes)


@pytest.mark.parametrize("codec", [*WRITTEN, *NOT_WRITTEN])
def test_nothing_is_lost_but_of_codecs_whose_encoders_take_ten_bits(
    codec: str, some_info: MediaInfo
) -> None:
    for name in FORMATS:
        layout = packing_of(name).layout
        if codec in ("prores", "dnxhd") or (layout.floating and layout.has_alpha):
            continue
        info = replace(some_info, codec=codec, layout=layout, colour=HD)
        settings, notes = choose_codec(info, "match")
        assert not lost(name, settings.pixel_format), (name, settings, notes)


def test_hdr_metadata_chooses_hevc(some_info: MediaInfo) -> None:
    deep = replace(some_info, codec="vp9", layout=packing_of("yuv420p10le").layout)
    assert choose_codec(deep, "match")[0].encoder == "libsvtav1"
    third = Fraction(1, 3)
    point = (third, third)
    screen = MasteringDisplay(point, point, point, point, Fraction(0), Fraction(1000))
    assert choose_codec(replace(deep, mastering=screen), "match")[0].encoder == "libx265"


def test_vp9_of_ten_bits_keeps_them_and_its_tags(tmp_path: Path) -> None:
    source = tmp_path / "a.webm"
    tags = "color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc"
    command = [find_ffmpeg(), "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=128x96:d=0.12:r=25"]
    command += ["-vf", f"setparams={tags}", "-pix_fmt", "yuv420p10le", "-c:v", "libvpx-vp9"]
    made = subprocess.run([*command, str(source)], capture_output=True, check=False)
    if made.returncode:
        pytest.skip("this ffmpeg program has no VP9 of ten bits")
    info = probe(source)
    assert (info.codec, info.layout.depth) == ("vp9", 10)
    _, notes = choose_codec(info, "match")
    assert any("AV1" in note for note in notes)
    target = probe(rewrite(source, tmp_path / "out", "match"))
    assert target.layout.depth == 10
    assert target.colour.transfer == info.colour.transfer == "smpte2084"
    assert target.colour.primaries == "bt2020"


@pytest.mark.parametrize("pixel_format", ["rgb24", "bgr0"])
def test_h264_of_rgb_stays_so(pixel_format: str, tmp_path: Path) -> None:
    clip = Clip("libx264rgb", pixel_format, count=2, colour=ColourSpec(matrix="gbr"))
    source = write_clip(tmp_path / "a.mp4", clip)
    target = rewrite(source, tmp_path / "out", "match")
    assert probe(target).codec == "h264"
    assert all_frames(target)[0].layout.kind == "rgb"


def test_lossless_jpeg_of_limited_range_becomes_jpeg(tmp_path: Path) -> None:
    clip = Clip("ljpeg", "yuv420p", count=2, options={"strict": "-1"})
    target = probe(rewrite(write_clip(tmp_path / "a.avi", clip), tmp_path / "out", "match"))
    assert (target.codec, target.colour.full_range) == ("mjpeg", True)


def test_opacity_that_the_decoder_does_not_give_is_said(tmp_path: Path) -> None:
    source = tmp_path / "a.webm"
    with av.open(str(source), "w") as file:
        options = {"auto-alt-ref": "0"}
        stream = file.add_stream("libvpx-vp9", rate=25, options=options)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuva420p"
        stream.metadata["alpha_mode"] = "1"
        frame = av.VideoFrame(96, 64, "yuva420p")
        frame.pts = 0
        file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    info = probe(source)
    assert info.layout.has_alpha or any("opacity" in note for note in info.notes)
