"""The global integrator that a user names in place of the checkpoint's own: `ID[:FILE]`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reenact_core.devices import Compute
from reenact_core.errors import CheckpointError
from reenact_core.models.catalogue import CATALOGUE, KnownCheckpoint, installed, known_checkpoint
from reenact_core.models.integrators.files import METHODS
from reenact_core.models.integrators.sizes import read_configuration
from reenact_core.models.integrators.table import ChosenIntegrator
from reenact_core.models.load import CPU, load_integrator

PUBLISHED = tuple(method.id for method in METHODS)
"""Methods that have no weights of their own in this package."""


@dataclass(frozen=True, slots=True)
class NamedIntegrator:
    """What `ID[:FILE]` stands for."""

    method: str
    weights: Path | None
    """None: the method's package has its own, or needs none."""
    configuration: Mapping[str, Any]


def choose_integrator(
    named: str,
    compute: Compute = CPU,
    *,
    folders: Sequence[Path] = (),
    config: Mapping[str, Any] | Path | None = None,
) -> ChosenIntegrator:
    """The integrator of `ID[:FILE]`, ready to run.

    Args:
        named, folders, config: as `find_named` takes them.

    Raises:
        CheckpointError: no such method, its weights are not here, or do not hold it.
        DeviceError: it does not fit into the device's memory.
    """
    found = find_named(named, folders=folders, config=config)
    method, path, stated = found.method, found.weights, found.configuration
    integrator = load_integrator(method, path, stated or None, compute=compute)
    return ChosenIntegrator(method, integrator, _files(method, path, stated))


def find_named(
    named: str,
    *,
    folders: Sequence[Path] = (),
    config: Mapping[str, Any] | Path | None = None,
) -> NamedIntegrator:
    """The method of `ID[:FILE]`, and where its weights are.

    Args:
        named: the id of a method or of a checkpoint in the catalogue; after a colon the file, or
            the folder, of its weights. Without a file: the first of the catalogue that is
            installed, or what the method's package has itself.
        folders: where the user's checkpoints lie.

    Raises:
        CheckpointError: the weights of a published method are not here.
    """
    name, colon, file = named.partition(":")
    entry = known_checkpoint(name)
    method = entry.architecture if entry else name
    if colon and not file:
        raise CheckpointError(f"{named}: no file after the colon; write {name} or {name}:FILE")
    path = Path(file) if file else None
    if path is None and method in PUBLISHED:
        entry, path = _installed(name, method, entry, folders)
    stated = {**dict(entry.configuration if entry else ()), **read_configuration(config)}
    return NamedIntegrator(method, path, stated)


def _installed(
    name: str, method: str, entry: KnownCheckpoint | None, folders: Sequence[Path]
) -> tuple[KnownCheckpoint, Path]:
    """The first checkpoint of a method that is here."""
    entries = [entry] if entry else [e for e in CATALOGUE if e.architecture == method]
    for known in entries:
        if (path := installed(known, folders)) is not None:
            return known, path
    ids = " or ".join(known.id for known in entries)
    raise CheckpointError(
        f"{name} has no weights here: name them as {method}:FILE, or see `reenact models fetch "
        f"{entries[0].id}` (known: {ids})"
    )


def _files(method: str, path: Path | None, stated: Mapping[str, Any]) -> tuple[Path, ...]:
    if path is None:
        return ()
    for known in METHODS:
        if known.id == method:
            return known.sources(path, stated)
    return tuple(sorted(p for p in path.rglob("*") if p.is_file())) if path.is_dir() else (path,)
