"""Values over time without jitter and without lag: gaps filled, then smoothed in two passes."""

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

GAP_WEIGHT = 0.05
"""How much a filled-in value counts against a seen one: enough to keep long gaps from swinging."""


def fill_gaps(values: Floats, seen: NDArray[np.bool_]) -> Floats:
    """Values with straight lines through the frames that were not seen, held at both ends.

    Convention:
        values: (T, ...), anything where not seen
        seen: (T,), at least one True
    """
    if not seen.any():
        raise ValueError("no frame has a value to fill the gaps from")
    frames = np.arange(len(values))
    flat = values.reshape(len(values), -1)
    columns = [np.interp(frames, frames[seen], column[seen]) for column in flat.T]
    return np.stack(columns, axis=1).reshape(values.shape) if columns else values.copy()


def smooth_in_time(
    values: Floats, seen: NDArray[np.bool_], *, seconds: float, rate: Fraction
) -> Floats:
    """The values with movements shorter than `seconds` evened out, none of them late.

    A swing of that period keeps half its size, a slower one more; steady movement is kept exactly.
    Frames that were not seen follow from their neighbours.

    Convention:
        values: (T, ...) float64
        seen: (T,), at least one True
        result: as values, finite

    Minimises sum w (z - y)^2 + penalty * sum (second difference of z)^2 (Whittaker 1923), which is
    what a forward and a backward pass of a Kalman smoother with steady velocity would give.
    """
    filled = fill_gaps(values, seen)
    if len(values) < 3 or seconds <= 0:
        return filled
    weights = np.where(seen, 1.0, GAP_WEIGHT)
    flat = filled.reshape(len(filled), -1)
    return _solve(weights, _penalty(seconds, rate), flat).reshape(values.shape)


def _penalty(seconds: float, rate: Fraction) -> float:
    """The penalty at which a swing of that period keeps half its size."""
    frames = max(2.0, seconds * float(rate))
    return float(1.0 / (2.0 * np.sin(np.pi / frames)) ** 4)


def _bands(weights: Floats, penalty: float) -> tuple[Floats, Floats, Floats]:
    """Diagonal and the two bands beside it of W + penalty * D'D, D the second difference."""
    length = len(weights)
    main, near, far = np.zeros(length), np.zeros(length), np.zeros(length)
    for offset, share in ((0, 1.0), (1, 4.0), (2, 1.0)):
        main[offset : length - 2 + offset] += share
    for offset in (0, 1):
        near[offset : length - 2 + offset] -= 2.0
    far[: length - 2] = 1.0
    return weights + penalty * main, penalty * near, penalty * far


def _solve(weights: Floats, penalty: float, values: Floats) -> Floats:
    """Solve the five-banded system by LDL': one pass forwards, one backwards."""
    main, near, far = _bands(weights, penalty)
    result = weights[:, None] * values
    last = len(main) - 1
    for i in range(len(main)):
        if i >= 1:
            result[i] -= near[i - 1] * result[i - 1]
            main[i] -= main[i - 1] * near[i - 1] ** 2
            near[i] -= main[i - 1] * near[i - 1] * far[i - 1]
        if i >= 2:
            result[i] -= far[i - 2] * result[i - 2]
            main[i] -= main[i - 2] * far[i - 2] ** 2
        near[i] /= main[i]
        far[i] /= main[i]
    result /= main[:, None]
    for i in range(last - 1, -1, -1):
        result[i] -= near[i] * result[i + 1]
        if i + 2 <= last:
            result[i] -= far[i] * result[i + 2]
    return result
