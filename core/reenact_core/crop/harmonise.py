"""Colour and light of the new face matched to the frame around it.

Three pure pieces: `measure` compares a face with its plate, `smooth` (whole shot) or `follow`
(frame after frame) steadies what was measured, `apply` changes the face.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import cv2
import numpy as np

from reenact_core.crop.full_size import resized
from reenact_core.crop.resample import Image
from reenact_core.crop.smooth import Floats, smooth_in_time

OPPONENT = np.array(
    [
        [3**-0.5, 3**-0.5, 3**-0.5],
        [2**-0.5, 0.0, -(2**-0.5)],
        [6**-0.5, -2 * 6**-0.5, 6**-0.5],
    ]
)
"""R'G'B' to light, red against blue, green against both; orthonormal, so its inverse is its .T."""

GRID = 16
"""Cells along each side of the field of light."""

ALIKE_TONE, ALIKE_LIGHT = 0.12, 0.08
"""Differences, of the signal's range, from which two samples count as showing different things."""


@dataclass(frozen=True, slots=True)
class HarmoniseSettings:
    """How far the new face may be pulled towards the plate."""

    colour: float = 1.0
    """Share of the difference in mean colour and contrast that is taken away, in [0, 1]."""
    light: float = 1.0
    """Share of the slow differences along the mask's edge that is taken away, in [0, 1]."""
    largest_gain: float = 1.3
    """Contrast is changed by at most this factor, either way."""
    largest_offset: float = 0.25
    """Mean colour moves by at most this much of the signal's range."""
    largest_light: float = 0.12
    """The field of light is at most this much of the signal's range."""
    smoothing_seconds: float = 0.6
    """Changes of the match shorter than this are evened out."""

    def __post_init__(self) -> None:
        for name, share in (("colour", self.colour), ("light", self.light)):
            if not 0 <= share <= 1:
                raise ValueError(f"{name} must be in [0, 1], got {share}")
        if self.largest_gain < 1:
            raise ValueError(f"largest_gain must be at least 1, got {self.largest_gain}")
        if min(self.largest_offset, self.largest_light, self.smoothing_seconds) < 0:
            raise ValueError("bounds and smoothing must not be negative")


@dataclass(frozen=True, slots=True, eq=False)
class Match:
    """What makes a face look like its plate.

    Convention:
        gain: (3,) factor of contrast about `centre`, light and two colour differences
        centre: (3,) mean of the face, the same axes (`OPPONENT`)
        offset: (3,) added to the mean, the same axes
        light: (16, 16, 3) added to R'G'B', coarse over the crop
        confidence: how much of the crop the mask held when this was measured, in [0, 1]
    """

    gain: Floats
    centre: Floats
    offset: Floats
    light: Image
    confidence: float


def measure(
    face: Image, plate_crop: Image, mask: Image, settings: HarmoniseSettings | None = None
) -> Match:
    """The match of a new face with the plate's own crop, as far as the mask reaches.

    Convention:
        face, plate_crop: (size, size, 3) float32 R'G'B' in [0, 1]
        mask: (size, size) in [0, 1]; where it is empty the match changes nothing
        result: changes nothing at all when face equals plate_crop
    """
    settings = settings or HarmoniseSettings()
    held = float(mask.mean())
    if held * mask.size < 1.0:
        return Match(np.ones(3), np.zeros(3), np.zeros(3), _dark(), 0.0)
    gain, centre, offset = _tone(_reduced(face), _reduced(plate_crop), _reduced(mask))
    gain = np.clip(gain**settings.colour, 1 / settings.largest_gain, settings.largest_gain)
    bound = settings.largest_offset
    offset = np.clip(settings.colour * offset, -bound, bound)
    matched = apply(face, Match(gain, centre, offset, _dark(), held))
    return Match(gain, centre, offset, _light(matched, plate_crop, mask, settings), held)


def smooth(
    matches: Sequence[Match], rate: Fraction, settings: HarmoniseSettings | None = None
) -> list[Match]:
    """The matches of all frames of a shot, steadied in time without lag."""
    settings = settings or HarmoniseSettings()
    seen = np.array([match.confidence > 0 for match in matches], dtype=np.bool_)
    if not seen.any():
        return list(matches)
    rows = np.stack([_row(match) for match in matches])
    rows = smooth_in_time(rows, seen, seconds=settings.smoothing_seconds, rate=rate)
    return [_match(row, match.confidence) for row, match in zip(rows, matches, strict=True)]


def follow(
    previous: Match | None, new: Match, rate: Fraction, settings: HarmoniseSettings | None = None
) -> Match:
    """The match to use in this frame, steadied with the one used in the frame before.

    For runs that do not keep a shot's faces: it lags by about half the smoothing time, which light
    seldom shows. None starts afresh, as after a cut.
    """
    settings = settings or HarmoniseSettings()
    if previous is None or previous.confidence == 0:
        return new
    share = 1 - float(np.exp(-4.0 / max(settings.smoothing_seconds * float(rate), 1e-6)))
    row = _row(previous) + (share if new.confidence > 0 else 0.0) * (_row(new) - _row(previous))
    return _match(row, max(new.confidence, previous.confidence))


def apply(face: Image, match: Match, seen_at: int | None = None) -> Image:
    """The face with the match's colour and light.

    Detail finer than what was seen when the match was measured keeps its own contrast.

    Convention:
        face: (size, size, 3) float32 R'G'B' in [0, 1]
        seen_at: samples a side of the faces that were measured; None: as many as this one has
        result: the same, clipped to [0, 1]
    """
    if seen_at is not None and seen_at < len(face):
        small = resized(face, seen_at)
        added = resized(apply(small, match) - small, len(face))
        return np.asarray(np.clip(face + added, 0.0, 1.0), dtype=np.float32)
    back = OPPONENT * (match.gain - 1.0)[:, None]
    change = OPPONENT.T @ back  # what is added to R'G'B', linear
    shift = OPPONENT.T @ match.offset - change @ (OPPONENT.T @ match.centre)
    size = (face.shape[1], face.shape[0])
    light = cv2.resize(match.light, size, interpolation=cv2.INTER_CUBIC)
    changed = face + face @ change.T.astype(np.float32) + shift.astype(np.float32) + light
    return np.asarray(np.clip(changed, 0.0, 1.0), dtype=np.float32)


def _tone(face: Image, plate_crop: Image, mask: Image) -> tuple[Floats, Floats, Floats]:
    """Contrast and mean that bring the face to its plate: gain, centre, offset on opponent axes.

    A mouth that is open in one face only must not tint the other's skin: what differs in spite of
    the match counts little (iteratively reweighted least squares, Geman and McClure 1987).
    """
    new, old = _opponent(face), _opponent(plate_crop)
    weight = mask.reshape(-1).astype(np.float64)
    left = old - new
    left = left - np.median(left[weight >= 0.5 * weight.max()], axis=0)
    gain, centre, offset = np.ones(3), np.zeros(3), np.zeros(3)
    for _ in range(3):
        share = weight / (1 + (left**2).sum(axis=1) / ALIKE_TONE**2) ** 2
        share /= share.sum()
        centre, spread = _moments(new, share)
        old_centre, old_spread = _moments(old, share)
        gain, offset = (old_spread + 0.01) / (spread + 0.01), old_centre - centre
        left = old - (gain * (new - centre) + centre + offset)
    return gain, centre, offset


def _opponent(pixels: Image) -> Floats:
    """(N, 3) of the pixels on the opponent axes."""
    return np.asarray(pixels.reshape(-1, 3) @ OPPONENT.T, dtype=np.float64)


def _moments(values: Floats, share: Floats) -> tuple[Floats, Floats]:
    """Mean and standard deviation of (N, 3); the shares sum to 1."""
    centre = share @ values
    return centre, np.sqrt(share @ (values - centre) ** 2)


def _light(face: Image, plate_crop: Image, mask: Image, settings: HarmoniseSettings) -> Image:
    """What the face lacks along the mask's soft edge, spread inwards and fading there."""
    lack = plate_crop - face
    # Skin against background is no question of light, so what differs much counts little.
    alike = 1 / (1 + (lack**2).max(axis=2) / ALIKE_LIGHT**2) ** 2
    ring = 4 * mask * (1 - mask) * alike
    parts = np.dstack([lack * ring[..., None], ring])
    coarse = cv2.resize(parts, (GRID, GRID), interpolation=cv2.INTER_AREA)
    spread = cv2.GaussianBlur(coarse, (0, 0), 1.5, borderType=cv2.BORDER_REPLICATE)
    field = settings.light * spread[..., :3] / (spread[..., 3:] + 0.02)
    bound = settings.largest_light
    return np.asarray(np.clip(field, -bound, bound), dtype=np.float32)


def _dark() -> Image:
    """A field without light."""
    return np.zeros((GRID, GRID, 3), dtype=np.float32)


def _reduced(image: Image) -> Image:
    """A quarter of the size, which is plenty for colours."""
    size = (max(1, image.shape[1] // 4), max(1, image.shape[0] // 4))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.float32)


def _row(match: Match) -> Floats:
    """A match as one row of numbers in which a mean between two makes sense."""
    parts = [np.log(match.gain), match.centre, match.offset, match.light.ravel()]
    return np.concatenate(parts).astype(np.float64)


def _match(row: Floats, confidence: float) -> Match:
    light = row[9:].reshape(GRID, GRID, 3).astype(np.float32)
    return Match(np.exp(row[:3]), row[3:6], row[6:9], light, confidence)
