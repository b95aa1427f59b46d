"""Where the crop of a face lies in every frame: steady, upright, one similarity a frame."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from reenact_core.crop.points import roll_of
from reenact_core.crop.smooth import Floats, smooth_in_time
from reenact_core.errors import FaceError
from reenact_core.geometry import Affine, Box
from reenact_core.tracking.track import FaceTrack


@dataclass(frozen=True, slots=True)
class CropSettings:
    """How a face is cut out of its frames."""

    size: int = 256
    """Samples along each side of the crop, as the networks expect it."""
    largest: int = 1024
    """Samples along each side of a new face, at most. It has a tenth more than the crop has pixels
    in its frame, as far as the source picture has them; never fewer than `size`."""
    margin: float = 2.0
    """Side of the crop by the larger side of the face's box."""
    lift: float = 0.1
    """How far the crop's centre lies above the box's, by the larger side of the box."""
    framing: Literal["follow", "fixed"] = "follow"
    """`follow` moves with the face; `fixed` keeps one crop that holds it through the whole shot."""
    roll: Literal["upright", "keep"] = "upright"
    """`upright` turns the crop with the head; `keep` leaves it level with the frame."""
    smoothing_seconds: float = 0.3
    """Movements of the crop shorter than this are evened out; 0 follows the track exactly."""
    scale_smoothing_seconds: float = 1.5
    """The same for its size, where the eye is quicker to see pumping."""

    def __post_init__(self) -> None:
        if not 16 <= self.size <= 2048:
            raise ValueError(f"a crop has 16 to 2048 samples a side, got {self.size}")
        if not 16 <= self.largest <= 4096:
            raise ValueError(f"largest must be in [16, 4096], got {self.largest}")
        if not 1.0 <= self.margin <= 8.0:
            raise ValueError(f"margin must be in [1, 8], got {self.margin}")
        if not -1.0 <= self.lift <= 1.0:
            raise ValueError(f"lift must be in [-1, 1], got {self.lift}")
        if min(self.smoothing_seconds, self.scale_smoothing_seconds) < 0:
            raise ValueError("smoothing must not be negative")


@dataclass(frozen=True, slots=True, eq=False)
class _Places:
    """The face in square pixels (x stretched by the pixel aspect), each of length T."""

    centre: Floats
    """(T, 2) centre of the box."""
    side: Floats
    """(T,) larger side of the box."""
    roll: Floats
    """(T,) radians, clockwise as seen."""


def align(track: FaceTrack, settings: CropSettings, pixel_aspect: Fraction = Fraction(1)) -> Affine:
    """The frame-to-crop map of every frame of a track.

    Frames in which the face is not seen get the map between their neighbours'.

    Convention:
        result: (T, 2, 3), displayed frame pixels to crop pixels, finite

    Raises:
        FaceError: no frame of the track has a box.
    """
    seen = np.asarray(np.isfinite(track.boxes).all(axis=1))
    if not seen.any():
        first, stop = track.frames.start, track.frames.stop
        raise FaceError(
            f"face {track.face_id} has no box in frames {first}-{stop - 1}; choose another face "
            "or correct the tracks file"
        )
    places = _places(track.boxes, track.landmarks, settings, float(pixel_aspect))
    rate = track.frames.rate
    if settings.framing == "fixed":
        return _maps(_held(places, seen, settings), settings, float(pixel_aspect))
    return _maps(_steady(places, seen, settings, rate), settings, float(pixel_aspect))


def align_still(
    box: Box,
    landmarks: Floats,
    settings: CropSettings,
    pixel_aspect: Fraction = Fraction(1),
) -> Affine:
    """The map of a face in a single picture, as one frame.

    Convention:
        box: pixels of the picture, mid-forehead to chin and cheek to cheek
        landmarks: (N, 2) in the same pixels, N = 79, 5 or 0
        result: (1, 2, 3), picture pixels to crop pixels
    """
    edges = np.array([[box.left, box.top, box.right, box.bottom]], dtype=np.float64)
    if not np.isfinite(edges).all():
        raise ValueError(f"a box must be finite, got {box}")
    places = _places(edges, landmarks[None], settings, float(pixel_aspect))
    places = _Places(places.centre, places.side, np.nan_to_num(places.roll))
    return _maps(places, settings, float(pixel_aspect))


def _places(boxes: Floats, landmarks: Floats, settings: CropSettings, aspect: float) -> _Places:
    """Centre, size and roll of the face in square pixels; NaN where not seen."""
    square = boxes * (aspect, 1.0, aspect, 1.0)
    side = np.maximum(square[:, 2] - square[:, 0], square[:, 3] - square[:, 1])
    roll = np.full(len(boxes), np.nan)
    if settings.roll == "upright" and landmarks.shape[1] > 0:
        roll = roll_of(landmarks * (aspect, 1.0))
    return _Places((square[:, :2] + square[:, 2:]) / 2, np.maximum(side, 1.0), roll)


def _steady(
    places: _Places, seen: NDArray[np.bool_], settings: CropSettings, rate: Fraction
) -> _Places:
    """The places smoothed in time, the size most of all."""
    centre = smooth_in_time(places.centre, seen, seconds=settings.smoothing_seconds, rate=rate)
    side = smooth_in_time(
        np.log(places.side), seen, seconds=settings.scale_smoothing_seconds, rate=rate
    )
    roll, known = _unwrapped(places.roll)
    if known.any():
        roll = smooth_in_time(roll, known, seconds=2 * settings.smoothing_seconds, rate=rate)
    return _Places(centre, np.exp(side), roll)


def _held(places: _Places, seen: NDArray[np.bool_], settings: CropSettings) -> _Places:
    """One place for all frames: the middle of where the face goes, wide enough to hold it."""
    centre, side = places.centre[seen], places.side[seen]
    low = (centre - side[:, None] / 2).min(axis=0)
    high = (centre + side[:, None] / 2).max(axis=0)
    # The face may fill four fifths of the crop before the crop is widened for it.
    wide = max(float(np.median(side)), float((high - low).max()) * 1.25 / settings.margin)
    roll, known = _unwrapped(places.roll)
    level = float(np.median(roll[known])) if known.any() else 0.0
    length = len(places.side)
    middle = np.broadcast_to((low + high) / 2, (length, 2))
    return _Places(middle, np.full(length, wide), np.full(length, level))


def _unwrapped(roll: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Roll without jumps of a whole turn, and where it is known; 0 where it is not."""
    known = np.isfinite(roll)
    whole = np.zeros_like(roll)
    whole[known] = np.unwrap(roll[known])
    return whole, known


def _maps(places: _Places, settings: CropSettings, aspect: float) -> Affine:
    """The maps that bring the places to the middle of the crop."""
    cos, sin = np.cos(places.roll), np.sin(places.roll)
    upwards = np.stack([sin, -cos], axis=1)
    centre = places.centre + settings.lift * places.side[:, None] * upwards
    scale = settings.size / (settings.margin * places.side)
    turn = np.array([[cos, sin], [-sin, cos]]).transpose(2, 0, 1) * scale[:, None, None]
    offset = settings.size / 2 - turn @ centre[:, :, None]
    stretch = np.diag([aspect, 1.0])
    return Affine(np.concatenate([turn @ stretch, offset], axis=2))
