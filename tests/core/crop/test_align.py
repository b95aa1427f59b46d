from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from reenact_core.crop.align import CropSettings, align, align_still
from reenact_core.crop.points import roll_of, smooth_points
from reenact_core.errors import FaceError
from reenact_core.geometry import Box
from reenact_core.timing import FrameRange
from reenact_core.tracking.track import FaceTrack

Floats = NDArray[np.float64]

FACE = np.array([[-20.0, -15.0], [20.0, -15.0], [0.0, 5.0], [-15.0, 25.0], [15.0, 25.0]])
"""Five points of a face that looks at the camera, about the middle of its box."""


def turned(points: Floats, roll: float) -> Floats:
    cos, sin = np.cos(roll), np.sin(roll)
    return np.asarray(points @ np.array([[cos, sin], [-sin, cos]]))


def track(centres: Floats, half: Floats, rolls: Floats) -> FaceTrack:
    """A face 2 * half wide at those places."""
    boxes = np.concatenate([centres - half[:, None], centres + half[:, None]], axis=1)
    faces = [h / 40 * turned(FACE, r) for h, r in zip(half, rolls, strict=True)]
    points = centres[:, None] + np.stack(faces)
    frames = FrameRange(10, 10 + len(centres), Fraction(25))
    return FaceTrack(1, frames, boxes, points, np.ones(len(centres)))


def still(roll: float = 0.0, count: int = 30) -> FaceTrack:
    return track(np.full((count, 2), 300.0), np.full(count, 50.0), np.full(count, roll))


def test_a_face_that_looks_ahead_is_cut_as_the_architecture_says() -> None:
    matrix = align(still(), CropSettings()).matrix[3]
    corners = np.linalg.inv(matrix[:, :2]) @ (np.array([[0, 256], [0, 256]]) - matrix[:, 2:])
    # A box 100 wide: side 200, centre raised by a tenth of the box.
    assert np.allclose(corners, [[200, 400], [190, 390]])


@given(st.floats(-3.1, 3.1))
def test_the_eyes_lie_level_in_the_crop_however_the_head_rolls(roll: float) -> None:
    points = align(still(roll), CropSettings()).apply(still(roll).landmarks)
    assert np.allclose(points[:, 0, 1], points[:, 1, 1], atol=1e-6)
    assert (points[:, 0, 0] < points[:, 1, 0]).all()
    assert np.allclose(points[:, 3:, 1].mean(axis=1) - points[:, 0, 1], 256 / 200 * 50)


def test_the_crop_can_stay_level() -> None:
    matrix = align(still(0.4), CropSettings(roll="keep")).matrix
    assert np.allclose(matrix[:, 0, 1], 0) and np.allclose(matrix[:, 1, 0], 0)


@given(st.sampled_from([Fraction(4, 3), Fraction(12, 11), Fraction(1, 2)]), st.floats(-1, 1))
def test_an_anamorphic_face_is_cut_as_the_stretched_one_would_be(
    aspect: Fraction, roll: float
) -> None:
    square = still(roll)
    squeeze = np.array([1 / float(aspect), 1.0])
    narrow = FaceTrack(
        1,
        square.frames,
        square.boxes * np.tile(squeeze, 2),
        square.landmarks * squeeze,
        square.confidence,
    )
    expected = align(square, CropSettings()).apply(square.landmarks)
    assert np.allclose(align(narrow, CropSettings(), aspect).apply(narrow.landmarks), expected)


def test_frames_without_the_face_are_filled_in() -> None:
    centres = np.stack([100.0 + np.arange(30.0), np.full(30, 80.0)], axis=1)
    whole = track(centres, np.full(30, 40.0), np.zeros(30))
    gap = slice(10, 16)
    boxes, points = whole.boxes.copy(), whole.landmarks.copy()
    boxes[gap], points[gap] = np.nan, np.nan
    holed = FaceTrack(1, whole.frames, boxes, points, whole.confidence)
    assert np.allclose(
        align(holed, CropSettings()).matrix, align(whole, CropSettings()).matrix, atol=1e-6
    )


def test_jitter_of_the_size_is_taken_out() -> None:
    random = np.random.default_rng(0)
    half = 50 * np.exp(random.normal(0, 0.03, 80))
    shaky = track(np.full((80, 2), 300.0), half, np.zeros(80))
    scale = np.linalg.det(align(shaky, CropSettings()).matrix[:, :, :2])
    assert np.abs(np.diff(np.log(scale) / 2)).max() < 0.005


def test_a_roll_through_upside_down_does_not_spin() -> None:
    rolls = np.linspace(2.8, 3.6, 40)
    turning = track(np.full((40, 2), 300.0), np.full(40, 50.0), rolls)
    matrix = align(turning, CropSettings()).matrix
    seen = np.unwrap(np.arctan2(matrix[:, 0, 1], matrix[:, 0, 0]))
    assert np.allclose(seen, rolls, atol=0.02)


def test_a_fixed_crop_holds_the_face_all_the_time() -> None:
    centres = np.stack([np.linspace(100, 500, 50), np.full(50, 200.0)], axis=1)
    walk = track(centres, np.full(50, 40.0), np.zeros(50))
    maps = align(walk, CropSettings(framing="fixed"))
    assert np.allclose(maps.matrix, maps.matrix[0])
    corners = maps.apply(walk.boxes.reshape(50, 2, 2))
    assert corners.min() > 0 and corners.max() < 256


def test_a_track_without_landmarks_is_cut_level() -> None:
    seen = still(0.3)
    bare = FaceTrack(1, seen.frames, seen.boxes, np.empty((30, 0, 2)), seen.confidence)
    assert np.allclose(align(bare, CropSettings()).matrix[:, 0, 1], 0)
    lost = FaceTrack(
        1, seen.frames, seen.boxes, np.full_like(seen.landmarks, np.nan), seen.confidence
    )
    assert np.allclose(align(lost, CropSettings()).matrix[:, 0, 1], 0)


@pytest.mark.parametrize("length", [1, 2, 3])
def test_short_tracks_are_cut(length: int) -> None:
    assert np.isfinite(align(still(0.1, length), CropSettings()).matrix).all()


def test_a_track_that_never_shows_its_face_is_refused() -> None:
    seen = still()
    empty = FaceTrack(7, seen.frames, np.full((30, 4), np.nan), seen.landmarks, np.zeros(30))
    with pytest.raises(FaceError, match=r"face 7 has no box in frames 10-39"):
        align(empty, CropSettings())


def test_a_still_is_cut_as_a_frame_of_a_film() -> None:
    face = still(0.3)
    box = Box(250.0, 250.0, 350.0, 350.0)
    alone = align_still(box, face.landmarks[0], CropSettings())
    assert np.allclose(alone.matrix, align(face, CropSettings()).matrix[:1])


def test_a_profile_is_held_upright_by_eyes_and_mouth() -> None:
    # Both eyes in one place: only the line to the mouth is left.
    profile = np.array([[0.0, -15.0], [0.0, -15.0], [14.0, 5.0], [2.0, 25.0], [2.0, 25.0]])
    assert abs(roll_of(turned(profile, 0.5)) - 0.5) < 0.06


def test_smoothed_points_are_whole_where_some_frame_shows_the_face() -> None:
    points = still().landmarks.copy()
    points[4:9] = np.nan
    smoothed = smooth_points(points, seconds=0.2, rate=Fraction(25))
    assert np.allclose(smoothed, still().landmarks)
    assert np.isnan(smooth_points(np.full((4, 5, 2), np.nan), seconds=0.2, rate=Fraction(25))).all()


@pytest.mark.parametrize("wrong", [{"size": 8}, {"margin": 0.5}, {"smoothing_seconds": -1.0}])
def test_settings_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"got|negative"):
        CropSettings(**wrong)  # type: ignore[arg-type]  # the test's point
