"""What needs no earlier output: faces read, motion measured and carried over, y^G; chunk by chunk.

y_i^G = G(d_0, d_i, S)   (1)
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from reenact_core.models.carry_over import (
    Chart,
    FaceState,
    carry_over,
    chart,
    sample,
    told_motion,
    transport,
)
from reenact_core.models.cavity import mouth_cavity, opened
from reenact_core.models.compact import Compact, FaceSource
from reenact_core.models.compact_integrators import certainty
from reenact_core.models.face_points import FaceReading
from reenact_core.models.face_regions import region_masks
from reenact_core.models.flow_prior import DrivingMotion, FlowPrior, Measure, likeness
from reenact_core.models.head_chart import facing
from reenact_core.models.slits import SLITS, bared
from reenact_core.motion.recurrent import StepInput
from reenact_core.motion.transfer import MotionSettings, new_state, smooth


def read_faces(models: Compact, crops: Tensor) -> FaceReading:
    """Landmarks, head turn and expression of face crops (n, 3, S, S) in [0, 1]."""
    with torch.inference_mode():
        return models.read(crops)


def driving_states(models: Compact, reading: FaceReading, settings: MotionSettings) -> FaceState:
    """Pose and shape of the driving face in consecutive frames, smoothed over time."""
    with torch.inference_mode():
        return smooth(models.state(reading), settings.smoothing)


def prepare_source(models: Compact, pixels: Tensor, state: FaceState | None = None) -> FaceSource:
    """What depends on the source crop (3, S, S) alone; `state` where it is known already."""
    with torch.inference_mode():
        face = pixels[None]
        return models.source(face, state or models.state(models.read(face)))


@dataclass(slots=True)
class Followed:
    """Where the following of a driving video stands, so that it can be gone on with from there.

    Convention:
        first, last: (1, 3, S, S), d_0 and the frame before the chunk at work
        field: (1, 2, S, S), the measured motion from `last` to `first`
    """

    first: Tensor
    last: Tensor | None = None
    field: Tensor | None = None
    count: int = 0
    """Frames before the chunk at work; above 0, `last` and `field` are there."""


def step_inputs(
    models: Compact,
    source: FaceSource,
    driving: Iterable[Tensor],
    states: FaceState,
    settings: MotionSettings,
    measure: Measure | None = None,
    resting: FaceState | None = None,
    followed: Followed | None = None,
) -> Iterator[StepInput]:
    """The input of every step, one a driving frame, in the order given.

    Convention:
        driving: chunks (n, 3, S, S) in [0, 1]; the very first frame is d_0
        states: poses and shapes of the same frames, in the same order
        resting: for every frame the source's face as it is where no motion is added; its pose is
            that of the footage which the new face goes into. None: as it is in S, in every frame.
        measure: optical flow; None: OpenCV's DIS
        followed: kept up to date chunk by chunk; with a count above 0 the run goes on from there:
            `driving` begins after `last`, states and resting with those of d_0 and of `last`
    """
    if measure is None:
        from reenact_core.models.optical_flow import dis_flow  # OpenCV: training does without

        measure = dis_flow
    done, prior, alike = 0, None, source.pixels[:, :1]
    start = earlier = states[:1]
    resting = resting or source.state.repeat(len(states.pose))
    rested = resting[:1]
    if followed is not None and followed.count:
        prior = FlowPrior(followed.first, measure, followed.last, followed.field)
        alike = likeness(source.pixels, followed.first)
        done, earlier, rested = 2, states[1:2], resting[1:2]
    for chunk in driving:
        count = len(chunk)
        now = states[done : done + count]
        with torch.inference_mode():
            if prior is None:
                prior, alike = FlowPrior(chunk[:1], measure), likeness(source.pixels, chunk[:1])
            before = FaceState.cat([earlier, now])[:count]
            faces = Driving(start.repeat(count), before, now, alike.expand(count, -1, -1, -1))
            told = tell(faces, chunk.shape[-1])
            pairs = zip(torch.split(chunk, 1), torch.split(told.direct, 1), strict=True)
            motion = DrivingMotion.cat([prior.advance(*pair) for pair in pairs])
            rest = resting[done : done + count]
            rests = Resting(FaceState.cat([rested, rest])[:count], rest)
            rows = source.repeat(count)
            batch = rows_of_input(models, rows, faces, told, motion, settings, rests)
        done, earlier, rested = done + count, now[-1:], rest[-1:]
        yield from batch.unstack()
        if followed is not None:
            followed.last, followed.field = chunk[-1:], prior.field
            followed.count += count


@dataclass(frozen=True, slots=True, eq=False)
class Driving:
    """The driving face of every row: in d_0, in the frame before, and now; N faces each.

    Convention:
        alike: (N, 1, S, S) in [0, 1], where d_0 shows the surroundings that the source shows
    """

    start: FaceState
    before: FaceState
    now: FaceState
    alike: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Resting:
    """The source's face where no motion is added, in the frame before and now; N faces each."""

    before: FaceState
    now: FaceState


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """The driving face's motion to d_0 and to d_{i-1} as its keypoints tell it, (N, 2, S, S)."""

    direct: Tensor
    subtle: Tensor


def tell(driving: Driving, size: int) -> Told:
    """What pose and landmarks say of the driving face's motion."""
    places = chart(driving.now, driving.now, size)
    direct = told_motion(places, driving.now, driving.start)
    return Told(direct, told_motion(places, driving.now, driving.before))


def rows_of_input(
    models: Compact,
    source: FaceSource,
    driving: Driving,
    told: Told,
    motion: DrivingMotion,
    settings: MotionSettings,
    resting: Resting | None = None,
) -> StepInput:
    """Inputs row by row: N sources, N driving moments; with gradients where they are on."""
    size, now = source.pixels.shape[-1], driving.now
    rests = resting or Resting(source.state, source.state)
    new = new_state(rests.now, driving.start, now, settings)
    old_new = new_state(rests.before, driving.start, driving.before, settings)
    places = chart(new, now, size)
    whole = transport(places, new, source.state, driving.start, told.direct, driving.alike)
    direct = carry_over(motion.direct, motion.errors[:, :1], whole)
    refined = carry_over(motion.refined, motion.errors[:, 2:], whole)
    small = transport(places, new, old_new, driving.before, told.subtle, driving.alike)
    subtle = carry_over(motion.subtle, motion.errors[:, 1:2], small)
    errors = sample(motion.errors, places.driving)
    maps = geometry(places, new, source.state, driving.alike, size // 4)
    unseen = hidden(places, new, source.state)
    inside = mouth_cavity(
        places.head, new.shape, source.state.shape, source.state.pose, source.pixels
    )
    moved = models.move_globally(source, direct, maps, errors[:, :1], unseen)
    return StepInput(
        source.pixels,
        opened(moved.face, inside, certainty(maps, errors[:, :1])),
        moved.trust,
        moved.field,
        refined,
        subtle,
        errors,
        maps,
        unseen,
        inside,
        new.points(),
    )


def geometry(places: Chart, new: FaceState, source: FaceState, alike: Tensor, side: int) -> Tensor:
    """Where head, mouth and eyes of the new face are, (B, 9, side, side)."""
    inside = places.inside.clamp(-2, 1)[:, None]
    shown = _facing_source(places, source)
    head = places.head.permute(0, 3, 1, 2)
    maps = torch.cat([head, inside, shown, alike], 1)
    small = torch.nn.functional.interpolate(maps, (side, side), mode="area")
    regions = region_masks(new.points(), side)
    return torch.cat([small[:, :-1], regions, small[:, -1:]], 1)


def hidden(places: Chart, new: FaceState, source: FaceState) -> Tensor:
    """What the source does not show of the new face, (B, 1, S, S) in [0, 1].

    What is turned away from it, and eyes that it has closed.
    """
    turned = 1 - _facing_source(places, source)
    eyes = [bared(slit, places.head, new.shape, source.shape)[:, None] for slit in SLITS[1:]]
    return torch.cat([turned, *eyes], 1).amax(1, keepdim=True)


def _facing_source(places: Chart, source: FaceState) -> Tensor:
    return torch.sigmoid(facing(places.head, source.pose) * 8)[:, None]
