"""Files that are whole or absent."""

import json
import os
from pathlib import Path

import pytest

from reenact_core.errors import OutputError
from reenact_core.files import sha256, write_json, written_whole


def test_a_file_gets_its_name_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "shot.mov"
    with written_whole(path) as partial:
        partial.write_bytes(b"frames")
        assert not path.exists()
        assert partial.suffix == ".mov" and partial.parent == path.parent
    assert path.read_bytes() == b"frames"
    assert os.listdir(path.parent) == ["shot.mov"]


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text("old")
    with pytest.raises(RuntimeError), written_whole(path) as partial:
        partial.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["run.json"]


def test_a_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(OutputError, match=r"out"), written_whole(tmp_path / "out" / "a.json"):
        pass


def test_json_is_read_back(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"name": "Zoë", "frames": [1, 2]})
    assert json.loads((tmp_path / "a.json").read_text("utf-8")) == {"name": "Zoë", "frames": [1, 2]}


def test_a_hash_is_the_known_one(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256(tmp_path / "abc") == known
