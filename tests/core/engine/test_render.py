import shutil
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from reenact_core.engine.events import Event, Progress, ShotDone, ShotFailed
from reenact_core.engine.performer import NewFace, Take
from reenact_core.engine.portrait import find_portrait
from reenact_core.engine.render import render_shots
from reenact_core.errors import FaceError, MediaError
from reenact_core.media.probe import probe
from reenact_core.timeline.clip_media import each_once
from reenact_core.timeline.plan import FaceChoice, RenderedShot
from reenact_core.timing import FrameRange
from reenact_core.tracking.track import FaceTrack
from reenact_core.tracking.tracks_file import TracksFile, write_tracks
from tests.core.engine.shots import (
    ECHO,
    find_drawn_faces,
    frames_of,
    plan_of,
    recast,
    redirect,
    render,
    shot_of,
    workshop_in,
)
from tests.core.media.profiles import WIDE, rgb_profile
from tests.echo import EchoPerformer, MaskedPerformer, new_face
from tests.synthetic import ClipFormat, DrawnFace, draw, one_face, write_clip, write_portrait

WIDTH, HEIGHT = 192, 144


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("media")


@pytest.fixture(scope="module")
def clip(folder: Path) -> Path:
    return write_clip(folder / "clip.mkv", 30, form=ClipFormat(sound=True))


@pytest.fixture(scope="module")
def portrait(folder: Path) -> Path:
    return write_portrait(folder / "face.png")


def done_in(events: Sequence[Event]) -> list[RenderedShot]:
    return [event.rendered for event in events if isinstance(event, ShotDone)]


def failed_in(events: Sequence[Event]) -> list[ShotFailed]:
    return [event for event in events if isinstance(event, ShotFailed)]


def changed_frames(new: Path, old: Path, start: int = 0) -> list[int]:
    """Frames of `new` that differ from those of `old` from `start` on."""
    pairs = zip(frames_of(new), frames_of(old)[start:], strict=False)
    return [
        number
        for number, ((_, mine), (_, theirs)) in enumerate(pairs)
        if any((a != b).any() for a, b in zip(mine, theirs, strict=True))
    ]


def names_in(folder: Path) -> set[str]:
    """Everything in a folder and below, as relative names."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def test_an_echo_gives_the_source_back_sample_by_sample(
    tmp_path: Path, clip: Path, portrait: Path
) -> None:
    (shot,) = done_in(render(tmp_path / "out", plan_of(shot_of(clip, 5, 25, recast(portrait)))))
    made = frames_of(shot.output.path)
    assert len(made) == len(shot.output.frames) == 20
    assert changed_frames(shot.output.path, clip, 5) == []
    assert shot.faces == 1


def test_a_new_face_changes_every_frame_but_not_the_corners(
    tmp_path: Path, clip: Path, portrait: Path
) -> None:
    plan = plan_of(shot_of(clip, 5, 25, recast(portrait)))
    (shot,) = done_in(render(tmp_path / "out", plan, InvertingPerformer()))
    assert changed_frames(shot.output.path, clip, 5) == list(range(20))
    for (_, new), (_, old) in zip(frames_of(shot.output.path), frames_of(clip)[5:], strict=False):
        mine, theirs = (planes[0].reshape(HEIGHT, -1)[:, :20] for planes in (new, old))
        assert (mine == theirs).all()


@pytest.mark.parametrize(("across", "fitted"), [(0, True), (90, False)])
def test_a_recast_takes_what_its_mask_says_if_that_lies_on_the_face(
    tmp_path: Path, clip: Path, portrait: Path, across: int, fitted: bool
) -> None:
    plan = plan_of(shot_of(clip, 5, 15, recast(portrait)))
    changed = []
    for number, performer in enumerate((MaskedPerformer(0.7, across), EchoPerformer(0.7))):
        (shot,) = done_in(render(tmp_path / f"{number}", plan, performer))
        pairs = zip(frames_of(shot.output.path), frames_of(clip)[5:], strict=False)
        changed.append(np.stack([new[0] != old[0] for (_, new), (_, old) in pairs]))
    masked, by_points = changed
    assert masked.any(axis=1).all()
    if fitted:
        assert masked.sum() < 0.5 * by_points.sum()
    else:
        assert np.array_equal(masked, by_points)


@dataclass(frozen=True, slots=True)
class InvertingPerformer(EchoPerformer):
    """Turns every face into its negative."""

    def perform(self, takes: Sequence[Take]) -> Iterator[tuple[str, int, NewFace]]:
        for take in takes:
            for index in range(len(take.driving)):
                yield take.take_id, index, new_face(1 - take.driving[index])


@dataclass(frozen=True)
class RecordingPerformer(EchoPerformer):
    """Remembers which driving frames it was given."""

    played: list[int] = field(default_factory=list)

    def perform(self, takes: Sequence[Take]) -> Iterator[tuple[str, int, NewFace]]:
        for take in takes:
            self.played.extend(int(number) for number in take.driving.numbers)
        yield from EchoPerformer().perform(takes)


def test_progress_of_every_stage_rises_to_its_total(
    tmp_path: Path, clip: Path, portrait: Path
) -> None:
    events = render(tmp_path / "out", plan_of(shot_of(clip, 0, 12, recast(portrait))))
    for stage in ("track", "cut", "move", "paste"):
        seen = [e for e in events if isinstance(e, Progress) and e.stage == stage]
        assert seen[-1].done == seen[-1].total
        assert all(one.done <= other.done for one, other in pairwise(seen))


def test_a_shot_that_fails_does_not_stop_the_others(
    tmp_path: Path, clip: Path, portrait: Path
) -> None:
    broken = tmp_path / "broken.mov"
    broken.write_bytes(b"no media")
    plan = plan_of(
        shot_of(broken, 0, 10, recast(portrait), name="broken"),
        shot_of(tmp_path / "gone.mov", 0, 10, recast(portrait), name="gone"),
        shot_of(clip, 0, 10, recast(portrait), name="good"),
        shot_of(clip, 0, 100, recast(portrait), name="beyond"),
    )
    events = render(tmp_path / "out", plan)
    assert [shot.shot.shot_id for shot in done_in(events)] == ["good"]
    errors = {failure.shot.shot_id: failure.error for failure in failed_in(events)}
    assert set(errors) == {"broken", "gone", "beyond"}
    assert all(isinstance(error, MediaError) for error in errors.values())
    assert "gone.mov" in str(errors["gone"])
    assert {name for name in names_in(tmp_path / "out") if not name.startswith(".")} == {"good.mp4"}


def test_a_clip_without_a_face_fails_and_says_so(tmp_path: Path, portrait: Path) -> None:
    empty = write_clip(tmp_path / "empty.mkv", 8, lambda _: [])
    (failure,) = failed_in(
        render(tmp_path / "out", plan_of(shot_of(empty, 0, 8, recast(portrait))))
    )
    assert isinstance(failure.error, FaceError)
    assert "no face" in str(failure.error)


def test_a_face_for_two_frames_only_is_left_alone(tmp_path: Path, portrait: Path) -> None:
    faces = one_face(WIDTH, HEIGHT)
    brief = write_clip(tmp_path / "brief.mkv", 20, lambda n: faces(n) if n in (8, 9) else [])
    (failure,) = failed_in(
        render(tmp_path / "out", plan_of(shot_of(brief, 0, 20, recast(portrait))))
    )
    assert isinstance(failure.error, FaceError)


def test_a_face_that_goes_fades_back_to_the_source(tmp_path: Path, portrait: Path) -> None:
    faces = one_face(WIDTH, HEIGHT)
    media = write_clip(tmp_path / "goes.mkv", 60, lambda n: faces(n) if n < 40 else [])
    plan = plan_of(shot_of(media, 0, 60, recast(portrait)))
    (shot,) = done_in(render(tmp_path / "out", plan, InvertingPerformer()))
    changed = changed_frames(shot.output.path, media)
    assert changed == list(range(len(changed)))
    assert 30 < len(changed) <= 45


@pytest.mark.parametrize("faces", [0, 2, 5])
def test_a_portrait_must_show_one_face(tmp_path: Path, clip: Path, faces: int) -> None:
    many = [DrawnFace(60 + 90 * n, 100, 30) for n in range(faces)]
    picture = tmp_path / "group.png"
    cv2.imwrite(str(picture), draw(500, 200, many)[..., ::-1])
    (failure,) = failed_in(render(tmp_path / "out", plan_of(shot_of(clip, 0, 10, recast(picture)))))
    assert isinstance(failure.error, FaceError)
    assert "group.png" in str(failure.error)


def test_a_small_face_beside_the_portrait_does_not_matter(tmp_path: Path, clip: Path) -> None:
    picture = tmp_path / "two.png"
    both = [DrawnFace(150, 150, 80), DrawnFace(400, 60, 25)]
    cv2.imwrite(str(picture), draw(500, 300, both)[..., ::-1])
    events = render(tmp_path / "out", plan_of(shot_of(clip, 0, 10, recast(picture))))
    assert failed_in(events) == []


def test_two_faces_of_a_clip_are_both_replaced(tmp_path: Path, portrait: Path) -> None:
    def two(number: int) -> list[DrawnFace]:
        return [DrawnFace(50, 72, 22, 0.3), DrawnFace(140, 72, 22, 0.6)]

    media = write_clip(tmp_path / "two.mkv", 12, two)
    choices = FaceChoice(select="left"), FaceChoice(select="right")
    casts = [recast(portrait, choice) for choice in choices]
    plan = plan_of(shot_of(media, 0, 12, *casts))
    (shot,) = done_in(render(tmp_path / "out", plan, InvertingPerformer()))
    assert shot.faces == 2
    new, old = (frames_of(path)[6][1][0].reshape(HEIGHT, -1) for path in (shot.output.path, media))
    columns = np.flatnonzero((new != old).any(axis=0))
    assert columns.min() < 50
    assert columns.max() > 140


def test_a_driver_that_ends_early_hands_the_face_back(tmp_path: Path, clip: Path) -> None:
    driver = write_clip(tmp_path / "driver.mkv", 15, one_face(WIDTH, HEIGHT, size=0.25))
    plan = plan_of(shot_of(clip, 0, 30, redirect(driver)))
    (shot,) = done_in(render(tmp_path / "out", plan, InvertingPerformer()))
    changed = changed_frames(shot.output.path, clip)
    assert changed[0] == 0
    assert 10 <= max(changed) <= 15
    assert any("driver.mkv" in note for note in shot.notes)


def test_a_driver_of_another_rate_is_followed_by_time(tmp_path: Path, clip: Path) -> None:
    recorder = RecordingPerformer()
    driver = write_clip(tmp_path / "driver.mkv", 60, form=ClipFormat(rate=Fraction(50)))
    render(tmp_path / "out", plan_of(shot_of(clip, 0, 30, redirect(driver))), recorder)
    assert recorder.played == [2 * n for n in range(30)]


def test_the_same_job_again_keeps_its_shots(tmp_path: Path, clip: Path, portrait: Path) -> None:
    plan = plan_of(shot_of(clip, 0, 10, recast(portrait)))
    render(tmp_path / "out", plan)
    before = (tmp_path / "out" / "sh010.mp4").stat().st_mtime_ns
    (event,) = render(tmp_path / "out", plan)
    assert isinstance(event, ShotDone)
    assert event.kept
    assert (tmp_path / "out" / "sh010.mp4").stat().st_mtime_ns == before


def test_a_changed_input_is_rendered_again(tmp_path: Path, clip: Path, portrait: Path) -> None:
    own = tmp_path / "face.png"
    shutil.copy(portrait, own)
    plan = plan_of(shot_of(clip, 0, 10, recast(own)))
    render(tmp_path / "out", plan)
    write_portrait(own, 300)
    events = render(tmp_path / "out", plan)
    assert [event.kept for event in events if isinstance(event, ShotDone)] == [False]


@pytest.mark.parametrize("stage", ["track", "cut", "move", "paste"])
def test_closing_leaves_nothing_half_done(
    tmp_path: Path, clip: Path, portrait: Path, stage: str
) -> None:
    out = tmp_path / "out"
    threads = threading.active_count()
    with workshop_in(out) as workshop:
        events = render_shots(plan_of(shot_of(clip, 0, 30, recast(portrait))), workshop)
        for event in events:
            if isinstance(event, Progress) and event.stage == stage:
                break
        events.close()
    left = {name for name in names_in(out) if "tracks/" not in name and "hashes" not in name}
    assert left <= {".reenact", ".reenact/lock", ".reenact/tracks"}
    assert threading.active_count() == threads


def test_handles_before_the_shown_frames_hold_the_drivers_first(tmp_path: Path, clip: Path) -> None:
    recorder = RecordingPerformer()
    driver = write_clip(tmp_path / "driver.mkv", 40)
    shot = shot_of(clip, 5, 25, redirect(driver))
    shown = FrameRange(10, 20, Fraction(25))
    render(tmp_path / "out", plan_of(replace(shot, shown=shown)), recorder)
    assert recorder.played == [0] * 5 + list(range(15))


def test_no_strength_leaves_the_clip_as_it_is(tmp_path: Path, clip: Path, portrait: Path) -> None:
    cast = replace(recast(portrait), strength=0.0)
    plan = plan_of(shot_of(clip, 0, 10, cast))
    (shot,) = done_in(render(tmp_path / "out", plan, InvertingPerformer()))
    assert changed_frames(shot.output.path, clip) == []
    assert shot.faces == 0


def test_tracks_given_by_hand_are_used_for_their_video(
    tmp_path: Path, clip: Path, portrait: Path
) -> None:
    boxes = np.tile([10.0, 10.0, 60.0, 60.0], (30, 1))
    nothing = np.full((30, 5, 2), np.nan)
    track = FaceTrack(7, FrameRange(0, 30, Fraction(25)), boxes, nothing, np.ones(30))
    tracks = tmp_path / "tracks.json"
    write_tracks(tracks, TracksFile(clip, Fraction(25), (track,)))
    plan = plan_of(shot_of(clip, 0, 10, recast(portrait, FaceChoice(select=None, track_id=7))))
    events = render(tmp_path / "out", plan, InvertingPerformer(), tracks=(tracks,))
    (shot,) = done_in(events)
    new, old = (frames_of(path)[5][1][0].reshape(HEIGHT, -1) for path in (shot.output.path, clip))
    columns = np.flatnonzero((new != old).any(axis=0))
    assert columns.max() < 100


def test_pictures_of_an_earlier_longer_sequence_are_removed(
    tmp_path: Path, clip: Path, portrait: Path
) -> None:
    for stop in (12, 8):
        plan = plan_of(shot_of(clip, 0, stop, recast(portrait)))
        (shot,) = done_in(render(tmp_path / "out", plan, codec="png"))
    assert len(list(shot.output.path.parent.iterdir())) == 8
    assert shot.output.first_number == 1
    (event,) = render(tmp_path / "out", plan, codec="png")
    assert isinstance(event, ShotDone)
    assert event.kept


def test_a_new_face_stands_at_once_on_both_sides_of_a_cut(tmp_path: Path, portrait: Path) -> None:
    left = DrawnFace(50, 72, 26)
    right = DrawnFace(140, 72, 30)
    media = write_clip(tmp_path / "cut.mkv", 40, lambda n: [left if n < 20 else right], cuts=[20])
    plan = plan_of(shot_of(media, 0, 40, recast(portrait)))
    (shot,) = done_in(render(tmp_path / "out", plan, InvertingPerformer()))
    pairs = zip(frames_of(shot.output.path), frames_of(media), strict=True)
    changes = [float((new[0].astype(float) != old[0]).mean()) for (_, new), (_, old) in pairs]
    assert min(changes[18:22]) > 0.8 * max(changes[10:12])


def test_a_clip_that_is_exchanged_after_the_plan_fails_its_shot_alone(
    tmp_path: Path, clip: Path, portrait: Path
) -> None:
    own, link = shutil.copy(clip, tmp_path / "own.mkv"), tmp_path / "link.mkv"
    link.symlink_to(own)
    look = each_once(probe)
    assert look(link).frame_count == 30  # as the plan does
    link.unlink()
    link.symlink_to(write_clip(tmp_path / "other.mkv", 30))
    plan = plan_of(
        shot_of(link, 0, 6, recast(portrait)), shot_of(clip, 0, 6, recast(portrait), name="sh020")
    )
    with workshop_in(tmp_path / "out") as workshop:
        events = list(render_shots(plan, replace(workshop, look=look)))
    (failed,) = failed_in(events)
    assert isinstance(failed.error, MediaError) and failed.shot.shot_id == "sh010"
    assert str(failed.error).startswith(f"{link}: has changed since this job first looked at it")
    assert [done.shot.shot_id for done in done_in(events)] == ["sh020"]


def test_a_clip_that_is_exchanged_in_mid_job_fails_its_shot(
    tmp_path: Path, clip: Path, portrait: Path
) -> None:
    own = Path(shutil.copy(clip, tmp_path / "own.mkv"))
    plan = plan_of(shot_of(own, 0, 20, recast(portrait)))
    with workshop_in(tmp_path / "out") as workshop:
        run = render_shots(plan, workshop)
        events: list[Event] = []
        for event in run:
            events.append(event)
            if isinstance(event, Progress) and event.stage == "move" and own.exists():
                own.unlink()
                own.symlink_to(clip)
    (failed,) = failed_in(events)
    assert "has changed since this job first looked at it" in str(failed.error)
    assert not list((tmp_path / "out").glob("*.mov")) + list((tmp_path / "out").glob("*.mp4"))


def test_a_source_picture_with_a_profile_is_converted_and_said(
    tmp_path: Path, clip: Path, portrait: Path
) -> None:
    wide = tmp_path / "wide.png"
    Image.open(portrait).save(wide, icc_profile=rgb_profile("Wide", WIDE, 2.2))
    plain = find_portrait(portrait, None, ECHO, find_drawn_faces)
    found = find_portrait(wide, None, ECHO, find_drawn_faces)
    kept = find_portrait(wide, None, ECHO, find_drawn_faces, colours="own")
    assert np.abs(found.pixels - plain.pixels).max() > 0.02
    assert np.array_equal(kept.pixels, plain.pixels) and kept.notes == ()
    said = "wide.png: its colours are converted from Wide to sRGB"
    (done,) = done_in(render(tmp_path / "out", plan_of(shot_of(clip, 0, 6, recast(wide)))))
    assert found.notes == (said,) and said in done.notes
