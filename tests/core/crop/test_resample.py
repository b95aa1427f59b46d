import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reenact_core.crop.resample import Grid, invert, region_seen, resample
from reenact_core.geometry import Box
from tests.core.crop.pictures import similarity, texture


@given(st.floats(0.3, 40), st.floats(-3, 3), st.floats(-20, 60), st.floats(-20, 60))
def test_a_slope_stays_the_same_slope(scale: float, roll: float, x: float, y: float) -> None:
    # Light that rises by 1 a pixel to the right: wherever a target pixel looks, it reads its x.
    slope = np.tile(np.arange(200, dtype=np.float32) + 0.5, (200, 1))
    to_target = similarity((100 + x / 4, 100 + y / 4), 32 / scale, roll, 32)
    seen = resample(slope, to_target, (32, 32), edge="repeat")
    centre = np.linalg.inv(to_target[:, :2]) @ (np.array([16.0, 16.0]) - to_target[:, 2])
    assert seen[15:17, 15:17].mean() == pytest.approx(centre[0], abs=0.1 * max(1.0, 1 / scale))


@pytest.mark.parametrize("shrink", [1.7, 3.0, 6.5, 20.0])
def test_what_is_too_fine_for_the_target_is_averaged(shrink: float) -> None:
    board = (np.indices((240, 240)).sum(axis=0) % 2).astype(np.float32)
    seen = resample(board, similarity((120, 120), 8 * shrink, 0.3, 8), (8, 8), edge="repeat")
    assert np.abs(seen - 0.5).max() < 0.25 / shrink


def test_beyond_the_edge_there_is_the_edge_or_nothing() -> None:
    image = np.ones((20, 20), np.float32)
    away = similarity((-50, -50), 20, 0.0, 16)
    assert np.allclose(resample(image, away, (16, 16), edge="repeat"), 1)
    assert not resample(image, away, (16, 16), edge="zero").any()


def test_there_and_back_keeps_what_the_crop_can_hold() -> None:
    image = texture(120, 120, np.random.default_rng(0))
    to_crop = similarity((60, 60), 60, 0.4, 96)
    crop = resample(image, to_crop, (96, 96), edge="repeat")
    back = resample(crop, invert(to_crop), (120, 120), edge="repeat")
    error = (back - image)[42:78, 42:78]
    assert -10 * np.log10((error**2).mean()) > 45


@given(st.floats(-300, 300), st.floats(-300, 300), st.floats(1, 600), st.integers(1, 80))
def test_a_region_lies_inside_its_frame_on_the_chroma_grid(
    x: float, y: float, side: float, width: int
) -> None:
    region = region_seen(
        similarity((x, y), side, 0.5, 64), Box(0, 0, 64, 64), width, 60, Grid((2, 4), (0, 3))
    )
    assert 0 <= region.left < region.right <= width and 0 <= region.top < region.bottom <= 60
    assert region.left % 2 == 0 and (region.top % 4 == 3 or region.top == 0)
    assert region.right % 2 == 0 or region.right == width


@pytest.mark.parametrize("wrong", [np.zeros((2, 3)), np.full((2, 3), np.nan), np.eye(3)])
def test_a_map_that_cannot_be_turned_round_is_refused(wrong: np.ndarray) -> None:
    with pytest.raises(ValueError, match="a map must be"):
        resample(np.ones((8, 8), np.float32), wrong, (8, 8), edge="zero")
