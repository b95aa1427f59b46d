"""The path agrees with detections and flow, forgives outliers, and smoothing does not lag."""

import numpy as np
import pytest
from numpy.typing import NDArray

from reenact_core.tracking.smooth import Move, Sighting, smooth_path, solve_path

ERROR = np.array([2.0, 2.0, 0.05, 0.1])
SMALL = ERROR / 10


def true_path(length: int) -> NDArray[np.float64]:
    time = np.arange(length, dtype=np.float64)
    return np.stack([100 + 3 * time, 50 + 10 * np.sin(time / 5), 4 + time / 100, time / 50], axis=1)


def test_exact_information_gives_the_exact_path() -> None:
    truth = true_path(30)
    sightings = {frame: Sighting(truth[frame], ERROR) for frame in (0, 12, 29)}
    moves = {frame: [Move(truth[frame + 1] - truth[frame], SMALL)] for frame in range(29)}
    np.testing.assert_allclose(solve_path(30, sightings, moves), truth, atol=1e-6)


def test_one_wrong_detection_bends_the_path_little() -> None:
    truth = true_path(40)
    sightings = {frame: Sighting(truth[frame], ERROR) for frame in range(0, 40, 4)}
    sightings[20] = Sighting(truth[20] + [60, -40, 0.5, 0], ERROR)
    moves = {frame: [Move(truth[frame + 1] - truth[frame], SMALL)] for frame in range(39)}
    off = np.abs(solve_path(40, sightings, moves) - truth)
    assert off[:, :2].max() < 2.0


def test_drift_of_flow_is_taken_out_by_detections() -> None:
    truth = true_path(60)
    drift = np.array([0.3, 0.0, 0.0, 0.0])
    sightings = {frame: Sighting(truth[frame], ERROR) for frame in range(0, 60, 4)}
    moves = {frame: [Move(truth[frame + 1] - truth[frame] + drift, SMALL)] for frame in range(59)}
    # Flow alone would be 18 pixels off at the end.
    assert np.abs(solve_path(60, sightings, moves) - truth)[:, 0].max() < 6.0


def test_frames_without_moves_are_bridged() -> None:
    truth = true_path(21)
    sightings = {frame: Sighting(truth[frame], ERROR) for frame in (0, 20)}
    moves = {frame: [Move(np.zeros(4), ERROR)] for frame in range(20)}
    path = solve_path(21, sightings, moves)
    assert np.isfinite(path).all()
    assert (np.diff(path[:, 0]) > 0).all()


def test_a_single_frame_is_its_sighting() -> None:
    place = np.array([5.0, 6.0, 3.0, 0.1])
    np.testing.assert_allclose(solve_path(1, {0: Sighting(place, ERROR)}, {}), [place])


@pytest.mark.parametrize("frames", [0.0, 0.8, 2.0])
def test_smoothing_keeps_straight_motion_and_the_ends(frames: float) -> None:
    path = np.stack([3.0 * np.arange(25, dtype=np.float64)] * 4, axis=1)
    np.testing.assert_allclose(smooth_path(path, frames), path, atol=1e-9)


def test_smoothing_takes_tremor_out_and_does_not_shift() -> None:
    tremor = np.tile([[0.5], [-0.5]], (30, 1))
    truth = true_path(60)
    off = smooth_path(truth + tremor, 1.0) - truth
    assert np.abs(off[3:-3]).max() < 0.25
    forwards = smooth_path(truth, 2.0)
    np.testing.assert_allclose(smooth_path(truth[::-1], 2.0)[::-1], forwards, atol=1e-9)
