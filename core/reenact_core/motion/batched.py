"""What needs no earlier output: faces read, motion measured and carried over, y^G; chunk by chunk.

y_i^G = G(d_0, d_i, S)   (1)
"""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from reenact_core.models.carry_over import Chart, FaceState, carry_over, chart, sample
from reenact_core.models.compact import Compact, FaceSource, as_picture8
from reenact_core.models.face_points import FaceReading
from reenact_core.models.face_regions import region_masks
from reenact_core.models.flow_prior import DrivingMotion, FlowPrior
from reenact_core.models.head_chart import facing
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


def step_inputs(
    models: Compact,
    source: FaceSource,
    driving: Iterable[Tensor],
    states: FaceState,
    settings: MotionSettings,
) -> Iterator[StepInput]:
    """The input of every step, one a driving frame, in the order given.

    Convention:
        driving: chunks (n, 3, S, S) in [0, 1]; the very first frame is d_0
        states: poses and shapes of the same frames, in the same order
    """
    done, prior = 0, None
    start = earlier = states[:1]
    for chunk in driving:
        frames = [as_picture8(frame) for frame in chunk]
        prior = prior or FlowPrior(frames[0])
        motions = [prior.advance(frame) for frame in frames]
        now = states[done : done + len(frames)]
        done += len(frames)
        with torch.inference_mode():
            batch = chunk_inputs(models, source, (start, earlier, now), motions, settings)
        earlier = now[-1:]
        yield from batch.unstack()


def chunk_inputs(
    models: Compact,
    source: FaceSource,
    driving: tuple[FaceState, FaceState, FaceState],
    motions: Sequence[DrivingMotion],
    settings: MotionSettings,
) -> StepInput:
    """The inputs of consecutive driving frames as one batch, with gradients where they are on.

    Convention:
        driving: the driving face in d_0, in the frame before these, and in these
        motions: one of each of these frames
    """
    start, earlier, now = driving
    count, like = len(motions), source.pixels
    new = new_state(source.state, start, now, settings)
    old_new = new_state(source.state, start, earlier, settings)
    places = chart(new, now, like.shape[-1])
    begin, target = start.repeat(count), source.state.repeat(count)
    direct, subtle, refined = (
        flow_tensor([getattr(motion, name) for motion in motions], like)
        for name in ("direct", "subtle", "refined")
    )
    direct = carry_over(direct, places, now, begin, target)
    refined = carry_over(refined, places, now, begin, target)
    subtle = carry_over(subtle, places, now, shifted(earlier, now), shifted(old_new, new))
    errors = torch.from_numpy(np.stack([motion.errors for motion in motions])).to(like)
    errors = sample(errors, places.driving)
    maps = geometry(places, new, target, like.shape[-1] // 4)
    pixels = like.expand(count, -1, -1, -1)
    features = source.features.expand(count, -1, -1, -1)
    moved = models.global_integrator(pixels, features, direct, maps, errors[:, :1])
    return StepInput(
        pixels, moved.face, moved.trust, moved.field, refined, subtle, errors, maps, new.points()
    )


def geometry(places: Chart, new: FaceState, source: FaceState, side: int) -> Tensor:
    """Where head, mouth and eyes of the new face are, (B, 8, side, side)."""
    inside = places.inside.clamp(-2, 1)[:, None]
    shown = torch.sigmoid(facing(places.head, source.pose) * 8)[:, None]
    head = places.head.permute(0, 3, 1, 2)
    maps = torch.cat([head, inside, shown], 1)
    small = torch.nn.functional.interpolate(maps, (side, side), mode="area")
    return torch.cat([small, region_masks(new.points(), side)], 1)


def flow_tensor(flows: list[np.ndarray], like: Tensor) -> Tensor:
    """Flows (H, W, 2) in pixels as (B, 2, H, W) in [-1, 1] units."""
    stacked = torch.from_numpy(np.stack(flows)).to(like)
    return stacked.permute(0, 3, 1, 2) * (2 / like.shape[-1])


def shifted(first: FaceState, states: FaceState) -> FaceState:
    """Each frame's predecessor."""
    order = FaceState.cat([first, states])
    return order[: len(states.pose)]
