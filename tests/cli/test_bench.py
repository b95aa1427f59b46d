"""`reenact bench`: what is measured, and how it is told."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from reenact_cli.bench_integrators import drawn_clip, measure_pair, quickly
from reenact_cli.bench_loops import straightforward
from reenact_cli.bench_stages import measure_stages
from reenact_cli.demo import draw_footage
from reenact_cli.main import run
from reenact_cli.options import Output
from reenact_core.devices import Compute
from reenact_core.models.keypoint_detector import Keypoints
from tests.golden import close
from tests.tiny import tiny_fomm
from tests.tiny_files import TINY


def test_the_pair_is_one_json_object(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights = tmp_path / "fomm.safetensors"
    save_file(tiny_fomm().state_dict(), weights)
    command = ["bench", "integrators", "--integrator", f"fomm:{weights}", "--size", "64"]
    assert run([*command, "--frames", "3", "--rounds", "2", "--device", "cpu", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["machine"]["threads"] >= 1 and told["machine"]["processor"]
    pair = told["integrators"][0]
    assert pair["id"] == "fomm" and len(pair["rounds"]) == 2
    assert pair["ratio"] > 0 and pair["cpu_ratio"] > 0
    assert pair["largest_difference"] < 1e-4


@pytest.mark.parametrize("method", TINY)
def test_both_loops_give_the_same_pictures(method: str) -> None:
    clip = drawn_clip(4, 64)
    assert clip.shape == (4, 3, 64, 64) and clip.min() >= 0 and clip.max() <= 1
    assert (clip[0] - clip[3]).abs().mean() > 0.01
    network: Any = TINY[method]()
    found = quickly(network, clip[:1], clip[1:])
    close(found, straightforward(network, clip[:1], clip[1:]), largest=1e-3, mean=1e-5)


def test_a_method_without_a_known_loop_is_taken_frame_by_frame() -> None:
    seen: list[int] = []

    class Still:
        def detect(self, frames: Tensor) -> Keypoints:
            return Keypoints(frames[:, :1, 0, :2])

        def reenact(
            self,
            source: Tensor,
            driving_initial: Tensor,
            driving: Tensor,
            relative: bool | None = True,
            adapt_scale: bool | None = False,
        ) -> Tensor:
            seen.append(len(driving))
            return source.expand(len(driving), -1, -1, -1)

    clip = drawn_clip(4, 64)
    assert len(straightforward(Still(), clip[:1], clip[1:])) == 3 and seen == [1, 1, 1]


def test_a_round_yields_before_the_next_begins() -> None:
    rounds = measure_pair(tiny_fomm(), Compute(), frames=2, size=64, rounds=10**9)
    assert next(rounds).theirs.seconds > 0
    rounds.close()


def test_weights_of_another_method_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.safetensors"
    save_file({"a": torch.zeros(1)}, other)
    assert run(["bench", "integrators", "--integrator", f"fomm:{other}", "--json"]) == 4
    assert "no FOMM weights" in json.loads(capsys.readouterr().out)["error"]["message"]


@pytest.mark.slow
def test_every_stage_of_a_render_is_measured(tmp_path: Path) -> None:
    draw_footage(tmp_path, Output(True, "none"))
    stages = {one.name: one for one in measure_stages(tmp_path, tmp_path / "o", Compute(), None)}
    assert list(stages) == ["load", "track", "cut", "move", "paste"]
    for name, stage in stages.items():
        assert stage.seconds > 0 and stage.peak_megabytes > 10
        assert (stage.frames > 0) == (name != "load")
