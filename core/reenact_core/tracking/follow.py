"""Following a face from one frame to its neighbour by the optical flow of points in it.

Points of a grid inside the face are moved by pyramidal Lucas-Kanade, to the other frame and back;
those that do not come home are dropped, and a similarity is fitted to the rest. The work is done
in a window about the face that is brought to one size, so near and far faces cost the same and are
followed equally well.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from reenact_core.tracking.place import Place

FACE_PIXELS = 72.0
"""Size of the face in the window."""
WINDOW = 168
"""Side of the window: more than twice the face, so that fast heads stay in it."""
HOME = 1.2
"""Window pixels by which a point may miss its start after going there and back."""
SIMILAR = 0.45
"""Least correlation of the face's pixels before and after the step."""
LEAST_POINTS = 8

Grey = NDArray[np.uint8]
Floats = NDArray[np.float64]
Points = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """How a face moved between two frames."""

    place: Place
    """Where it is in the other frame."""
    quality: float
    """0: nothing could be followed; 1: all points agree and the face looks the same."""


def follow(here: Grey, there: Grey, place: Place) -> Step:
    """The face at `place` in the picture `here`, found again in the picture `there`.

    Convention:
        here, there: (h, w) uint8, neighbouring frames of one size
    """
    height, width = here.shape
    x, y = float(place[0]), float(place[1])
    if not (0 <= x < width and 0 <= y < height):
        return Step(place, 0.0)
    side = max(8, round(WINDOW / FACE_PIXELS * float(np.exp(place[2]))))
    corner, scale = (round(x - side / 2), round(y - side / 2)), WINDOW / side
    first, second = _window(here, corner, side), _window(there, corner, side)
    start = _POINTS[_inside((height, width), corner, scale)]
    if len(start) < LEAST_POINTS:
        return Step(place, 0.0)
    there_points, seen = _moved(first, second, start)
    if seen.sum() < LEAST_POINTS:
        return Step(place, 0.0)
    fitted, inliers = cv2.estimateAffinePartial2D(
        start[seen], there_points[seen], ransacReprojThreshold=2.0, maxIters=200, refineIters=5
    )
    if fitted is None:
        return Step(place, 0.0)
    similarity = np.asarray(fitted, np.float64)
    share = float(np.sum(inliers)) / len(start)
    alike = _alike(first, second, similarity)
    quality = min(1.0, share / 0.6) * min(1.0, max(0.0, (alike - SIMILAR) / (0.9 - SIMILAR)))
    return Step(_applied(place, similarity, corner, scale), quality)


def _grid() -> Points:
    """Points of a grid in an upright ellipse a little smaller than the face: (N, 2)."""
    steps = np.linspace(-0.42, 0.42, 11)
    x, y = np.meshgrid(steps, steps)
    inside = (x / 0.40) ** 2 + (y / 0.44) ** 2 <= 1
    points = np.stack([x[inside], y[inside]], axis=1) * FACE_PIXELS + WINDOW / 2 - 0.5
    return points.astype(np.float32)


_POINTS = _grid()


def _window(grey: Grey, corner: tuple[int, int], side: int) -> Grey:
    """A square of the frame, its edge repeated beyond it, brought to the window's size."""
    left, top = corner
    height, width = grey.shape
    within = grey[max(0, top) : max(0, top + side), max(0, left) : max(0, left + side)]
    rows = max(0, -top), max(0, top + side - height)
    columns = max(0, -left), max(0, left + side - width)
    if any(rows + columns):
        within = np.asarray(
            cv2.copyMakeBorder(within, *rows, *columns, borderType=cv2.BORDER_REPLICATE), np.uint8
        )
    how = cv2.INTER_AREA if side > WINDOW else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(within, (WINDOW, WINDOW), interpolation=how), np.uint8)


def _inside(shape: tuple[int, int], corner: tuple[int, int], scale: float) -> NDArray[np.bool_]:
    """Which points of the grid lie in the frame."""
    frame = _POINTS / scale + np.array(corner)
    limit = np.array([shape[1] - 1, shape[0] - 1])
    return np.asarray(((frame >= 0) & (frame <= limit)).all(axis=1))


def _moved(first: Grey, second: Grey, start: Points) -> tuple[Points, NDArray[np.bool_]]:
    """The points in the second window (N, 2), and which of them (N,) also find their way back."""
    there, found = _flow(first, second, start)
    back, returned = _flow(second, first, there)
    error = np.linalg.norm(back - start, axis=1)
    return there, found & returned & (error < HOME)


def _flow(first: Grey, second: Grey, start: Points) -> tuple[Points, NDArray[np.bool_]]:
    there, found, _ = cv2.calcOpticalFlowPyrLK(
        first, second, start, np.empty_like(start), winSize=(15, 15), maxLevel=3
    )
    return np.asarray(there, np.float32), np.asarray(found)[:, 0] > 0


def _alike(first: Grey, second: Grey, similarity: Floats) -> float:
    """Correlation of the face before the step and after it, in [-1, 1]."""
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    back = cv2.warpAffine(second, similarity, (WINDOW, WINDOW), flags=how)
    a, b = _centre(first), _centre(np.asarray(back, np.uint8))
    a, b = a - a.mean(), b - b.mean()
    norm = float(np.linalg.norm(a) * np.linalg.norm(b))
    # A face without any texture (black frame) is like nothing.
    return float((a * b).sum()) / norm if norm > 50.0 else 0.0


def _centre(window: Grey) -> Points:
    margin = int((WINDOW - FACE_PIXELS) / 2)
    return window[margin:-margin, margin:-margin].astype(np.float32)


def _applied(place: Place, similarity: Floats, corner: tuple[int, int], scale: float) -> Place:
    """The place after a similarity in the window."""
    there = similarity[:, :2] @ ((place[:2] - corner) * scale) + similarity[:, 2]
    grown = float(np.hypot(similarity[0, 0], similarity[1, 0]))
    turned = float(np.arctan2(similarity[1, 0], similarity[0, 0]))
    # One step changes size and roll by little; more is a misfit of the points.
    grown, turned = float(np.clip(grown, 0.9, 1.1)), float(np.clip(turned, -0.2, 0.2))
    return np.array([*(there / scale + corner), place[2] + np.log(grown), place[3] + turned])
