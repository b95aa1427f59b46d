"""`reenact prepare` and `reenact train` as people call them."""

import json
from pathlib import Path

import pytest

from reenact_cli.main import run
from reenact_training.synth_folder import write_synth
from tests.training.tiny_run import write_config

Captured = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def heads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("heads")
    write_synth(folder, seed=12, clips=2, frames=4, size=64)
    return folder


def test_a_dry_run_tells_sizes_memory_and_time(
    heads: Path, tmp_path: Path, capsys: Captured
) -> None:
    config = write_config(tmp_path / "a.toml", heads)
    assert run(["train", str(config), "--dry-run", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["networks"]["calibrator"] > 0 and told["memory_bytes"] > 10**7
    assert told["run_seconds"] > 0 and told["clips"] == 1
    assert not (tmp_path / "run").exists()
    assert run(["train", str(config), "--dry-run"]) == 0
    assert "seconds a step" in capsys.readouterr().out


def test_a_run_ends_with_a_checkpoint_that_render_takes(
    heads: Path, tmp_path: Path, capsys: Captured
) -> None:
    config = write_config(tmp_path / "a.toml", heads)
    assert run(["train", str(config), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert [one["step"] for one in result["held_out"]] == [0, 2, 4]
    assert run(["inspect", result["checkpoint"], "--json"]) == 0
    assert run(["train", str(config)]) == 4
    assert "--resume" in capsys.readouterr().err


def test_a_misspelt_key_is_answered_with_the_nearest(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "a.toml").write_text("[train]\nrates = 1")
    assert run(["train", str(tmp_path / "a.toml")]) == 4
    assert "did you mean train.rate?" in capsys.readouterr().err


def test_a_damaged_data_set_is_refused(heads: Path, tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "clips").mkdir()
    for number in range(3):
        (tmp_path / "clips" / f"{number}.mp4").write_bytes(b"no film")
    config = write_config(tmp_path / "a.toml", tmp_path / "clips")
    assert run(["train", str(config)]) == 4
    assert "3 of 3 clips cannot be used" in capsys.readouterr().err


def test_footage_that_cannot_be_read_is_named(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "a.mp4").write_bytes(b"no film")
    assert run(["prepare", str(tmp_path / "a.mp4"), "-o", str(tmp_path / "set"), "--json"]) == 3
    result = json.loads(capsys.readouterr().out)
    assert list(result["failed"]) == [str(tmp_path / "a.mp4")] and result["clips"] == 0
