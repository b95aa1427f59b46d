"""Methods that are compared: the three schemes, other integrators, baselines, others' videos.

A method runs one lane of an example and gives its faces frame after frame, by the names that the
tables show. All methods of a run go side by side, so that no more than a frame is held.
"""

import glob
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from reenact_core.devices import Compute
from reenact_core.errors import CheckpointError, MediaError
from reenact_core.head.sampling import pixel_grid, sample
from reenact_core.models.compact import Compact
from reenact_core.models.flow_prior import grey
from reenact_core.models.integrators.table import Integrator
from reenact_core.models.load import Models
from reenact_core.models.optical_flow import dis_flow
from reenact_core.models.paper import Paper
from reenact_core.motion.batched import prepare_source, read_heads, step_inputs
from reenact_core.motion.other_integrator import OtherIntegrator, faces_of, put_in
from reenact_core.motion.paper_recurrence import PaperTransfer, reenact_frames
from reenact_core.motion.recurrent import Carry, Recurrence, StepInput
from reenact_core.motion.transfer import MotionSettings
from reenact_core.timeline.plan import Scheme
from reenact_training.evaluate.example import Example, as_floats, lane_chunks
from reenact_training.evaluate.pictures import VIDEOS, read_clip

CHUNK = 8
"""Driving frames that are prepared together."""
OTHER_CHUNK = 32
"""Driving frames that another integrator is given together; it reads the source once for them."""
CROP_SIZE = 256

Faces = Mapping[str, Tensor]
"""The faces of one frame by method, each (3, S, S) in [0, 1]."""
Method = Callable[[Example, range], Iterator[Faces]]


def side_by_side(
    methods: Sequence[Method], example: Example, order: range
) -> Iterator[dict[str, Tensor]]:
    """The faces of all methods, frame after frame of a lane."""
    runs = [method(example, order) for method in methods]
    for rows in zip(*runs, strict=True):
        yield {name: face for row in rows for name, face in row.items()}


def schemes_of(models: Models, schemes: Sequence[Scheme]) -> Method:
    """The schemes of a checkpoint.

    Raises:
        CheckpointError: it holds networks that have no schemes.
    """
    network, device = models.network, models.compute.device
    if isinstance(network, Compact):
        return lambda example, order: _compact_schemes(network, schemes, example, order)
    if isinstance(network, Paper):
        return lambda example, order: _paper_schemes(network, schemes, example, order, device)
    raise CheckpointError(
        f"{models.path}: holds `{models.architecture}`, an integrator without schemes; score it "
        f"with --integrator {models.architecture}:FILE"
    )


def crop_size(models: Models) -> int:
    """Width and height of the crops that the networks take."""
    network = models.network
    return network.settings.size if isinstance(network, Compact) else CROP_SIZE


@torch.inference_mode()
def _compact_schemes(
    network: Compact, schemes: Sequence[Scheme], example: Example, order: range
) -> Iterator[Faces]:
    """The engine's own steps; what all schemes share is computed once."""
    recurrences = [Recurrence(network, scheme) for scheme in schemes]
    carries: dict[Scheme, Carry] = {}
    for inputs in _compact_inputs(network, example, order):
        faces: dict[str, Tensor] = {}
        for recurrence in recurrences:
            carry = carries.get(recurrence.scheme) or Carry.start(inputs)
            new, carries[recurrence.scheme] = recurrence.step(inputs, carry)
            faces[recurrence.scheme] = new.pixels[0].float()
        yield faces


def _compact_inputs(network: Compact, example: Example, order: range) -> Iterator[StepInput]:
    device = network.compute.device
    settings = MotionSettings(best_start=False, pose=example.transfer)
    every = lane_chunks(example.driving, range(len(example.driving)), CHUNK, device)
    states = read_heads(network, network.reader, every, settings)
    states = states[torch.tensor(order, device=device)]
    own = states[:1] if example.task == "self" else None
    source = prepare_source(network, as_floats(example.source, device), own)
    chunks = lane_chunks(example.driving, order, CHUNK, device)
    return step_inputs(network, source, chunks, states, settings)


def _paper_schemes(
    network: Paper, schemes: Sequence[Scheme], example: Example, order: range, device: str
) -> Iterator[Faces]:
    transfer = PaperTransfer(relative=example.transfer == "relative")
    source = as_floats(example.source, device)[None]
    runs = [
        reenact_frames(
            network, source, lane_chunks(example.driving, order, CHUNK, device), scheme, transfer
        )
        for scheme in schemes
    ]
    for faces in zip(*runs, strict=True):
        yield {scheme: face[0].float() for scheme, face in zip(schemes, faces, strict=True)}


@torch.inference_mode()
def source_unchanged(example: Example, order: range) -> Iterator[Faces]:
    """The source in every frame: what doing nothing gives."""
    face = as_floats(example.source, "cpu")
    for _ in order:
        yield {"source": face}


@torch.inference_mode()
def direct_flow(example: Example, order: range) -> Iterator[Faces]:
    """The source warped by the flow between d_0 and d_i: what training-free motion gives."""
    source = as_floats(example.source, "cpu")[None]
    start = grey(as_floats(example.driving[order[0] : order[0] + 1], "cpu"))
    grid = pixel_grid(source.shape[-1], source)
    for frame in lane_chunks(example.driving, order, 1, "cpu"):
        flow = dis_flow(grey(frame), start).permute(0, 2, 3, 1)
        yield {"flow": sample(source, grid + flow)[0]}


def integrator_alone(name: str, integrator: Integrator, compute: Compute) -> Method:
    """A global integrator by itself, as scheme (b) runs it."""

    @torch.inference_mode()
    def run(example: Example, order: range) -> Iterator[Faces]:
        for face in _others_faces(integrator, example, order, compute.device):
            yield {name: face[0]}

    return run


def subtle_with(name: str, integrator: Integrator, models: Models) -> Method | None:
    """The full method with another integrator as its G; None for networks that take no other."""
    network = models.network
    if not isinstance(network, Compact):
        return None

    @torch.inference_mode()
    def run(example: Example, order: range) -> Iterator[Faces]:
        other = _other(integrator, example)
        recurrence, carry = Recurrence(network, "subtle"), None
        steps = _compact_inputs(network, example, order)
        painted = _others_faces(integrator, example, order, network.compute.device)
        for inputs, painting in zip(steps, painted, strict=True):
            swapped = put_in(network, other, inputs, painting)
            new, carry = recurrence.step(swapped, carry or Carry.start(swapped))
            yield {name: new.pixels[0].float()}

    return run


def _other(integrator: Integrator, example: Example) -> OtherIntegrator:
    """As the engine asks it: the driver's own place is not quite where the new head shall be."""
    relative = example.transfer == "relative"
    return OtherIntegrator(integrator, relative, not relative)


def _others_faces(
    integrator: Integrator, example: Example, order: range, device: str
) -> Iterator[Tensor]:
    source = as_floats(example.source, device)[None]
    chunks = lane_chunks(example.driving, order, OTHER_CHUNK, device)
    return faces_of(_other(integrator, example), source, chunks)


@dataclass(frozen=True, slots=True)
class ResultVideos:
    """The videos that another method made, one an example and named after it."""

    name: str
    folder: Path

    def find(self, example: str) -> Path | None:
        """The video of an example, or its folder of frames."""
        for path in sorted(self.folder.glob(f"{glob.escape(example)}*")):
            if path.name == example and path.is_dir():
                return path
            if path.stem == example and path.suffix.lower() in VIDEOS:
                return path
        return None

    def __call__(self, example: Example, order: range) -> Iterator[Faces]:
        path = self.find(example.name)
        if path is None:
            yield from ({} for _ in order)
            return
        count, size = len(example.driving), example.driving.shape[-1]
        pictures = read_clip(path, count + 1, size)
        if len(pictures) != count:
            found = f"more than {count}" if len(pictures) > count else str(len(pictures))
            raise MediaError(
                f"{path}: has {found} frames, but {example.name} has {count}; a result has a frame "
                "for every driving frame"
            )
        for chunk in lane_chunks(pictures, order, 1, "cpu"):
            yield {self.name: chunk[0]}
