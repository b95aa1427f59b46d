"""Hard cuts in a stream of pictures.

Two neighbouring frames are compared by where their light and dark lies (a small, blurred picture,
indifferent to gain, so a flash or a fade does not count) and by their colours (a histogram). A cut
is a change that stands far above the changes around it, so fast motion does not count, and after
which the old picture does not come back, so a flash does not count either.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

THUMBNAIL = (32, 18)
LOOK_AROUND = 6
"""Frames on either side that say how much change is usual here."""
FLASH = 3
"""Frames that a flash may last."""
LEAST_CHANGE = 0.26
"""A smaller change (0 none, 1 unrelated pictures) is never a cut."""
FAINT = 3.0
"""Differences of so many grey levels, of 255, are hardly seen."""
ABOVE_USUAL = 2.2
"""A cut's change is at least this many times the usual one."""


@dataclass(frozen=True, slots=True, eq=False)
class Signature:
    """What is kept of a frame to find cuts.

    Convention:
        light: (577,) float16, norm 1; 18 x 32 blurred pixels less their mean, and a constant that
            makes pictures without light and dark like each other
        colours: (64,) float16, square roots of shares, norm 1
    """

    light: NDArray[np.float16]
    colours: NDArray[np.float16]


def signature(pixels: NDArray[np.uint8]) -> Signature:
    """The signature of an (h, w, 3) R'G'B' picture."""
    small = np.asarray(cv2.resize(pixels, THUMBNAIL, interpolation=cv2.INTER_AREA), np.uint8)
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32)
    light = cv2.GaussianBlur(grey, (0, 0), 1.0)
    light = np.append(light - light.mean(), FAINT * np.sqrt(light.size)).astype(np.float32)
    light = light / np.float32(np.linalg.norm(light))
    bins = (small >> 6).astype(np.int64)
    places = bins[..., 0] * 16 + bins[..., 1] * 4 + bins[..., 2]
    counts = np.bincount(places.ravel(), minlength=64).astype(np.float32)
    return Signature(light.astype(np.float16), np.sqrt(counts / counts.sum()).astype(np.float16))


def change(first: Signature, second: Signature) -> float:
    """How different two frames are: 0 the same, about 1 unrelated."""
    structure = 1.0 - _product(first.light, second.light)
    colour = np.sqrt(max(0.0, 1.0 - _product(first.colours, second.colours)))
    return float(0.6 * min(structure, 1.2) + 0.4 * colour)


def _product(first: NDArray[np.float16], second: NDArray[np.float16]) -> float:
    return float((first.astype(np.float32) * second.astype(np.float32)).sum())


def find_cuts(signatures: Sequence[Signature]) -> list[int]:
    """The indices of the first frames after each cut, rising; 0 is not among them."""
    pairs = itertools.pairwise(signatures)
    changes = np.array([0.0, *(change(one, other) for one, other in pairs)])
    return [index for index in range(1, len(changes)) if _is_cut(index, changes, signatures)]


def _is_cut(index: int, changes: NDArray[np.float64], signatures: Sequence[Signature]) -> bool:
    here = changes[index]
    if here < LEAST_CHANGE:
        return False
    before = changes[max(1, index - LOOK_AROUND) : index]
    after = changes[index + 1 : index + 1 + LOOK_AROUND]
    # Another cut may lie nearby: the second largest change on each side is the usual one.
    usual = max((float(np.sort(side)[-2]) for side in (before, after) if len(side) > 1), default=0)
    if here < ABOVE_USUAL * usual:
        return False
    return not _is_flash(index, here, signatures)


def _is_flash(index: int, here: float, signatures: Sequence[Signature]) -> bool:
    """Whether the picture before comes back within a flash's time, or came back just now."""
    last = signatures[index - 1]
    later = signatures[index + 1 : index + 1 + FLASH]
    if any(change(last, other) < 0.5 * here for other in later):
        return True
    earlier = signatures[max(0, index - 1 - FLASH) : index - 1]
    return any(change(signatures[index], other) < 0.5 * here for other in earlier)
