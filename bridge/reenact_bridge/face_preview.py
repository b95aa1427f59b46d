"""One face shown live: frames come one after another, and the recurrence goes on between them.

A frame that follows the last one shown continues it, as in a render; a jump, a cut or another face
starts afresh, from d_0: the frame that looks most as the source does, of those that were seen or
learned. There is no looking ahead, so that the crop is steadied by what was, not by what comes.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
import torch
from torch import Tensor

from reenact_core.crop.align import align_still
from reenact_core.crop.cut import cut
from reenact_core.crop.harmonise import Match, apply, follow, measure
from reenact_core.crop.mask import below_hairline, face_mask, lies_on
from reenact_core.devices import Compute, out_of_memory_named
from reenact_core.engine.placement import Placement
from reenact_core.engine.portrait import faces_in
from reenact_core.frames import Picture
from reenact_core.geometry import Affine, Box
from reenact_core.head.field import HeadView, view_of
from reenact_core.head.light import shading
from reenact_core.head.state import HeadState, placed
from reenact_core.models.compact import Compact, FaceSource
from reenact_core.models.face_points import POINT_COUNT
from reenact_core.models.flow_prior import FlowPrior, likeness
from reenact_core.models.readers.reader import Reader
from reenact_core.motion.batched import (
    Driving,
    Resting,
    Scene,
    at_side,
    flow_prior,
    is_same,
    measured_side,
    prepare_source,
    read_heads,
    read_stills,
    rows_of_input,
    tell,
)
from reenact_core.motion.recurrent import Carry, Recurrence, Reenacted
from reenact_core.motion.source_frame import middle
from reenact_core.motion.transfer import nearest_frame
from reenact_core.settings import Settings
from reenact_core.tracking.detect import Detector, FaceDetection, Pixels, box_from_points
from reenact_core.tracking.points import five_of

LONGEST_STEP_SECONDS = 0.5
"""A frame so far after the last one still continues it."""
SAME_FACE = 0.3
"""Overlap of its boxes from which a face is the one of the frame before."""
STEADY = 0.5
"""Share of a new box in the one that is used, while a face continues."""
LIGHT_FOLLOWS = 0.1
"""Share of a frame's own light in the one that is used."""
MOST_STARTS = 24
"""Frames that are kept to choose d_0 from."""
REMEMBERED = 24
"""Frames of a thread by which it is known how well its faces are read."""


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A face found in a frame, in its pixels."""

    box: Box
    landmarks: Any
    """(N, 2) float64."""
    found: Box
    """`box` before it was steadied."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What was done to a frame."""

    faces: int
    """0 where no face was found and the frame is as it came."""
    continued: bool
    box: Box | None


@dataclass(slots=True, eq=False)
class _Thread:
    """What a face remembers from frame to frame."""

    frame: int
    seen: Seen
    prior: FlowPrior
    alike: Tensor
    start: HeadView
    earlier: HeadState
    """The frames before, the last one last."""
    scene: Scene
    carry: Carry | None = None
    match: Match | None = None


class FacePreview:
    """Frames with the source's face in the place of theirs."""

    def __init__(
        self,
        models: Compact,
        sources: Sequence[Any],
        settings: Settings,
        detector: Detector,
        compute: Compute,
        rate: Fraction,
        reader: Reader | None = None,
    ) -> None:
        """`sources`: the face S, (256, 256, 3) float32 R'G'B' in [0, 1]; or several pictures of it,
        of which the first is S until frames to come have been learned."""
        self._models, self._settings, self._detector = models, settings, detector
        self._compute, self._rate = compute, rate
        self._reader = reader or models.reader
        with out_of_memory_named(compute):
            self._stills = torch.cat([self._tensor(one) for one in sources])
            self._heads = None
            if len(sources) > 1:
                self._heads = read_stills(models, self._reader, self._stills)
            self._source: FaceSource = self._as_source(0)
        self._motion = replace(settings.motion, pose="absolute", smoothing=0)
        self._recurrence = Recurrence(models, settings.motion.scheme)
        self._thread: _Thread | None = None
        self._starts: list[tuple[Tensor, HeadState]] = []

    def learn(self, pictures: Iterable[Picture]) -> None:
        """Keep frames to start from: several of a shot tell who it is, and expressions are right at
        once."""
        crops = [
            self._cut(picture, seen)[0]
            for picture in pictures
            if (seen := self._find(picture, None, None)) is not None
        ]
        if crops:
            with torch.inference_mode(), out_of_memory_named(self._compute):
                states = read_heads(self._models, self._reader, [torch.cat(crops)], self._motion)
                if self._heads is not None:
                    self._source = self._as_source(nearest_frame(self._heads, middle(states)))
            for number, crop in enumerate(crops):
                self._keep(crop, states[number : number + 1])

    def _as_source(self, which: int) -> FaceSource:
        """One of the pictures as S; what it hides comes from the others."""
        picture, heads = self._stills[which], self._heads
        if heads is None:
            return prepare_source(self._models, picture, None, self._reader)
        rest = torch.arange(len(heads)) != which
        others = self._stills[rest], heads[rest]
        own = heads[which : which + 1]
        return prepare_source(self._models, picture, own, self._reader, others)

    def show(
        self, picture: Picture, *, hint: Box | None = None, reset: bool = False
    ) -> tuple[Picture, Shown]:
        """The picture with the new face, and what was done; `hint` is where its face is.

        Raises:
            DeviceError: out of memory.
        """
        last = None if reset else self._last(picture.index)
        seen = self._find(picture, hint, last)
        if seen is None:
            self._thread = None
            return picture, Shown(0, False, None)
        continued = last is not None and last.seen.box.overlap(seen.box) >= SAME_FACE
        with torch.inference_mode(), out_of_memory_named(self._compute):
            if last is not None and continued:
                seen = _steadied(last.seen, seen)
                return self._next(picture, seen, last)
            return self._next(picture, seen, None)

    def _last(self, frame: int) -> _Thread | None:
        """What is remembered, if that frame may follow it."""
        last = self._thread
        reach = max(1, int(LONGEST_STEP_SECONDS * self._rate))
        return last if last is not None and 1 <= frame - last.frame <= reach else None

    def _find(self, picture: Picture, hint: Box | None, last: _Thread | None) -> Seen | None:
        if hint is None and last is not None:
            followed = self._followed(picture, last.seen)
            if followed is not None:
                return followed
        found = self._faces(picture, self._detector)
        near = hint or (last.seen.box if last is not None else None)
        if near is not None and found:
            best = max(found, key=lambda seen: seen.box.overlap(near))
            if best.box.overlap(near) > 0:
                return best
        if hint is not None:
            return Seen(hint, np.zeros((0, 2)), hint)
        return max(found, key=lambda seen: seen.box.area, default=None)

    def _faces(self, picture: Picture, detector: Detector) -> list[Seen]:
        return [
            Seen(box, track.landmarks[0], box)
            for track in faces_in(picture, self._settings, detector)
            if (box := track.box_at(picture.index)) is not None
        ]

    def _followed(self, picture: Picture, last: Seen) -> Seen | None:
        """The face of the frame before where its points are read again: to search the whole picture
        takes longer than all else."""
        if len(last.landmarks) != POINT_COUNT:
            return None

        def there(pixels: Pixels) -> list[FaceDetection]:
            scale, box = pixels.shape[1] / picture.width, last.box
            edges = (box.left, box.top, box.right, box.bottom)
            return [FaceDetection(Box(*(scale * edge for edge in edges)), 1.0)]

        found = self._faces(picture, there)
        if not found or len(found[0].landmarks) != POINT_COUNT:
            return None
        landmarks = found[0].landmarks
        moved = _moved_along(last.found, _box_around(last.landmarks), _box_around(landmarks))
        return Seen(moved, landmarks, moved)

    def _next(self, picture: Picture, seen: Seen, last: _Thread | None) -> tuple[Picture, Shown]:
        crop, plate, to_crop = self._cut(picture, seen)
        now = read_heads(
            self._models,
            self._reader,
            [crop],
            self._motion,
            person=self._starts[0][1] if self._starts else None,
            before=None if last is None else last.earlier,
        )
        if last is None:
            self._keep(crop, now)
        thread = self._started(picture.index, seen) if last is None else last
        face = self._moved(thread, crop, now)
        if last is None:
            thread.earlier = now  # d_0 may be any frame, not the one before
        thread.frame, thread.seen = picture.index, seen
        self._thread = thread
        placed = self._placed(thread, face, plate, to_crop)
        shown = Shown(1, last is not None, seen.box)
        return placed.paste_into(picture, self._settings), shown

    def _cut(self, picture: Picture, seen: Seen) -> tuple[Tensor, Any, Affine]:
        """The crop of a face, the same as it was cut, and its map."""
        to_crop = align_still(seen.box, seen.landmarks, self._settings.crop)
        plate = cut(picture, to_crop.matrix[0], self._settings.crop.size)
        return self._tensor(plate), plate, to_crop

    def _keep(self, crop: Tensor, state: HeadState) -> None:
        self._starts = [*self._starts[1 - MOST_STARTS :], (crop, state)]

    def _started(self, frame: int, seen: Seen) -> _Thread:
        """A thread that has shown d_0."""
        states = HeadState.cat([state for _, state in self._starts])
        crop, state = self._starts[nearest_frame(states, self._source.view.state)]
        alike = likeness(self._source.pixels, crop)
        side = measured_side(alike)
        prior = flow_prior(crop, side)
        start = view_of(self._models.head, state, side)
        scene = Scene.of(self._models.head, self._source, state, self._light(crop, state))
        thread = _Thread(frame, seen, prior, alike, start, state, scene)
        self._moved(thread, crop, state)
        return thread

    def _moved(self, thread: _Thread, crop: Tensor, now: HeadState) -> Reenacted:
        """One step of the recurrence."""
        driving = Driving(thread.start, thread.earlier[-1:], now, thread.alike, crop)
        side = measured_side(thread.alike)
        told = tell(self._models.head, driving, side)
        motion = thread.prior.advance(at_side(crop, side), told.direct)
        rest = self._source.view.state.pose
        light = torch.lerp(thread.scene.shot, self._light(crop, now), LIGHT_FOLLOWS)
        thread.scene = replace(thread.scene, shot=light)
        inputs = rows_of_input(
            self._models,
            self._source,
            driving,
            told,
            motion,
            self._motion,
            Resting(rest, rest),
            scene=thread.scene,
            same=is_same(thread.alike),
        )
        face, thread.carry = self._recurrence.step(inputs, thread.carry or Carry.start(inputs))
        thread.earlier = HeadState.cat([thread.earlier, now])[-REMEMBERED:]
        return face

    def _light(self, crop: Tensor, state: HeadState) -> Tensor:
        head = self._models.head
        return shading(head, placed(state.vertices(head), state.pose), crop)

    def _placed(self, thread: _Thread, face: Reenacted, plate: Any, to_crop: Affine) -> Placement:
        settings, size = self._settings, len(plate)
        pixels = face.lit(face.pixels.float())[0].clamp(0, 1).permute(1, 2, 0).cpu().numpy()
        points = face.points[0].float().cpu().numpy().astype(np.float64)
        lowered = below_hairline(points, settings.mask.forehead)
        mask = face_mask(lowered, size, settings.mask)
        if len(thread.seen.landmarks):
            old = to_crop.apply(np.asarray(thread.seen.landmarks)[None])[0]
            lowered = below_hairline(old, settings.mask.forehead)
            there = face_mask(lowered, size, settings.mask)
            fitted = face.mask[0, 0].float().cpu().numpy()
            head_known = settings.mask.region == "face" and lies_on(fitted, there)
            mask = fitted if head_known else np.maximum(mask, there)
        found = measure(pixels, plate, mask, settings.harmonise)
        thread.match = follow(thread.match, found, self._rate, settings.harmonise)
        new = apply(pixels, thread.match)
        return Placement(new, plate, mask, to_crop.matrix[0], 1.0, own_skin=True)

    def _tensor(self, pixels: Any) -> Tensor:
        """(256, 256, 3) as (1, 3, 256, 256) on the device."""
        moved = np.ascontiguousarray(np.moveaxis(pixels, -1, 0))[None]
        return torch.from_numpy(moved).to(self._compute.device, torch.float32)


def _steadied(last: Seen, seen: Seen) -> Seen:
    """The face between where it was and where it was found, against tremor of the crop."""
    old, new = last.box, seen.box
    pairs = zip(
        (old.left, old.top, old.right, old.bottom),
        (new.left, new.top, new.right, new.bottom),
        strict=True,
    )
    box = Box(*(before + STEADY * (after - before) for before, after in pairs))
    return Seen(box, seen.landmarks, seen.found)


def _box_around(landmarks: Any) -> Box:
    return box_from_points(five_of(np.asarray(landmarks)))


def _moved_along(box: Box, before: Box, after: Box) -> Box:
    """A box that has moved and grown as another has."""
    grown = after.width / before.width
    return Box(
        after.left + grown * (box.left - before.left),
        after.top + grown * (box.top - before.top),
        after.left + grown * (box.right - before.left),
        after.top + grown * (box.bottom - before.top),
    )
