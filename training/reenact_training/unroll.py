"""The recurrence unrolled over several steps: the engine's own step, with gradients.

L and C meet their own outputs here, as they do at inference; y_{i-1} is blurred besides by
equation (4) in a part of the faces.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Generator, Tensor
from torch.nn import functional

from reenact_core.head.field import view_of
from reenact_core.head.pose import Pose
from reenact_core.head.state import HeadState
from reenact_core.models.compact import Compact, FaceSource
from reenact_core.models.face_regions import region_masks
from reenact_core.models.flow_prior import DrivingMotion, FlowPrior, Measure, likeness
from reenact_core.motion.batched import Driving, Told, rows_of_input, tell
from reenact_core.motion.recurrent import Carry, Recurrence, StepInput
from reenact_core.motion.transfer import MotionSettings
from reenact_training.blur import LARGEST_SIGMA, gaussian_blur, random_sigmas
from reenact_training.ensembles import Ensemble


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """B examples: one source face, one driving face through T moments, and what must come out.

    Convention:
        source: (B, 3, S, S) in [0, 1]; driving_frames, truth: (T, B, 3, S, S) in [0, 1]
        heads, features: (T, B, 1, S, S) in [0, 1], where the head is, and its mouth and eyes
        source_state: B faces; driving: T times B faces
    """

    source: Tensor
    source_state: HeadState
    driving_frames: Tensor
    driving: Sequence[HeadState]
    truth: Tensor
    heads: Tensor
    features: Tensor

    def to(self, device: str) -> "Examples":
        """The same examples on another device."""
        return Examples(
            self.source.to(device),
            self.source_state.to(device),
            self.driving_frames.to(device),
            [state.to(device) for state in self.driving],
            self.truth.to(device),
            self.heads.to(device),
            self.features.to(device),
        )

    @classmethod
    def join(cls, examples: "Sequence[Examples]") -> "Examples":
        """Several examples of one number of moments as one batch."""
        moments = zip(*(one.driving for one in examples), strict=True)
        return cls(
            torch.cat([one.source for one in examples]),
            HeadState.cat([one.source_state for one in examples]),
            torch.cat([one.driving_frames for one in examples], 1),
            [HeadState.cat(list(states)) for states in moments],
            torch.cat([one.truth for one in examples], 1),
            torch.cat([one.heads for one in examples], 1),
            torch.cat([one.features for one in examples], 1),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Unrolled:
    """What the networks gave in every step.

    Convention:
        global_faces, local_faces, faces: (T, B, 3, S, S), y^G, y^L and y
    """

    global_faces: Tensor
    local_faces: Tensor
    faces: Tensor


def draw_examples(ensembles: Sequence[Ensemble], generator: Generator) -> Examples:
    """One person of each ensemble driven by another, or in one of three cases by themselves.

    Whoever drives themselves does so in half the cases from d_0 as the source, as a clip does whose
    own face is changed. Poses and landmarks are given with the errors that a keypoint detector
    would make.
    """
    sources, drivers, source_states, driving = [], [], [], []
    heads, features = [], []
    for ensemble in ensembles:
        people = len(ensemble.pictures)
        source, driver = torch.randint(people, (2,), generator=generator).tolist()
        pictures = ensemble.pictures[source].float() / 255
        first = int(source == driver and bool(torch.rand((), generator=generator) < 0.5))
        sources.append(torch.cat([pictures[first : first + 1], pictures[1:]]))
        drivers.append(ensemble.pictures[driver, 1:].float() / 255)
        heads.append(ensemble.heads[source, 1:, None].float() / 255)
        features.append(mouth_and_eyes(ensemble.landmarks[source, 1:, :, :2], heads[-1].shape[-1]))
        driving.append(misread(ensemble.states(driver)[1:], generator))
        read = driving[-1][:1] if first else misread(ensemble.states(source)[:1], generator)
        source_states.append(read)
    pictures = torch.stack(sources, 1)
    moments = [
        HeadState.cat([face[t : t + 1] for face in driving]) for t in range(len(pictures) - 1)
    ]
    return Examples(
        pictures[0],
        HeadState.cat(source_states),
        torch.stack(drivers, 1),
        moments,
        pictures[1:],
        torch.stack(heads, 1),
        torch.stack(features, 1),
    )


def mouth_and_eyes(points: Tensor, size: int) -> Tensor:
    """Where mouth and eyes are and what lies around them, (T, 1, S, S) in [0, 1].

    Convention:
        points: (T, 79, 2) in [-1, 1]
    """
    inside = region_masks(points, size // 4).amax(1, keepdim=True)
    around = functional.max_pool2d(inside, 7, stride=1, padding=3)
    return functional.interpolate(around, scale_factor=4, mode="bilinear", align_corners=False)


def misread(state: HeadState, generator: Generator) -> HeadState:
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
    acted = state.expression + error(state.expression.shape[1], spread=0.05)
    return replace(
        state,
        pose=pose,
        expression=acted.clamp(0, 1),
        gaze=state.gaze + error(1, 2, spread=2.0),
        beside=state.beside + error(*state.beside.shape[1:], spread=0.14),
    )


def unroll(
    models: Compact,
    examples: Examples,
    settings: MotionSettings,
    measure: Measure,
    *,
    temperature: float,
    generator: Generator | None = None,
    blurred: float = 0.5,
) -> Unrolled:
    """All steps of a batch of examples.

    Args:
        generator: on the CPU, of the blur; None: torch's own.
        blurred: share of faces in which y_{i-1} is blurred by equation (4); 0 at inference.
    """
    recurrence = Recurrence(models, "subtle", temperature)
    carry: Carry | None = None
    steps: list[tuple[Tensor, ...]] = []
    for now in moments(models, examples, settings, measure):
        carry = carry or Carry.start(now)
        local = recurrence.local(now, _blurred(carry, blurred, generator))
        calibrated = recurrence.calibrate(now, local)
        carry = Carry(calibrated.face, calibrated.field)
        # Sampling at a place that is no number gives a picture; the loss must tell.
        no_number = 0 * calibrated.field.detach().sum()
        steps.append((now.global_face, local.face, calibrated.face + no_number))
    return Unrolled(*(torch.stack(column) for column in zip(*steps, strict=True)))


def moments(
    models: Compact, examples: Examples, settings: MotionSettings, measure: Measure
) -> list[StepInput]:
    """The inputs of all T steps, B rows each."""
    count, batch = examples.driving_frames.shape[:2]
    first, states = examples.driving[0], list(examples.driving)
    rows, size = torch.arange(batch).repeat(count), examples.truth.shape[-1]
    driving = Driving(
        view_of(models.head, first, size)[rows],
        HeadState.cat([first, *states[:-1]]),
        HeadState.cat(states),
        likeness(examples.source, examples.driving_frames[0]).repeat(count, 1, 1, 1),
        examples.driving_frames.flatten(0, 1),
    )
    told = tell(models.head, driving, size)
    motion = _measured(examples.driving_frames, told, measure)
    source = models.source(examples.source, examples.source_state)
    every = FaceSource(
        source.pixels.repeat(count, 1, 1, 1),
        source.features.repeat(count, 1, 1, 1),
        source.view[rows],
        source.look[rows],
        source.light[rows],
        source.relit[rows],
        source.mirrors[rows],
    )
    made = rows_of_input(models, every, driving, told, motion, settings)
    parts = zip(*(torch.split(tensor, batch) for tensor in made.tensors()), strict=True)
    return [StepInput(*part) for part in parts]


@torch.no_grad()
def _measured(frames: Tensor, told: Told, measure: Measure) -> DrivingMotion:
    """The driving motion of all rows, T times B, on frames (T, B, 3, S, S)."""
    prior = FlowPrior(frames[0], measure)
    pairs = zip(frames, torch.split(told.direct, frames.shape[1]), strict=True)
    return DrivingMotion.cat([prior.advance(*pair) for pair in pairs])


def _blurred(carry: Carry, share: float, generator: Generator | None) -> Carry:
    """y_{i-1} blurred by equation (4) in a share of the faces."""
    if share == 0:
        return carry
    count = len(carry.previous)
    largest = LARGEST_SIGMA * carry.previous.shape[-1] / 256
    chosen = torch.rand(count, generator=generator) < share
    sigma = random_sigmas(count, largest, generator=generator) * chosen
    return Carry(gaussian_blur(carry.previous, sigma.to(carry.previous)), carry.field)


def _skew(axis: Tensor) -> Tensor:
    """Cross-product matrices of vectors (B, 3)."""
    zero = torch.zeros_like(axis[:, 0])
    x, y, z = axis.unbind(1)
    rows = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], 1)
    return rows.view(-1, 3, 3)
