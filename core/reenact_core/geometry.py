"""Boxes and similarity maps between frames and crops.

Convention: points are (x, y) in pixels with the origin at the top-left corner of the top-left
pixel, so that pixel's centre is (0.5, 0.5).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Box:
    """An upright rectangle in frame pixels."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def height(self) -> float:
        return self.bottom - self.top

    @property
    def area(self) -> float:
        return max(0.0, self.width) * max(0.0, self.height)

    @property
    def centre(self) -> tuple[float, float]:
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2

    def overlap(self, other: "Box") -> float:
        """Intersection over union, in [0, 1]."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        shared = max(0.0, width) * max(0.0, height)
        joined = self.area + other.area - shared
        return shared / joined if joined > 0 else 0.0

    def clip(self, width: float, height: float) -> "Box":
        """The part of the box inside a frame of that size."""
        left, right = (min(max(value, 0.0), width) for value in (self.left, self.right))
        top, bottom = (min(max(value, 0.0), height) for value in (self.top, self.bottom))
        return Box(left, top, right, bottom)

    def scaled(self, factor: float) -> "Box":
        """The box grown about its centre."""
        x, y = self.centre
        half_width, half_height = self.width * factor / 2, self.height * factor / 2
        return Box(x - half_width, y - half_height, x + half_width, y + half_height)


@dataclass(frozen=True, slots=True, eq=False)
class Affine:
    """One affine map per frame, `target = matrix[:, :2] @ source + matrix[:, 2]`.

    Convention:
        matrix: (T, 2, 3), float64, pixels to pixels. A crop's map is a similarity but for
            anamorphic material, where x is stretched by the pixel aspect first.
    """

    matrix: Floats

    def __post_init__(self) -> None:
        if self.matrix.ndim != 3 or self.matrix.shape[1:] != (2, 3):
            raise ValueError(f"matrix must be (T, 2, 3), got {self.matrix.shape}")

    def __len__(self) -> int:
        return len(self.matrix)

    def __getitem__(self, frames: slice) -> "Affine":
        return Affine(self.matrix[frames])

    def apply(self, points: Floats) -> Floats:
        """Points (T, N, 2), each frame's by its own matrix, to (T, N, 2)."""
        linear, offset = self.matrix[:, None, :, :2], self.matrix[:, None, :, 2]
        return np.asarray((linear @ points[..., None])[..., 0] + offset)

    def inverse(self) -> "Affine":
        """The maps the other way round."""
        linear = np.linalg.inv(self.matrix[:, :, :2])
        offset = -(linear @ self.matrix[:, :, 2:])
        return Affine(np.concatenate([linear, offset], axis=2, dtype=np.float64))
