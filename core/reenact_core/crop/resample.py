"""Images through affine maps, without aliasing in either direction.

Points are (x, y) in pixels with the origin at the top-left corner of the top-left pixel; OpenCV
counts from that pixel's centre, which is corrected here and nowhere else.
"""

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from reenact_core.geometry import Affine, Box

Image = NDArray[np.float32]
Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle of whole pixels in a frame, half open."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.right - self.left, self.bottom - self.top

    @property
    def box(self) -> Box:
        return Box(float(self.left), float(self.top), float(self.right), float(self.bottom))


@dataclass(frozen=True, slots=True)
class Grid:
    """Blocks of pixels that share a chroma sample; their borders lie at origin + k * step."""

    step: tuple[int, int] = (1, 1)
    """Width and height of a block."""
    origin: tuple[int, int] = (0, 0)
    """Not 0 where the picture was turned and its size is no multiple of the step: then the first
    block is the cut-off one."""


def check_map(to_crop: Matrix) -> None:
    """Raise ValueError for what is not an invertible (2, 3) map."""
    if to_crop.shape != (2, 3) or not np.isfinite(to_crop).all():
        raise ValueError(f"a map must be (2, 3) and finite, got {to_crop.tolist()}")
    if abs(np.linalg.det(to_crop[:, :2])) < 1e-12:
        raise ValueError(f"a map must be invertible, got {to_crop.tolist()}")


def invert(matrix: Matrix) -> Matrix:
    """The map (2, 3) the other way round."""
    check_map(matrix)
    return np.asarray(Affine(matrix[None]).inverse().matrix[0])


def shift_source(matrix: Matrix, left: float, top: float) -> Matrix:
    """The same map for a source image whose origin lies at (left, top) of the old one."""
    moved = matrix.copy()
    moved[:, 2] += matrix[:, :2] @ (left, top)
    return moved


def density(matrix: Matrix) -> tuple[float, float]:
    """Target pixels for one source pixel, along the source's x and y."""
    across, down = np.linalg.norm(matrix[:, :2], axis=0)
    return float(across), float(down)


def resample(
    image: Image,
    to_target: Matrix,
    size: tuple[int, int],
    *,
    edge: Literal["repeat", "zero"],
    sampling: Literal["linear", "cubic"] = "cubic",
) -> Image:
    """The image seen through a map, averaged first where the target is coarser.

    Convention:
        image: (H, W) or (H, W, C) float32
        to_target: (2, 3) float64, image pixels to target pixels
        size: width and height of the target
        result: (height, width[, C]) float32; beyond the image its edge is repeated, or it is 0.
            `linear` stays inside the image's range, `cubic` is sharper and may step over it.
    """
    check_map(to_target)
    border = cv2.BORDER_REPLICATE if edge == "repeat" else cv2.BORDER_CONSTANT
    image, to_target = _shrink(image, to_target, border)
    centred = to_target.copy()
    centred[:, 2] += to_target[:, :2] @ (0.5, 0.5) - 0.5
    flags = cv2.INTER_CUBIC if sampling == "cubic" else cv2.INTER_LINEAR
    warped = cv2.warpAffine(image, centred, size, flags=flags, borderMode=border)
    return np.asarray(warped, dtype=np.float32)


def _shrink(image: Image, to_target: Matrix, border: int) -> tuple[Image, Matrix]:
    """The image averaged until one of its pixels is about one of the target, and its map."""
    ratios = [max(1.0, 1.0 / value) for value in density(to_target)]
    height, width = image.shape[:2]
    across, down = (
        min(int(ratio), side) for ratio, side in zip(ratios, (width, height), strict=True)
    )
    if across > 1 or down > 1:
        extra = (-height % down, -width % across)
        even = cv2.copyMakeBorder(image, 0, extra[0], 0, extra[1], border)
        small = (even.shape[1] // across, even.shape[0] // down)
        averaged = cv2.resize(even, small, interpolation=cv2.INTER_AREA)
        image = np.asarray(averaged, dtype=np.float32)
        to_target = to_target @ np.diag([across, down, 1.0])
    rest = [ratio / step for ratio, step in zip(ratios, (across, down), strict=True)]
    sigmas = [0.4 * float(np.sqrt(ratio**2 - 1)) for ratio in rest]
    return _blur(image, sigmas[0], sigmas[1], border), to_target


def _blur(image: Image, across: float, down: float, border: int) -> Image:
    """Gaussian of two widths in pixels, none at all where both are next to nothing."""
    if max(across, down) < 0.05:
        return image
    kernel = (_taps(across), _taps(down))
    blurred = cv2.GaussianBlur(
        image, kernel, sigmaX=max(across, 0.05), sigmaY=max(down, 0.05), borderType=border
    )
    return np.asarray(blurred, dtype=np.float32)


def _taps(sigma: float) -> int:
    return 1 if sigma < 0.05 else 2 * int(np.ceil(3 * sigma)) + 1


def region_seen(
    to_crop: Matrix, crop: Box, width: int, height: int, grid: Grid | None = None
) -> Region:
    """The frame pixels that a part of the crop is sampled from, in whole blocks of the grid.

    Always holds at least one pixel: a crop outside its frame sees the frame's nearest edge.
    """
    corners = np.array([[[x, y] for x in (crop.left, crop.right) for y in (crop.top, crop.bottom)]])
    points = Affine(invert(to_crop)[None]).apply(corners)[0]
    reach = 4.0 / np.array(density(to_crop)) + 4.0  # what blur and cubic look at
    first, last = points.min(axis=0) - reach, points.max(axis=0) + reach
    grid = grid or Grid()
    left, right = _span(first[0], last[0], width, grid.step[0], grid.origin[0])
    top, bottom = _span(first[1], last[1], height, grid.step[1], grid.origin[1])
    return Region(left, top, right, bottom)


def _span(first: float, last: float, length: int, step: int, origin: int) -> tuple[int, int]:
    """Whole blocks that cover first..last inside 0..length; at least one block."""
    low = int(np.clip(np.floor(first), 0, length - 1))
    high = int(np.clip(np.ceil(last), low + 1, length))
    return max(0, low - (low - origin) % step), min(length, high + (origin - high) % step)
