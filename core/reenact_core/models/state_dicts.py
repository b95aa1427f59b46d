"""Weights files: what they hold, seen before memory is taken, and read without running code.

A weights file is safetensors, or a file of upstream's `torch.save` (zip, or the older format of
torch 1.0 to 1.5). Both become one flat table of tensors by name.
"""

import json
import math
import re
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from reenact_core.errors import CheckpointError
from reenact_core.files import written_whole

State = dict[str, Tensor]
Shapes = Mapping[str, tuple[int, ...]]
Metadata = Mapping[str, str]

LARGEST_FILE = 8 * 2**30
"""Bytes; no checkpoint of a known architecture comes near it."""


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """A weights file, opened and looked at."""

    path: Path
    shapes: Shapes
    """Of every tensor, by its full name, as `generator.first.conv.weight`."""
    metadata: Metadata
    """The strings in a safetensors header; empty for files of `torch.save`."""
    read: Callable[[], State]
    """Gives the tensors, on the CPU, in the file's own types."""


def open_weights(path: Path) -> Weights:
    """What a weights file holds.

    Raises:
        CheckpointError: no such file, truncated, too large, or not weights at all.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            start = stream.read(16)
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror})") from error
    if size > LARGEST_FILE:
        raise CheckpointError(f"{path}: {size} bytes is larger than any checkpoint that is known")
    if start[8:9] == b"{":  # eight bytes of length, then the header's JSON
        return _open_safetensors(path)
    return _open_pickle(path, start)


def _open_safetensors(path: Path) -> Weights:
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            names = file.keys()
            shapes = {name: tuple(file.get_slice(name).get_shape()) for name in names}
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path}: damaged or truncated safetensors file ({error})") from error

    def read() -> State:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in shapes}

    return Weights(path, shapes, metadata, read)


def _open_pickle(path: Path, start: bytes) -> Weights:
    if start.startswith(b"PK"):
        _refuse_bomb(path)
    elif not start.startswith(b"\x80"):
        raise CheckpointError(f"{path}: neither safetensors nor a file of torch.save")
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged pickle fails in any way it likes
        raise CheckpointError(
            f"{path}: damaged, truncated, or holds more than weights{_why(error)}"
        ) from error
    state = _flat(loaded)
    if not state:
        raise CheckpointError(f"{path}: holds no tables of tensors")
    shapes = {name: tuple(tensor.shape) for name, tensor in state.items()}
    return Weights(path, shapes, {}, lambda: state)


def _refuse_bomb(path: Path) -> None:
    """torch stores its records as they are; one that unpacks to more is no checkpoint."""
    try:
        with zipfile.ZipFile(path) as archive:
            packed = [record for record in archive.infolist() if record.compress_type != 0]
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise CheckpointError(f"{path}: damaged or truncated file of torch.save") from error
    if packed:
        raise CheckpointError(f"{path}: {packed[0].filename} is compressed; torch.save never does")


def _flat(loaded: object) -> State:
    """Upstream's tables `{"generator": {name: tensor}, ...}` as one; other entries are left out.

    Tensors may stand beside the tables, and numbers beside the tensors, as in monodepth's files.
    """
    if not isinstance(loaded, Mapping):
        return {}
    bare = {str(name): tensor for name, tensor in loaded.items() if isinstance(tensor, Tensor)}
    return bare | {
        f"{part}.{name}": tensor
        for part, table in loaded.items()
        if isinstance(table, Mapping) and all(isinstance(v, Tensor) for v in table.values())
        for name, tensor in table.items()
    }


def _why(error: Exception) -> str:
    """What torch found, in brackets; its advice to run the file's code is left out."""
    if code := re.search(r"\bGLOBAL (\S+)", str(error)):
        return f" (it asks for {code[1]}, which was not run)"
    if isinstance(error, UnpicklingError):
        return ""
    return f" ({(str(error) or type(error).__name__).strip().splitlines()[0][:200]})"


class Part(dict[str, tuple[int, ...]]):
    """Some of a file's shapes, by what their names end in; a missing one is named in full."""

    def __init__(self, shapes: Shapes, prefix: str) -> None:
        start = f"{prefix}."
        super().__init__(
            {name[len(start) :]: s for name, s in shapes.items() if name.startswith(start)}
        )
        self.start: str = f"{shapes.start}{start}" if isinstance(shapes, Part) else start

    def __missing__(self, name: str) -> tuple[int, ...]:
        raise KeyError(self.start + name)


def part(shapes: Shapes, prefix: str) -> Shapes:
    """The entries under `prefix.`, without it."""
    return Part(shapes, prefix)


def configuration_of(weights: Weights) -> dict[str, Any]:
    """The configuration in a file's metadata; empty where it has none.

    Raises:
        CheckpointError: it is no JSON object.
    """
    try:
        value = json.loads(weights.metadata.get("configuration", "{}"))
    except ValueError as error:
        raise CheckpointError(f"{weights.path}: configuration is no JSON ({error})") from error
    if not isinstance(value, dict):
        raise CheckpointError(f"{weights.path}: configuration must be an object, got {value!r}")
    return value


def fill(
    build: Callable[[], nn.Module], weights: Weights, parts: tuple[str, ...] = ()
) -> nn.Module:
    """A network with the weights of a file, in `eval` mode, float32, on the CPU.

    Names and shapes are compared before the first tensor is read; `parts` are the tables of the
    file that the network is made of, all of them if empty.

    Raises:
        CheckpointError: names are missing or superfluous, shapes differ, or values are not finite.
    """
    with torch.device("meta"):
        network = build()
    wanted = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    held = {
        name: shape
        for name, shape in weights.shapes.items()
        if not parts or name.partition(".")[0] in parts
    }
    _compare(weights.path, wanted, held)
    state = {name: tensor for name, tensor in weights.read().items() if name in wanted}
    check_finite(weights.path, state)
    state |= {name: torch.zeros((), dtype=torch.int64) for name in wanted if name not in state}
    network.load_state_dict(state, assign=True)
    return network.float().eval().requires_grad_(False)


def _compare(path: Path, wanted: Shapes, held: Shapes) -> None:
    missing = [
        name for name in wanted if name not in held and not name.endswith("num_batches_tracked")
    ]
    superfluous = [name for name in held if name not in wanted]
    if missing or superfluous:
        found = [_listed(missing, "missing"), _listed(superfluous, "superfluous")]
        raise CheckpointError(f"{path}: weights do not fit: {'; '.join(f for f in found if f)}")
    for name, shape in held.items():
        if shape != wanted[name]:
            raise CheckpointError(f"{path}: {name} must be {wanted[name]}, got {shape}")


def _listed(names: list[str], word: str) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{', '.join(names[:3])}{more} {word}" if names else ""


def check_finite(path: Path, state: State) -> None:
    """Refuse weights that are not all numbers.

    Raises:
        CheckpointError: a tensor holds NaN or infinity.
    """
    for name, tensor in state.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise CheckpointError(
                f"{path}: {name} holds values that are not numbers; get the file anew"
            )


def write_weights(
    path: Path, network: nn.Module, *, architecture: str, configuration: object, **more: str
) -> None:
    """A network as a safetensors file with the metadata that `load_models` reads.

    Args:
        configuration: what `json.dumps` takes: the architecture's settings.
        more: further strings, as `version` and `licence`.

    Raises:
        OutputError: the file cannot be written.
    """
    metadata = {"format": "1", "architecture": architecture, **more}
    metadata["configuration"] = json.dumps(configuration, sort_keys=True)
    state = {
        name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()
    }
    save(path, state, metadata)


def save(path: Path, state: State, metadata: Metadata) -> None:
    """Tensors as a safetensors file, whole or not at all, for all to read who may.

    Raises:
        OutputError: the file cannot be written.
    """
    with written_whole(path) as partial:
        partial.touch()
        mode = partial.stat().st_mode
        save_file(state, partial, dict(metadata))
        partial.chmod(mode)  # safetensors lets nobody but the owner read


def count_parameters(shapes: Shapes) -> int:
    """Numbers in all tensors together."""
    return sum(math.prod(shape) for shape in shapes.values())
