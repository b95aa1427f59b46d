"""Unbroken stretches of frames: what one run of the recurrence may cover."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def true_stretches(values: NDArray[np.bool_]) -> list[range]:
    """The longest runs of True, in order."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], values, [False]]).astype(np.int8)))
    pairs = zip(edges[::2], edges[1::2], strict=True)
    return [range(int(start), int(stop)) for start, stop in pairs]


def said(frames: Sequence[range]) -> str:
    """Stretches of frame numbers for people: `frames 3-7, 12 and 20-22`."""
    words = [
        str(part.start) if len(part) == 1 else f"{part.start}-{part.stop - 1}" for part in frames
    ]
    one = len(words) == 1 and len(frames[0]) == 1
    return ("frame " if one else "frames ") + _joined(words)


def _joined(words: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))
