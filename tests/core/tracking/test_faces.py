"""Faces are followed from detections and flow: smooth, without lag, never across a cut."""

import itertools
import math
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pytest

from reenact_core.frames import Picture
from reenact_core.geometry import Box
from reenact_core.timing import FrameRange
from reenact_core.tracking.faces import TrackSettings, find_faces, searched_frames
from reenact_core.tracking.track import FaceTrack
from tests.core.tracking.moving import RATE, Cast, Knowing, Patch, frame_pixels, picture_of

SIZE = (320, 240)
SETTINGS = TrackSettings(work_side=320, points="average")


def follow(
    cast: Cast,
    count: int,
    *,
    cuts: Sequence[int] = (),
    start: int = 0,
    settings: TrackSettings = SETTINGS,
    error: float = 0.0,
    size: tuple[int, int] = SIZE,
) -> list[FaceTrack]:
    """The tracks of a drawn clip whose ground changes at each cut."""

    def pictures() -> Iterator[Picture]:
        for frame in range(count):
            ground = 99 + sum(cut <= frame for cut in cuts)
            yield picture_of(frame_pixels(cast(frame), size, ground), start + frame)

    edges = [0, *cuts, count]
    searched = [
        frame
        for first, last in itertools.pairwise(edges)
        for frame in searched_frames(range(first, last), settings.detect_every)
    ]
    scale = min(1.0, settings.work_side / max(size))
    detector = Knowing(cast, searched, scale, error)
    return find_faces(pictures(), FrameRange(start, start + count, RATE), settings, detector)


def overlaps(track: FaceTrack, cast: Cast, number: int = 0) -> list[float]:
    """Overlap with the truth in every frame of the track where the patch is to be seen."""
    found = []
    for frame in range(track.frames.start, track.frames.stop):
        truth = next(patch for patch in cast(frame) if patch.number == number)
        box = track.box_at(frame)
        if not truth.hidden:
            found.append(box.overlap(truth.box) if box is not None else 0.0)
    return found


def swinging(frame: int) -> list[Patch]:
    """To and fro, by up to a tenth of its size a frame, and growing."""
    return [Patch(160 + 60 * math.sin(frame / 9), 120 + 20 * math.cos(frame / 7), 60 + frame / 4)]


def test_a_moving_face_is_one_track_that_lies_on_it() -> None:
    (track,) = follow(swinging, 60)
    assert track.frames == FrameRange(0, 60, RATE)
    assert min(overlaps(track, swinging)) > 0.9
    assert track.confidence.min() > 0.8


def test_detectors_tremble_is_taken_out() -> None:
    (track,) = follow(swinging, 80, error=0.05)
    truth = np.array([[*swinging(frame)[0].box.centre] for frame in range(80)])
    centres = (track.boxes[:, :2] + track.boxes[:, 2:]) / 2
    off = (centres - truth) / 70
    # Detections are off by 5 % each; the path less than half of that, and steadily so.
    assert np.sqrt((off**2).mean()) < 0.025
    assert np.sqrt((np.diff(off, axis=0) ** 2).mean()) < 0.008


def test_the_path_does_not_lag() -> None:
    """A lag of one frame would show as an error along the motion."""
    (track,) = follow(swinging, 80)
    centres = (track.boxes[:, 0] + track.boxes[:, 2]) / 2
    truth = np.array([swinging(frame)[0].x for frame in range(80)])
    speed = np.gradient(truth)
    lag = -((centres - truth) * speed).sum() / (speed**2).sum()
    assert abs(lag) < 0.15


def test_frames_are_numbered_as_in_the_file() -> None:
    (track,) = follow(lambda frame: swinging(frame), 20, start=1000)
    assert track.frames == FrameRange(1000, 1020, RATE)


def test_boxes_are_in_pixels_of_the_displayed_frame() -> None:
    def doubled(frame: int) -> list[Patch]:
        return [
            replace(patch, x=2 * patch.x, y=2 * patch.y, side=2 * patch.side)
            for patch in swinging(frame)
        ]

    (track,) = follow(doubled, 24, size=(640, 480))
    assert min(overlaps(track, doubled)) > 0.85


def test_a_cut_ends_tracks_even_where_the_face_stays() -> None:
    first, second = follow(swinging, 50, cuts=[23])
    assert (first.frames.stop, second.frames.start) == (23, 23)
    assert (first.face_id, second.face_id) == (1, 2)


def test_a_face_behind_something_for_a_moment_stays_one_track() -> None:
    def cast(frame: int) -> list[Patch]:
        hidden = 21 <= frame < 27
        return [Patch(80 + 2 * frame, 120, 64, hidden=hidden)]

    (track,) = follow(cast, 60)
    assert len(track.frames) == 60
    assert min(overlaps(track, cast)) > 0.8


def test_a_face_that_leaves_ends() -> None:
    def cast(frame: int) -> list[Patch]:
        return [Patch(160, 120, 64, hidden=frame >= 40)]

    (track,) = follow(cast, 100)
    assert 40 <= track.frames.stop < 70
    assert track.box_at(39) is not None


def test_faces_that_cross_keep_their_ids() -> None:
    def cast(frame: int) -> list[Patch]:
        return [Patch(60 + 3 * frame, 90, 56, 1), Patch(260 - 3 * frame, 150, 56, 2)]

    tracks = follow(cast, 66)
    assert [track.face_id for track in tracks] == [1, 2]
    assert min(overlaps(tracks[0], cast, 1)) > 0.8
    assert min(overlaps(tracks[1], cast, 2)) > 0.8


def test_a_clip_without_faces_has_no_tracks() -> None:
    assert follow(lambda frame: [], 20) == []


def test_no_pictures_are_no_tracks() -> None:
    assert follow(lambda frame: [], 0) == []


def test_one_frame_is_enough_for_a_track() -> None:
    (track,) = follow(swinging, 1)
    assert len(track.frames) == 1
    assert track.box_at(0) is not None


def test_weak_detections_make_no_face() -> None:
    cast = swinging

    def pictures() -> Iterator[Picture]:
        for frame in range(40):
            yield picture_of(frame_pixels(cast(frame), SIZE), frame)

    detector = Knowing(cast, searched_frames(range(40), 4), score=0.5)
    assert find_faces(pictures(), FrameRange(0, 40, RATE), SETTINGS, detector) == []


def test_pictures_are_taken_one_by_one_and_let_go() -> None:
    alive: list[int] = []

    class Counted(Picture):
        def __del__(self) -> None:
            alive.remove(self.index)

    def pictures() -> Iterator[Picture]:
        for frame in range(30):
            made = picture_of(frame_pixels(swinging(frame), SIZE), frame)
            alive.append(frame)
            assert len(alive) <= 3
            yield Counted(made.planes, made.layout, made.colour, frame, frame, made.time_base)

    detector = Knowing(swinging, searched_frames(range(30), 4))
    (track,) = find_faces(pictures(), FrameRange(0, 30, RATE), SETTINGS, detector)
    assert len(track.frames) == 30


def test_nothing_is_left_on_disk_when_the_decoder_fails(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path_factory.mktemp("spool")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))

    def pictures() -> Iterator[Picture]:
        yield picture_of(frame_pixels(swinging(0), SIZE), 0)
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        find_faces(pictures(), FrameRange(0, 9, RATE), SETTINGS, Knowing(swinging, [0]))
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    "wrong",
    [{"work_side": 10}, {"detect_every": 0}, {"smooth_seconds": -1.0}, {"least_score": 1.5}],
)
def test_settings_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        TrackSettings(**wrong)  # type: ignore[arg-type]


def test_the_first_and_last_frame_of_a_shot_are_searched() -> None:
    assert searched_frames(range(5, 14), 4) == [5, 8, 12, 13]
    assert searched_frames(range(7, 8), 4) == [7]


def test_boxes_stay_square_for_square_detections() -> None:
    (track,) = follow(swinging, 20)
    boxes = [track.box_at(frame) for frame in range(20)]
    assert all(isinstance(box, Box) and abs(box.width - box.height) < 1e-6 for box in boxes)
