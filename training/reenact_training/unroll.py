"""The recurrence unrolled over several steps: the engine's own step, with gradients.

L and C meet their own outputs here, as they do at inference; y_{i-1} is blurred besides by
equation (4) in a part of the steps.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from reenact_core.models.carry_over import FaceState
from reenact_core.models.compact import Compact, as_picture8
from reenact_core.models.flow_prior import DrivingMotion, FlowPrior
from reenact_core.models.head_chart import Pose
from reenact_core.motion.batched import chunk_inputs
from reenact_core.motion.recurrent import Carry, Recurrence, StepInput
from reenact_core.motion.transfer import MotionSettings
from reenact_training.blur import LARGEST_SIGMA, gaussian_blur, random_sigmas
from reenact_training.ensembles import Ensemble


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """One source face, one driving face through T moments, and what must come out.

    Convention:
        source: (1, 3, S, S) in [0, 1]; truth: (T, 3, S, S) in [0, 1]; heads: (T, 1, S, S) in [0, 1]
        source_state: one face; driving: T faces
        motions: T, measured on the driving frames
    """

    source: Tensor
    source_state: FaceState
    driving: FaceState
    motions: Sequence[DrivingMotion]
    truth: Tensor
    heads: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Unrolled:
    """What the networks gave in every step, (T, B, 3, S, S): y^G, y^L and y."""

    global_faces: Tensor
    local_faces: Tensor
    faces: Tensor


def make_example(ensemble: Ensemble, source: int, driver: int, generator: Generator) -> Example:
    """Person `source` driven by person `driver`; their poses are read with small errors."""
    pictures = ensemble.pictures
    frames = [as_picture8(frame.float() / 255) for frame in pictures[driver, 1:]]
    prior = FlowPrior(frames[0])
    return Example(
        pictures[source, :1].float() / 255,
        misread(ensemble.states(source)[:1], generator),
        misread(ensemble.states(driver)[1:], generator),
        [prior.advance(frame) for frame in frames],
        pictures[source, 1:].float() / 255,
        ensemble.heads[source, 1:, None].float() / 255,
    )


def misread(state: FaceState, generator: Generator) -> FaceState:
    """A face as a keypoint detector sees it: one small error in all frames, and jitter."""
    count = len(state.pose)

    def error(*shape: int, spread: float) -> Tensor:
        shared = torch.randn(1, *shape, generator=generator)
        return spread * (shared + 0.3 * torch.randn(count, *shape, generator=generator))

    turn = torch.linalg.matrix_exp(_skew(error(3, spread=0.03)))
    pose = Pose(
        turn @ state.pose.rotation,
        state.pose.scale * torch.exp(error(spread=0.02)),
        state.pose.offset + error(2, spread=0.01),
    )
    return FaceState(pose, state.shape + error(*state.shape.shape[1:], spread=0.02))


def unroll(
    models: Compact,
    examples: Sequence[Example],
    settings: MotionSettings,
    *,
    temperature: float,
    generator: Generator,
) -> Unrolled:
    """All steps of a batch of examples of one length."""
    inputs = [_inputs(models, example, settings).unstack() for example in examples]
    recurrence = Recurrence(models, "subtle", temperature)
    carry: Carry | None = None
    steps: list[tuple[Tensor, Tensor, Tensor]] = []
    for row in zip(*inputs, strict=True):
        now = StepInput.stack(list(row))
        carry = carry or Carry.start(now)
        local = recurrence.local(now, _blurred(carry, generator))
        calibrated = recurrence.calibrate(now, local)
        carry = Carry(calibrated.face, calibrated.field)
        steps.append((now.global_face, local.face, calibrated.face))
    return Unrolled(*(torch.stack(column) for column in zip(*steps, strict=True)))


def _inputs(models: Compact, example: Example, settings: MotionSettings) -> StepInput:
    source = models.source(example.source, example.source_state)
    start = example.driving[:1]
    driving = start, start, example.driving
    return chunk_inputs(models, source, driving, example.motions, settings)


def _blurred(carry: Carry, generator: Generator) -> Carry:
    """y_{i-1} blurred by equation (4) in half of the steps."""
    if torch.rand((), generator=generator) < 0.5:
        return carry
    largest = LARGEST_SIGMA * carry.previous.shape[-1] / 256
    sigma = random_sigmas(len(carry.previous), largest, generator=generator)
    return Carry(gaussian_blur(carry.previous, sigma.to(carry.previous)), carry.field)


def _skew(axis: Tensor) -> Tensor:
    """Cross-product matrices of vectors (B, 3)."""
    zero = torch.zeros_like(axis[:, 0])
    x, y, z = axis.unbind(1)
    rows = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], 1)
    return rows.view(-1, 3, 3)
