"""The global integrator of the default checkpoint, alone: y_i^G = G(d_0, d_i, S), equation (1).

It is registered under the entry-point group `reenact.integrators`, as a third party's would be.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from reenact_core.errors import CheckpointError
from reenact_core.head.state import HeadState
from reenact_core.models.catalogue import DEFAULT
from reenact_core.models.compact import Compact
from reenact_core.models.keypoint_detector import Keypoints
from reenact_core.models.load import load_models
from reenact_core.motion.batched import (
    one_picture,
    prepare_source,
    read_faces,
    read_heads,
    step_inputs,
)
from reenact_core.motion.transfer import MotionSettings

RUN = 8
"""Frames that the networks take at a time."""


class CompactIntegrator(nn.Module):
    """G of the compact configuration, frame by frame, without smoothing over time.

    Convention:
        pictures: (N, 3, S, S), float in [0, 1], square face crops, S a multiple of 32
    """

    def __init__(self, networks: Compact) -> None:
        super().__init__()
        self.networks = networks

    def detect(self, frames: Tensor) -> Keypoints:
        """The 79 points of every face in three dimensions, (N, 79, 3)."""
        frames = self._checked("frames", frames)
        runs = [read_faces(self.networks, run).points for run in torch.split(frames, RUN)]
        return Keypoints(torch.cat(runs).float())

    @torch.no_grad()
    def reenact(
        self,
        source: Tensor,
        driving_initial: Tensor,
        driving: Tensor,
        relative: bool | None = True,
        adapt_scale: bool | None = False,
    ) -> Tensor:
        """The source's face, moved as the driver moved from `driving_initial` to `driving`.

        Convention:
            driving: (N, 3, S, S); source and driving_initial: N pictures, or 1 for all
            None: the method's own habit, that is relative, with motion scaled to the source's face
            result: (N, 3, S, S), float32 in [0, 1]
        """
        settings = MotionSettings(
            scheme="global",
            pose="absolute" if relative is False else "relative",
            adapt_scale=adapt_scale is not False,
            smoothing=0,
        )
        source = self._checked("source", source)
        driving_initial = self._checked("driving_initial", driving_initial)
        driving = self._checked("driving", driving)
        faces = [
            self._moved(one_source, initial, frames, settings)
            for one_source, initial, frames in _runs(source, driving_initial, driving)
        ]
        return torch.cat(faces).float().clamp(0, 1)

    def _moved(
        self, source: Tensor, initial: Tensor, frames: Tensor, settings: MotionSettings
    ) -> Tensor:
        """One source (1, ...) and one d_0 (1, ...) with a run of driving frames."""
        start = self._read(initial, settings, None)
        later = [self._read(frame, settings, start) for frame in torch.split(frames, 1)]
        states = HeadState.cat([start, *later])
        own = start if one_picture(source, initial) else None
        prepared = prepare_source(self.networks, source[0], own)
        steps = step_inputs(
            self.networks, prepared, [torch.cat([initial, frames])], states, settings
        )
        return torch.cat([step.global_face for step in steps][1:])

    def _read(self, frame: Tensor, settings: MotionSettings, person: HeadState | None) -> HeadState:
        reader = self.networks.reader
        return read_heads(self.networks, reader, [frame], settings, person=person)

    def _checked(self, name: str, pictures: Tensor) -> Tensor:
        shape = tuple(pictures.shape)
        square = pictures.ndim == 4 and shape[1] == 3 and shape[2] == shape[3]
        if not (square and shape[0] and shape[2] % 32 == 0 and pictures.is_floating_point()):
            raise ValueError(
                f"{name} must be (N, 3, S, S) in floating point, S a multiple of 32; got {shape} "
                f"{pictures.dtype}"
            )
        return pictures.to(next(self.networks.parameters()))


def _runs(
    source: Tensor, initial: Tensor, driving: Tensor
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Driving frames with the one source and the one d_0 that belong to them."""
    for name, pictures in (("source", source), ("driving_initial", initial)):
        if len(pictures) not in (1, len(driving)):
            raise ValueError(f"{name} must hold 1 or {len(driving)} pictures, got {len(pictures)}")
    length = RUN if len(source) == len(initial) == 1 else 1
    for start in range(0, len(driving), length):
        one_source = source[start % len(source)][None]
        yield one_source, initial[start % len(initial)][None], driving[start : start + length]


def load(weights: Path | None, configuration: Mapping[str, Any] | Path | None) -> CompactIntegrator:
    """The integrator of a checkpoint of `compact`, the default one if no file is named.

    Raises:
        CheckpointError: the file holds other networks, or a configuration is given.
    """
    if configuration:
        raise CheckpointError("compact takes no configuration: its file holds it")
    models = load_models(DEFAULT if weights is None else weights)
    if not isinstance(models.network, Compact):
        raise CheckpointError(f"{models.path}: holds {models.architecture}, not compact")
    return CompactIntegrator(models.network)
