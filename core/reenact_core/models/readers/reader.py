"""What a reader of faces gives, whatever it is built from: landmarks of aligned crops."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor

ReaderName = Literal["embedded", "mesh", "facexlib"]
ReaderChoice = Literal["auto", "embedded", "mesh", "facexlib"]
"""`auto`: the best that is here."""

BOX_SIDE = 0.5
"""Side of the face's box (mid-forehead to chin, cheek to cheek) by the crop's, as crops are cut."""
BOX_CENTRE = (0.5, 0.55)
"""Where the middle of that box lies in a crop, across and down."""


@dataclass(frozen=True, slots=True, eq=False)
class FaceLandmarks:
    """The landmarks of N crops.

    Convention:
        network coordinates of the crop: x right and y down in [-1, 1] from edge to edge
            (align_corners=False), z away from the viewer in the same unit
    """

    points: Tensor
    """(N, K, 3) float32, finite: all rows of the reader's scheme."""
    trust: Tensor
    """(N, K) in [0, 1]: how sure each point is in each crop; little where there is no face."""
    confidence: Tensor
    """(N,) in [0, 1]: how sure it is that the crop shows a face."""
    pupils: Tensor | None = None
    """(N, 2, 2): the middles of the irises, image-left eye first; None where they are not read."""

    def __post_init__(self) -> None:
        count, rows = self.points.shape[:2]
        if self.points.shape != (count, rows, 3) or self.trust.shape != (count, rows):
            raise ValueError(
                f"points must be (N, K, 3) and trust (N, K), got {tuple(self.points.shape)} and "
                f"{tuple(self.trust.shape)}"
            )
        if self.confidence.shape != (count,):
            raise ValueError(f"confidence must be ({count},), got {tuple(self.confidence.shape)}")
        if self.pupils is not None and self.pupils.shape != (count, 2, 2):
            raise ValueError(f"pupils must be ({count}, 2, 2), got {tuple(self.pupils.shape)}")

    def __len__(self) -> int:
        return len(self.points)

    def __getitem__(self, rows: slice) -> "FaceLandmarks":
        """Those of some of the crops."""
        pupils = None if self.pupils is None else self.pupils[rows]
        return FaceLandmarks(self.points[rows], self.trust[rows], self.confidence[rows], pupils)

    @classmethod
    def cat(cls, parts: Sequence["FaceLandmarks"]) -> "FaceLandmarks":
        """The landmarks of several batches of one reader as one batch."""
        pupils = [part.pupils for part in parts if part.pupils is not None]
        if pupils and len(pupils) != len(parts):
            raise ValueError("some of the batches have pupils and some have none")
        return cls(
            torch.cat([part.points for part in parts]),
            torch.cat([part.trust for part in parts]),
            torch.cat([part.confidence for part in parts]),
            torch.cat(pupils) if pupils else None,
        )


class Reader(Protocol):
    """Reads landmarks of aligned crops, each by itself: batches of any size read the same."""

    @property
    def name(self) -> ReaderName:
        """As `--reader` names it."""
        ...

    @property
    def scheme(self) -> str:
        """What the points are: one of `head.model.SCHEMES`."""
        ...

    def read(self, crops: Tensor) -> FaceLandmarks:
        """The landmarks of crops (N, 3, S, S) in [0, 1], on the crops' device."""
        ...
