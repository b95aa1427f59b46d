"""How strongly a face is pasted in each frame: a face that is lost fades instead of popping."""

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class FadeSettings:
    """When a face counts as lost, and how it goes and comes."""

    sure: float = 0.5
    """A lost face is taken up again at this confidence, in [0, 1]."""
    unsure: float = 0.25
    """A face is lost below this confidence, in [0, sure]."""
    seconds: float = 0.2
    """From the new face to the footage's own, and back."""
    bridge_seconds: float = 0.1
    """Gaps no longer than this are passed over without a fade."""
    least_pixels: float = 24.0
    """Width of the smallest face that is trusted, in pixels of the displayed frame."""

    def __post_init__(self) -> None:
        if not 0 <= self.unsure <= self.sure <= 1:
            raise ValueError(f"need 0 <= unsure <= sure <= 1, got {self.unsure}, {self.sure}")
        if min(self.seconds, self.bridge_seconds) < 0:
            raise ValueError("a fade cannot last less than no time")
        if self.least_pixels < 0:
            raise ValueError(f"least_pixels must not be negative, got {self.least_pixels}")


def trust(confidence: Floats, boxes: Floats, settings: FadeSettings) -> Floats:
    """How far a new face is to be trusted: as sure as the face is seen, and not where it is tiny.

    Convention:
        confidence: (T,) in [0, 1]
        boxes: (T, 4) as in `FaceTrack`, NaN where the face is not seen
        result: (T,) in [0, 1]
    """
    widths = np.nan_to_num(boxes[:, 2] - boxes[:, 0])
    large = np.clip(3 * widths / max(settings.least_pixels, 1e-9) - 2, 0.0, 1.0)
    return np.asarray(confidence * large)


def fade(
    confidence: Floats,
    rate: Fraction,
    settings: FadeSettings,
    *,
    seen: Flags | None = None,
    before: Literal["hold", "fade"] = "hold",
    after: Literal["hold", "fade"] = "hold",
) -> Floats:
    """The weight of the new face in every frame.

    Convention:
        confidence: (T,) in [0, 1], 0 where the face is not seen
        seen: (T,), where not given, the frames with any confidence
        before, after: `fade` where the track begins or ends in the middle of a shot, `hold` where
            it does at a cut or at the end of the rendered frames
        result: (T,) in [0, 1], 0 in every frame without a face but in bridged gaps; it changes
            by at most 1.5 / (seconds * rate) from frame to frame
    """
    held = _held(confidence, confidence > 0 if seen is None else seen, settings)
    held = _bridged(held, round(settings.bridge_seconds * float(rate)))
    frames = max(1.0, settings.seconds * float(rate))
    ends = (float(before == "hold"), float(after == "hold"))
    level = np.concatenate([[ends[0]], held.astype(np.float64), [ends[1]]])
    slope = _climb(_climb(level, 1 / frames)[::-1], 1 / frames)[::-1][1:-1]
    return slope * slope * (3 - 2 * slope)


def _held(confidence: Floats, seen: Flags, settings: FadeSettings) -> Flags:
    """Where the face is held: taken up when sure, let go when unsure, kept as it is between."""
    held = np.zeros(len(confidence), dtype=np.bool_)
    holding = False
    for i, (value, here) in enumerate(zip(confidence, seen, strict=True)):
        limit = settings.unsure if holding else settings.sure
        holding = bool(here and value >= limit)
        held[i] = holding
    return held


def _bridged(held: Flags, longest: int) -> Flags:
    """Short gaps between held frames closed."""
    result = held.copy()
    frames = np.flatnonzero(held)
    for first, following in pairwise(frames):
        if following - first - 1 <= longest:
            result[first:following] = True
    return result


def _climb(level: Floats, step: float) -> Floats:
    """The level, rising by at most `step` a frame."""
    result = level.copy()
    for i in range(1, len(result)):
        result[i] = min(result[i], result[i - 1] + step)
    return result
