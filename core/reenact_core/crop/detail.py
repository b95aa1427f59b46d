"""Detail that the new face lacks, taken from the footage where the two agree.

A network paints softly, and a face that is larger in its frame than the crop loses its finest
detail in the cut. Both are known exactly: the one is in the plate's own crop, the other is the
frame less what the crop kept of it. They are given only where the new face shows, but for its
softness, what the footage shows; nothing is made up.

Forms are compared at the size at which networks see them, however many samples the face has.
"""

import cv2
import numpy as np

from reenact_core.crop.full_size import resized
from reenact_core.crop.resample import Image

ALIKE, UNLIKE = 0.02, 0.08
"""Local difference, of the signal's range, up to which faces agree fully, and from which not."""

FINE, SOFT = 1.0, 1.5
"""Blur in samples of the networks' crop (standard deviation) under which two faces are compared:
their forms, and the forms of a soft face."""


def agreement(face: Image, plate_crop: Image, seen_at: int | None = None) -> Image:
    """Where a new face shows what its plate shows.

    Convention:
        face, plate_crop: (size, size, 3) float32 R'G'B' in [0, 1]
        seen_at: samples a side at which networks see a face; None: as many as these have
        result: (size, size) float32, 1 where they look alike, exactly 1 where they are equal
    """
    lack = resized(plate_crop - face, seen_at or len(face))
    # The plate's grain is no disagreement: it averages out over a few samples, and form does not.
    return resized(_alike(_blurred(lack, FINE)), len(face))


def sharpened(face: Image, plate_crop: Image, strength: float, seen_at: int | None = None) -> Image:
    """The face as sharp as its plate where both show the same.

    Convention:
        face, plate_crop: (size, size, 3) float32 R'G'B' in [0, 1]
        strength: in [0, 1], 0 leaves the face as it is
        seen_at: as in `agreement`
        result: (size, size, 3), the face itself where it equals its plate

    The fine part of the face gives way to the plate's; it is not added to it, so that nothing is
    seen twice.
    """
    if strength == 0:
        return face
    lack = plate_crop - face
    slow = _blurred(resized(lack, seen_at or len(face)), SOFT)
    share = strength * resized(_alike(slow), len(face))[..., None]
    return np.asarray(face + share * (lack - resized(slow, len(face))), dtype=np.float32)


def lost(old: Image, kept: Image, agreed: Image, strength: float) -> Image:
    """The detail that must not be given back.

    Convention:
        old: (h, w, 3) the frame; kept: the same part as the crop holds it, sampled back
        agreed: (h, w) in [0, 1]; strength in [0, 1], 0 gives nothing back
        result: (h, w, 3); nothing where the crop is finer than the frame, for nothing was lost
    """
    return np.asarray((old - kept) * (1.0 - strength * agreed)[..., None], dtype=np.float32)


def _alike(difference: Image) -> Image:
    """(h, w) from a difference (h, w, 3): 1 where it is small all around, 0 where it is not."""
    strongest = np.abs(difference).max(axis=2)
    # The strongest difference near by counts: the rim of an eye must not be lit by the skin.
    near = np.asarray(cv2.dilate(strongest, np.ones((3, 3), np.uint8)), dtype=np.float32)
    rough = np.sqrt(_blurred(near * near, 1.5))
    unlike = np.clip((rough - ALIKE) / (UNLIKE - ALIKE), 0.0, 1.0)
    return np.asarray(1.0 - unlike * unlike * (3.0 - 2.0 * unlike), dtype=np.float32)


def _blurred(image: Image, sigma: float) -> Image:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), dtype=np.float32)
