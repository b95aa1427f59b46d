"""The recurrence of the paper's networks: keypoints and nothing else as motion.

What needs no earlier output is computed chunk by chunk (`paper_inputs`); one step takes one frame
of many faces from the last output to the next (`PaperRecurrence.step`). The output itself is all
that a step remembers.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from reenact_core.models.integrators.fomm import Fomm
from reenact_core.models.keypoint_detector import Keypoints
from reenact_core.models.paper import Paper, PaperMotion, PaperSource
from reenact_core.models.relative_motion import carry_over, movement_scale, part_of_the_way
from reenact_core.motion.recurrent import Batched
from reenact_core.timeline.plan import Scheme


@dataclass(frozen=True, slots=True, eq=False)
class PaperInput(Batched):
    """What a step needs beside the last output: one driving frame of B faces.

    Convention:
        source: (B, 3, H, W) in [0, 1], S
        global_face: (B, 3, H, W) in [0, 1], y_i^G
        last_points, points: (B, K, 2), keypoints of d_{i-1} and d_i by L's detector, carried over
        last_frames, frames: (B, K, 2, 2), their jacobians; the identity where there are none
    """

    source: Tensor
    global_face: Tensor
    last_points: Tensor
    last_frames: Tensor
    points: Tensor
    frames: Tensor


@dataclass(frozen=True, slots=True)
class PaperTransfer:
    """How the driver's motion is given to the source's face."""

    relative: bool = True
    """The motion since d_0; False puts the driver's own keypoints in."""
    adapt_scale: bool = False
    """Whether motion grows with the source's face, by the keypoints' convex hull."""
    strength: float = 1.0
    """How much of the motion is taken over: 0 leaves the source as it is."""


@dataclass(frozen=True, slots=True)
class PaperRecurrence:
    """The networks and the scheme that a step runs."""

    paper: Paper
    scheme: Scheme = "subtle"

    def step(self, inputs: PaperInput, last_face: Tensor) -> Tensor:
        """y_i of every face in the batch from y_{i-1}; (B, 3, H, W), float32 in [0, 1]."""
        if self.scheme == "global":
            return inputs.global_face
        last = Keypoints(inputs.last_points, inputs.last_frames)
        current = Keypoints(inputs.points, inputs.frames)
        of_local: Tensor = self.paper.local_integrator(last_face, last, current).picture
        if self.scheme == "local":
            return of_local
        return self.paper.calibrate(inputs.global_face, of_local, inputs.source).picture


def paper_inputs(
    paper: Paper, source: Tensor, driving: Iterable[Tensor], transfer: PaperTransfer
) -> Iterator[PaperInput]:
    """The input of every step of one face, one a driving frame, in order.

    Convention:
        source: (1, 3, H, W) in [0, 1], S
        driving: chunks (n, 3, H, W) in [0, 1] of any length; the very first frame is d_0
    """
    encoded = paper.encode(source)
    initial: PaperMotion | None = None
    last = encoded.local_keypoints  # before d_0 the face is S, with the keypoints of S
    for chunk in driving:
        read = paper.read(chunk)
        initial = initial or read[:1]
        moved = read
        if transfer.relative:
            moved = paper.move(encoded, initial, read, adapt_scale=transfer.adapt_scale)
        moved = PaperMotion(
            part_of_the_way(encoded.encoded.keypoints, moved.of_global, transfer.strength),
            part_of_the_way(encoded.local_keypoints, moved.of_local, transfer.strength),
        )
        neighbours = Keypoints.joined([last, moved.of_local[:-1]])
        last = moved.of_local[-1:]
        yield from _joined(paper, encoded, moved, neighbours).unstack()


def _joined(
    paper: Paper, source: PaperSource, moved: PaperMotion, neighbours: Keypoints
) -> PaperInput:
    """The inputs of consecutive driving frames as one batch."""
    faces = paper.paint_global(source, moved).picture
    points, current = moved.of_local.value, moved.of_local
    pictures = source.picture.expand(len(moved), -1, -1, -1)
    return PaperInput(
        pictures, faces, neighbours.value, _frames(neighbours), points, _frames(current)
    )


def _frames(keypoints: Keypoints) -> Tensor:
    """The jacobians; without any, the identity says the same."""
    if keypoints.jacobian is not None:
        return keypoints.jacobian
    identity = torch.eye(2, device=keypoints.value.device)
    return identity.expand(*keypoints.value.shape[:2], 2, 2)


@torch.no_grad()
def global_frames(
    integrator: Fomm,
    source: Tensor,
    driving: Iterable[Tensor],
    transfer: PaperTransfer | None = None,
) -> Iterator[Tensor]:
    """The faces y_0^G, y_1^G, ... by a global integrator without L and C, each (1, 3, H, W).

    Convention:
        source: (1, 3, H, W) in [0, 1]; driving: chunks (n, 3, H, W) in [0, 1]
    """
    transfer = transfer or PaperTransfer()
    encoded = integrator.encode(source)
    initial: Keypoints | None = None
    for chunk in driving:
        moved = integrator.detect(chunk)
        initial = initial or moved[:1]
        if transfer.relative:
            scale = movement_scale(encoded.keypoints, initial) if transfer.adapt_scale else 1.0
            moved = carry_over(encoded.keypoints, initial, moved, scale)
        moved = part_of_the_way(encoded.keypoints, moved, transfer.strength)
        yield from torch.split(integrator.render(encoded, moved).picture, 1)


@torch.no_grad()
def reenact_frames(
    paper: Paper,
    source: Tensor,
    driving: Iterable[Tensor],
    scheme: Scheme = "subtle",
    transfer: PaperTransfer | None = None,
) -> Iterator[Tensor]:
    """The new faces y_0, y_1, ... of one source, each (1, 3, H, W), as soon as they are made.

    In relative transfer y_0 is S itself, but for the global scheme, which paints every frame.

    Convention:
        source: (1, 3, H, W) in [0, 1]; driving: chunks (n, 3, H, W) in [0, 1]
    """
    transfer = transfer or PaperTransfer()
    recurrence, face = PaperRecurrence(paper, scheme), source
    for number, inputs in enumerate(paper_inputs(paper, source, driving, transfer)):
        if number > 0 or scheme == "global" or not transfer.relative:
            face = recurrence.step(inputs, face)
        yield face
