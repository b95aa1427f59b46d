"""A performer without networks: it gives every driving crop back as the new face.

A recast then shows the clip's own face, so whatever differs from the source was done by the way
there and back: decoding, cutting, pasting, encoding.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from reenact_core.engine.performer import Crops, Floats, NewFace, Take
from reenact_core.timeline.plan import Scheme


@dataclass(frozen=True, slots=True)
class EchoPerformer:
    """Gives back what it is given, darkened by `gain`."""

    gain: float = 1.0
    """1 leaves the face as it is; below, its mask can be seen in the result."""

    def choose_source(self, own: Crops, driving: Crops) -> int:
        """The crop that differs least from the first driving one."""
        distances = [float(np.abs(own[i] - driving[0]).mean()) for i in range(len(own))]
        return int(np.argmin(distances))

    def choose_still(self, stills: Sequence[Floats], driving: Sequence[Crops]) -> int:
        """The still that differs least from the first driving crop."""
        return int(np.argmin([float(np.abs(one - driving[0][0]).mean()) for one in stills]))

    def perform(self, takes: Sequence[Take]) -> Iterator[tuple[str, int, NewFace]]:
        """From the last frame to the first, as a run from a late start does."""
        for take in takes:
            for index in reversed(range(len(take.driving))):
                pixels = take.driving[index]
                yield take.take_id, index, new_face(pixels * np.float32(self.gain))


@dataclass(frozen=True, slots=True)
class LargePerformer(EchoPerformer):
    """Gives every frame the source's face, as large as it is had."""

    def enlarges(self, scheme: Scheme) -> bool:
        """For every scheme."""
        return bool(scheme)

    def perform(self, takes: Sequence[Take]) -> Iterator[tuple[str, int, NewFace]]:
        """In order."""
        for take in takes:
            pixels = take.source if take.large is None else take.large[0]
            for index in range(len(take.driving)):
                yield take.take_id, index, new_face(pixels, len(take.source))


@dataclass(frozen=True, slots=True)
class MaskedPerformer(EchoPerformer):
    """Says what of the crop its faces take: a square, of a number of samples from the middle."""

    across: int = 0
    """So far to the right."""

    def perform(self, takes: Sequence[Take]) -> Iterator[tuple[str, int, NewFace]]:
        """In order."""
        for take_id, index, face in EchoPerformer.perform(self, takes):
            mask = np.zeros(face.pixels.shape[:2], np.float32)
            left = len(mask) // 2 - 20 + self.across
            mask[120:160, left : left + 40] = 1
            yield take_id, index, replace(face, mask=mask)


def new_face(pixels: Floats, size: int | None = None) -> NewFace:
    """A face whose points lie on the ellipse where crops have theirs; crops of `size`."""
    size = size or len(pixels)
    angle = np.linspace(0, 2 * np.pi, 79, endpoint=False)
    centre, radius = np.array([0.5, 0.55]), np.array([0.18, 0.24])
    points = (centre + radius * np.stack([np.sin(angle), np.cos(angle)], axis=1)) * size
    return NewFace(pixels, points.astype(np.float32))
