"""Licences that forbid commercial use."""

from pathlib import Path

import pytest

from reenact_core.errors import CheckpointError
from reenact_core.models.licences import FILE, accepted, require

TERMS = "CC-BY-NC-4.0"


def ask(folder: Path, accepting: str | None = None, *, commercial: bool | None = False) -> None:
    require(TERMS, commercial=commercial, what="dagan-vox", folder=folder, accepting=accepting)


@pytest.mark.parametrize("commercial", [True, None])
def test_other_licences_ask_for_nothing(tmp_path: Path, *, commercial: bool | None) -> None:
    ask(tmp_path, commercial=commercial)
    assert not list(tmp_path.iterdir())


def test_a_licence_is_accepted_by_name_and_once(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    with pytest.raises(
        CheckpointError, match=r"dagan-vox .* forbids commercial use.*CC-BY-NC-4\.0"
    ):
        ask(folder)
    with pytest.raises(CheckpointError, match=r"CC-BY-NC-4\.0, and not yes"):
        ask(folder, "yes")
    ask(folder, TERMS)
    ask(folder)
    assert list(accepted(folder)) == [TERMS]


@pytest.mark.parametrize("content", ["{", "[]"])
def test_a_damaged_list_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE).write_text(content)
    with pytest.raises(CheckpointError, match="delete it"):
        ask(tmp_path)
