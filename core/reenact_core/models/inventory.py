"""Which checkpoints there are, known and installed, and whether they are what they should be."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from reenact_core.errors import CheckpointError
from reenact_core.files import sha256
from reenact_core.models.architectures import find_architecture
from reenact_core.models.catalogue import (
    CATALOGUE,
    FACE_MESH,
    KnownCheckpoint,
    installed,
    installed_files,
)
from reenact_core.models.fetching import check
from reenact_core.models.importing import digest
from reenact_core.models.integrators.files import open_files
from reenact_core.models.state_dicts import check_finite

COMMERCIAL = {"allowed": True, "forbidden": False}
"""Words in a file's metadata."""

Verdict = Literal["as released", "as imported", "hash not known"]


@dataclass(frozen=True, slots=True)
class Listed:
    """A checkpoint, known or found in the user's folder."""

    id: str
    version: str
    architecture: str
    licence: str
    commercial: bool | None
    """Whether the licence allows commercial use; None where nothing is stated."""
    sha256: str | None
    """As released, in hexadecimal; None where it is not known."""
    path: Path | None
    """Where it lies; None where it is not here."""
    origin: str
    page: str


@dataclass(frozen=True, slots=True)
class Verified:
    """A checkpoint whose file is whole, and what its content was compared with."""

    path: Path
    architecture: str
    files: tuple[tuple[str, str], ...]
    """Each file with its SHA-256, in hexadecimal."""
    verdict: Verdict


def checkpoints(folders: Sequence[Path]) -> Iterator[Listed]:
    """The catalogue, then what else lies in the user's folders."""
    for entry in CATALOGUE:
        yield _known(entry, installed(entry, folders))
    mesh = installed_files(FACE_MESH, folders)
    yield _known(FACE_MESH, None if mesh is None else mesh[FACE_MESH.file])
    known = {entry.file for entry in CATALOGUE}
    for folder in folders:
        for path in sorted(folder.glob("*.safetensors")):
            if path.name not in known and (found := _own(path)) is not None:
                yield found


def _known(entry: KnownCheckpoint, path: Path | None) -> Listed:
    return Listed(
        entry.id,
        _metadata(path).get("version", "") or entry.version,
        entry.architecture,
        entry.licence,
        entry.commercial,
        entry.sha256,
        path,
        entry.origin,
        entry.page,
    )


def _own(path: Path) -> Listed | None:
    """A file of the user's that says what it is; None if it does not."""
    said = _metadata(path)
    if "architecture" not in said:
        return None
    return Listed(
        said.get("id", path.stem),
        said.get("version", ""),
        said["architecture"],
        said.get("licence", "not stated"),
        COMMERCIAL.get(said.get("commercial_use", "")),
        None,
        path,
        said.get("origin", ""),
        "",
    )


def _metadata(path: Path | None) -> dict[str, str]:
    """What a safetensors file says of itself; nothing where it says nothing."""
    if path is None or path.suffix != ".safetensors":
        return {}
    try:
        return dict(open_files(path).metadata)
    except CheckpointError:  # `verify` tells what is wrong with it
        return {}


def verify(path: Path, entry: KnownCheckpoint | None = None) -> Verified:
    """Read a checkpoint whole, build its networks, and compare it with what is known of it.

    Raises:
        CheckpointError: damaged, or not what was released or imported.
    """
    if path.name == FACE_MESH.file:
        return _verified_face_mesh(path.parent)
    weights = open_files(path)
    architecture = find_architecture(weights)
    architecture.build(weights)
    files = tuple((file.name, sha256(file)) for file in _files(path))
    verdict = _as_imported(path) or _as_released(path, entry, dict(files)) or "hash not known"
    return Verified(path, architecture.id, files, verdict)


def _verified_face_mesh(folder: Path) -> Verified:
    found = [check(file, folder / file.name) for file in FACE_MESH.downloads]
    files = tuple((file.path.name, file.sha256) for file in found)
    return Verified(folder / FACE_MESH.file, FACE_MESH.architecture, files, "as released")


def _files(path: Path) -> list[Path]:
    return sorted(p for p in path.rglob("*.pth")) if path.is_dir() else [path]


def _as_imported(path: Path) -> Verdict | None:
    """Compare the tensors with the digest that `import` wrote."""
    weights = open_files(path)
    expected = weights.metadata.get("weights_sha256")
    if expected is None:
        return None
    state = weights.read()
    check_finite(path, state)
    if digest(state) != expected:
        raise CheckpointError(f"{path}: its weights changed since it was imported; import it anew")
    return "as imported"


def _as_released(
    path: Path, entry: KnownCheckpoint | None, found: dict[str, str]
) -> Verdict | None:
    """Compare the files with the hashes of the catalogue."""
    if entry is None:
        return None
    if entry.sha256 is not None and path.name == entry.file:
        if found[path.name] != entry.sha256:
            raise CheckpointError(
                f"{path}: its SHA-256 is {found[path.name]}, but {entry.sha256} was released"
            )
        return "as released"
    published = [file for file in entry.downloads if file.name.rsplit("/", 1)[-1] in found]
    root = path.parent
    checked = [check(file, root / file.name) for file in published if (root / file.name).is_file()]
    return "as released" if checked and all(file.compared for file in checked) else None


def sources_of(path: Path) -> dict[str, str]:
    """The official files that an imported checkpoint was made of, with their SHA-256."""
    told = _metadata(path).get("source_sha256", "{}")
    try:
        sources = json.loads(told)
    except ValueError:
        return {}
    return {str(name): str(value) for name, value in sources.items()}
