"""From figures of frames to figures of a data set: means, bins, and how sure they are.

Frames of one clip are alike, so that clips are what is drawn for the intervals (bootstrap).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from reenact_training.evaluate.measures import Moment

POSE_EDGES = (0, 15, 30, 45, 180)
"""Degrees between which frames are put together."""
TIME_STEPS = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1000)
TIME_PARTS = 20
"""Stretches of time that a run is divided into at most."""
DRAWS = 1000
SURE = 0.95
ROOTS = {"prmse": "pose_error", "prmse_read": "pose_error_read"}
"""Figures that are roots of means, and what the mean is of."""
PLAIN = ("psnr", "ssim", "csim", "aucon", "psnr_centre", "psnr_head", "psnr_head_driver")
FIGURES = ("psnr", "ssim", "prmse", "csim", "aucon", "psnr_centre", "prmse_read")
"""What every method's row has."""
CROSS_FIGURES = (*FIGURES, "psnr_head", "psnr_head_driver")

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure, and the interval that 95 of 100 draws of clips fall into."""

    value: float
    low: float | None
    high: float | None
    """None where there are fewer than two clips."""


@dataclass(frozen=True, slots=True, eq=False)
class ByClip:
    """Sums of a figure over the frames of each of C clips.

    Convention:
        total: (C,), frames: (C,), both 0 where a clip has none
    """

    total: Floats
    frames: Floats
    root: bool

    def of_clips(self, rows: NDArray[np.int64]) -> Floats:
        """The mean over drawn clips (D, C) of each one's figure."""
        with np.errstate(invalid="ignore", divide="ignore"):
            each = self.total / self.frames
        each = np.sqrt(each) if self.root else each
        shown = self.frames > 0
        weight = shown[rows].sum(1)
        total = np.where(shown, np.nan_to_num(each), 0)[rows].sum(1)
        return np.asarray(total / np.maximum(weight, 1))

    def of_frames(self, rows: NDArray[np.int64]) -> Floats:
        """The mean over all frames of drawn clips (D, C)."""
        mean = self.total[rows].sum(1) / np.maximum(self.frames[rows].sum(1), 1)
        return np.sqrt(mean) if self.root else np.asarray(mean)


def by_clip(moments: Sequence[Moment], method: str, figure: str) -> ByClip:
    """A figure of a method, summed up clip by clip."""
    names = {moment.clip: None for moment in moments}
    places = {name: place for place, name in enumerate(names)}
    total, frames = np.zeros(len(names)), np.zeros(len(names))
    field = ROOTS.get(figure, figure)
    for moment in moments:
        score = moment.scores.get(method)
        value = getattr(score, field) if score else float("nan")
        if isfinite(value):
            total[places[moment.clip]] += value
            frames[places[moment.clip]] += 1
    return ByClip(total, frames, figure in ROOTS)


def over_clips(moments: Sequence[Moment], method: str, figure: str) -> Figure | None:
    """The mean of the clips' means; None where no frame has the figure."""
    return _figure([by_clip(moments, method, figure)], ByClip.of_clips)


def over_frames(moments: Sequence[Moment], method: str, figure: str) -> Figure | None:
    """The mean of all frames; None where no frame has the figure."""
    return _figure([by_clip(moments, method, figure)], ByClip.of_frames)


def difference_over_clips(
    moments: Sequence[Moment], one: str, other: str, figure: str
) -> Figure | None:
    """How much a method has more than another, clip by clip."""
    sums = [by_clip(moments, method, figure) for method in (one, other)]
    return _figure(sums, ByClip.of_clips)


def difference_over_frames(
    moments: Sequence[Moment], one: str, other: str, figure: str
) -> Figure | None:
    """How much a method has more than another, over all frames."""
    sums = [by_clip(moments, method, figure) for method in (one, other)]
    return _figure(sums, ByClip.of_frames)


def _figure(
    sums: list[ByClip], mean: Callable[[ByClip, NDArray[np.int64]], Floats]
) -> Figure | None:
    """A mean, or the first's less the second's, with its interval."""
    if not all(one.frames.any() for one in sums):
        return None
    count = len(sums[0].frames)
    everything = np.arange(count)[None]
    value = _less([mean(one, everything) for one in sums])[0]
    if sum(one > 0 for one in sums[0].frames) < 2:
        return Figure(float(value), None, None)
    rows = np.random.default_rng(0).integers(0, count, (DRAWS, count))
    filled = np.all([one.frames[rows].sum(1) > 0 for one in sums], axis=0)
    drawn = _less([mean(one, rows[filled]) for one in sums])
    low, high = np.quantile(drawn, [(1 - SURE) / 2, (1 + SURE) / 2])
    return Figure(float(value), float(low), float(high))


def _less(values: list[Floats]) -> Floats:
    return values[0] if len(values) == 1 else values[0] - values[1]


def in_range(
    moments: Sequence[Moment], of: Callable[[Moment], float], start: float, stop: float
) -> list[Moment]:
    """The moments whose value lies in [start, stop)."""
    return [moment for moment in moments if start <= of(moment) < stop]


def time_edges(moments: Sequence[Moment]) -> list[int]:
    """Frame numbers that divide the longest clip into stretches of a round length."""
    last = max(moment.frame for moment in moments)
    step = next((one for one in TIME_STEPS if (last + 1) / one <= TIME_PARTS), last)
    return list(range(0, last + 1 + step, step))


def correlation(
    moments: Sequence[Moment], method: str, reading: str, least_spread: float
) -> tuple[float | None, int]:
    """How well a reading of a method's faces follows the driver's, and in how many clips.

    The mean over the clips in which the driver's own reading varies by `least_spread` (standard
    deviation) and that have three frames in which both are read.
    """
    found = []
    for name in {moment.clip: None for moment in moments}:
        pairs = [
            (getattr(moment, f"driver_{reading}"), getattr(moment.scores[method], reading))
            for moment in moments
            if moment.clip == name and method in moment.scores
        ]
        values = np.array(pairs, float).reshape(-1, 2)
        read = values[np.isfinite(values).all(1)]
        if len(read) >= 3:
            driver, made = read.T
            if driver.std() >= least_spread:
                spread = driver.std() * made.std()
                together = float(((driver - driver.mean()) * (made - made.mean())).mean())
                found.append(together / spread if spread > 0 else 0.0)
    return (float(np.mean(found)) if found else None), len(found)
