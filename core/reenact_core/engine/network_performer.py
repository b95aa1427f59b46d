"""Takes performed by the networks: faces read, the frame to start from, lanes side by side.

A take runs from its start frame d_0, the driving frame nearest to the source's pose, forwards to
its end and backwards to its beginning: two lanes that share nothing but S and d_0.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from reenact_core.devices import Compute, out_of_memory_named
from reenact_core.engine.diary import Diary
from reenact_core.engine.performer import Crops, Floats, NewFace, Take, settings_of
from reenact_core.errors import SettingsError
from reenact_core.head.light import shading, steadied
from reenact_core.head.pose import Pose
from reenact_core.head.state import HeadState, placed
from reenact_core.models.compact import Compact, FaceSource
from reenact_core.models.integrators.table import Integrator
from reenact_core.models.readers.reader import Reader
from reenact_core.motion.batched import (
    Followed,
    Scene,
    one_picture,
    prepare_source,
    read_faces,
    read_heads,
    read_stills,
    step_inputs,
)
from reenact_core.motion.full_size import enlarge
from reenact_core.motion.lanes import LaneSettings, ShotLanes, run_lanes
from reenact_core.motion.other_integrator import OtherIntegrator, faces_of, put_in
from reenact_core.motion.recurrent import Carry, Recurrence, Reenacted, StepInput
from reenact_core.motion.source_frame import choose_source_frame, eye_openness, middle
from reenact_core.motion.transfer import MotionSettings, check_whole, nearest_frame
from reenact_core.timeline.plan import Scheme, said

CHUNK = 8
"""Driving frames that are read together, and on a GPU prepared together."""
CPU_CHUNK = 2
"""Prepared together on a CPU, where more are no quicker: who goes on begins with a whole chunk."""
LIGHT_STEP = 4
"""In every so many frames the light on a plate is measured."""
MOST_ASKED = 24
"""Driving frames by which a source is chosen."""
OTHER_CHUNK = 32
"""Driving frames that another integrator is given together; it reads the source once for them."""

_FACE = 0


@dataclass(slots=True, eq=False)
class _Lane:
    """One direction of a take, under way."""

    take: Take
    order: range
    """Which driving frame each of its results belongs to."""
    followed: Followed
    scene: Scene | None = None
    """Of the frames in their order; None: new faces are not pasted over driving ones."""
    detail: "_Detail | None" = None
    """None: new faces are no larger than S."""
    running: ShotLanes | None = None
    given: int = 0
    """Frames whose inputs were given; when the next is asked for, their faces are done."""
    told: int = 0
    """Frames whose faces were handed on."""

    def page(self) -> dict[str, NDArray[Any]]:
        """What going on from here takes."""
        page = {"given": np.array(self.given), "count": np.array(self.followed.count)}
        tensors = {"last": self.followed.last, "field": self.followed.field}
        if self.running is not None and _FACE in self.running.carries:
            carry = self.running.carries[_FACE]
            tensors |= {"carry_previous": carry.previous, "carry_field": carry.field}
        return page | {key: one.cpu().numpy() for key, one in tensors.items() if one is not None}


@dataclass(frozen=True, slots=True, eq=False)
class _Detail:
    """The source in both sizes.

    Convention:
        source: (1, 3, 256, 256); large: (1, 3, L, L); both in [0, 1]
    """

    source: Tensor
    large: Tensor

    def added(self, face: Reenacted) -> Tensor:
        """The face (1, 3, L, L) with the fine detail of the source."""
        with torch.inference_mode():
            moved = face.pixels.float(), face.field.float(), face.trust.float()
            return enlarge(*moved, self.source, self.large)


@dataclass(slots=True, eq=False)
class _Rounds:
    """Writes down where all lanes stand, between two turns of the loop that runs them."""

    diary: Diary | None
    lanes: dict[str, _Lane]
    asked: set[str] = dataclass_field(default_factory=set)
    """Lanes that were asked for the input of the turn that is being made up."""

    def before(self, lane_id: str) -> None:
        """A lane is asked for its next input; the first one that is shows a new turn."""
        if lane_id in self.asked:
            self.asked.clear()
            if self.diary is not None and self.diary.is_due:
                self.diary.write({name: lane.page() for name, lane in self.lanes.items()})
        self.asked.add(lane_id)


@dataclass(frozen=True, slots=True, eq=False)
class NetworkPerformer:
    """The performer of a checkpoint."""

    models: Compact
    motion: MotionSettings
    lanes: LaneSettings
    compute: Compute
    integrator: Integrator | None = None
    """G in the place of the checkpoint's own."""
    chosen_reader: Reader | None = None
    """Who reads faces; None: the reader that comes with the networks."""

    @property
    def reader(self) -> Reader:
        """Who reads faces."""
        return self.chosen_reader or self.models.reader

    def choose_source(self, own: Crops, driving: Crops) -> int:
        """The crop that stands best for all of them."""
        with out_of_memory_named(self.compute):
            return choose_source_frame(self._states(own), self._openness(own))

    def choose_still(self, stills: Sequence[Floats], driving: Sequence[Crops]) -> int:
        """The still nearest to the middling pose and expression of some of the driving crops."""
        if len(stills) == 1:
            return 0
        with out_of_memory_named(self.compute), torch.inference_mode():
            asked = [self._tensor(crops[index]) for crops, index in evenly(driving, MOST_ASKED)]
            acting = read_stills(self.models, self.reader, torch.stack(asked))
            own = read_stills(self.models, self.reader, self._tensor(np.stack(stills)))
            return nearest_frame(own, middle(acting))

    def enlarges(self, scheme: Scheme) -> bool:
        """Not where every face is another integrator's own picture."""
        return self.integrator is None or scheme != "global"

    def perform(self, takes: Sequence[Take]) -> Iterator[tuple[str, int, NewFace]]:
        """Every frame of every take, the takes of one scheme side by side."""
        return self.go_on(takes, None)

    def go_on(
        self, takes: Sequence[Take], diary: Diary | None
    ) -> Iterator[tuple[str, int, NewFace]]:
        """The same, without the frames that a diary says are done; it is kept up to date.

        Faces are the same, sample by sample, wherever an earlier process was stopped.
        """
        lanes: dict[str, _Lane] = {}
        rounds = _Rounds(diary, lanes)
        schemes: dict[Scheme, None] = dict.fromkeys(take.scheme for take in takes)
        for scheme in schemes:
            shots = (
                shot
                for take in takes
                if take.scheme == scheme
                for shot in self._both_ways(take, rounds)
            )
            step = partial(_step, Recurrence(self.models, scheme))
            with out_of_memory_named(self.compute):
                yield from _unrolled(run_lanes(shots, step, self.lanes), lanes)

    def _both_ways(self, take: Take, rounds: _Rounds) -> Iterator[ShotLanes]:
        """The lanes of a take that have frames left to do."""
        resting = None if take.own is None else self._states(take.own)
        known = None
        if resting is not None and take.source_at is not None:
            at = take.source_at
            known = resting[at : at + 1]
        states, pixels = self._states(take.driving), self._tensor(take.source)
        if known is None:
            frames = (take.driving[i] for i in range(len(take.driving)))
            same = next((i for i, one in enumerate(frames) if one_picture(take.source, one)), None)
            known = None if same is None else states[same : same + 1]
        known, others = self._others(take, pixels, known)
        source = prepare_source(self.models, pixels, known, self.reader, others)
        rest = source.view.state.repeat(len(states)).pose if resting is None else resting.pose
        start = nearest_frame(states, source.view.state) if self.motion.best_start else 0
        orders = {">": range(start, len(take.driving))}
        if start > 0:
            orders["<"] = range(start, -1, -1)
        first = self._tensor(take.driving[start][None])
        scene = self._scene(take, source, states)
        detail = None
        if take.large is not None:
            detail = _Detail(source.pixels, self._tensor(take.large[0][None]))
        for way, order in orders.items():
            turned = torch.tensor(order)
            there = None if scene is None else scene[turned]
            lane = _Lane(take, order, Followed(first), there, detail)
            ordered = states[turned], rest[turned]
            name = f"{take.take_id}{way}"
            rounds.lanes[name] = lane
            carries = self._recall(lane, rounds.diary, name)
            if lane.given < len(order):
                inputs = self._inputs(lane, source, *ordered)
                lane.running = ShotLanes(name, _counted(lane, name, inputs, rounds), carries)
                yield lane.running

    def _others(
        self, take: Take, pixels: Tensor, known: HeadState | None
    ) -> tuple[HeadState | None, tuple[Tensor, HeadState] | None]:
        """The head of a take's source, and its other pictures with the heads in them: one person's,
        so that all of them tell who it is where the footage does not."""
        if not take.others:
            return known, None
        others = self._tensor(np.stack(take.others))
        if known is not None:
            return known, (others, read_stills(self.models, self.reader, others, known))
        states = read_stills(self.models, self.reader, torch.cat([pixels[None], others]))
        return states[:1], (others, states[1:])

    def _recall(self, lane: _Lane, diary: Diary | None, name: str) -> dict[int, Carry]:
        """Put a lane where an earlier process left it; gives the carries that it had."""
        page = {} if diary is None else diary.pages.get(name, {})
        if not page:
            return {}

        def tensor(key: str) -> Tensor:
            return torch.from_numpy(page[key]).to(self.compute.device)

        lane.given = lane.told = int(page["given"])
        lane.followed.count = int(page["count"])
        if lane.followed.count:
            lane.followed.last, lane.followed.field = tensor("last"), tensor("field")
        if "carry_previous" not in page:
            return {}
        return {_FACE: Carry(tensor("carry_previous"), tensor("carry_field"))}

    def _inputs(
        self, lane: _Lane, source: FaceSource, states: HeadState, resting: Pose
    ) -> Iterator[StepInput]:
        """The inputs of a lane's frames that are left to do."""
        settings, count, scene = self._settings(lane.take), lane.followed.count, lane.scene
        together = CPU_CHUNK if self.compute.device == "cpu" else CHUNK
        chunks = self._chunks(lane.take.driving, lane.order[count:], together)
        if count:
            left = torch.tensor([0, *range(count - 1, len(lane.order))])
            states, resting = states[left], resting[left]
            scene = None if scene is None else scene[left]
        steps = step_inputs(
            self.models,
            source,
            chunks,
            states,
            settings,
            resting=resting,
            followed=lane.followed,
            scene=scene,
        )
        if self.integrator is not None:
            steps = self._with_other(self.integrator, lane, source, steps, settings)
        return islice(steps, lane.given - count, None)

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
        check_whole(settings, settings.pose, "another integrator")
        placed = lane.take.own is not None or settings.pose == "absolute"
        relative = False if said(lane.take.pose, self.motion.pose) == "absolute" else None
        other = OtherIntegrator(integrator, relative, placed)
        count = lane.followed.count
        order = [lane.order[0], *lane.order[count:]] if count else lane.order
        chunks = self._chunks(lane.take.driving, order, OTHER_CHUNK)
        faces = islice(faces_of(other, source.pixels, chunks), 1 if count else 0, None)
        for inputs, face in zip(steps, faces, strict=True):
            with torch.inference_mode():
                swapped = put_in(self.models, other, inputs, face)
            yield swapped  # outside: the mode would be the consumer's too

    def _scene(self, take: Take, source: FaceSource, states: HeadState) -> Scene | None:
        """What the new faces are pasted into, where they lie on the driving heads."""
        how = self._settings(take).carrying()
        if not (take.pasted_over and how.absolute_pose and how.strengths.of("pose") == 1):
            return None
        head = self.models.head
        with torch.inference_mode():
            asked = torch.arange(0, len(states), LIGHT_STEP)
            crops = self._chunks(take.driving, asked.tolist())
            shot = [
                shading(head, placed(part.vertices(head), part.pose), chunk)
                for part, chunk in zip(_parts(states[asked]), crops, strict=True)
            ]
            lights = steadied(torch.cat(shot), LIGHT_STEP, len(states))
            return Scene.of(head, source, states[:1], lights)

    def _settings(self, take: Take) -> MotionSettings:
        return settings_of(self.motion, take)

    def _states(self, crops: Crops) -> HeadState:
        """Pose and shape of the face in consecutive crops."""
        chunks, tilt = self._chunks(crops, range(len(crops))), None
        if crops.tilt is not None:
            tilt = torch.from_numpy(crops.tilt).to(self.compute.device, torch.float32)
        return read_heads(self.models, self.reader, chunks, self.motion, tilt)

    def _openness(self, crops: Crops) -> Tensor:
        with torch.inference_mode():
            return torch.cat(
                [
                    eye_openness(chunk, read_faces(self.models, chunk).points)
                    for chunk in self._chunks(crops, range(len(crops)))
                ]
            )

    def _chunks(self, crops: Crops, order: Sequence[int], count: int = CHUNK) -> Iterator[Tensor]:
        """Crops (n, 3, 256, 256) in [0, 1], in that order, `count` at a time."""
        for start in range(0, len(order), count):
            part = [crops[index] for index in order[start : start + count]]
            yield self._tensor(np.stack(part))

    def _tensor(self, pixels: Floats) -> Tensor:
        """(..., 256, 256, 3) as (..., 3, 256, 256) on the device."""
        moved = torch.from_numpy(np.ascontiguousarray(np.moveaxis(pixels, -1, -3)))
        return moved.to(self.compute.device, torch.float32)


def evenly(driving: Sequence[Crops], most: int) -> Iterator[tuple[Crops, int]]:
    """At most so many of all crops, evenly; each as its crops and its index in them."""
    every = [(crops, index) for crops in driving for index in range(len(crops))]
    for part in np.linspace(0, len(every) - 1, min(most, len(every))):
        yield every[round(float(part))]


def _step(recurrence: Recurrence, inputs: StepInput, carry: Carry) -> tuple[Reenacted, Carry]:
    with torch.inference_mode():
        return recurrence.step(inputs, carry)


def _counted(
    lane: _Lane, name: str, inputs: Iterator[StepInput], rounds: _Rounds
) -> Iterator[Mapping[int, StepInput]]:
    while True:
        rounds.before(name)
        step = next(inputs, None)
        if step is None:
            return
        lane.given += 1
        yield {_FACE: step}


def _unrolled(
    results: Iterator[tuple[str, dict[int, Reenacted]]], lanes: Mapping[str, _Lane]
) -> Iterator[tuple[str, int, NewFace]]:
    """Results with the take and the driving frame they belong to.

    Both lanes of a take begin with d_0; it is taken from the one that goes forwards.
    """
    for lane_id, faces in results:
        lane = lanes[lane_id]
        index = lane.order[lane.told]
        repeated = lane.order.step < 0 and lane.told == 0
        lane.told += 1
        if not repeated:
            yield lane.take.take_id, index, _new_face(faces[_FACE], lane)
        if lane.told == len(lane.order):
            lane.detail = None  # a large source is large


def _new_face(face: Reenacted, lane: _Lane) -> NewFace:
    with torch.inference_mode():
        pixels = face.pixels.float() if lane.detail is None else lane.detail.added(face)
        mask = None
        if lane.scene is not None:
            pixels, mask = face.lit(pixels), face.mask[0, 0].float().cpu().numpy()
        whole = pixels[0].clamp(0, 1).permute(1, 2, 0)
        return NewFace(whole.cpu().numpy(), face.points[0].float().cpu().numpy(), mask)


def _parts(states: HeadState) -> Iterator[HeadState]:
    for start in range(0, len(states), CHUNK):
        yield states[start : start + CHUNK]
