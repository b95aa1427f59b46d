from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reenact_core.crop.smooth import GAP_WEIGHT, fill_gaps, smooth_in_time

RATE = Fraction(25)


@given(st.integers(1, 40), st.integers(0, 2**32 - 1), st.floats(0.05, 3.0))
def test_the_two_passes_solve_the_whole_system(length: int, seed: int, seconds: float) -> None:
    random = np.random.default_rng(seed)
    values, seen = random.normal(size=(length, 2)), random.random(length) > 0.4
    seen[random.integers(length)] = True
    result = smooth_in_time(values, seen, seconds=seconds, rate=RATE)
    if length < 3:
        assert np.array_equal(result, fill_gaps(values, seen))
        return
    weights = np.diag(np.where(seen, 1.0, GAP_WEIGHT))
    bend = np.diff(np.eye(length), 2, axis=0)
    penalty = 1 / (2 * np.sin(np.pi / max(2.0, seconds * 25))) ** 4
    system = weights + penalty * bend.T @ bend
    assert np.allclose(system @ result, weights @ fill_gaps(values, seen), atol=1e-6)


def test_steady_movement_is_kept_and_does_not_lag() -> None:
    values = 3.0 + 0.7 * np.arange(60.0)[:, None]
    result = smooth_in_time(values, np.ones(60, np.bool_), seconds=1.0, rate=RATE)
    assert np.allclose(result, values)


def test_a_swing_of_the_given_period_keeps_half_its_size() -> None:
    swing = np.sin(2 * np.pi * np.arange(500) / 25)[:, None]
    result = smooth_in_time(swing, np.ones(500, np.bool_), seconds=1.0, rate=RATE)
    assert np.abs(result[100:400]).max() == pytest.approx(0.5, abs=0.01)


def test_frames_that_were_not_seen_lie_between_their_neighbours() -> None:
    values = np.array([0.0, np.nan, np.nan, 3.0, np.nan])[:, None]
    seen = np.isfinite(values[:, 0])
    assert fill_gaps(values, seen)[:, 0].tolist() == [0.0, 1.0, 2.0, 3.0, 3.0]
    assert np.isfinite(smooth_in_time(values, seen, seconds=0.5, rate=RATE)).all()


def test_nothing_seen_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="no frame"):
        fill_gaps(np.zeros((3, 1)), np.zeros(3, np.bool_))
