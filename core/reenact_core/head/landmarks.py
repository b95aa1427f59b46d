"""Where the points of a landmark scheme lie on the head model."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Landmarks:
    """The points of a scheme that the head has, as mixtures of three vertices each."""

    points: Tensor
    """(K,) int64: rows of the scheme, rising; points that the head lacks are left out."""
    vertices: Tensor
    """(K, 3) int64: the corners of the triangle that a point lies in."""
    shares: Tensor
    """(K, 3): what each corner has of it; they add up to 1."""
    trust: Tensor
    """(K,): how much a point counts in a fit; 1 for what is surely the same place on all heads."""

    def __post_init__(self) -> None:
        count = len(self.points)
        if self.vertices.shape != (count, 3) or self.shares.shape != (count, 3):
            raise ValueError(f"{count} points need vertices and shares ({count}, 3)")

    def __len__(self) -> int:
        return len(self.points)

    def places(self, vertices: Tensor) -> Tensor:
        """The points (..., K, 3) of heads with vertices (..., V, 3)."""
        return (vertices[..., self.vertices, :] * self.shares[..., None]).sum(-2)

    def to(self, device: str) -> "Landmarks":
        """The same table on another device."""
        return Landmarks(
            self.points.to(device), self.vertices.to(device), self.shares.to(device),
            self.trust.to(device),
        )  # fmt: skip

    def only(self, points: Tensor) -> "Landmarks":
        """The table without all but some of the scheme's points."""
        kept = torch.isin(self.points, points.to(self.points.device))
        return Landmarks(
            self.points[kept], self.vertices[kept], self.shares[kept], self.trust[kept]
        )
