"""The configuration of a training run."""

from dataclasses import replace
from pathlib import Path

import pytest

from reenact_core.errors import SettingsError
from reenact_core.settings import to_table
from reenact_training.config import TrainConfig, changed_keys, read_config, refuse_changes
from tests.training.tiny_run import write_config


def read(path: Path, text: str) -> TrainConfig:
    path.write_text(text)
    return read_config(path)


def test_paths_are_taken_from_the_files_folder(tmp_path: Path) -> None:
    (tmp_path / "own.safetensors").write_text("")
    text = 'data = ["clips", "synthetic"]\nheld_out = ["others"]\ninit = "own.safetensors"'
    config = read(tmp_path / "a.toml", text)
    assert config.folders == (tmp_path / "clips",) and config.draws
    assert config.held_out == (tmp_path / "others",) and config.out == tmp_path / "run"
    assert config.init == str(tmp_path / "own.safetensors")
    assert read(tmp_path / "b.toml", 'data = "synthetic"').init == "default"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("dta = 3", "no setting dta; did you mean data"),
        ("[train]\nsteqs = 3", r"train\.steqs; did you mean train\.steps"),
        ("steps = 3", r"steps; did you mean train\.steps"),
        ("[train]\nsteps = 1.5", "whole number"),
        ("[train]\nsteps = 0", r"train: steps must be 1 or more"),
        ("size = 50", "multiple of 32"),
        ('model = "large"', "one of compact, paper"),
        ("data = []", "names no folder"),
        ("[clips]\nunreadable = 1", r"clips: unreadable must lie in \[0, 1\)"),
        ("[critic.network]\nfeatures = 'x'", r"critic\.network\.features"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        read(tmp_path / "wrong.toml", text)


def test_a_changed_key_is_named_and_free_ones_may_change(tmp_path: Path) -> None:
    config = read_config(write_config(tmp_path / "a.toml", tmp_path))
    faster = replace(config, train=replace(config.train, rate=1e-2))
    elsewhere = replace(config, out=tmp_path / "b", device="cuda")
    table = to_table(config)
    assert changed_keys(table, to_table(faster)) == ["train.rate"]
    refuse_changes(table, to_table(elsewhere), tmp_path)
    with pytest.raises(SettingsError, match=r"train\.rate changed"):
        refuse_changes(table, to_table(faster), tmp_path)
