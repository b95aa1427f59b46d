import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from reenact_core.crop.mask import MaskSettings, below_hairline, face_mask, outline

Floats = NDArray[np.float64]


def points79(size: int = 256, x: float = 0.5, y: float = 0.55, half: float = 0.22) -> Floats:
    """An oval face: jaw from ear to ear through the chin, forehead back again, the rest inside."""
    jaw = np.linspace(np.pi, 0, 17)
    forehead = np.linspace(-np.pi, 0, 11)[1:-1]
    around = np.concatenate([jaw, np.full(51, np.nan), forehead, np.full(2, np.nan)])
    points = np.stack([np.cos(around), 1.2 * np.sin(around)], axis=1)
    points[17:68], points[77:] = (0.0, -0.2), (0.0, -0.2)
    points[36:42], points[42:48] = (-0.4, -0.2), (0.4, -0.2)
    points[48:68] = (0.0, 0.55)
    return np.asarray((np.array([x, y]) + half * points) * size)


def points5(size: int = 256) -> Floats:
    return np.array([[0.41, 0.5], [0.59, 0.5], [0.5, 0.58], [0.43, 0.65], [0.57, 0.65]]) * size


@pytest.mark.parametrize("points", [points79(), points5()])
@pytest.mark.parametrize("region", ["face", "head"])
def test_a_mask_is_whole_on_the_face_and_nothing_away_from_it(points: Floats, region: str) -> None:
    mask = face_mask(points, 256, MaskSettings(region=region))  # type: ignore[arg-type]  # literal
    assert mask.shape == (256, 256) and mask.dtype == np.float32
    assert mask.min() == 0 and mask.max() == 1
    assert mask[140, 128] == 1
    for side in (mask[:2], mask[-2:], mask[:, :2], mask[:, -2:]):
        assert (side == 0).all()


@given(st.integers(0, 2**32 - 1), st.sampled_from([5, 79]), st.sampled_from([16, 64, 250]))
def test_a_mask_of_any_points_is_in_range(seed: int, count: int, size: int) -> None:
    random = np.random.default_rng(seed)
    points = random.normal(size / 2, size, (count, 2)) * random.choice([0.0, 0.1, 1.0])
    for settings in (MaskSettings(), MaskSettings(region="head")):
        mask = face_mask(points, size, settings)
        assert np.isfinite(mask).all() and mask.min() >= 0 and mask.max() <= 1
        assert (mask[0] == 0).all() and (mask[:, -1] == 0).all()


def test_support_ends_where_the_outline_grown_ends() -> None:
    points, settings = points79(), MaskSettings(grow=0.1, feather=0.15)
    mask = face_mask(points, 256, settings)
    # An ellipse of half axes 56.3 and 67.6: its size is the root of its area.
    size = np.sqrt(np.pi * 0.22 * 256 * 0.22 * 1.2 * 256)
    row = mask[round(0.55 * 256)]
    right = np.flatnonzero(row).max() + 0.5
    assert right == pytest.approx(128 + 0.22 * 256 + 0.1 * size, abs=2.5)
    whole = np.flatnonzero(row > 0.999).max() + 0.5
    assert whole == pytest.approx(128 + 0.22 * 256 - 0.05 * size, abs=3.5)


def test_a_nose_in_profile_belongs_to_the_face() -> None:
    points = points79()
    points[30] = (220.0, 140.0)
    assert face_mask(points, 256, MaskSettings())[140, 219] > 0.2


def test_growing_widens_and_the_head_holds_the_face() -> None:
    points = points79()
    face = face_mask(points, 256, MaskSettings())
    assert (face_mask(points, 256, MaskSettings(grow=0.2)) >= face).all()
    head = face_mask(points, 256, MaskSettings(region="head"))
    assert (head >= face - 1e-6).all() and head.sum() > 1.3 * face.sum()


def test_a_head_reaches_above_the_forehead() -> None:
    for points in (points79(), points5()):
        face, head = outline(points, MaskSettings()), outline(points, MaskSettings(region="head"))
        assert head[:, 1].min() < face[:, 1].min() - 20
        assert head[:, 1].max() == pytest.approx(face[:, 1].max(), abs=1)


def test_a_small_movement_of_the_points_moves_the_mask_smoothly() -> None:
    base = face_mask(points79(), 256, MaskSettings())
    moved = face_mask(points79() + 0.1, 256, MaskSettings())
    # A ramp 22 pixels wide is at most 1.5 / 22 steep.
    assert 0 < np.abs(moved - base).max() < 0.015


def test_what_stands_in_front_of_the_face_is_left_out() -> None:
    matte = np.ones((256, 256), np.float32)
    matte[:, :128] = 0
    mask = face_mask(points79(), 256, MaskSettings(), matte=matte)
    assert (mask[:, :128] == 0).all() and mask[140, 150] == 1


def test_a_face_that_is_not_seen_has_an_empty_mask() -> None:
    assert not face_mask(np.full((79, 2), np.nan), 256, MaskSettings()).any()


def test_an_unknown_number_of_points_is_refused() -> None:
    with pytest.raises(ValueError, match="79 or 5 points, got 68"):
        face_mask(np.zeros((68, 2)), 256, MaskSettings())


def test_a_recast_ends_below_the_hairline() -> None:
    points = np.random.default_rng(0).uniform(60, 190, (79, 2))
    points[68:77] = np.column_stack([np.linspace(60, 190, 9), np.full(9, 40.0)])
    points[17:27] = np.column_stack([np.linspace(70, 180, 10), np.full(10, 100.0)])
    points[8] = 128, 230
    points[72, 0] = 128
    lowered = below_hairline(points, 0.5)
    assert np.allclose(lowered[68:77, 1], 70) and np.allclose(lowered[68:77, 0], points[68:77, 0])
    assert np.array_equal(np.delete(lowered, range(68, 77), 0), np.delete(points, range(68, 77), 0))
    assert below_hairline(points, 1.0) is points
    whole, less = (face_mask(one, 256, MaskSettings()) for one in (points, lowered))
    assert less[45, 128] < whole[45, 128] and less[150, 128] == whole[150, 128] == 1
