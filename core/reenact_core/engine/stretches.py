"""Unbroken stretches of frames: what one run of the recurrence may cover."""

import numpy as np
from numpy.typing import NDArray


def true_stretches(values: NDArray[np.bool_]) -> list[range]:
    """The longest runs of True, in order."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], values, [False]]).astype(np.int8)))
    pairs = zip(edges[::2], edges[1::2], strict=True)
    return [range(int(start), int(stop)) for start, stop in pairs]
