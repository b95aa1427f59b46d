"""Takes performed by the networks: faces read, the frame to start from, lanes side by side.

A take runs from its start frame d_0, the driving frame nearest to the source's pose, forwards to
its end and backwards to its beginning: two lanes that share nothing but S and d_0.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from reenact_core.devices import Compute, out_of_memory_named
from reenact_core.engine.performer import Crops, Floats, NewFace, Take
from reenact_core.errors import SettingsError
from reenact_core.models.carry_over import FaceState
from reenact_core.models.compact import Compact, FaceSource
from reenact_core.models.head_chart import Pose
from reenact_core.models.integrators.table import Integrator
from reenact_core.motion.batched import prepare_source, read_faces, step_inputs
from reenact_core.motion.lanes import LaneSettings, ShotLanes, run_lanes
from reenact_core.motion.other_integrator import OtherIntegrator, faces_of, put_in
from reenact_core.motion.recurrent import Carry, Recurrence, Reenacted, StepInput
from reenact_core.motion.source_frame import choose_source_frame, eye_openness
from reenact_core.motion.transfer import MotionSettings, nearest_frame, smooth
from reenact_core.timeline.plan import Scheme

CHUNK = 8
"""Driving frames that are prepared together."""
OTHER_CHUNK = 32
"""Driving frames that another integrator is given together; it reads the source once for them."""

_FACE = 0


@dataclass(frozen=True, slots=True, eq=False)
class _Lane:
    """One direction of a take: which driving frame each of its results belongs to."""

    take: Take
    order: range


@dataclass(frozen=True, slots=True, eq=False)
class NetworkPerformer:
    """The performer of a checkpoint."""

    models: Compact
    motion: MotionSettings
    lanes: LaneSettings
    compute: Compute
    integrator: Integrator | None = None
    """G in the place of the checkpoint's own."""

    def choose_source(self, own: Crops, driving: Crops) -> int:
        """The crop that stands best for all of them."""
        with out_of_memory_named(self.compute):
            return choose_source_frame(self._states(own), self._openness(own))

    def perform(self, takes: Sequence[Take]) -> Iterator[tuple[str, int, NewFace]]:
        """Every frame of every take, the takes of one scheme side by side."""
        schemes: dict[Scheme, None] = dict.fromkeys(take.scheme for take in takes)
        for scheme in schemes:
            lanes: dict[str, _Lane] = {}
            shots = (
                shot
                for take in takes
                if take.scheme == scheme
                for shot in self._both_ways(take, lanes)
            )
            step = partial(_step, Recurrence(self.models, scheme))
            with out_of_memory_named(self.compute):
                yield from _unrolled(run_lanes(shots, step, self.lanes), lanes)

    def _both_ways(self, take: Take, lanes: dict[str, _Lane]) -> Iterator[ShotLanes]:
        """The lanes of a take, entered into `lanes` by their ids."""
        source = prepare_source(self.models, self._tensor(take.source))
        states = self._states(take.driving)
        resting = self._resting(take, source)
        start = nearest_frame(states, source.state) if self.motion.best_start else 0
        forwards = _Lane(take, range(start, len(take.driving)))
        ahead = self._inputs(forwards, source, states[start:], resting[start:])
        lanes[f"{take.take_id}>"] = forwards
        yield ShotLanes(f"{take.take_id}>", ahead)
        if start > 0:
            backwards = _Lane(take, range(start, -1, -1))
            before, rest = _reversed(states[: start + 1]), _reversed(resting[: start + 1])
            lanes[f"{take.take_id}<"] = backwards
            yield ShotLanes(f"{take.take_id}<", self._inputs(backwards, source, before, rest))

    def _inputs(
        self, lane: _Lane, source: FaceSource, states: FaceState, resting: FaceState
    ) -> Iterator[Mapping[int, StepInput]]:
        chunks = self._chunks(lane.take.driving, lane.order)
        settings = self._settings(lane.take)
        steps = step_inputs(self.models, source, chunks, states, settings, resting=resting)
        if self.integrator is not None:
            steps = self._with_other(self.integrator, lane, source, steps, settings)
        for inputs in steps:
            yield {_FACE: inputs}

    def _with_other(
        self,
        integrator: Integrator,
        lane: _Lane,
        source: FaceSource,
        steps: Iterator[StepInput],
        settings: MotionSettings,
    ) -> Iterator[StepInput]:
        """The steps with another integrator's faces as y^G.

        Raises:
            SettingsError: a part of the motion is asked for, which such an integrator cannot give.
        """
        if settings.strength != 1:
            raise SettingsError(
                f"strength {settings.strength:g} needs the checkpoint's own integrator; another "
                "one carries over the whole motion: leave strength at 1, or --integrator away"
            )
        placed = lane.take.own is not None or settings.transfer == "absolute"
        relative = False if self.motion.transfer == "absolute" else None
        other = OtherIntegrator(integrator, relative, placed)
        chunks = self._chunks(lane.take.driving, lane.order, OTHER_CHUNK)
        faces = faces_of(other, source.pixels, chunks)
        for inputs, face in zip(steps, faces, strict=True):
            with torch.inference_mode():
                swapped = put_in(self.models, other, inputs, face)
            yield swapped  # outside: the mode would be the consumer's too

    def _resting(self, take: Take, source: FaceSource) -> FaceState:
        """The source's face in every frame before motion is added: on the head it goes onto."""
        count = len(take.driving)
        if take.own is None:
            return source.state.repeat(count)
        return FaceState(self._states(take.own).pose, source.state.repeat(count).shape)

    def _settings(self, take: Take) -> MotionSettings:
        transfer = take.transfer if self.motion.transfer == "auto" else self.motion.transfer
        strength = self.motion.strength * take.strength
        return replace(self.motion, scheme=take.scheme, strength=strength, transfer=transfer)

    def _states(self, crops: Crops) -> FaceState:
        """Pose and shape of the face in consecutive crops."""
        with torch.inference_mode():
            states = [
                self.models.state(read_faces(self.models, chunk))
                for chunk in self._chunks(crops, range(len(crops)))
            ]
            return smooth(FaceState.cat(states), self.motion.smoothing)

    def _openness(self, crops: Crops) -> Tensor:
        with torch.inference_mode():
            return torch.cat(
                [
                    eye_openness(chunk, read_faces(self.models, chunk).points)
                    for chunk in self._chunks(crops, range(len(crops)))
                ]
            )

    def _chunks(self, crops: Crops, order: range, count: int = CHUNK) -> Iterator[Tensor]:
        """Crops (n, 3, 256, 256) in [0, 1], in that order, `count` at a time."""
        for start in range(0, len(order), count):
            part = [crops[index] for index in order[start : start + count]]
            yield self._tensor(np.stack(part))

    def _tensor(self, pixels: Floats) -> Tensor:
        """(..., 256, 256, 3) as (..., 3, 256, 256) on the device."""
        moved = torch.from_numpy(np.ascontiguousarray(np.moveaxis(pixels, -1, -3)))
        return moved.to(self.compute.device, torch.float32)


def _step(recurrence: Recurrence, inputs: StepInput, carry: Carry) -> tuple[Reenacted, Carry]:
    with torch.inference_mode():
        return recurrence.step(inputs, carry)


def _unrolled(
    results: Iterator[tuple[str, dict[int, Reenacted]]], lanes: Mapping[str, _Lane]
) -> Iterator[tuple[str, int, NewFace]]:
    """Results with the take and the driving frame they belong to.

    Both lanes of a take begin with d_0; it is taken from the one that goes forwards.
    """
    done = dict.fromkeys(lanes, 0)
    for lane_id, faces in results:
        lane = lanes[lane_id]
        index = lane.order[done.setdefault(lane_id, 0)]
        repeated = lane.order.step < 0 and done[lane_id] == 0
        done[lane_id] += 1
        if not repeated:
            yield lane.take.take_id, index, _new_face(faces[_FACE])


def _new_face(face: Reenacted) -> NewFace:
    pixels = face.pixels[0].float().clamp(0, 1).permute(1, 2, 0)
    return NewFace(
        pixels.cpu().numpy(),
        face.points[0].float().cpu().numpy(),
        face.trust[0, 0].float().cpu().numpy(),
    )


def _reversed(states: FaceState) -> FaceState:
    pose = states.pose
    turned = Pose(pose.rotation.flip(0), pose.scale.flip(0), pose.offset.flip(0))
    return FaceState(turned, states.shape.flip(0))
