"""The 79 points of followed faces, read by the face points network.

The network reads upright crops along a path that is known already, so it does not have to find the
face: it says where the features are, how the head is rolled, and whether this is a face at all.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from reenact_core.tracking.detect import Pixels, box_from_points
from reenact_core.tracking.place import Place, box_of

Floats = NDArray[np.float64]

CROP_PIXELS = 128
MARGIN = 2.0
"""Side of the crop, in sizes of the face."""
LIFT = 0.1
"""How far the crop's centre lies above the face's, in sizes."""
BATCH = 16
SURE = 1.0
"""Confidence (logit) from which a reading is used."""
LIES_ON = 0.35
"""Least overlap of the read points' box with the path's."""
LEFT_EYE, RIGHT_EYE = slice(36, 42), slice(42, 48)
NOSE_TIP, MOUTH_CORNERS = 30, (48, 54)


@dataclass(frozen=True, slots=True, eq=False)
class CropReading:
    """What the network sees in one crop."""

    points: Floats
    """(79, 2) in [-1, 1] over the crop."""
    confidence: float
    """Logit that it is a face."""


Reader = Callable[[NDArray[np.uint8]], list[CropReading]]
"""Readings of crops (B, 128, 128, 3) R'G'B'."""


@cache
def network_reader() -> Reader:
    """The network that comes with reenact, on the CPU.

    Raises:
        CheckpointError: its weights are missing or damaged.
    """
    import torch

    from reenact_core.models.face_points import load_face_points

    network = load_face_points()

    def read(crops: NDArray[np.uint8]) -> list[CropReading]:
        with torch.inference_mode():
            given = torch.from_numpy(crops).permute(0, 3, 1, 2).float() / 255
            seen = network(given)
        points, sure = seen.points[..., :2].double().numpy(), seen.confidence.double().numpy()
        return [CropReading(p, float(c)) for p, c in zip(points, sure, strict=True)]

    return read


@dataclass(frozen=True, slots=True, eq=False)
class PointReading:
    """The points of a face in one frame."""

    points: Floats
    """(79, 2) in pixels of the frame."""
    confidence: float
    """Logit that it is a face."""
    good: bool
    """Sure, and where the path says that the face is."""

    @property
    def roll(self) -> float:
        """Radians by which the line of the eyes is turned, clockwise as seen."""
        across = self.points[RIGHT_EYE].mean(axis=0) - self.points[LEFT_EYE].mean(axis=0)
        return float(np.arctan2(across[1], across[0]))


def read_points(
    frame_pixels: Callable[[int], Pixels],
    places: Sequence[tuple[int, Place]],
    reader: Reader,
) -> dict[int, PointReading]:
    """The points of a face in the frames in which its place is given."""
    readings: dict[int, PointReading] = {}
    for start in range(0, len(places), BATCH):
        part = places[start : start + BATCH]
        crops = np.stack([_crop(frame_pixels(frame), place) for frame, place in part])
        for (frame, place), seen in zip(part, reader(crops), strict=True):
            readings[frame] = _in_frame(seen, place)
    return readings


def five_of(points: Floats) -> Floats:
    """Eyes, nose tip and mouth corners (5, 2) among the 79 points."""
    eyes = [points[LEFT_EYE].mean(axis=0), points[RIGHT_EYE].mean(axis=0)]
    return np.stack([*eyes, points[NOSE_TIP], *(points[corner] for corner in MOUTH_CORNERS)])


def _to_crop(place: Place) -> Floats:
    """The map (2, 3) from frame to crop pixels: the crop is upright with the face."""
    size, roll = float(np.exp(place[2])), float(place[3])
    cosine, sine = np.cos(roll), np.sin(roll)
    turn = np.array([[cosine, sine], [-sine, cosine]]) * CROP_PIXELS / (MARGIN * size)
    upwards = np.array([sine, -cosine])
    centre = place[:2] + LIFT * size * upwards
    return np.column_stack([turn, CROP_PIXELS / 2 - turn @ centre])


def _crop(pixels: Pixels, place: Place) -> Pixels:
    """The upright crop (128, 128, 3) about a place."""
    part, place = _around(pixels, place)
    to_crop = _to_crop(place)
    scale = float(np.hypot(to_crop[0, 0], to_crop[0, 1]))
    blur = 0.4 * (1 / scale - 1)
    if blur > 0.2:
        # Detail that the smaller crop cannot hold would turn into jagged edges.
        part = np.asarray(cv2.GaussianBlur(part, (0, 0), blur), np.uint8)
    # OpenCV counts from pixel centres, our coordinates from pixel corners.
    to_crop[:, 2] += to_crop[:, :2] @ np.full(2, 0.5) - 0.5
    return np.asarray(cv2.warpAffine(part, to_crop, (CROP_PIXELS, CROP_PIXELS)), np.uint8)


def _around(pixels: Pixels, place: Place) -> tuple[Pixels, Place]:
    """The part of a picture that a crop can reach, and the place in it."""
    reach = 0.8 * MARGIN * float(np.exp(place[2]))
    height, width = pixels.shape[:2]
    left = int(np.clip(place[0] - reach, 0, width - 1))
    top = int(np.clip(place[1] - reach, 0, height - 1))
    right, bottom = int(np.ceil(place[0] + reach)) + 1, int(np.ceil(place[1] + reach)) + 1
    part = pixels[top : max(top + 1, bottom), left : max(left + 1, right)]
    return part, place - [left, top, 0, 0]


def _in_frame(seen: CropReading, place: Place) -> PointReading:
    to_crop = _to_crop(place)
    crop = (seen.points + 1) * CROP_PIXELS / 2
    points = (crop - to_crop[:, 2]) @ np.linalg.inv(to_crop[:, :2]).T
    upright = box_from_points(five_of(points))
    good = seen.confidence >= SURE and upright.overlap(box_of(place)) >= LIES_ON
    return PointReading(points, seen.confidence, good)
