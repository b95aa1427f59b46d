"""The detector that needs no downloads: the cascades inside OpenCV's wheel.

Three views are searched: frontal faces by two cascades, and faces turned to either side by the
profile cascade, on the picture and on its mirror image. A cascade's window is not the box that we
mean; where the box lies in each cascade's window was measured on real footage, and is a constant.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from reenact_core.errors import FaceError
from reenact_core.geometry import Box
from reenact_core.tracking.detect import FaceDetection, Pixels

PYRAMID = 1.1
"""Ratio of neighbouring sizes that are searched."""
SMALL_STEPS = 3.0
"""What an agreeing window of the smallest sizes counts for, against one of the others."""
SAME_FACE = 0.35
"""Windows of several cascades are one face from this overlap on (IoU)."""


@dataclass(frozen=True, slots=True)
class View:
    """One cascade, and where the face's box lies in its window."""

    file: str
    """Name of the cascade in OpenCV's folder."""
    mirrored: bool
    """Search the mirror image."""
    offset: tuple[float, float]
    """From the window's centre to the box's, in window widths."""
    size: float
    """The box's side, in window widths."""
    side: int
    """Side of the cascade's smallest window, in pixels."""
    doubt: float
    """Windows that must agree before a face is as likely as not, over ln 2."""


VIEWS = (
    View("haarcascade_frontalface_alt2.xml", False, (0.0, 0.090), 0.935, 20, 9.0),
    View("haarcascade_frontalface_default.xml", False, (0.0, 0.088), 0.900, 24, 14.0),
    View("haarcascade_profileface.xml", False, (-0.155, 0.110), 0.890, 20, 16.0),
    View("haarcascade_profileface.xml", True, (0.155, 0.110), 0.890, 20, 16.0),
)


class EmbeddedDetector:
    """Finds faces in a picture (h, w, 3) R'G'B' uint8; calling it is a `Detector`.

    Raises:
        FaceError: the installed OpenCV has no cascades.
    """

    def __init__(self, *, smallest: float = 0.04) -> None:
        """`smallest` is the side of the smallest face, as a share of the picture's longer side."""
        self._smallest = smallest
        self._cascades = [_load(view.file) for view in VIEWS]

    def __call__(self, pixels: Pixels) -> list[FaceDetection]:
        grey = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8)
        mirror = np.asarray(cv2.flip(grey, 1), np.uint8)
        found: list[FaceDetection] = []
        for view, cascade in zip(VIEWS, self._cascades, strict=True):
            least = max(20, round(self._smallest * max(grey.shape) / view.size))
            found += _search(mirror if view.mirrored else grey, view, cascade, least)
        return joined(found)


def _load(file: str) -> cv2.CascadeClassifier:
    path = Path(cv2.__file__).parent / "data" / file
    if not hasattr(cv2, "CascadeClassifier") or not path.is_file():
        raise FaceError(
            f"{path}: this OpenCV ({cv2.__version__}) has no face cascades; "
            "install opencv-python>=4.12,<5, or use --tracker facexlib"
        )
    return cv2.CascadeClassifier(str(path))


def _search(
    grey: NDArray[np.uint8], view: View, cascade: cv2.CascadeClassifier, least: int
) -> list[FaceDetection]:
    windows, agreeing = cascade.detectMultiScale2(
        grey, scaleFactor=PYRAMID, minNeighbors=2, minSize=(least, least)
    )
    width = grey.shape[1]
    return [
        FaceDetection(_box(window, view, width), _score(float(window[2]), float(count), view))
        for window, count in zip(np.reshape(windows, (-1, 4)), np.ravel(agreeing), strict=True)
    ]


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


def joined(found: Sequence[FaceDetection]) -> list[FaceDetection]:
    """Detections of one face made one: boxes averaged by score, doubts multiplied."""
    groups: list[list[FaceDetection]] = []
    for face in sorted(found, key=lambda face: -face.score):
        for group in groups:
            if group[0].box.overlap(face.box) >= SAME_FACE:
                group.append(face)
                break
        else:
            groups.append([face])
    return [_one(group) for group in groups]


def _one(group: Sequence[FaceDetection]) -> FaceDetection:
    scores = np.array([face.score for face in group])
    edges = np.array(
        [[face.box.left, face.box.top, face.box.right, face.box.bottom] for face in group]
    )
    mean = (edges * scores[:, None]).sum(axis=0) / scores.sum()
    doubt = float(np.prod(1.0 - scores))
    return FaceDetection(Box(*(float(edge) for edge in mean)), min(0.999, 1.0 - doubt))
