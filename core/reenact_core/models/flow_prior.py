"""Optical flow between driving frames: the motion that the integrators start from.

Three motions lead from the current driving frame to the first one: measured directly, summed up
from frame to frame, and the sum measured once more from where it led
(docs/explanation/recurrence.md compares them). Each comes with its photometric error on the
driving frames themselves, which is known for any identity.

Convention:
    pictures: (H, W, 3) uint8
    fields: (H, W, 2) float32, backward displacement in pixels: the picture at x in the new frame is
        found at x + field[x] in the old one
"""

from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

Picture8 = NDArray[np.uint8]
Field = NDArray[np.float32]
Values = TypeVar("Values", Picture8, Field)

ERROR_BLUR = 2.0
"""Sigma in pixels (at 256) over which photometric errors are averaged."""
TEMPERATURE = 1.0 / 255
"""Difference of photometric errors that makes a choice 1 : e."""


@dataclass(frozen=True, slots=True, eq=False)
class DrivingMotion:
    """The motion of one driving frame, measured on the driving frames alone.

    Convention:
        subtle: (H, W, 2), current frame to the previous one
        direct: (H, W, 2), current frame to the first one, measured at once
        summed: (H, W, 2), current frame to the first one, the calibrated sum of subtle motions
        refined: (H, W, 2), `summed` with what a last measurement from there added
        errors: (3, H, W) float32 in [0, 1], photometric errors of direct, summed and refined
    """

    subtle: Field
    direct: Field
    summed: Field
    refined: Field
    errors: NDArray[np.float32]


class FlowPrior:
    """Follows the motion of a driving video from its start frame on, one frame after another.

    State is the previous frame and the calibrated field that leads from it to the start.
    """

    def __init__(self, start: Picture8) -> None:
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        self._flow.setFinestScale(0)
        self._start = start
        self._start_grey = _grey(start)
        self._previous_grey = self._start_grey
        self._calibrated: Field = np.zeros((*start.shape[:2], 2), np.float32)

    def advance(self, current: Picture8) -> DrivingMotion:
        """The motion of the next driving frame."""
        if current.shape != self._start.shape:
            raise ValueError(f"frames differ in size: {current.shape} and {self._start.shape}")
        grey = _grey(current)
        subtle = self._measure(grey, self._previous_grey)
        summed = compose(subtle, self._calibrated)
        direct = self._measure(grey, self._start_grey)
        refined = compose(self._measure(grey, warp(self._start_grey, summed)), summed)
        fields = (direct, summed, refined)
        errors = np.stack([self._error(field, current) for field in fields])
        self._calibrated = choose(fields, errors)
        self._previous_grey = grey
        return DrivingMotion(subtle, direct, summed, refined, errors)

    def _measure(self, new: Picture8, old: Picture8) -> Field:
        flow = np.zeros((*new.shape, 2), np.float32)
        return np.asarray(self._flow.calc(new, old, flow), np.float32)

    def _error(self, field: Field, current: Picture8) -> NDArray[np.float32]:
        return photometric_error(warp(self._start, field), current)


def photometric_error(guess: Picture8, truth: Picture8) -> NDArray[np.float32]:
    """Mean absolute difference around every pixel, (H, W) float32 in [0, 1]."""
    difference = cv2.absdiff(guess, truth).mean(axis=2, dtype=np.float32) / 255
    sigma = ERROR_BLUR * guess.shape[0] / 256
    return np.asarray(cv2.GaussianBlur(difference, (0, 0), sigma), np.float32)


def choose(fields: tuple[Field, ...], errors: NDArray[np.float32]) -> Field:
    """The fields weighted pixel by pixel by how well each explains the driving frame."""
    weights = np.exp((errors.min(axis=0) - errors) / TEMPERATURE)
    weights /= weights.sum(axis=0)
    chosen = np.zeros_like(fields[0])
    for field, weight in zip(fields, weights, strict=True):
        chosen += weight[..., None] * field
    return chosen


def compose(new_to_middle: Field, middle_to_old: Field) -> Field:
    """The field that leads from new to old by way of the middle."""
    return new_to_middle + warp(middle_to_old, new_to_middle)


def warp(values: Values, field: Field) -> Values:
    """Values of the old frame where the field finds them, edges replicated."""
    height, width = field.shape[:2]
    x = np.arange(width, dtype=np.float32)[None] + field[..., 0]
    y = np.arange(height, dtype=np.float32)[:, None] + field[..., 1]
    warped = cv2.remap(values, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return warped.astype(values.dtype, copy=False)


def _grey(picture: Picture8) -> Picture8:
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)
