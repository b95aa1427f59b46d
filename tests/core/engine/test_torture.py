"""Files from the wild: each is rendered whole, or refused in one sentence without leftovers."""

from dataclasses import replace
from pathlib import Path

import pytest

from reenact_core.engine.events import ShotDone, ShotFailed
from reenact_core.engine.render import render_shots
from reenact_core.engine.resume import open_run
from reenact_core.engine.workshop import Workshop
from reenact_core.errors import MediaError, ReenactError
from reenact_core.geometry import Box
from reenact_core.media.decode import decode
from reenact_core.media.probe import probe
from reenact_core.timeline.plan import Shot, Source
from reenact_core.timing import FrameRange
from reenact_core.tracking.detect import FaceDetection, Pixels
from tests.core.engine.shots import ECHO, find_drawn_faces, plan_of, recast, shot_of
from tests.echo import EchoPerformer
from tests.synthetic import write_portrait

BROKEN = [
    "audio_only.m4a",
    "audio_only.mp4",
    "text_named.mp4",
    "truncated_no_moov.mp4",
    "zero_byte.mp4",
]
DAMAGED = [
    pytest.param("bitflips_mid.mp4", marks=pytest.mark.slow),
    "truncated_moov_first.mp4",
    "resolution_change_midstream.ts",
]
ODD = [
    "anamorphic_sar4x3.mp4",
    "bt601_sd.mp4",
    "dnxhr_hqx_10bit.mxf",
    "dropframe_tc_2997.mov",
    "fullrange_yuvj420p.mp4",
    "hevc10_hdr10_pq_bt2020.mp4",
    "interlaced_mpeg2_576i_tff.mpg",
    "odd_333x187_mjpeg.avi",
    "odd_641x361_h264_444.mp4",
    "one_frame.mp4",
    "prores422hq_10bit_23976_tc.mov",
    "prores4444_alpha.mov",
    "rotated90_metadata.mp4",
    "start_offset_1h.ts",
    "two_audio_tracks.mov",
    "untagged_colour.mp4",
    "vfr_h264.mp4",
]

UNREAD = replace(ECHO, track=replace(ECHO.track, points="average"))
"""What `find_middle` finds need not be a face."""


def find_middle(picture: Pixels) -> list[FaceDetection]:
    """A face in the middle of every frame; portraits by their drawn skin."""
    drawn = find_drawn_faces(picture)
    if drawn and picture.shape[0] == picture.shape[1]:
        return drawn
    height, width = picture.shape[:2]
    side = 0.3 * min(height, width)
    x, y = width / 2, height / 2
    return [FaceDetection(Box(x - side / 2, y - side / 2, x + side / 2, y + side / 2), 1.0)]


def render(out: Path, shot: Shot) -> ShotDone | ShotFailed:
    with open_run(out) as folder:
        workshop = Workshop(folder, UNREAD, "ffv1", find_middle, "middle", EchoPerformer(), "echo")
        events = list(render_shots(plan_of(shot), workshop))
    last = events[-1]
    assert isinstance(last, ShotDone | ShotFailed)
    return last


def final_names(out: Path) -> set[str]:
    return {path.name for path in out.iterdir() if not path.name.startswith(".")}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_video_is_refused(tmp_path: Path, shared: Path, name: str) -> None:
    portrait = write_portrait(tmp_path / "face.png")
    media = shared / "clips" / "torture" / name
    last = render(tmp_path / "out", shot_of(media, 0, 10, recast(portrait)))
    assert isinstance(last, ShotFailed)
    assert isinstance(last.error, MediaError)
    assert name in str(last.error)
    assert final_names(tmp_path / "out") == set()


@pytest.mark.parametrize("name", ODD)
def test_an_odd_file_comes_out_with_its_frames_and_times(
    tmp_path: Path, shared: Path, name: str
) -> None:
    portrait = write_portrait(tmp_path / "face.png")
    media = shared / "clips" / "torture" / name
    info = probe(media)
    frames = FrameRange(0, min(12, info.frame_count), info.rate)
    shot = shot_of(media, 0, 1, recast(portrait))
    last = render(tmp_path / "out", with_frames(shot, Source(media, frames)))
    assert isinstance(last, ShotDone), str(getattr(last, "error", ""))
    made = probe(last.rendered.output.path)
    assert (made.width, made.height, made.frame_count) == (info.width, info.height, len(frames))
    assert made.pixel_aspect == info.pixel_aspect
    assert made.rotation == info.rotation
    before = [float((time - info.times[0]) * info.time_base) for time in info.times[: len(frames)]]
    after = [float((time - made.times[0]) * made.time_base) for time in made.times]
    assert after == pytest.approx(before, abs=0.0011)
    whole = FrameRange(0, len(frames), made.rate)
    for old, new in zip(decode(info, frames), decode(made, whole), strict=True):
        assert all((a == b).all() for a, b in zip(old.planes, new.planes, strict=True))


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_file_is_rendered_or_refused_whole(
    tmp_path: Path, shared: Path, name: str
) -> None:
    portrait = write_portrait(tmp_path / "face.png")
    media = shared / "clips" / "torture" / name
    info = probe(media)
    shot = with_frames(
        shot_of(media, 0, 1, recast(portrait)),
        Source(media, FrameRange(0, info.frame_count, info.rate)),
    )
    last = render(tmp_path / "out", shot)
    if isinstance(last, ShotFailed):
        assert isinstance(last.error, ReenactError)
        assert name in str(last.error)
        assert final_names(tmp_path / "out") == set()
    else:
        assert probe(last.rendered.output.path).frame_count == info.frame_count


def with_frames(shot: Shot, source: Source) -> Shot:
    return replace(shot, target=source, shown=source.frames)
