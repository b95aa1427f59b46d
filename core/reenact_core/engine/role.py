"""One face of a shot that is re-rendered: who acts, what drives, and the new faces as they come."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from reenact_core.engine.cut_face import CutFace
from reenact_core.engine.driving import Performance
from reenact_core.engine.performer import NewFace, Take
from reenact_core.engine.spool import Spool, from_samples, to_samples
from reenact_core.timeline.plan import Cast

Region = Literal["faces", "crop"]
"""What is replaced: the new face and the old one, whose chin or mouth may lie elsewhere; or the
whole crop, where nothing around the head moves (a still picture)."""


@dataclass(frozen=True, slots=True, eq=False)
class NewFaces:
    """New faces on disk, by their place in the track.

    Convention:
        pixels: records (L, L, 3) of unsigned samples
        points: records (79, 2) float32, pixels of a crop of 256
        masks: records (256, 256) of unsigned samples, empty where a face has none; None: no face
            has one
    """

    pixels: Spool
    points: Spool
    masks: Spool | None = None

    def spools(self) -> dict[str, Spool]:
        """All of it by the names of its kinds."""
        always = {"faces": self.pixels, "points": self.points}
        return always if self.masks is None else always | {"masks": self.masks}

    def write(self, index: int, face: NewFace) -> None:
        """Keep one new face."""
        self.pixels.write(index, to_samples(face.pixels, self.pixels.dtype))
        self.points.write(index, np.asarray(face.points, np.float32))
        if self.masks is not None:
            mask = np.zeros(self.masks.shape, np.float32) if face.mask is None else face.mask
            self.masks.write(index, to_samples(mask, self.masks.dtype))

    def read_mask(self, index: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]] | None:
        """(256, 256) float32 in [0, 1]; None where the face has none."""
        mask = None if self.masks is None else self.masks.read(index)
        return None if mask is None or not mask.any() else from_samples(mask)

    def read_pixels(self, index: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        """(L, L, 3) float32 in [0, 1]."""
        return from_samples(self.pixels.read(index))

    def read_points(self, index: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        """(79, 2) pixels of a crop of 256."""
        return np.asarray(self.points.read(index), np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Role:
    """A cast on one track of its clip."""

    cast: Cast
    face: CutFace
    performance: Performance
    takes: tuple[Take, ...]
    """One for each stretch of the performance, in the same order."""
    new: NewFaces
    region: Region = "faces"

    @property
    def frames_to_move(self) -> int:
        return sum(len(stretch) for stretch in self.performance.stretches)

    @property
    def bytes_to_make(self) -> int:
        """What its new faces take on disk."""
        return self.frames_to_move * self.new.pixels.record_bytes

    def places(self) -> Iterator[tuple[str, range]]:
        """Each take's id, and where in the track its frames are."""
        for take, stretch in zip(self.takes, self.performance.stretches, strict=True):
            yield take.take_id, stretch
