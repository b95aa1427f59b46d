"""Optical flow between driving frames: the motion that the integrators start from.

Three motions lead from the current driving frame to the first one: measured directly, summed up
from frame to frame, and the sum measured once more from where it led
(docs/explanation/recurrence.md compares them). Each comes with its photometric error on the
driving frames themselves, which is known for any identity.

Convention:
    frames: (B, 3, S, S) in [0, 1]
    fields: (B, 2, S, S), (x, y) in [-1, 1] units: what is at p in the new frame was at
        p + field(p) in the old one
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor
from torch.nn import functional

from reenact_core.models.head_chart import pixel_grid

Measure = Callable[[Tensor, Tensor], Tensor]
"""Optical flow from new to old, both (B, 1, S, S) in [0, 1]: a field."""

ERROR_BLUR = 2.0
"""Sigma in pixels (at 256) over which photometric errors are averaged."""
TEMPERATURE = 1.0 / 255
"""Difference of photometric errors that makes a choice 1 : e."""


@dataclass(frozen=True, slots=True, eq=False)
class DrivingMotion:
    """The motion of B driving frames, measured on driving frames alone.

    Convention:
        subtle: field to the previous frame
        direct: field to the first frame, measured at once
        summed: field to the first frame, the calibrated sum of subtle motions
        refined: `summed` with what a last measurement from there added
        errors: (B, 3, S, S) in [0, 1], photometric errors of direct, summed and refined
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

    def __init__(self, start: Tensor, measure: Measure) -> None:
        self._measure = measure
        self._start = start
        self._start_grey = self._previous_grey = grey(start)
        self._calibrated = torch.zeros_like(start[:, :2])

    def advance(self, current: Tensor) -> DrivingMotion:
        """The motion of the next frame of each video."""
        if current.shape != self._start.shape:
            raise ValueError(
                f"frames differ in shape: {tuple(current.shape)} and {tuple(self._start.shape)}"
            )
        new = grey(current)
        subtle = self._measure(new, self._previous_grey)
        summed = compose(subtle, self._calibrated)
        direct = self._measure(new, self._start_grey)
        refined = compose(self._measure(new, warp(self._start_grey, summed)), summed)
        motions = [direct, summed, refined]
        errors = torch.cat(
            [photometric_error(warp(self._start, motion), current) for motion in motions], 1
        )
        self._calibrated = choose(motions, errors)
        self._previous_grey = new
        return DrivingMotion(subtle, direct, summed, refined, errors)


def photometric_error(guess: Tensor, truth: Tensor) -> Tensor:
    """Mean absolute difference around every pixel, (B, 1, S, S) in [0, 1]."""
    difference = (guess - truth).abs().mean(1, keepdim=True)
    sigma = ERROR_BLUR * guess.shape[-1] / 256
    reach = max(1, round(3 * sigma))
    line = torch.arange(-reach, reach + 1, device=guess.device, dtype=guess.dtype)
    kernel = torch.exp(-0.5 * (line / sigma) ** 2)
    kernel = (kernel / kernel.sum()).view(1, 1, 1, -1)
    padded = functional.pad(difference, (reach,) * 4, mode="replicate")
    return functional.conv2d(functional.conv2d(padded, kernel), kernel.mT)


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
