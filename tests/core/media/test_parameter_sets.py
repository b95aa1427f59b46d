from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from reenact_core.frames import ColourSpec
from reenact_core.media.codecs import Codec, choose_codec
from reenact_core.media.colour import to_rgb
from reenact_core.media.parameter_sets import chroma_location
from reenact_core.media.probe import probe
from tests.core.media.clips import HD, Clip, make_picture, rewrite, write_clip

PLACES = ["left", "center", "topleft", "top", "bottomleft", "bottom"]
QUIET = "log-level=none"
# Encoder, format, suffix, options that make other parameter sets.
STREAMS = [
    ("libx264", "yuv420p", ".mp4", {}),
    ("libx264", "yuv420p10le", ".mkv", {"x264-params": "cqm=jvt"}),
    ("libx264", "yuv420p", ".ts", {"profile": "baseline", "bf": "0"}),
    ("libx264", "yuv420p", ".mov", {"x264-params": "tff=1", "aspect": "4:3"}),
    ("libx265", "yuv420p10le", ".mp4", {"x265-params": QUIET}),
    ("libx265", "yuv420p", ".mkv", {"x265-params": f"{QUIET}:scaling-list=default:bframes=8"}),
    ("libx265", "yuv420p12le", ".ts", {"x265-params": f"{QUIET}:temporal-layers=3:amp=1"}),
    ("libx265", "yuv420p", ".mov", {"x265-params": f"{QUIET}:keyint=1:annexb=1:sar=2"}),
]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(("encoder", "form", "suffix", "options"), STREAMS)
def test_the_place_of_chroma_samples_is_read_from_the_streams_headers(
    encoder: str, form: str, suffix: str, options: dict[str, str], place: str, tmp_path: Path
) -> None:
    options = options | {"chroma_sample_location": place}
    clip = Clip(encoder, form, count=3, size=(128, 96), options=options, aspect=Fraction(4, 3))
    found = probe(write_clip(tmp_path / f"a{suffix}", clip)).colour.chroma_location
    if encoder == "libx264" and place == "left":
        assert found == "unknown"  # x264 leaves out what is understood
    else:
        assert found == place


@pytest.mark.parametrize("place", ["left", "topleft"])
def test_av1_says_left_and_top_left(place: str, tmp_path: Path) -> None:
    options = {"chroma_sample_location": place, "preset": "12"}
    clip = Clip("libsvtav1", "yuv420p10le", count=3, size=(128, 96), options=options)
    assert probe(write_clip(tmp_path / "a.mp4", clip)).colour.chroma_location == place


def test_other_chroma_sizes_have_no_place(tmp_path: Path) -> None:
    options = {"chroma_sample_location": "topleft"}
    clip = Clip("libx264", "yuv422p", count=2, options=options)
    assert probe(write_clip(tmp_path / "a.mp4", clip)).colour.chroma_location == "unknown"


@pytest.mark.parametrize("codec", ["match", "h264", "hevc"])
@pytest.mark.parametrize("place", ["topleft", "center"])
def test_the_place_is_written_again(codec: Codec, place: str, tmp_path: Path) -> None:
    clip = Clip("libx264", count=3, options={"chroma_sample_location": place})
    source = write_clip(tmp_path / "a.mp4", clip)
    assert choose_codec(probe(source), codec)[1] == ()
    assert probe(rewrite(source, tmp_path / "out", codec)).colour.chroma_location == place


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    clip = Clip("libx264", count=3, options={"chroma_sample_location": "topleft"})
    info = probe(write_clip(tmp_path / "a.mp4", clip))
    assert any("topleft" in note for note in choose_codec(info, "ffv1")[1])
    assert not any("topleft" in note for note in choose_codec(info, "prores")[1])


def test_jpeg_in_the_middle_is_told_to_h264(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "a.avi", Clip("mjpeg", "yuvj420p", count=3))
    assert probe(rewrite(source, tmp_path / "out", "h264")).colour.chroma_location == "center"


def test_the_place_moves_colours() -> None:
    left, top = (
        to_rgb(make_picture("yuv420p", (32, 32), ColourSpec(*named, place)))
        for named in [("bt709", "bt709", "bt709", False)]
        for place in ("left", "topleft")
    )
    assert np.abs(left - top).max() > 1 / 255


def test_headers_that_are_cut_off_anywhere_tell_nothing(tmp_path: Path) -> None:
    for encoder, codec in (("libx264", "h264"), ("libx265", "hevc"), ("libsvtav1", "av1")):
        options = {"chroma_sample_location": "topleft"}
        if encoder == "libx265":
            options["x265-params"] = QUIET
        clip = Clip(encoder, count=2, options=options, size=(128, 96), colour=HD)
        with av.open(str(write_clip(tmp_path / f"{codec}.mp4", clip))) as file:
            headers = file.streams.video[0].codec_context.extradata or b""
        assert chroma_location(codec, headers) == "topleft"
        for length in range(len(headers)):
            assert chroma_location(codec, headers[:length]) in ("topleft", "unknown")
