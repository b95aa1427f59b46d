"""Where the new face goes: a soft mask drawn from the face's own points."""

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from reenact_core.crop.points import BROWS, CHIN, HAIRLINE, HAIRLINE_MIDDLE, eyes_and_mouth
from reenact_core.crop.resample import Image
from reenact_core.crop.smooth import Floats

COARSE = 4
"""The distance to the outline is computed on every fourth pixel; it is straight between them."""

LIES_ON = 0.6
"""Share of a fitted mask that lies on the face, at least."""


@dataclass(frozen=True, slots=True)
class MaskSettings:
    """How much of the crop is replaced, and how softly it ends."""

    region: Literal["face", "head"] = "face"
    """`face` ends at jaw and hairline; in a recast it is the narrow face of the fitted head, and
    what is below counts where that is not known. `head` takes hair and ears along."""
    grow: float = 0.08
    """How far the mask reaches beyond the outline, by the face's size (root of its area)."""
    forehead: float = 0.6
    """Part of the way from brows to hairline up to which a recast replaces the face: above it two
    hairlines would meet. 1: all of it."""
    feather: float = 0.2
    """Width of the soft edge, inwards from where the mask ends, in the same unit."""
    crown: float = 0.35
    """`head`: height of the hair above the hairline, by the height from chin to hairline."""
    cheeks: float = 0.12
    """`head`: room beside the face for ears and hair, by the face's width."""
    rim: float = 0.06
    """Part of the crop's side along its border in which the mask falls to 0."""
    smoothing_seconds: float = 0.15
    """Movements of the outline shorter than this are evened out (`points.smooth_points`)."""

    def __post_init__(self) -> None:
        if not -0.5 <= self.grow <= 2.0:
            raise ValueError(f"grow must be in [-0.5, 2], got {self.grow}")
        if self.feather <= 0:
            raise ValueError(f"feather must be positive, got {self.feather}")
        if not 0 <= self.forehead <= 1:
            raise ValueError(f"forehead must be in [0, 1], got {self.forehead}")
        if min(self.crown, self.cheeks, self.smoothing_seconds) < 0:
            raise ValueError("crown, cheeks and smoothing must not be negative")
        if not 0 <= self.rim < 0.5:
            raise ValueError(f"rim must be in [0, 0.5), got {self.rim}")


def face_mask(
    points: Floats, size: int, settings: MaskSettings, *, matte: Image | None = None
) -> Image:
    """How much of the new face each crop sample takes.

    Convention:
        points: (N, 2) crop pixels, N = 79 or 5; NaN gives an empty mask
        matte: (size, size) in [0, 1], what is not hidden by something in front of the face
        result: (size, size) float32 in [0, 1]; exactly 0 away from the face and along the border
    """
    if not np.isfinite(points).all():
        return np.zeros((size, size), dtype=np.float32)
    unit = np.sqrt(max(_area(_hull(_around(points))), 1.0))
    distance = _distance_outside(outline(points, settings), size)
    inwards = (settings.grow * unit - distance) / (settings.feather * unit)
    mask = _smoothstep(inwards) * _rim(size, settings.rim)
    return mask if matte is None else np.asarray(mask * np.clip(matte, 0.0, 1.0), dtype=np.float32)


def lies_on(mask: Image, face: Image) -> bool:
    """Whether a mask (size, size) that a fitted head gives lies on the face that is there; one
    that does not is an error of reading."""
    return float((mask * face).sum()) > LIES_ON * float(mask.sum())


def below_hairline(points: Floats, forehead: float) -> Floats:
    """The 79 points of a face (79, 2) with those of the hairline lowered towards the brows.

    Other points are given back as they are.
    """
    if len(points) != 79 or forehead == 1 or not np.isfinite(points).all():
        return points
    up = points[HAIRLINE_MIDDLE] - points[CHIN]
    up = up / max(float(np.linalg.norm(up)), 1e-6)
    above = (points[HAIRLINE] - points[BROWS].mean(axis=0)) @ up
    lowered = points.copy()
    lowered[HAIRLINE] -= (1 - forehead) * np.maximum(above, 0)[:, None] * up
    return lowered


def outline(points: Floats, settings: MaskSettings) -> Floats:
    """The convex outline (M, 2) of the face or head, in order, same pixels as the points."""
    around = _around(points)
    return _hull(_with_hair(around, points, settings) if settings.region == "head" else around)


def _hull(around: Floats) -> Floats:
    hull = np.asarray(cv2.convexHull(around.astype(np.float32)), dtype=np.float64)
    # Points on one line, or all in one place, have no hull; they are their own outline.
    return hull.reshape(-1, 2) if hull.size >= 6 and hull.size % 2 == 0 else around


def _around(points: Floats) -> Floats:
    """Points whose hull is the face: all of them, for in profile nose and lips are its outline."""
    return points if len(points) == 79 else _ellipse(points)


def _ellipse(points: Floats) -> Floats:
    """An outline guessed from eyes and mouth: mid-forehead to chin, cheek to cheek."""
    left, right, mouth = eyes_and_mouth(points)
    eyes = (left + right) / 2
    down = mouth - eyes
    sideways = np.array([-down[1], down[0]])
    between = float(np.linalg.norm(right - left)) / max(float(np.linalg.norm(down)), 1e-6)
    half_width = min(max(1.05 * between, 0.9), 1.4)  # a profile's eyes stand close
    angle = np.linspace(0, 2 * np.pi, 32, endpoint=False)[:, None]
    return np.asarray(
        eyes + 0.5 * down + 1.25 * np.cos(angle) * down + half_width * np.sin(angle) * sideways
    )


def _with_hair(around: Floats, points: Floats, settings: MaskSettings) -> Floats:
    """The outline with a copy raised by the crown and the sides pushed out."""
    left, right, mouth = eyes_and_mouth(points)
    if len(points) == 79:
        up = points[HAIRLINE_MIDDLE] - points[CHIN]
    else:
        up = ((left + right) / 2 - mouth) * 2.5
    length = max(float(np.linalg.norm(up)), 1e-6)
    beside = np.array([-up[1], up[0]]) / length
    offset = (around - around.mean(axis=0)) @ beside
    wide = around + settings.cheeks * 2 * offset[:, None] * beside
    upper = wide[(wide - wide.mean(axis=0)) @ up > 0]
    return np.concatenate([wide, upper + settings.crown * up])


def _area(hull: Floats) -> float:
    x, y = hull[:, 0], hull[:, 1]
    return float(abs(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1))) / 2)


def _distance_outside(hull: Floats, size: int) -> Image:
    """Distance of every crop sample from a convex outline in pixels, negative inside."""
    corner_x, corner_y = hull.astype(np.float32).T
    edge_x, edge_y = np.roll(corner_x, -1) - corner_x, np.roll(corner_y, -1) - corner_y
    line = ((np.arange(-(-size // COARSE)) + 0.5) * COARSE).astype(np.float32)
    away_x = line[None, :, None] - corner_x  # (1, w, M)
    away_y = line[:, None, None] - corner_y  # (h, 1, M)
    along = (away_x * edge_x + away_y * edge_y) / np.maximum(edge_x**2 + edge_y**2, 1e-12)
    along = np.clip(along, 0.0, 1.0)
    square = (away_x - along * edge_x) ** 2 + (away_y - along * edge_y) ** 2
    distance = np.sqrt(square.min(axis=2))
    side = edge_x * away_y - edge_y * away_x
    inside = (side > 0).all(axis=2) | (side < 0).all(axis=2)
    whole = COARSE * len(line)
    signed = cv2.resize(np.where(inside, -distance, distance), (whole, whole))
    return np.asarray(signed, dtype=np.float32)[:size, :size]


def _rim(size: int, share: float) -> Image:
    """1 inside, falling to exactly 0 on the outermost two samples of each side."""
    from_border = np.minimum(np.arange(size), np.arange(size)[::-1]) - 1.0
    ramp = _smoothstep(from_border / max(share * size, 1.0))
    return np.minimum(ramp[:, None], ramp[None, :])


def _smoothstep(value: NDArray[np.floating]) -> Image:
    """0 below 0, 1 above 1, smooth between."""
    clipped = np.clip(value, 0.0, 1.0)
    return np.asarray(clipped * clipped * (3.0 - 2.0 * clipped), dtype=np.float32)
