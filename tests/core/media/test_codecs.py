from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from reenact_core.frames import ColourSpec
from reenact_core.media.codecs import choose_codec
from reenact_core.media.probe import probe
from tests.core.media.clips import HD, Clip, write_clip


@pytest.mark.parametrize(
    ("clip", "suffix", "encoder", "pixel_format", "muxer"),
    [
        (Clip(), ".mp4", "libx264", "yuv420p", "mp4"),
        (Clip(pixel_format="yuv422p10le"), ".mov", "libx264", "yuv422p10le", "mov"),
        (Clip(codec="ffv1", pixel_format="gbrp12le"), ".mkv", "ffv1", "gbrp12le", "matroska"),
        (Clip(codec="mjpeg", pixel_format="yuvj422p"), ".avi", "mjpeg", "yuv422p", "avi"),
        (Clip(codec="mpeg2video"), ".ts", "mpeg2video", "yuv420p", "mpegts"),
        (Clip(codec="png", pixel_format="rgb24"), ".mov", "png", "rgb24", "mov"),
        (Clip(codec="utvideo", pixel_format="yuv422p"), ".avi", "utvideo", "yuv422p", "avi"),
        (Clip(codec="gif", pixel_format="rgb8"), ".gif", "prores_ks", "yuva444p10le", "mov"),
    ],
)
def test_match_is_as_the_source(
    tmp_path: Path, clip: Clip, suffix: str, encoder: str, pixel_format: str, muxer: str
) -> None:
    if clip.codec == "gif":
        _write_gif(tmp_path / "a.gif")
        info = probe(tmp_path / "a.gif")
    else:
        info = probe(write_clip(tmp_path / f"a{suffix}", clip))
    settings, notes = choose_codec(info, "match")
    assert (settings.encoder, settings.pixel_format, settings.muxer) == (
        encoder,
        pixel_format,
        muxer,
    )
    assert bool(notes) == (clip.codec == "gif")


def _write_gif(path: Path) -> None:
    import av

    with av.open(str(path), "w") as target:
        stream = target.add_stream("gif", rate=10)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 24, 16, "rgb8"
        target.mux(stream.encode(av.VideoFrame(24, 16, "rgb8")))
        target.mux(stream.encode(None))


@pytest.mark.parametrize("profile", ["proxy", "lt", "standard", "hq", "4444"])
def test_match_keeps_the_prores_profile(tmp_path: Path, profile: str) -> None:
    deep = "yuv444p10le" if profile == "4444" else "yuv422p10le"
    clip = Clip(codec="prores_ks", pixel_format=deep, options={"profile": profile}, count=3)
    settings, notes = choose_codec(probe(write_clip(tmp_path / "a.mov", clip)), "match")
    assert dict(settings.options)["profile"] == profile
    assert not notes or "bits" in notes[0]


@pytest.mark.parametrize("profile", ["dnxhr_lb", "dnxhr_sq", "dnxhr_hq", "dnxhr_hqx"])
def test_match_keeps_the_dnxhr_profile(tmp_path: Path, profile: str) -> None:
    deep = "yuv422p10le" if profile == "dnxhr_hqx" else "yuv422p"
    clip = Clip(
        codec="dnxhd", pixel_format=deep, options={"profile": profile}, count=3, size=(320, 192)
    )
    settings, _ = choose_codec(probe(write_clip(tmp_path / "a.mov", clip)), "match")
    assert dict(settings.options)["profile"] == profile
    assert settings.pixel_format == deep


def test_what_changes_is_said(tmp_path: Path) -> None:
    alpha = Clip(codec="ffv1", pixel_format="yuva444p12le", colour=HD)
    info = probe(write_clip(tmp_path / "a.mkv", alpha))
    _, notes = choose_codec(info, "h264")
    assert any("opacity" in note for note in notes)
    full = Clip(colour=ColourSpec("bt709", "bt709", "bt709", True))
    _, notes = choose_codec(probe(write_clip(tmp_path / "b.mp4", full)), "prores")
    assert any("limited range" in note for note in notes)
    _, notes = choose_codec(probe(write_clip(tmp_path / "c.mp4", Clip(sound=("aac",)))), "png")
    assert any("sound" in note for note in notes)


def test_exr_is_said_not_to_be_linear_and_is_half_where_that_is_exact(tmp_path: Path) -> None:
    for depth, size in ((8, "half"), (10, "half"), (12, "float")):
        form = "yuv422p" if depth == 8 else f"yuv422p{depth}le"
        clip = write_clip(tmp_path / f"{depth}.mkv", Clip(codec="ffv1", pixel_format=form))
        settings, notes = choose_codec(probe(clip), "exr")
        assert dict(settings.options)["format"] == size
        assert any("not linear light" in note for note in notes)


def test_sound_decides_the_container(tmp_path: Path) -> None:
    pcm = probe(write_clip(tmp_path / "a.mov", Clip(sound=("pcm_s24le",))))
    assert choose_codec(pcm, "h264")[0].muxer == "mov"
    aac = probe(write_clip(tmp_path / "b.mov", Clip(sound=("aac",))))
    assert choose_codec(aac, "h264")[0].muxer == "mp4"
    opus = probe(write_clip(tmp_path / "c.mkv", Clip(sound=("libopus", "aac"))))
    assert choose_codec(opus, "match")[0].muxer == "matroska"
    odd = probe(write_clip(tmp_path / "d.avi", Clip(codec="mpeg4", sound=("adpcm_ms",))))
    assert choose_codec(odd, "match")[0].muxer == "avi"
    settings, notes = choose_codec(odd, "prores")
    assert (settings.muxer, settings.sound) == ("mov", "pcm")
    assert any("decoded to PCM" in note for note in notes)


def test_stills_become_films_and_sequences_stay_sequences(tmp_path: Path) -> None:
    for number in range(3):
        cv2.imwrite(str(tmp_path / f"s.{number}.jpg"), np.full((16, 24, 3), 9, np.uint8))
    sequence, _ = choose_codec(probe(tmp_path / "s.%d.jpg"), "match")
    assert (sequence.encoder, sequence.is_sequence, sequence.suffix) == ("mjpeg", True, ".jpg")
    still, notes = choose_codec(probe(tmp_path / "s.1.jpg"), "match")
    assert (still.encoder, still.is_sequence) == ("prores_ks", False)
    assert notes


def test_paths_follow_the_container(tmp_path: Path) -> None:
    info = probe(write_clip(tmp_path / "a.mp4", Clip(rate=Fraction(25))))
    film, _ = choose_codec(info, "prores")
    assert film.output_path(Path("out"), "sh010") == Path("out/sh010.mov")
    pictures, _ = choose_codec(info, "png")
    assert pictures.output_path(Path("out"), "sh010") == Path("out/sh010/sh010.%06d.png")
