"""Official files of other methods, written anew as one safetensors file that says what it is."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from reenact_core.errors import CheckpointError
from reenact_core.files import sha256
from reenact_core.models.catalogue import CATALOGUE, KnownCheckpoint, known_checkpoint
from reenact_core.models.integrators.files import METHODS, Method, open_files
from reenact_core.models.integrators.sizes import read_configuration
from reenact_core.models.state_dicts import State, Weights, check_finite, configuration_of, save

StoredPrecision = Literal["fp32", "fp16"]

STATISTICS = ("running_mean", "running_var", "num_batches_tracked")
"""Of batch norms: small, and beyond half precision's range now and then."""

CODE_ONLY = {"fomm": "fomm-vox", "tpsmm": "tpsmm-vox", "dagan": "dagan-vox", "osfv": "osfv-vox"}
"""The entry whose licence stands for weights of a method that are in no catalogue."""


@dataclass(frozen=True, slots=True)
class Found:
    """What an official file turned out to be, before it is written."""

    method: Method
    weights: Weights
    """All tables that belong to the method, under upstream's names."""
    id: str
    """Of the catalogue, or after the file's name."""
    licence: str
    commercial: bool | None
    """Whether the licence allows commercial use; None where nothing is stated."""
    configuration: Mapping[str, Any]
    sources: tuple[Path, ...]
    """The files that the weights are read from."""


@dataclass(frozen=True, slots=True)
class Imported:
    """A file that was written."""

    path: Path
    metadata: Mapping[str, str]
    tensors: int


def look_at(
    path: Path,
    *,
    checkpoint_id: str | None = None,
    configuration: Mapping[str, Any] | Path | None = None,
    licence: str | None = None,
) -> Found:
    """What an official file, or a folder of them, holds; its networks are built to be sure.

    Args:
        checkpoint_id: of the catalogue, or a new one; None: told by the file's name.
        configuration: what the weights do not say; above what the catalogue knows.
        licence: of weights that are in no catalogue.

    Raises:
        CheckpointError: damaged, of no known method, or the configuration does not belong to it.
    """
    method, weights = _opened(path)
    entry = _entry(path, method, checkpoint_id)
    stated = {
        **configuration_of(weights),
        **dict(entry.configuration if entry else ()),
        **read_configuration(configuration),
    }
    weights = method.gather(weights, stated)
    method.build(weights, stated)  # raises where a table is missing or a value is no number
    known = entry or known_checkpoint(CODE_ONLY.get(method.id, method.id))
    assert known is not None
    return Found(
        method,
        weights,
        entry.id if entry else (checkpoint_id or _stem(path)),
        licence or known.licence,
        None if licence and licence != known.licence else known.commercial,
        stated,
        method.sources(path, stated),
    )


def write(found: Found, path: Path, *, precision: StoredPrecision = "fp32") -> Imported:
    """Write what was found as one safetensors file, under upstream's names.

    Raises:
        CheckpointError: a value is too large for fp16.
        OutputError: the file cannot be written.
    """
    held = {
        name: tensor
        for name, tensor in found.weights.read().items()
        if name.partition(".")[0] in found.method.parts
    }
    state = {name: _stored(name, tensor, precision) for name, tensor in held.items()}
    check_finite(found.weights.path, state)
    metadata = _metadata(found, precision) | {"weights_sha256": digest(state)}
    save(path, state, metadata)
    return Imported(path, metadata, len(state))


def digest(state: State) -> str:
    """The SHA-256 of all tensors: name, type, shape and bytes, in order of their names."""
    total = hashlib.sha256()
    for name in sorted(state):
        tensor = state[name].contiguous()
        total.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        total.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return total.hexdigest()


def _opened(path: Path) -> tuple[Method, Weights]:
    weights = open_files(path)
    for method in METHODS:
        if method.holds(weights.shapes):
            return method, weights
    ids = ", ".join(method.id for method in METHODS)
    raise CheckpointError(f"{path}: holds weights of no method that is known; known: {ids}")


def _entry(path: Path, method: Method, checkpoint_id: str | None) -> KnownCheckpoint | None:
    """The catalogue's entry of that id, or else of that file's name.

    Raises:
        CheckpointError: the id belongs to another method.
    """
    if checkpoint_id is None:
        named = (e for e in CATALOGUE if e.architecture == method.id and path.name in e.names)
        return next(named, None)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", checkpoint_id):
        raise CheckpointError(
            f"{checkpoint_id!r} cannot be an id: letters, digits, dots and dashes alone"
        )
    entry = known_checkpoint(checkpoint_id)
    if entry is not None and entry.architecture != method.id:
        raise CheckpointError(f"{path}: holds {method.id}, and {checkpoint_id} is no {method.id}")
    return entry


def _stem(path: Path) -> str:
    return path.name.removesuffix(".tar").removesuffix(".pth").removesuffix(".safetensors")


def _stored(name: str, tensor: Tensor, precision: StoredPrecision) -> Tensor:
    if not tensor.is_floating_point():
        return tensor.contiguous()
    if precision == "fp32" or name.endswith(STATISTICS):
        return tensor.float().contiguous()
    return tensor.half().contiguous()


def _metadata(found: Found, precision: StoredPrecision) -> dict[str, str]:
    sources = {path.name: sha256(path) for path in found.sources}
    entry = known_checkpoint(found.id)
    commercial = {True: "allowed", False: "forbidden", None: "not stated"}[found.commercial]
    return {
        "format": "1",
        "architecture": found.method.id,
        "id": found.id,
        "version": entry.version if entry else "",
        "licence": found.licence,
        "commercial_use": commercial,
        "origin": entry.origin if entry else "",
        "precision": precision,
        "source_sha256": json.dumps(sources, sort_keys=True),
        "configuration": json.dumps(dict(found.configuration), sort_keys=True, default=str),
    }
