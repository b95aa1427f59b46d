"""Which reader is taken."""

from pathlib import Path
from typing import Any

import pytest

from reenact_core.devices import Compute
from reenact_core.errors import CheckpointError
from reenact_core.head.model import SCHEMES
from reenact_core.models.catalogue import FACE_MESH
from reenact_core.models.readers.embedded import EmbeddedReader
from reenact_core.models.readers.facexlib import FILE, FacexlibReader
from reenact_core.models.readers.mesh import MeshReader
from reenact_core.models.readers.registry import READERS, best_reader, open_reader


def test_auto_takes_the_best_that_is_here(tmp_path: Path) -> None:
    mesh, fan = tmp_path / "mesh", tmp_path / "fan"
    mesh.mkdir()
    fan.mkdir()
    assert best_reader([tmp_path]) == "embedded"
    (fan / FILE).touch()
    assert best_reader([tmp_path, fan]) == "facexlib"
    for file in FACE_MESH.downloads[:-1]:
        (mesh / file.name).touch()
    assert best_reader([fan, mesh]) == "facexlib"  # one of the mesh's files is missing
    (mesh / FACE_MESH.downloads[-1].name).touch()
    assert best_reader([fan, mesh]) == "mesh"


def test_auto_needs_no_files() -> None:
    assert isinstance(open_reader("auto", Compute(), []), EmbeddedReader)


def test_a_reader_that_is_not_here_names_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="reenact models fetch face-mesh"):
        open_reader("mesh", Compute(), [tmp_path])
    with pytest.raises(CheckpointError, match=r"github\.com.*--reader embedded"):
        open_reader("facexlib", Compute(), [tmp_path])


def test_an_unknown_reader_names_the_known_ones() -> None:
    name: Any = "dlib"
    with pytest.raises(CheckpointError, match="known: auto, mesh, facexlib, embedded"):
        open_reader(name, Compute(), [])


def test_every_reader_says_its_own_name_and_a_scheme_of_the_head() -> None:
    names = [MeshReader.name, FacexlibReader.name, EmbeddedReader.name]
    assert names == [row.name for row in READERS]
    assert {MeshReader.scheme, FacexlibReader.scheme, EmbeddedReader.scheme} == set(SCHEMES)
