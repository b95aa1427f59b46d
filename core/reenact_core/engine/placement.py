"""What is pasted into each frame: new faces with steady masks, matched to the light around them.

Masks and matches are evened out over time, which needs frames before and after. They are worked out
block by block with an overlap, so that memory does not grow with the clip.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil

import numpy as np
from numpy.typing import NDArray

from reenact_core.crop.cut import cut
from reenact_core.crop.full_size import at_size, resized
from reenact_core.crop.harmonise import Match, apply, measure, smooth
from reenact_core.crop.mask import below_hairline, face_mask, lies_on
from reenact_core.crop.paste import paste
from reenact_core.crop.points import smooth_points
from reenact_core.engine.cut_face import as_kept
from reenact_core.engine.role import Role
from reenact_core.engine.spool import from_samples
from reenact_core.frames import Picture
from reenact_core.settings import Settings

BLOCK = 256
"""Frames that are worked out together."""
RIM = 0.1
"""Where the whole crop is pasted, the part of its side in which it fades out."""

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Placement:
    """One new face, ready to be pasted.

    Convention:
        face, plate: (L, L, 3) float32 R'G'B' in [0, 1]; plate is what the clip shows there, None:
            the picture tells when it comes
        mask: (L, L) float32 in [0, 1]
        to_crop: (2, 3), displayed frame pixels to pixels of a crop of L
    """

    face: Floats
    plate: Floats | None
    mask: Floats
    to_crop: NDArray[np.float64]
    weight: float
    """In [0, 1]."""
    own_skin: bool
    """The face is another person's: the plate's texture has no place in it."""

    def paste_into(self, picture: Picture, settings: Settings) -> Picture:
        """The picture with the face in it."""
        skin = settings.paste.skin
        own = self.own_skin if skin == "auto" else skin == "own"
        chosen = replace(settings.paste, detail=0.0) if own else settings.paste
        plate = self.plate
        if plate is None and chosen.detail > 0:
            plate = as_kept(cut(picture, self.to_crop, len(self.face)), picture.layout)
        return paste(
            picture,
            self.face,
            self.mask,
            self.to_crop,
            chosen,
            self.weight,
            plate_crop=plate,
            seen_at=settings.crop.size,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Steady:
    """How one new face is pasted, evened out over time.

    Convention:
        points: (79, 2) float64, pixels of a crop of 256
    """

    index: int
    """Place in the role's track."""
    points: NDArray[np.float64]
    match: Match


def placements(role: Role, settings: Settings) -> Iterator[tuple[int, Placement]]:
    """The file's frame number and the placement of every frame that the role shows, in order."""
    return placed(role, steadied(role, settings), settings)


def steadied(role: Role, settings: Settings) -> Iterator[Steady]:
    """Points and matches of every frame that the role shows, in order, block by block."""
    rate = role.face.track.frames.rate
    margin = _margin(settings, rate)
    for stretch in role.performance.stretches:
        for start in range(stretch.start, stretch.stop, BLOCK):
            inner = range(start, min(start + BLOCK, stretch.stop))
            outer = range(
                max(stretch.start, inner.start - margin), min(stretch.stop, inner.stop + margin)
            )
            yield from _block(role, inner, outer, settings, rate)


def placed(
    role: Role, steady: Iterable[Steady], settings: Settings
) -> Iterator[tuple[int, Placement]]:
    """The file's frame number and the placement of each of these frames."""
    for one in steady:
        face = apply(role.new.read_pixels(one.index), one.match, role.face.crops.shape[0])
        mask = _mask(role, one.index, one.points, settings)
        placement = Placement(
            face,
            _plate(role, one.index) if len(face) == len(mask) else None,
            resized(mask, len(face)),
            at_size(role.face.to_crop.matrix[one.index], len(mask), len(face)),
            float(role.performance.weight[one.index]),
            own_skin=role.cast.mode == "recast",
        )
        yield role.face.track.frames.start + one.index, placement


def _block(
    role: Role, inner: range, outer: range, settings: Settings, rate: Fraction
) -> Iterator[Steady]:
    found = np.stack([role.new.read_points(index) for index in outer])
    points = smooth_points(found, seconds=settings.mask.smoothing_seconds, rate=rate)
    measured = [
        measure(
            resized(role.new.read_pixels(index), role.face.crops.shape[0]),
            _plate(role, index),
            _mask(role, index, points[index - outer.start], settings),
            settings.harmonise,
        )
        for index in outer
    ]
    matches = smooth(measured, rate, settings.harmonise)
    for index in inner:
        yield Steady(index, points[index - outer.start], matches[index - outer.start])


def _plate(role: Role, index: int) -> Floats:
    return from_samples(role.face.crops.read(index))


def _mask(role: Role, index: int, points: NDArray[np.float64], settings: Settings) -> Floats:
    fitted = role.new.read_mask(index) if settings.mask.region == "face" else None
    if fitted is not None and lies_on(fitted, _old_mask(role, index, settings)):
        return fitted
    mask = face_mask(_replaced(points, role, settings), role.face.crops.shape[0], settings.mask)
    return _widened(mask, role, index, settings)


def _widened(mask: Floats, role: Role, index: int, settings: Settings) -> Floats:
    """The mask of the new face with what else is replaced: the old face, or the whole crop."""
    size = len(mask)
    if role.region == "crop":
        return crop_mask(size)
    return np.maximum(mask, _old_mask(role, index, settings))


def _old_mask(role: Role, index: int, settings: Settings) -> Floats:
    """Where the clip's own face is."""
    landmarks = role.face.track.landmarks[index : index + 1]
    old = role.face.to_crop[index : index + 1].apply(landmarks)[0]
    return face_mask(_replaced(old, role, settings), role.face.crops.shape[0], settings.mask)


def _replaced(points: NDArray[np.float64], role: Role, settings: Settings) -> NDArray[np.float64]:
    """A face's points, those of the hairline lowered where two people's would meet."""
    if role.cast.mode != "recast" or settings.mask.region != "face":
        return points
    return below_hairline(points, settings.mask.forehead)


def crop_mask(size: int) -> Floats:
    """The whole crop, falling softly to exactly 0 along its border: (size, size) float32."""
    from_border = np.minimum(np.arange(size), np.arange(size)[::-1]) - 1.0
    ramp = np.clip(from_border / (RIM * size), 0.0, 1.0)
    ramp = ramp * ramp * (3.0 - 2.0 * ramp)
    return np.minimum(ramp[:, None], ramp[None, :]).astype(np.float32)


def _margin(settings: Settings, rate: Fraction) -> int:
    """Frames beyond which the smoothing hears nothing any more."""
    seconds = max(settings.mask.smoothing_seconds, settings.harmonise.smoothing_seconds)
    return ceil(3 * seconds * float(rate))
