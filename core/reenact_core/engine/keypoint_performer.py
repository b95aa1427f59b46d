"""Takes performed by networks whose only motion is keypoints: `paper`, and `fomm` as G alone.

Their keypoints mean nothing to the mask and the paste, so the new faces are read by the network of
face points besides.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from reenact_core.devices import Compute, out_of_memory_named
from reenact_core.engine.performer import Crops, Floats, NewFace, Take, settings_of
from reenact_core.errors import CheckpointError
from reenact_core.models.face_points import INPUT_SIZE, FacePointsNet, FaceReading
from reenact_core.models.integrators.fomm import Fomm
from reenact_core.models.paper import Paper
from reenact_core.motion.paper_recurrence import PaperTransfer, global_frames, reenact_frames
from reenact_core.motion.transfer import MotionSettings, check_whole

CHUNK = 8
"""Driving frames that are prepared together."""


@dataclass(frozen=True, slots=True, eq=False)
class KeypointPerformer:
    """The performer of a checkpoint of `paper` or `fomm`."""

    networks: Paper | Fomm
    reader: FacePointsNet
    """On the same device, in the same precision."""
    motion: MotionSettings
    compute: Compute

    def nearest(self, face: Floats, among: Crops) -> int:
        """The index of the crop whose pose and expression are nearest to those of `face`."""
        with torch.no_grad(), out_of_memory_named(self.compute):
            source = self._read(self._tensor(face[None]))
            readings = [self._read(chunk) for chunk in self._chunks(among, range(len(among)))]
        return int(torch.cat([_unlike(reading, source) for reading in readings]).argmin())

    def choose_source(self, own: Crops, driving: Crops) -> int:
        """The crop that looks most as the driving face does when it begins."""
        return self.nearest(driving[0], own)

    def choose_still(self, stills: Sequence[Floats], driving: Sequence[Crops]) -> int:
        """The still that looks most as the driving face does in the middle of its frames."""
        if len(stills) == 1:
            return 0
        longest = max(driving, key=len)
        with torch.no_grad(), out_of_memory_named(self.compute):
            acting = self._read(self._tensor(longest[len(longest) // 2][None]))
            own = self._read(self._tensor(np.stack(stills)))
        return int(_unlike(own, acting).argmin())

    def perform(self, takes: Sequence[Take]) -> Iterator[tuple[str, int, NewFace]]:
        """Every frame of every take, one take after the other, from the best start both ways.

        Raises:
            CheckpointError: a take asks for L or C, and the checkpoint has none.
        """
        for take in takes:
            start = self.nearest(take.source, take.driving) if self.motion.best_start else 0
            yield from self._one_way(take, range(start, len(take.driving)))
            if start > 0:  # the start itself came with the way forwards
                backwards = self._one_way(take, range(start, -1, -1))
                yield from islice(backwards, 1, None)

    def _one_way(self, take: Take, order: range) -> Iterator[tuple[str, int, NewFace]]:
        """The faces in one direction of time, the start's first."""
        source = self._tensor(take.source[None])
        chunks = self._chunks(take.driving, order)
        with out_of_memory_named(self.compute):
            for index, face in zip(order, self._faces(take, source, chunks), strict=True):
                yield take.take_id, index, self._new_face(face)

    def _faces(self, take: Take, source: Tensor, chunks: Iterator[Tensor]) -> Iterator[Tensor]:
        settings = self._settings(take)
        relative, strength = settings.pose == "relative", settings.strength
        transfer = PaperTransfer(relative, settings.adapt_scale, strength)
        if isinstance(self.networks, Paper):
            return reenact_frames(self.networks, source, chunks, take.scheme, transfer)
        if take.scheme != "global":
            raise CheckpointError(
                f"the scheme {take.scheme} needs a local integrator, and a checkpoint of fomm has "
                "none; use --scheme global"
            )
        return global_frames(self.networks, source, chunks, transfer)

    def _settings(self, take: Take) -> MotionSettings:
        """Raises SettingsError where parts of the motion are asked for."""
        settings = settings_of(self.motion, take)
        check_whole(settings, settings.pose, "a checkpoint whose motion is keypoints")
        return settings

    @torch.no_grad()
    def _new_face(self, face: Tensor) -> NewFace:
        """A face (1, 3, S, S) as the engine takes it."""
        points = (self._read(face).points[0, :, :2].float() + 1) * (face.shape[-1] / 2)
        pixels = face[0].float().permute(1, 2, 0).contiguous().cpu().numpy()
        return NewFace(pixels, points.cpu().numpy())

    def _read(self, crops: Tensor) -> FaceReading:
        small = functional.interpolate(crops.float(), (INPUT_SIZE, INPUT_SIZE), mode="area")
        reading: FaceReading = self.reader(small.to(next(self.reader.parameters()).dtype))
        return reading

    def _chunks(self, crops: Crops, order: range) -> Iterator[Tensor]:
        """Crops (n, 3, S, S) in [0, 1], in that order."""
        for start in range(0, len(order), CHUNK):
            part = [crops[index] for index in order[start : start + CHUNK]]
            yield self._tensor(np.stack(part))

    def _tensor(self, pixels: Floats) -> Tensor:
        """(N, S, S, 3) as (N, 3, S, S), float32, on the device."""
        moved = torch.from_numpy(np.ascontiguousarray(np.moveaxis(pixels, -1, -3), np.float32))
        return moved.to(self.compute.device)


def _unlike(readings: FaceReading, source: FaceReading) -> Tensor:
    """How far each face (N,) is from the source's, by head turn and expression."""
    turn: Tensor = torch.linalg.matrix_norm(readings.rotation.float() - source.rotation.float())
    change = (readings.expression - source.expression).float()
    far: Tensor = torch.linalg.vector_norm(change, dim=-1)
    return turn + far
