"""Optical flow between driving frames: the motion that the integrators start from.

Three motions lead from the current driving frame to the first one: measured directly, summed up
from frame to frame, and the sum measured once more from where it led
(docs/explanation/recurrence.md compares them). Each comes with its error on the driving frames
themselves, which is known for any identity: how far it misses what it should show, and whether it
folds. A motion by keypoints, where there is one, is what flow is started from and falls back to.

Convention:
    frames: (B, 3, S, S) in [0, 1]
    fields: (B, 2, S, S), (x, y) in [-1, 1] units: what is at p in the new frame was at
        p + field(p) in the old one
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional

from reenact_core.head.sampling import pixel_grid

Measure = Callable[[Tensor, Tensor], Tensor]
"""Optical flow from new to old, both (B, 1, S, S) in [0, 1]: a field."""

ERROR_BLUR = 2.0
"""Sigma in pixels (at 256) over which photometric errors are averaged."""
TEMPERATURE = 1.0 / 255
"""Difference of errors that makes a choice 1 : e."""
FOLDED = 0.25
"""Area that a pixel's surroundings may shrink to, or grow to the inverse of, before it counts as
folded."""
SETTLED = 10.0
"""Sigma in pixels (at 256) over which a motion is averaged before it goes to another face."""
ALIKE = 6 / 255
"""Mean difference at which two pictures are alike by 1/e."""
FOLD_ERROR = 0.05
"""Error of a motion that folds outright."""


@dataclass(frozen=True, slots=True, eq=False)
class DrivingMotion:
    """The motion of B driving frames, measured on driving frames alone.

    Convention:
        subtle: field to the previous frame
        direct: field to the first frame, measured at once
        summed: field to the first frame, the calibrated sum of subtle motions
        refined: `summed` with what a last measurement from there added
        errors: (B, 3, S, S) in [0, 1], errors of direct, summed and refined
    """

    subtle: Tensor
    direct: Tensor
    summed: Tensor
    refined: Tensor
    errors: Tensor

    @classmethod
    def cat(cls, motions: "Sequence[DrivingMotion]") -> "DrivingMotion":
        """Several batches as one."""
        names = [field.name for field in fields(cls)]
        return cls(*(torch.cat([getattr(one, name) for one in motions]) for name in names))


class FlowPrior:
    """Follows the motion of B driving videos from their start frames on, frame after frame.

    State is the previous frame and the calibrated field that leads from it to the start.
    """

    def __init__(
        self,
        start: Tensor,
        measure: Measure,
        previous: Tensor | None = None,
        field: Tensor | None = None,
        *,
        trusting: bool = False,
    ) -> None:
        """From the start frame; or going on after `previous`, from which `field` led there.

        `trusting` takes direct motion from what keypoints tell and from nothing else.
        """
        self._measure = measure
        self._trusting = trusting
        self._start = start
        self._start_grey = self._previous_grey = grey(start)
        if previous is not None:
            self._previous_grey = grey(previous)
        self._calibrated = torch.zeros_like(start[:, :2]) if field is None else field

    @property
    def field(self) -> Tensor:
        """The calibrated field (B, 2, S, S) from the last frame to the start."""
        return self._calibrated

    def advance(self, current: Tensor, by_points: Tensor | None = None) -> DrivingMotion:
        """The motion of the next frame of each video.

        Convention:
            by_points: the field from this frame to the first one as keypoints tell it
        """
        if current.shape != self._start.shape:
            raise ValueError(
                f"frames differ in shape: {tuple(current.shape)} and {tuple(self._start.shape)}"
            )
        new = grey(current)
        subtle = self._measure(new, self._previous_grey)
        return self._summed_up(current, new, subtle, self._direct(new, current, by_points))

    def follow(self, frames: Tensor, by_points: Tensor | None = None) -> DrivingMotion:
        """The motion of the next frames of one video, as by `advance` one after another: what does
        not hang on the frame before is measured side by side.

        Convention:
            frames: (T, 3, S, S); by_points: (T, 2, S, S)
        """
        new = grey(frames)
        subtle = self._measure(new, torch.cat([self._previous_grey, new[:-1]]))
        parts = frames, new, subtle, self._direct(new, frames, by_points)
        rows = zip(*(torch.split(part, 1) for part in parts), strict=True)
        return DrivingMotion.cat([self._summed_up(*row) for row in rows])

    def _summed_up(
        self, current: Tensor, new: Tensor, subtle: Tensor, direct: Tensor
    ) -> DrivingMotion:
        summed = compose(subtle, self._calibrated)
        refined = self._once_more(new, summed)
        motions = [direct, summed, refined]
        errors = torch.cat([self._error(motion, current) for motion in motions], 1)
        self._calibrated = choose(motions, errors)
        self._previous_grey = new
        return DrivingMotion(subtle, direct, summed, refined, errors)

    def _direct(self, new: Tensor, current: Tensor, by_points: Tensor | None) -> Tensor:
        """Measured at once: from nothing, from what keypoints tell, or that itself."""
        if by_points is None:
            return self._measure(new, self._start_grey.expand_as(new))
        motions = [self._once_more(new, by_points), by_points]
        if not self._trusting:
            motions.insert(0, self._measure(new, self._start_grey.expand_as(new)))
        return choose(motions, torch.cat([self._error(one, current) for one in motions], 1))

    def _once_more(self, new: Tensor, motion: Tensor) -> Tensor:
        """A motion with the flow added that is left after it."""
        start = self._start_grey.expand_as(new)
        return compose(self._measure(new, warp(start, motion)), motion)

    def _error(self, motion: Tensor, current: Tensor) -> Tensor:
        missed = photometric_error(warp(self._start.expand_as(current), motion), current)
        return missed + FOLD_ERROR * blurred(folding(motion))


def folding(motion: Tensor) -> Tensor:
    """Where a motion folds or tears, (B, 1, S, S): 0 where it is smooth, 1 where it turns over.

    By the area to which a pixel is mapped, the determinant of the motion's Jacobian.
    """
    padded = functional.pad(motion * (motion.shape[-1] / 2), (1, 1, 1, 1), mode="replicate")
    by_x = (padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]) / 2
    by_y = (padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]) / 2
    area = (1 + by_x[:, :1]) * (1 + by_y[:, 1:]) - by_x[:, 1:] * by_y[:, :1]
    shrunk = ((FOLDED - area) / FOLDED).clamp(0, 1)
    grown = ((area - 1 / FOLDED) * FOLDED).clamp(0, 1)
    return torch.maximum(shrunk, grown)


def photometric_error(guess: Tensor, truth: Tensor) -> Tensor:
    """Mean absolute difference around every pixel, (B, 1, S, S) in [0, 1]."""
    return blurred((guess - truth).abs().mean(1, keepdim=True))


def settled(motion: Tensor, belief: Tensor) -> Tensor:
    """A field averaged around every pixel by how far it is believed, 0 where nothing is.

    Convention:
        motion: (B, 2, S, S); belief: (B, 1, S, S) in [0, 1]
    """
    weighted = torch.cat([motion * belief, belief], 1)
    mean = blurred(weighted.flatten(0, 1)[:, None], SETTLED).view_as(weighted)
    return mean[:, :2] / (mean[:, 2:] + 0.02)


def spread_errors(errors: Tensor, sigma_at_256: float) -> Tensor:
    """Errors (B, N, S, S) averaged more widely, each motion's by itself."""
    return blurred(errors.flatten(0, 1)[:, None], sigma_at_256).view_as(errors)


def likeness(one: Tensor, other: Tensor) -> Tensor:
    """Where two pictures show the same thing, (B, 1, S, S) in [0, 1], over a wide neighbourhood."""
    difference = (one - other).abs().mean(1, keepdim=True)
    return torch.exp(-((blurred(difference, 4 * ERROR_BLUR) / ALIKE) ** 2))


def blurred(values: Tensor, sigma_at_256: float = ERROR_BLUR) -> Tensor:
    """A map (B, 1, S, S) averaged around every pixel by a Gaussian, edges replicated."""
    size = values.shape[-1]
    mean = _averaging(size, sigma_at_256 * size / 256, values.dtype, values.device)
    return mean @ values @ mean.mT


@lru_cache(maxsize=64)
def _averaging(size: int, sigma: float, dtype: torch.dtype, device: torch.device) -> Tensor:
    """The matrix (size, size) that averages a line: many times faster than a convolution."""
    reach = max(1, round(3 * sigma))
    with torch.inference_mode(False):  # it is kept, and training must be able to use it too
        step = torch.arange(-reach, reach + 1, device=device)
        weights = torch.exp(-0.5 * (step.to(dtype) / sigma) ** 2)
        weights = (weights / weights.sum()).expand(size, -1)
        row = torch.arange(size, device=device)[:, None]
        places = (row.expand_as(weights), (row + step).clamp(0, size - 1))
        empty = torch.zeros(size, size, dtype=dtype, device=device)
        return empty.index_put(places, weights, accumulate=True)


def choose(motions: Sequence[Tensor], errors: Tensor) -> Tensor:
    """The fields weighted pixel by pixel by how well each explains the driving frame."""
    weights = torch.softmax(-errors / TEMPERATURE, 1)
    return (weights[:, :, None] * torch.stack(list(motions), 1)).sum(1)


def compose(new_to_middle: Tensor, middle_to_old: Tensor) -> Tensor:
    """The field that leads from new to old by way of the middle."""
    return new_to_middle + warp(middle_to_old, new_to_middle)


def warp(values: Tensor, field: Tensor) -> Tensor:
    """Values (B, C, S, S) of the old frame where the field finds them, edges replicated."""
    places = pixel_grid(field.shape[-1], field) + field.permute(0, 2, 3, 1)
    return functional.grid_sample(values, places, padding_mode="border", align_corners=False)


def grey(frames: Tensor) -> Tensor:
    """Luma of R'G'B' frames by BT.601's weights, (B, 1, S, S)."""
    weights = frames.new_tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    return (frames * weights).sum(1, keepdim=True)
