"""How much a tracked face is like the face of a reference picture, without a network for it.

Both are cut out alike and upright; what is compared is light and colour of the inner face, each
freed from its mean and contrast, at the moments of the track that are most like the reference.
"""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from reenact_core.crop.align import align
from reenact_core.crop.cut import cut
from reenact_core.engine.footage import Footage
from reenact_core.engine.performer import Floats
from reenact_core.engine.portrait import find_portrait
from reenact_core.engine.workshop import Workshop
from reenact_core.media.decode import decode
from reenact_core.timing import FrameRange
from reenact_core.tracking.choose import Likeness
from reenact_core.tracking.track import FaceTrack

MOMENTS = 8
"""Frames of a track that are looked at."""

_SIDE = 24
_BEST = 2
_COLOUR = 0.35
"""Share of colour in the likeness; the rest is the pattern of light."""


def likeness_to(reference: Path, footage: Footage, workshop: Workshop) -> Likeness:
    """The likeness of tracks of a file to the face in a picture: up to 1 for the same picture.

    Raises:
        MediaError, FaceError: the reference shows no single face.
    """
    settings = workshop.settings
    wanted = find_portrait(reference, None, settings, workshop.detector).pixels

    def likeness(track: FaceTrack) -> float:
        to_crop = align(track, settings.crop, footage.info.pixel_aspect).matrix
        values = [
            alike(wanted, crop)
            for frame in _moments(track)
            for crop in _crops(footage, frame, to_crop[frame - track.frames.start], len(wanted))
        ]
        return float(np.mean(sorted(values)[-_BEST:])) if values else 0.0

    return likeness


def alike(one: Floats, other: Floats) -> float:
    """How alike two crops (256, 256, 3) in [0, 1] of upright faces are, in [-1, 1]."""
    first, second = _signature(one), _signature(other)
    light = max(
        _correlation(first[..., 0], second[..., 0]), _correlation(first[:, ::-1, 0], second[..., 0])
    )
    distance = float(np.linalg.norm(first[..., 1:].mean((0, 1)) - second[..., 1:].mean((0, 1))))
    return (1 - _COLOUR) * light + _COLOUR * max(-1.0, 1.0 - 20.0 * distance)


def _signature(crop: Floats) -> NDArray[np.float32]:
    """The inner face, small: (24, 24, 3) light and two colour ratios."""
    size = len(crop)
    inner = crop[size // 4 : size * 3 // 4, size // 4 : size * 3 // 4]
    small = cv2.resize(np.ascontiguousarray(inner), (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    total = small.sum(axis=2, keepdims=True) + 0.05
    return np.concatenate([total, small[..., :1] / total, small[..., 2:] / total], axis=2)


def _correlation(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    a, b = one - one.mean(), other - other.mean()
    return float((a * b).sum() / max(1e-6, float(np.linalg.norm(a) * np.linalg.norm(b))))


def _moments(track: FaceTrack) -> list[int]:
    """The surest frame of each of a few equal parts of the track."""
    parts = np.array_split(np.arange(len(track.frames)), min(MOMENTS, len(track.frames)))
    surest = [int(part[np.argmax(track.confidence[part])]) for part in parts]
    return [track.frames.start + index for index in surest if track.confidence[index] > 0]


def _crops(
    footage: Footage, frame: int, to_crop: NDArray[np.float64], size: int
) -> Iterator[Floats]:
    moment = FrameRange(frame, frame + 1, footage.frames.rate)
    for picture in decode(footage.info, moment, ahead=1):
        yield cut(picture, to_crop, size)
