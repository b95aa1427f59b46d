"""Detail that the crop could not hold, given back where the new face agrees with the footage.

A face that is larger in its frame than the crop loses its finest detail in the cut. That detail is
known exactly: it is the frame less what the crop kept of it. It is given back only where the new
face shows what the footage shows; nothing is made up.
"""

import cv2
import numpy as np

from reenact_core.crop.resample import Image

ALIKE, UNLIKE = 0.02, 0.08
"""Local difference, of the signal's range, up to which faces agree fully, and from which not."""


def agreement(face: Image, plate_crop: Image) -> Image:
    """Where a new face shows what its plate shows.

    Convention:
        face, plate_crop: (size, size, 3) float32 R'G'B' in [0, 1]
        result: (size, size) float32, 1 where they look alike, exactly 1 where they are equal
    """
    # The plate's grain is no disagreement: it averages out over a few samples, and form does not.
    difference = np.abs(cv2.GaussianBlur(face - plate_crop, (0, 0), 1.0)).max(axis=2)
    # The strongest difference near by counts: the rim of an eye must not be lit by the skin.
    near = cv2.dilate(difference, np.ones((3, 3), np.uint8))
    rough = np.sqrt(cv2.GaussianBlur(near * near, (0, 0), 1.5))
    unlike = np.clip((rough - ALIKE) / (UNLIKE - ALIKE), 0.0, 1.0)
    return np.asarray(1.0 - unlike * unlike * (3.0 - 2.0 * unlike), dtype=np.float32)


def lost(old: Image, kept: Image, agreed: Image, strength: float) -> Image:
    """The detail that must not be given back.

    Convention:
        old: (h, w, 3) the frame; kept: the same part as the crop holds it, sampled back
        agreed: (h, w) in [0, 1]; strength in [0, 1], 0 gives nothing back
        result: (h, w, 3); nothing where the crop is finer than the frame, for nothing was lost
    """
    return np.asarray((old - kept) * (1.0 - strength * agreed)[..., None], dtype=np.float32)
