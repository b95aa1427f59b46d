"""A face's path from what was found of it: one chain, solved over all frames at once.

Detections say where the face is, with an error of a few percent of its size that jumps from one to
the next; flow says how it moved between neighbours, nearly without error but for drift. The path
is what agrees best with both. It looks forwards and backwards alike, so it lags behind nothing,
and fast motion stays, since flow carries it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reenact_core.tracking.place import Place

Floats = NDArray[np.float64]

ROUNDS = 4
"""Rounds in which detections far from the path lose weight."""


@dataclass(frozen=True, slots=True, eq=False)
class Sighting:
    """The face was found at a place."""

    place: Place
    error: NDArray[np.float64]
    """Standard error of each number of the place: pixels, pixels, logarithm, radians."""


@dataclass(frozen=True, slots=True, eq=False)
class Move:
    """The face moved by this much to the next frame."""

    change: Place
    error: NDArray[np.float64]


def solve_path(
    length: int, sightings: Mapping[int, Sighting], moves: Mapping[int, list[Move]]
) -> Floats:
    """The places (length, 4) that agree best with sightings and moves.

    `moves[t]` go from frame t to t + 1; a frame without one takes any move. Sightings far off the
    path count less (Huber's weights, in rounds), so a wrong detection bends it little.
    """
    trust = np.ones((length, 4))
    path = np.zeros((length, 4))
    for _ in range(ROUNDS):
        diagonal, beside, right = _equations(length, sightings, moves, trust)
        path = _tridiagonal(diagonal, beside, right)
        for frame, seen in sightings.items():
            off = np.abs(seen.place - path[frame]) / seen.error
            # Place and size of one sighting are right or wrong together.
            trust[frame, :3] = min(1.0, 2.5 / max(float(off[:3].max()), 1e-6))
            trust[frame, 3] = min(1.0, 2.5 / max(float(off[3]), 1e-6))
    return path


def _equations(
    length: int,
    sightings: Mapping[int, Sighting],
    moves: Mapping[int, list[Move]],
    trust: Floats,
) -> tuple[Floats, Floats, Floats]:
    diagonal, right = np.full((length, 4), 1e-9), np.zeros((length, 4))
    beside = np.zeros((length - 1, 4))
    for frame, seen in sightings.items():
        weight = trust[frame] / seen.error**2
        diagonal[frame] += weight
        right[frame] += weight * seen.place
    for frame in range(length - 1):
        for move in moves.get(frame, []):
            weight = 1.0 / move.error**2
            diagonal[frame] += weight
            diagonal[frame + 1] += weight
            beside[frame] -= weight
            right[frame] -= weight * move.change
            right[frame + 1] += weight * move.change
    return diagonal, beside, right


def _tridiagonal(diagonal: Floats, beside: Floats, right: Floats) -> Floats:
    """The solution of a symmetric tridiagonal system, one for each column."""
    diagonal, right = diagonal.copy(), right.copy()
    for row in range(1, len(diagonal)):
        factor = beside[row - 1] / diagonal[row - 1]
        diagonal[row] -= factor * beside[row - 1]
        right[row] -= factor * right[row - 1]
    solution = np.empty_like(right)
    solution[-1] = right[-1] / diagonal[-1]
    for row in range(len(diagonal) - 2, -1, -1):
        solution[row] = (right[row] - beside[row] * solution[row + 1]) / diagonal[row]
    return solution


def smooth_path(path: Floats, frames: float) -> Floats:
    """The path (T, 4) with tremor of about `frames` frames taken out, without lag.

    A straight line fitted around each frame with Gaussian weights, so that steady motion and the
    ends stay where they are.
    """
    if frames <= 0 or len(path) < 3:
        return path.copy()
    reach = int(np.ceil(3 * frames))
    offsets = np.arange(-reach, reach + 1)
    weights = np.exp(-0.5 * (offsets / frames) ** 2)
    smoothed = np.empty_like(path)
    for index in range(len(path)):
        near = (index + offsets >= 0) & (index + offsets < len(path))
        smoothed[index] = _line_at_zero(offsets[near], weights[near], path[index + offsets[near]])
    return smoothed


def _line_at_zero(offsets: NDArray[np.int64], weights: Floats, values: Floats) -> Floats:
    total, first, second = (float((weights * offsets**power).sum()) for power in (0, 1, 2))
    mean, slope = weights @ values, (weights * offsets) @ values
    return np.asarray((second * mean - first * slope) / (total * second - first**2))
