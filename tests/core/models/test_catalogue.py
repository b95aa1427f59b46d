"""Known checkpoints and where they lie."""

from pathlib import Path

import pytest

from reenact_core.errors import CheckpointError
from reenact_core.models.architectures import ARCHITECTURES
from reenact_core.models.catalogue import CATALOGUE, DEFAULT, find_checkpoint, user_models_folder
from reenact_core.models.inventory import verify

HOME = Path("home")


def test_ids_and_files_are_unique_and_architectures_are_known() -> None:
    assert len({entry.id for entry in CATALOGUE}) == len(CATALOGUE)
    assert len({entry.file for entry in CATALOGUE}) == len(CATALOGUE)
    known = {architecture.id for architecture in ARCHITECTURES}
    assert {entry.architecture for entry in CATALOGUE} <= known
    assert DEFAULT in {entry.id for entry in CATALOGUE}


def test_the_default_checkpoint_is_the_one_that_was_released() -> None:
    default = find_checkpoint(DEFAULT)
    assert verify(default, CATALOGUE[0]).verdict == "as released"


@pytest.mark.parametrize(
    ("system", "environment", "folder"),
    [
        ("Linux", {}, "home/.local/share/reenact/models"),
        ("Linux", {"XDG_DATA_HOME": "data"}, "data/reenact/models"),
        ("Darwin", {}, "home/Library/Application Support/reenact/models"),
        ("Windows", {}, "home/AppData/Local/reenact/models"),
        ("Windows", {"LOCALAPPDATA": "local"}, "local/reenact/models"),
        ("Linux", {"REENACT_MODELS": "mine", "XDG_DATA_HOME": "data"}, "mine"),
        ("Linux", {"REENACT_MODELS": ""}, "home/.local/share/reenact/models"),
    ],
)
def test_the_users_folder(system: str, environment: dict[str, str], folder: str) -> None:
    assert user_models_folder(system, HOME, environment) == Path(folder)


def test_the_users_file_comes_before_the_packages(tmp_path: Path) -> None:
    mine = tmp_path / "compact.safetensors"
    mine.touch()
    assert find_checkpoint("compact", [tmp_path / "none", tmp_path]) == mine


def test_our_name_comes_before_upstreams(tmp_path: Path) -> None:
    upstream, ours = tmp_path / "vox-cpk.pth.tar", tmp_path / "fomm-vox.safetensors"
    upstream.touch()
    assert find_checkpoint("fomm-vox", [tmp_path]) == upstream
    ours.touch()
    assert find_checkpoint("fomm-vox", [tmp_path]) == ours


def test_a_file_may_be_named_as_text(tmp_path: Path) -> None:
    path = tmp_path / "weights"
    path.touch()
    assert find_checkpoint(str(path)) == path


@pytest.mark.parametrize("name", ["gone.safetensors", "folder/gone"])
def test_what_looks_like_a_path_is_called_a_missing_file(name: str) -> None:
    with pytest.raises(CheckpointError, match="there is no such file"):
        find_checkpoint(name)


def test_a_word_without_a_neighbour_lists_what_is_known() -> None:
    with pytest.raises(CheckpointError, match="known: compact, fomm-vox, fomm-vox-adv, tpsmm"):
        find_checkpoint("zebra")
