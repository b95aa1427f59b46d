"""One step from the previous output to the next: L and C on one frame of many faces.

y_i^L = L(d_{i-1}, d_i, y_{i-1})   (2)
y_i   = C(y_i^G, y_i^L, S)         (3)

The whole memory of a face is its `Carry`; a step is a pure function of a batch.
"""

from dataclasses import dataclass, fields, replace
from typing import Any, Self, cast

import torch
from torch import Tensor
from torch.nn import functional

from reenact_core.head.sampling import sample
from reenact_core.models.compact import Compact
from reenact_core.models.compact_calibrator import Calibrated
from reenact_core.models.compact_integrators import Moved, certainty
from reenact_core.timeline.plan import Scheme


class Batched:
    """Dataclasses of tensors whose first dimension is the face."""

    @classmethod
    def stack(cls, values: list[Self]) -> Self:
        """Several faces as one batch."""
        columns = zip(*(value.tensors() for value in values), strict=True)
        return cls(*(torch.cat(column) for column in columns))

    def unstack(self) -> list[Self]:
        """The faces of a batch, one by one."""
        columns = [torch.split(tensor, 1) for tensor in self.tensors()]
        return [type(self)(*row) for row in zip(*columns, strict=True)]

    def tensors(self) -> list[Tensor]:
        """The fields in their order."""
        return [getattr(self, field.name) for field in fields(cast(Any, self))]


@dataclass(frozen=True, slots=True, eq=False)
class StepInput(Batched):
    """What a step needs beside its carry: one driving frame of B faces, S the side of a crop.

    Convention:
        source: (B, 3, S, S) in [0, 1], S
        global_face: (B, 3, S, S) in [0, 1], y_i^G
        global_trust: (B, 1, S, S) in [0, 1], how far y_i^G is moved source rather than painted
        global_field, refined_field: (B, S, S, 2) in [-1, 1], motion to the source, of G and as
            measured once more on the driving frames after summing up
        subtle: (B, S, S, 2) in [-1, 1], motion to y_{i-1}
        errors: (B, 3, S, S) in [0, 1], photometric errors of direct, summed and refined motion
        geometry: (B, 9, s, s), where head, mouth and eyes are, and where S and d_0 are alike
        hidden: (B, 1, S, S) in [0, 1], what the source does not show
        inside: (B, 4, S, S) in [0, 1], R'G'B' of what is drawn because the source does not show
            it, and how far it covers the face
        points: (B, 79, 2) in [-1, 1], landmarks of the new face
        light: (B, 3, s, s), what R'G'B' of the finished face is multiplied by
        mask: (B, 1, S, S) in [0, 1], how much of a picture the face takes that it is pasted into
    """

    source: Tensor
    global_face: Tensor
    global_trust: Tensor
    global_field: Tensor
    refined_field: Tensor
    subtle: Tensor
    errors: Tensor
    geometry: Tensor
    hidden: Tensor
    inside: Tensor
    points: Tensor
    light: Tensor
    mask: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Carry(Batched):
    """All that a step may remember.

    Convention:
        previous: (B, 3, S, S) in [0, 1], y_{i-1}
        field: (B, S, S, 2) in [-1, 1], the motion integrated since y_0
    """

    previous: Tensor
    field: Tensor

    @classmethod
    def start(cls, inputs: StepInput) -> "Carry":
        """The carry before the first frame: y_0 is S, moved by G where the pose is another."""
        return cls(inputs.global_face, inputs.global_field)


@dataclass(frozen=True, slots=True, eq=False)
class Reenacted(Batched):
    """New faces.

    Convention:
        pixels: (B, 3, S, S) in [0, 1]
        points: (B, 79, 2), landmarks in crop pixels
        field: (B, S, S, 2) in [-1, 1], where the source's pixels come from
        trust: (B, 1, S, S) in [0, 1], how far a pixel is the source moved by `field`, rather than
            painted or drawn
        light, mask: as in `StepInput`; nothing is lit yet
    """

    pixels: Tensor
    points: Tensor
    field: Tensor
    trust: Tensor
    light: Tensor
    mask: Tensor

    def lit(self, pixels: Tensor) -> Tensor:
        """The finished face (B, 3, L, L) in its light; `pixels` of any size."""
        size = pixels.shape[-2:]
        light = functional.interpolate(self.light, size, mode="bilinear", align_corners=False)
        return (pixels * light).clamp(0, 1)


@dataclass(frozen=True, slots=True)
class Recurrence:
    """The networks and the scheme that a step runs."""

    models: Compact
    scheme: Scheme = "subtle"
    temperature: float = 1.0
    """Of the Gumbel-softmax, in training."""

    def step(self, inputs: StepInput, carry: Carry) -> tuple[Reenacted, Carry]:
        """The next face and carry of every face in the batch."""
        if self.scheme == "global":
            trust, error = inputs.global_trust, inputs.errors[:, :1]
            return _finish(inputs, inputs.global_face, inputs.global_field, trust, error)
        local = self.local(inputs, carry)
        if self.scheme == "local":
            return _finish(inputs, local.face, local.field, local.trust, inputs.errors[:, 1:2])
        calibrated = self.calibrate(inputs, local)
        error = inputs.errors.amin(1, keepdim=True)
        return _finish(inputs, calibrated.face, calibrated.field, calibrated.trust, error)

    def local(self, inputs: StepInput, carry: Carry) -> Moved:
        """y_i^L, equation (2)."""
        field = sample(carry.field.permute(0, 3, 1, 2), inputs.subtle).permute(0, 2, 3, 1)
        with self.models.compute.reduced():
            moved: Moved = self.models.local_integrator(
                inputs.source,
                carry.previous,
                field,
                inputs.subtle,
                inputs.geometry,
                inputs.errors[:, 1:2],
                inputs.hidden,
                self.temperature,
            )
        sure = certainty(inputs.geometry, inputs.errors[:, 1:2])
        return replace(moved.float(), face=drawn_over(moved.face.float(), inputs.inside, sure))

    def calibrate(self, inputs: StepInput, local: Moved) -> Calibrated:
        """y_i, equation (3)."""
        whole = Moved(
            inputs.global_face, inputs.global_field, inputs.global_trust, inputs.global_face
        )
        candidates = whole, local, refine(local, inputs)
        with self.models.compute.reduced():
            calibrated: Calibrated = self.models.calibrator(
                candidates, inputs.source, inputs.errors, inputs.geometry
            )
        sure = certainty(inputs.geometry, inputs.errors.amin(1, keepdim=True))
        face = drawn_over(calibrated.face.float(), inputs.inside, sure)
        return replace(calibrated.float(), face=face)


def drawn_over(face: Tensor, drawn: Tensor, sure: Tensor) -> Tensor:
    """A face (B, 3, S, S) with what is drawn over it, but where the motion is sure.

    Convention:
        drawn: (B, 4, S, S), see `StepInput.inside`; sure: (B, 1, S, S) in [0, 1], `certainty`
    """
    return face + cover_of(drawn, sure) * (drawn[:, :3] - face)


def cover_of(drawn: Tensor, sure: Tensor) -> Tensor:
    """How far what is drawn covers a face, (B, 1, S, S) in [0, 1]."""
    return drawn[:, 3:] * (1 - sure)


def _finish(
    inputs: StepInput, face: Tensor, field: Tensor, trust: Tensor, error: Tensor
) -> tuple[Reenacted, Carry]:
    points = (inputs.points + 1) * (face.shape[-1] / 2)
    drawn = cover_of(inputs.inside, certainty(inputs.geometry, error))
    made = Reenacted(face, points, field, trust * (1 - drawn), inputs.light, inputs.mask)
    return made, Carry(face, field)


def refine(local: Moved, inputs: StepInput) -> Moved:
    """The local integrator's face with the motion that was measured once more."""
    face = local.trust * sample(inputs.source, inputs.refined_field)
    face = face + (1 - local.trust) * local.painted
    return Moved(face, inputs.refined_field, local.trust, local.painted)
