"""The detector that needs no downloads: the cascades inside OpenCV's wheel.

Three views are searched: frontal faces, and faces turned to either side by the profile cascade, on
the picture and on its mirror image. Where one finds something, a second frontal cascade is asked
for its opinion. A cascade's window is not the box that we mean; where the box lies in each
cascade's window was measured on real footage, and is a constant.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from reenact_core.errors import FaceError
from reenact_core.geometry import Box
from reenact_core.tracking.detect import FaceDetection, Pixels, without_doubles

Grey = NDArray[np.uint8]

SMALL_STEPS = 3.0
"""What an agreeing window of the smallest sizes counts for, against one of the others."""
SAME_FACE = 0.3
"""Windows of several cascades are one face from this overlap on (IoU)."""
ROLLS = (-32.0, 32.0)
"""Degrees by which the picture is turned where nothing is found in it as it is."""
LIKELY = 0.5
"""Score from which something was found."""
AROUND = 1.8
"""Side of the square in which a second opinion is asked, in sides of the face's box."""


@dataclass(frozen=True, slots=True)
class View:
    """One cascade, and where the face's box lies in its window."""

    file: str
    """Name of the cascade in OpenCV's folder."""
    mirrored: bool
    """Search the mirror image."""
    pyramid: float
    """Ratio of neighbouring sizes that are searched."""
    offset: tuple[float, float]
    """From the window's centre to the box's, in window widths."""
    size: float
    """The box's side, in window widths."""
    side: int
    """Side of the cascade's smallest window, in pixels."""
    doubt: float
    """Agreeing windows that leave a doubt of 1/e."""
    says_place: float
    """Weight of its box among those of other views. The profile cascade fires on frontal faces
    too, but its window lies right only on profiles."""


FRONT = View("haarcascade_frontalface_alt2.xml", False, 1.1, (0.0, 0.090), 0.935, 20, 9.0, 1.0)
LEFT = View("haarcascade_profileface.xml", False, 1.2, (-0.125, 0.088), 0.800, 20, 9.0, 0.1)
RIGHT = View("haarcascade_profileface.xml", True, 1.2, (0.125, 0.088), 0.800, 20, 9.0, 0.1)
SECOND = View("haarcascade_frontalface_default.xml", False, 1.1, (0.0, 0.088), 0.90, 24, 14.0, 1.0)


@dataclass(frozen=True, slots=True)
class Sight:
    """What one view found."""

    box: Box
    """Of the face, not of the cascade's window."""
    score: float
    weight: float
    """Of the box, against other sights of the face."""


class EmbeddedDetector:
    """Finds faces in a picture (h, w, 3) R'G'B' uint8; calling it is a `Detector`.

    Raises:
        FaceError: the installed OpenCV has no cascades.
    """

    def __init__(self, *, smallest: float = 0.04) -> None:
        """`smallest` is the side of the smallest face, as a share of the picture's longer side."""
        self._smallest = smallest
        self._cascades = {view.file: _load(view.file) for view in (FRONT, LEFT, SECOND)}

    def __call__(self, pixels: Pixels) -> list[FaceDetection]:
        grey = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8)
        least = self._smallest * max(grey.shape)
        found = [
            sight
            for view in (FRONT, LEFT, RIGHT)
            for sight in self._search(grey, view, least, None)
        ]
        opinions = [sight for face in joined(found) for sight in self._second(grey, face.box)]
        faces = joined([*found, *opinions])
        if any(face.score >= LIKELY for face in faces):
            return faces
        return without_doubles([*faces, *self._rolled(grey, least)], SAME_FACE)

    def _rolled(self, grey: Grey, least: float) -> list[FaceDetection]:
        """Faces that are turned by more than the cascades forgive: the picture is turned back."""
        faces = []
        for roll in ROLLS:
            turned, to_turned = _turned(grey, roll)
            for sight in self._search(turned, FRONT, least, None):
                x, y = np.linalg.inv(to_turned[:, :2]) @ (sight.box.centre - to_turned[:, 2])
                half = sight.box.width / 2
                box = Box(x - half, y - half, x + half, y + half)
                faces.append(FaceDetection(box, sight.score, roll))
        return faces

    def _second(self, grey: Grey, face: Box) -> Iterator[Sight]:
        """What the second cascade finds where a face was found, in about its size."""
        around = face.scaled(AROUND).clip(grey.shape[1], grey.shape[0])
        left, top = int(around.left), int(around.top)
        part = grey[top : int(around.bottom), left : int(around.right)]
        for sight in self._search(part, SECOND, 0.75 * face.width, 1.4 * face.width):
            box = sight.box
            moved = Box(box.left + left, box.top + top, box.right + left, box.bottom + top)
            yield Sight(moved, sight.score, sight.weight)

    def _search(self, grey: Grey, view: View, least: float, most: float | None) -> Iterator[Sight]:
        """Faces of one view whose box is from `least` to `most` pixels wide."""
        smallest = max(view.side, round(least / view.size))
        largest = min(grey.shape) if most is None else min(*grey.shape, round(most / view.size))
        if largest < smallest:
            return
        image = cv2.flip(grey, 1) if view.mirrored else grey
        windows, agreeing = self._cascades[view.file].detectMultiScale2(
            image,
            scaleFactor=view.pyramid,
            minNeighbors=2,
            minSize=(smallest, smallest),
            maxSize=(largest, largest),
        )
        for window, count in zip(np.reshape(windows, (-1, 4)), np.ravel(agreeing), strict=True):
            score = _score(float(window[2]), float(count), view)
            yield Sight(_box(window, view, grey.shape[1]), score, score * view.says_place)


def _turned(grey: Grey, roll: float) -> tuple[Grey, NDArray[np.float64]]:
    """The picture in which faces of that roll (degrees) stand upright, and the map to it (2, 3)."""
    height, width = grey.shape
    side = int(np.hypot(height, width))
    turn = np.array(cv2.getRotationMatrix2D((width / 2, height / 2), roll, 1.0), np.float64)
    turn[:, 2] += [(side - width) / 2, (side - height) / 2]
    return np.asarray(cv2.warpAffine(grey, turn, (side, side)), np.uint8), turn


def _load(file: str) -> cv2.CascadeClassifier:
    path = Path(cv2.__file__).parent / "data" / file
    if not hasattr(cv2, "CascadeClassifier") or not path.is_file():
        raise FaceError(
            f"{path}: this OpenCV ({cv2.__version__}) has no face cascades; "
            "install opencv-python>=4.12,<5, or use --tracker facexlib"
        )
    return cv2.CascadeClassifier(str(path))


def _score(width: float, agreeing: float, view: View) -> float:
    """How sure a group of windows makes, in [0, 1].

    OpenCV steps over the smallest windows, up to twice the cascade's own, by two pixels instead of
    one, both ways, so fewer of them can agree.
    """
    if width <= 2.05 * view.side:
        agreeing *= SMALL_STEPS
    return 1.0 - float(np.exp(-agreeing / view.doubt))


def _box(window: NDArray[np.int32], view: View, picture_width: int) -> Box:
    left, top, width, height = (float(value) for value in window)
    if view.mirrored:
        left = picture_width - left - width
    x = left + width * (0.5 + view.offset[0])
    y = top + height * (0.5 + view.offset[1])
    half = width * view.size / 2
    return Box(x - half, y - half, x + half, y + half)


def joined(found: Sequence[Sight]) -> list[FaceDetection]:
    """Sights of one face made one: boxes averaged by weight, doubts multiplied."""
    groups: list[list[Sight]] = []
    for sight in sorted(found, key=lambda sight: -sight.score):
        for group in groups:
            if group[0].box.overlap(sight.box) >= SAME_FACE:
                group.append(sight)
                break
        else:
            groups.append([sight])
    return [_one(group) for group in groups]


def _one(group: Sequence[Sight]) -> FaceDetection:
    weights = np.array([sight.weight for sight in group])
    edges = np.array([[s.box.left, s.box.top, s.box.right, s.box.bottom] for s in group])
    mean = (edges * weights[:, None]).sum(axis=0) / weights.sum()
    doubt = float(np.prod([1.0 - sight.score for sight in group]))
    return FaceDetection(Box(*(float(edge) for edge in mean)), min(0.999, 1.0 - doubt))
