"""The schedule and the averaging that both readers are trained with."""

import pytest
import torch
from torch import nn

from reenact_training.readers import follow, set_rate


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
