"""The readers by name, and which is the best that is here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from reenact_core.devices import Compute
from reenact_core.errors import CheckpointError
from reenact_core.models.catalogue import FACE_MESH, installed_files
from reenact_core.models.readers.embedded import load_embedded
from reenact_core.models.readers.facexlib import FILE, installed_file, load_facexlib
from reenact_core.models.readers.mesh import FaceMesh, MeshReader
from reenact_core.models.readers.reader import Reader, ReaderChoice, ReaderName


@dataclass(frozen=True, slots=True)
class ReaderRow:
    """One reader."""

    name: ReaderName
    is_here: Callable[[Sequence[Path]], bool]
    """Whether its files lie in one of the folders."""
    load: Callable[[Compute, Sequence[Path]], Reader]
    way_in: str
    """How its files are had, for people to read."""


READERS = (
    ReaderRow(
        "mesh",
        lambda folders: installed_files(FACE_MESH, folders) is not None,
        lambda compute, folders: MeshReader(FaceMesh(folders)),
        "reenact models fetch face-mesh",
    ),
    ReaderRow(
        "facexlib",
        lambda folders: installed_file(folders) is not None,
        load_facexlib,
        f"put {FILE} of facexlib's release into the models folder",
    ),
    ReaderRow(
        "embedded",
        lambda folders: True,
        lambda compute, folders: load_embedded(compute),
        "comes with reenact",
    ),
)
"""The best first: `auto` takes the first that is here."""


def open_reader(choice: ReaderChoice, compute: Compute, folders: Sequence[Path]) -> Reader:
    """The reader of a name, or the best that is here.

    Args:
        folders: where users keep the files of other makers' networks

    Raises:
        CheckpointError: there is none of that name, or its files are not here or damaged.
    """
    name = best_reader(folders) if choice == "auto" else choice
    for row in READERS:
        if row.name == name:
            return row.load(compute, folders)
    known = ", ".join(["auto", *(row.name for row in READERS)])
    raise CheckpointError(f"there is no reader {choice}; known: {known}")


def best_reader(folders: Sequence[Path]) -> ReaderName:
    """What `auto` takes."""
    return next(row.name for row in READERS if row.is_here(folders))
