"""`reenact bench`: what is measured, and how it is told."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from reenact_cli.bench_integrators import drawn_clip, measure_pair, quickly, straightforward
from reenact_cli.bench_stages import measure_stages
from reenact_cli.demo import draw_footage
from reenact_cli.main import run
from reenact_cli.options import Output
from reenact_core.devices import Compute
from tests.tiny import tiny_fomm


def test_the_pair_is_one_json_object(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights = tmp_path / "fomm.safetensors"
    save_file(tiny_fomm().state_dict(), weights)
    command = ["bench", "integrators", "--weights", str(weights), "--size", "64", "--frames", "3"]
    assert run([*command, "--rounds", "2", "--device", "cpu", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["machine"]["threads"] >= 1 and told["machine"]["processor"]
    pair = told["integrators"][0]
    assert pair["id"] == "fomm" and len(pair["rounds"]) == 2
    assert pair["ratio"] > 0 and pair["cpu_ratio"] > 0
    assert pair["largest_difference"] < 1e-4


def test_both_loops_give_the_same_pictures() -> None:
    clip = drawn_clip(4, 64)
    assert clip.shape == (4, 3, 64, 64) and clip.min() >= 0 and clip.max() <= 1
    assert (clip[0] - clip[3]).abs().mean() > 0.01
    found = quickly(tiny_fomm(), clip[:1], clip[1:])
    torch.testing.assert_close(found, straightforward(tiny_fomm(), clip[:1], clip[1:]))


def test_a_round_yields_before_the_next_begins(tmp_path: Path) -> None:
    weights = tmp_path / "fomm.safetensors"
    save_file(tiny_fomm().state_dict(), weights)
    rounds = measure_pair(weights, Compute(), frames=2, size=64, rounds=10**9)
    assert next(rounds).theirs.seconds > 0
    rounds.close()


def test_weights_of_another_method_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.safetensors"
    save_file({"a": torch.zeros(1)}, other)
    assert run(["bench", "integrators", "--weights", str(other), "--json"]) == 4
    assert "no FOMM weights" in json.loads(capsys.readouterr().out)["error"]["message"]


@pytest.mark.slow
def test_every_stage_of_a_render_is_measured(tmp_path: Path) -> None:
    draw_footage(tmp_path, Output(True, "none"))
    stages = {one.name: one for one in measure_stages(tmp_path, tmp_path / "o", Compute(), None)}
    assert list(stages) == ["load", "track", "cut", "move", "paste"]
    for name, stage in stages.items():
        assert stage.seconds > 0 and stage.peak_megabytes > 10
        assert (stage.frames > 0) == (name != "load")
