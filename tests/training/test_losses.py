"""The terms of the objective, with numbers worked out by hand."""

import math

import pytest
import torch

from reenact_training import losses


def test_reconstruction_is_the_mean_difference() -> None:
    assert losses.reconstruction(torch.tensor([0.0, 1.0]), torch.tensor([0.5, 0.75])) == 0.375


def test_perceptual_sums_the_layers_means() -> None:
    predicted = [torch.tensor([1.0, 3.0]), torch.tensor([[2.0]])]
    truth = [torch.tensor([0.0, 0.0]), torch.tensor([[5.0]])]
    assert losses.perceptual(predicted, truth) == 2 + 3


def test_perceptual_gives_the_truth_no_gradient() -> None:
    predicted, truth = torch.ones(2, requires_grad=True), torch.zeros(2, requires_grad=True)
    loss = losses.perceptual([predicted], [truth])
    of_predicted, of_truth = torch.autograd.grad(loss, [predicted, truth], allow_unused=True)
    assert of_predicted.abs().sum() > 0 and of_truth is None


def test_a_net_weighs_its_terms() -> None:
    terms = {"reconstruction": torch.tensor(2.0), "perceptual": torch.tensor(3.0)}
    assert losses.of_net(terms, {"perceptual": 10.0, "reconstruction": 0.5}) == 31


def test_a_term_without_a_weight_is_refused() -> None:
    with pytest.raises(ValueError, match="do not pair"):
        losses.of_net({"reconstruction": torch.tensor(1.0)}, {})


def test_the_total_is_the_sum_over_the_nets() -> None:
    assert losses.total(*(torch.tensor(float(n)) for n in (1, 2, 4))) == 7


def test_a_critic_that_is_fooled_and_one_that_is_not() -> None:
    ones, zeros = torch.ones(4), torch.zeros(4)
    assert losses.adversarial(ones) == 0 and losses.adversarial(zeros) == 1
    assert losses.critic(ones, zeros) == 0 and losses.critic(zeros, ones) == 2


def test_keypoints_that_follow_cost_nothing() -> None:
    points, frames = torch.rand(2, 5, 2), torch.eye(2).expand(2, 5, 2, 2)
    assert losses.equivariance_of_points(points, points) == 0
    assert losses.equivariance_of_jacobians(frames, frames) == 0
    assert losses.equivariance_of_jacobians(frames, 2 * frames) == 0.5


def test_code_use_is_nothing_when_all_are_used_and_one_when_one_is() -> None:
    even = torch.zeros(1, 2, 8, 3, 3)
    one = even.clone()
    one[:, :, 0] = 1000
    assert losses.code_use(even).item() == pytest.approx(0, abs=1e-6)
    assert losses.code_use(one).item() == pytest.approx(1)
    half = even.clone()
    half[:, :, :4] = 1000
    assert losses.code_use(half).item() == pytest.approx(1 - math.log(4) / math.log(8))
