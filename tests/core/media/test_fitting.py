"""What an encoder refuses is told before any work, and what a user expects is taken instead."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from reenact_core.errors import MediaError
from reenact_core.media.codecs import choose_codec
from reenact_core.media.decode import decode
from reenact_core.media.encode import open_encoder
from reenact_core.media.fitting import fit_codec, refusal
from reenact_core.media.probe import MediaInfo, probe
from reenact_core.timing import FrameRange
from tests.core.media.clips import Clip, write_clip


def clip(tmp_path: Path, size: tuple[int, int], **more: object) -> MediaInfo:
    made = write_clip(tmp_path / "a.mkv", Clip("ffv1", size=size, count=3))
    return replace(probe(made), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("codec", ["h264", "hevc"])
@pytest.mark.parametrize(("size", "ratio"), [((65, 49), "444"), ((64, 49), "422")])
def test_an_odd_size_is_written_with_larger_chroma(
    tmp_path: Path, codec: str, size: tuple[int, int], ratio: str
) -> None:
    info = clip(tmp_path, size)
    assert refusal(info, choose_codec(info, codec)[0]) is not None  # type: ignore[arg-type]
    settings, notes = fit_codec(info, codec)  # type: ignore[arg-type]
    assert settings.pixel_format == f"yuv{ratio}p"
    assert any(f"{size[0]}x{size[1]} is an odd size" in note for note in notes)
    frames = FrameRange(0, 3, info.rate)
    path = settings.output_path(tmp_path, "new")
    with open_encoder(path, info, frames, settings) as encoder:
        for picture in decode(info, frames):
            encoder.write(picture)
    made = probe(path)
    assert (made.width, made.height, made.frame_count) == (*size, 3)


def test_a_source_whose_own_codec_cannot_be_written_gets_another_and_a_note(tmp_path: Path) -> None:
    info = clip(tmp_path, (64, 48), codec="mpeg2video", rate=Fraction(7, 3))
    settings, notes = fit_codec(info, "match")
    assert settings.encoder == "prores_ks"
    assert any("mpeg2video does not take 64x48" in note and "prores" in note for note in notes)


def test_a_refusal_names_the_size_and_codecs_that_work(tmp_path: Path) -> None:
    info = clip(tmp_path, (16, 16))
    with pytest.raises(MediaError, match=r"16x16 .* use --codec .*ffv1") as refused:
        fit_codec(info, "dnxhr")
    named = str(refused.value).partition("--codec ")[2]
    works = [name for name in ("ffv1", "prores", "h264", "png") if name in named]
    for name in works:
        assert refusal(info, fit_codec(info, name)[0]) is None  # type: ignore[arg-type]
    assert works


@pytest.mark.parametrize("count", [1, 2])
def test_a_shot_of_one_or_two_frames_can_be_hevc(tmp_path: Path, count: int) -> None:
    info = clip(tmp_path, (64, 48))
    settings, _ = fit_codec(info, "hevc")
    frames = FrameRange(0, count, info.rate)
    for _ in range(3):  # what was wrong came and went with what lay in memory
        with open_encoder(tmp_path / "new.mp4", info, frames, settings) as encoder:
            for picture in decode(info, frames):
                encoder.write(picture)
        assert probe(tmp_path / "new.mp4").frame_count == count


def test_the_odd_portrait_of_a_report_can_be_written(shared: Path) -> None:
    info = probe(shared / "cases" / "odd_size" / "odd.jpg")
    for codec in ("match", "h264", "hevc", "prores", "dnxhr", "ffv1", "png", "exr"):
        settings, _ = fit_codec(info, codec)
        assert refusal(info, settings) is None
    first = next(iter(decode(info, FrameRange(0, 1, info.rate))))
    assert np.asarray(first.planes[0]).shape == (479, 319)
