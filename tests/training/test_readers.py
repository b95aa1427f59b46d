"""The schedule and the averaging that both readers are trained with."""

from pathlib import Path

import pytest
import torch
from torch import nn

from reenact_training.readers import follow, set_rate, write_mean


def rate_at(step: int) -> float:
    optimiser = torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=1.0)
    set_rate(optimiser, 0.2, step, steps=1000, warm_up=10)
    rate: float = optimiser.param_groups[0]["lr"]
    return rate


def test_the_rate_rises_and_falls_to_zero() -> None:
    assert rate_at(0) == pytest.approx(0.02)
    assert rate_at(500) == pytest.approx(0.1)
    assert rate_at(1000) == pytest.approx(0, abs=1e-9)
    rates = [rate_at(step) for step in range(10, 1000, 50)]
    assert rates == sorted(rates, reverse=True)


def test_the_mean_reaches_weights_that_stay() -> None:
    kept, net = nn.BatchNorm1d(3), nn.BatchNorm1d(3)
    nn.init.constant_(net.weight, 5.0)
    for step in range(1, 4):
        net.get_buffer("num_batches_tracked").add_(1)
        before = (net.weight - kept.weight).abs()
        follow(kept, net, step, 0.9)
        assert ((net.weight - kept.weight).abs() < before).all()
    for step in range(4, 200):
        follow(kept, net, step, 0.9)
    torch.testing.assert_close(kept.weight, net.weight, rtol=0, atol=1e-4)
    assert kept.num_batches_tracked == 3


def test_the_mean_of_two_files_lies_between_them(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    save_file({"a": torch.tensor([1.0, 3.0]), "steps": torch.tensor(7)}, tmp_path / "one")
    save_file({"a": torch.tensor([2.0, 3.0]).half(), "steps": torch.tensor(9)}, tmp_path / "two")
    write_mean(tmp_path / "one", tmp_path / "two", tmp_path / "mean", "reader")
    mean = load_file(tmp_path / "mean")
    assert mean["a"].dtype == torch.float16
    assert mean["a"].tolist() == [1.5, 3.0]
    assert int(mean["steps"]) == 8
