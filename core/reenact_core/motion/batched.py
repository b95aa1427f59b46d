"""What needs no earlier output: faces read, motion measured and carried over, y^G; chunk by chunk.

y_i^G = G(d_0, d_i, S)   (1)
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from reenact_core.head.field import HeadView, at_pixels, mirrored, view_of
from reenact_core.head.light import bounded, factors, level_of, skin_shown
from reenact_core.head.matte import told_apart
from reenact_core.head.model import HeadModel, vertex_normals
from reenact_core.head.pose import Pose
from reenact_core.head.sampling import extended, sample
from reenact_core.head.seat import Seat, as_skin, cover
from reenact_core.head.softness import clear_moments, softness
from reenact_core.head.state import HeadState, placed, smooth, states_of
from reenact_core.head.transfer import new_head
from reenact_core.models.carry_over import (
    Chart,
    Ground,
    Transport,
    carry_over,
    chart,
    turn_between,
)
from reenact_core.models.compact import Compact, FaceSource
from reenact_core.models.compact_integrators import certainty
from reenact_core.models.face_points import FaceReading
from reenact_core.models.face_regions import region_masks
from reenact_core.models.flow_prior import (
    DrivingMotion,
    FlowPrior,
    Measure,
    blurred,
    likeness,
    photometric_error,
)
from reenact_core.models.readers.reader import FaceLandmarks, Reader
from reenact_core.motion.hidden_parts import hidden_parts, shown_by_source, with_others
from reenact_core.motion.recurrent import StepInput, drawn_over
from reenact_core.motion.transfer import MotionSettings

TOLD_APART = 3 / 255
"""Difference of errors by which it is told which of two pictures is nearer to a third."""
EDGE_SOFT = 1.5
"""Sigma in pixels (at 256) of a pasted face's edge on its outline."""
LIGHT_SOFT = 6.0
"""Sigma in pixels (at 256) over which light is averaged: on the ridge of a nose it is no better
known than the ridge is."""
HEAD_UNIT, HEAD_MIDDLE = 0.1442, (0.0, 0.5455, 0.2096)
"""From centimetres to the coordinates in which the networks know a head: half its width is 1."""
FACE_REACH, CROP_SIDE = 0.35, 256
"""How far a face reaches from the middle of its crop; the side that softness is told at."""
ROUNDING = 1 / 255
"""Mean difference up to which two pictures are one."""
STRANGE = 0.02
"""Share of a source that d_0 shows too, up to which it counts as another face."""
SAME = 0.5
"""The same, from which on it counts as the same picture."""


def one_picture(one: Any, other: Any) -> bool:
    """Whether two pictures, tensors or arrays of one form in [0, 1], are one but for rounding.

    A still that is a frame of the driving clip has the head that was read there: read alone it
    would be another by a little.
    """
    return float(abs(one - other).mean()) < ROUNDING


def read_faces(models: Compact, crops: Tensor) -> FaceReading:
    """Landmarks, head turn and expression of face crops (n, 3, S, S) in [0, 1]."""
    with torch.inference_mode():
        return models.read(crops)


def read_stills(
    models: Compact, reader: Reader, stills: Tensor, person: HeadState | None = None
) -> HeadState:
    """One person's head in pictures (N, 3, S, S) of different moments; see `states_of`, `apart`."""
    with torch.inference_mode():
        seen = reader.read(stills)
        return states_of(
            models.head, reader.scheme, seen.points, trust=seen.trust, pupils=seen.pupils,
            person=person, apart=True,
        )  # fmt: skip


def read_heads(
    models: Compact,
    reader: Reader,
    crops: Iterable[Tensor],
    settings: MotionSettings,
    tilt: Tensor | None = None,
    person: HeadState | None = None,
    before: HeadState | None = None,
) -> HeadState:
    """One person's head in consecutive crops, its pose smoothed over time; moments that are far
    more blurred than most are passed over.

    Convention:
        crops: chunks (n, 3, S, S) in [0, 1]
        tilt, person, before: as `states_of` takes them
    """
    with torch.inference_mode():
        read = [(reader.read(chunk), _softness(chunk)) for chunk in crops]
        seen = FaceLandmarks.cat([landmarks for landmarks, _ in read])
        clear = clear_moments(torch.cat([soft for _, soft in read])).to(seen.points)
        states = states_of(
            models.head, reader.scheme, seen.points, trust=seen.trust, pupils=seen.pupils,
            tilt=tilt, person=person, before=before, clear=clear,
        )  # fmt: skip
        return smooth(states, settings.smoothing)


def _softness(crops: Tensor) -> Tensor:
    """How soft faces in the middle of crops are, (n,), pixels of 256."""
    middle = crops.new_zeros(len(crops), 2)
    return softness(crops, middle, middle[:, :1] + FACE_REACH) * (CROP_SIDE / crops.shape[-1])


def prepare_source(
    models: Compact,
    pixels: Tensor,
    state: HeadState | None = None,
    reader: Reader | None = None,
    others: tuple[Tensor, HeadState] | None = None,
) -> FaceSource:
    """What depends on the source crop (3, S, S) alone.

    Args:
        state: where it is known already
        others: further pictures (N, 3, S, S) of the same person, and the heads in them
    """
    if state is None:
        state = read_heads(models, reader or models.reader, [pixels[None]], MotionSettings())
    with torch.inference_mode():
        source = models.source(pixels[None], state)
        return source if others is None else with_others(models.head, source, *others)


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """The shot that a new face is pasted into, in N frames.

    Convention:
        own: (1, 9, 3), the light of the source, see `head.light`; shot: (N, 9, 3), of the frames
        cover: (1, V), see `seat.cover`
    """

    seat: Seat
    """The source's head on the driver's, one row."""
    own: Tensor
    shot: Tensor
    cover: Tensor

    @classmethod
    def of(cls, head: HeadModel, source: FaceSource, driver: HeadState, shot: Tensor) -> "Scene":
        """Of a source and the head of a driver at any moment."""
        view = source.view
        skin = skin_shown(head, view.vertices, source.pixels, source.light)
        taken = cover(head, view.facing, skin)
        return cls(Seat.on(head, view.state, driver), source.light, shot, taken)

    def __getitem__(self, frames: slice | Tensor) -> "Scene":
        return replace(self, shot=self.shot[frames])


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
    states: HeadState,
    settings: MotionSettings,
    measure: Measure | None = None,
    resting: Pose | None = None,
    followed: Followed | None = None,
    scene: Scene | None = None,
) -> Iterator[StepInput]:
    """The input of every step, one a driving frame, in the order given.

    Convention:
        driving: chunks (n, 3, S, S) in [0, 1]; the very first frame is d_0
        states: the driver's head in the same frames, in the same order
        resting: for every frame the pose that the source's head has where no motion is added, that
            of the footage which the new face goes into. None: as it is in S, in every frame.
        measure: optical flow; None: OpenCV's DIS
        followed: kept up to date chunk by chunk; with a count above 0 the run goes on from there:
            `driving` begins after `last`, states, resting and scene with those of d_0 and of `last`
        scene: of the driving frames, where the new face is pasted over the driving one
    """
    done, prior, earlier = 0, None, states[:1]
    side, alike = source.pixels.shape[-1], source.pixels[:, :1]
    start: HeadView | None = None
    resting = resting or source.view.state.repeat(len(states)).pose
    rested = resting[:1]
    if followed is not None and followed.count:
        alike = likeness(source.pixels, followed.first)
        side = measured_side(alike)
        prior = flow_prior(followed.first, side, measure, followed.last, followed.field)
        done, earlier, rested = 2, states[1:2], resting[1:2]
    for chunk in driving:
        count = len(chunk)
        now = states[done : done + count]
        with torch.inference_mode():
            if prior is None:
                alike = likeness(source.pixels, chunk[:1])
                side = measured_side(alike)
                prior = flow_prior(chunk[:1], side, measure)
            small = at_side(chunk, side)
            if start is None:
                first = small[:1] if followed is None or not followed.count else followed.first
                start = view_of(models.head, states[:1], side)
                start = told_apart(start, models.head, at_side(first, side))
            before = HeadState.cat([earlier, now])[:count]
            faces = Driving(
                start.repeat(count), before, now, alike.expand(count, -1, -1, -1), chunk
            )
            told = tell(models.head, faces, side)
            motion = prior.follow(small, told.direct)
            rest = resting[done : done + count]
            rests = Resting(Pose.stack([rested, rest])[:count], rest)
            rows = source.repeat(count)
            batch = rows_of_input(
                models, rows, faces, told, motion, settings, rests, same=is_same(alike),
                scene=None if scene is None else scene[done : done + count],
            )  # fmt: skip
        done, earlier, rested = done + count, now[-1:], rest[-1:]
        yield from batch.unstack()
        if followed is not None:
            followed.last, followed.field = chunk[-1:], prior.field
            followed.count += count


def flow_prior(
    first: Tensor,
    side: int,
    measure: Measure | None = None,
    last: Tensor | None = None,
    field: Tensor | None = None,
) -> FlowPrior:
    """Follows pictures from the first one on, or goes on after the last one; see `step_inputs`.

    Convention:
        first, last: (1, 3, S, S); side: see `measured_side`; field: (1, 2, side, side)
    """
    strange = side < first.shape[-1]
    if measure is None:
        from reenact_core.models import optical_flow  # OpenCV: training does without

        measure = optical_flow.quick_flow if strange else optical_flow.dis_flow
    before = None if last is None else at_side(last, side)
    return FlowPrior(at_side(first, side), measure, before, field, trusting=strange)


def measured_side(alike: Tensor) -> int:
    """Side of the pictures on which flow is measured: on another face only its smooth part counts.

    Convention:
        alike: (1, 1, S, S) in [0, 1], see `Driving`
    """
    side = alike.shape[-1]
    return side if float(alike.mean()) > STRANGE else side // 2


def is_same(alike: Tensor) -> bool:
    """Whether source and d_0 are one picture, as far as most of it goes."""
    return float(alike.mean()) > SAME


def at_side(pictures: Tensor, side: int) -> Tensor:
    """Pictures (N, C, S, S), averaged down where they are larger."""
    return pictures if pictures.shape[-1] == side else functional.avg_pool2d(pictures, 2)


@dataclass(frozen=True, slots=True, eq=False)
class Driving:
    """The driving face of every row: in d_0, in the frame before, and now; N faces each.

    Convention:
        alike: (N, 1, S, S) in [0, 1], where d_0 shows the surroundings that the source shows
        frame: (N, 3, S, S) in [0, 1], the picture of now
    """

    start: HeadView
    before: HeadState
    now: HeadState
    alike: Tensor
    frame: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Resting:
    """The pose of the source's head where no motion is added, in the frame before and now."""

    before: Pose
    now: Pose


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """The driving face now, and its motion to d_0 and to d_{i-1} as its head tells it,
    (N, 2, s, s), s the side at which flow is measured."""

    now: HeadView
    direct: Tensor
    subtle: Tensor


def tell(head: HeadModel, driving: Driving, size: int) -> Told:
    """What the fitted heads say of the driving face's motion."""
    now = view_of(head, driving.now, size)
    moments = [driving.start, view_of(head, driving.before, None)]
    whole, small = (one.motion() for one in chart(head, now, None, moments).earlier)
    return Told(now, whole, small)


def rows_of_input(
    models: Compact,
    source: FaceSource,
    driving: Driving,
    told: Told,
    motion: DrivingMotion,
    settings: MotionSettings,
    resting: Resting | None = None,
    *,
    same: bool = False,
    scene: Scene | None = None,
) -> StepInput:
    """Inputs row by row: N sources, N driving moments; with gradients where they are on.

    Args:
        same: source and driver are one person in one picture, so that nothing is adapted
    """
    head, size, own = models.head, source.pixels.shape[-1], source.view
    rests = resting or Resting(own.state.pose, own.state.pose)
    start, how = driving.start.state, settings.carrying(same)
    seat = None if same or scene is None else scene.seat

    def moved(rest: Pose, moment: HeadState, size: int | None) -> HeadView:
        state = new_head(head, own.state, rest, start, moment, how, seat)
        moulded = None if seat is None else seat.moulded(head, state.pose.rotation)
        return view_of(head, state, size, moulded)

    new, old = moved(rests.now, driving.now, size), moved(rests.before, driving.before, None)
    moments = [own, old]
    places = chart(head, new, told.now, moments, mirrored(own, head))
    in_source, in_last, _ = places.earlier
    turn = turn_between(start.pose, own.state.pose)
    ground = Ground.of(places, driving.alike, told.direct.shape[-1])
    whole = Transport(ground, in_source.told, told.direct, turn)
    direct = carry_over(motion.direct, motion.errors[:, :1], whole)
    refined = carry_over(motion.refined, motion.errors[:, 2:], whole)
    turn = turn_between(driving.before.pose, old.state.pose)
    small = Transport(ground, in_last.told, told.subtle, turn)
    subtle = carry_over(motion.subtle, motion.errors[:, 1:2], small)
    errors = sample(motion.errors, places.driving)
    points = placed(head.landmarks["embedded79"].places(new.shape), new.state.pose)[..., :2]
    maps = geometry(places, points, driving.alike, size // 4)
    parts = hidden_parts(head, places, new, source)
    inside, unseen = where_better(parts.layer, driving, places, errors[:, :1]), parts.unseen
    whole_face = models.move_globally(source, direct, maps, errors[:, :1], unseen)
    light, mask = finish(head, new, own, scene, same=same)
    return StepInput(
        source.pixels,
        drawn_over(whole_face.face, inside, certainty(maps, errors[:, :1])),
        whole_face.trust,
        whole_face.field,
        refined,
        subtle,
        errors,
        maps,
        unseen,
        inside,
        points,
        light,
        mask,
    )


def finish(
    head: HeadModel, new: HeadView, own: HeadView, scene: Scene | None, *, same: bool
) -> tuple[Tensor, Tensor]:
    """Light and mask of new faces, see `StepInput`; `same`: see `rows_of_input`."""
    assert new.raster is not None
    size, as_it_is = new.raster.face.shape[-1], torch.ones_like(new.vertices)
    if scene is None:
        one = as_it_is[:, :1, :1, None]
        return one.expand(-1, 3, size // 4, size // 4), one.expand(-1, 1, size, size)
    by = as_it_is
    if not same:
        before, after = (vertex_normals(view.vertices, head.triangles) for view in (own, new))
        own_light = scene.own.expand_as(scene.shot)
        level = level_of(scene.shot, after, scene.cover) / level_of(own_light, before, scene.cover)
        by = factors(own_light * level, before, scene.shot, after)
        by = as_skin(head, by) * bounded(level)
    taken = scene.cover[..., None].expand(len(by), -1, -1)
    taken, light = at_pixels(new.raster, head, taken, by)
    taken, light = taken.permute(0, 3, 1, 2), light.permute(0, 3, 1, 2)
    # Soft towards the inside: what lies beside the face is the plate's.
    mask = torch.minimum(taken, 2 * blurred(taken, EDGE_SOFT) - 1).clamp(0, 1)
    covered = new.raster.covered[:, None].to(light.dtype)
    small, known = (functional.avg_pool2d(one, 4) for one in (light, covered))
    light = extended(small / known.clamp_min(1e-3), known)
    return blurred(light, LIGHT_SOFT), mask


def geometry(places: Chart, points: Tensor, alike: Tensor, side: int) -> Tensor:
    """Where head, mouth and eyes of the new face are, (B, 9, side, side).

    Convention:
        points: (B, 79, 2), landmarks of the new face
    """
    inside = places.inside.clamp(-2, 1)[:, None]
    head = places.head * HEAD_UNIT + places.head.new_tensor(HEAD_MIDDLE)
    maps = torch.cat([head.permute(0, 3, 1, 2), inside, shown_by_source(places), alike], 1)
    small = functional.interpolate(maps, (side, side), mode="area")
    regions = region_masks(points, side)
    return torch.cat([small[:, :-1], regions, small[:, -1:]], 1)


def where_better(layer: Tensor, driving: Driving, places: Chart, error: Tensor) -> Tensor:
    """What is drawn (B, 4, S, S), but where source and driver are alike and the moved source is
    nearer to the driving frame.

    Convention:
        error: (B, 1, S, S) in [0, 1], how far the moved source is from it
    """
    frame = sample(driving.frame, places.driving)
    gain = (error - photometric_error(layer[:, :3], frame)) / TOLD_APART
    cover = layer[:, 3:] * (1 - driving.alike * torch.sigmoid(-gain))
    return torch.cat([layer[:, :3], cover], 1)
