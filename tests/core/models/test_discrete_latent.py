"""The discrete latent."""

import pytest
import torch
from torch.nn import functional

from reenact_core.models.discrete_latent import DiscreteLatent, gumbel_softmax
from reenact_core.models.paper_settings import LatentSettings


def a_latent() -> DiscreteLatent:
    torch.manual_seed(0)
    return DiscreteLatent(8, LatentSettings(groups=2, codes=5))


def test_at_inference_every_vector_is_made_of_codes() -> None:
    latent = a_latent().eval()
    coded = latent(torch.randn(2, 8, 3, 4))
    assert coded.shape == (2, 8, 3, 4)
    vectors = coded.permute(0, 2, 3, 1).reshape(-1, 2, 4)
    for group in range(2):
        distance = torch.cdist(vectors[:, group], latent.codes[group].detach())
        assert distance.min(dim=1).values.max() < 1e-6


def test_at_inference_a_small_error_goes_no_further() -> None:
    latent = a_latent().eval()
    features = torch.randn(1, 8, 6, 6, generator=torch.Generator().manual_seed(1))
    disturbed = features + 1e-4 * torch.randn(features.shape)
    assert torch.equal(latent(features), latent(disturbed))


def test_at_inference_chance_plays_no_part() -> None:
    latent, features = a_latent().eval(), torch.randn(1, 8, 4, 4)
    assert torch.equal(latent(features, temperature=5.0), latent(features, temperature=0.1))


def test_in_training_the_value_is_hard_and_gradients_reach_everything() -> None:
    latent = a_latent().train()
    features = torch.randn(1, 8, 4, 4, requires_grad=True)
    latent(features).square().sum().backward()
    for tensor in (features, latent.codes, latent.logits.weight):
        assert tensor.grad is not None and tensor.grad.abs().sum() > 0


def test_the_draw_is_one_hot() -> None:
    drawn = gumbel_softmax(torch.randn(3, 4, 7), 0.7, dim=2)
    torch.testing.assert_close(drawn.max(dim=2).values, torch.ones(3, 4))
    torch.testing.assert_close(drawn.sum(dim=2), torch.ones(3, 4))


def test_the_draw_follows_the_softmax() -> None:
    logits = torch.tensor([0.0, 1.0, 2.0])
    generator = torch.Generator().manual_seed(5)
    drawn = gumbel_softmax(logits.expand(20_000, 3), 0.5, dim=1, generator=generator)
    expected = functional.softmax(logits, dim=0)
    torch.testing.assert_close(drawn.mean(dim=0), expected, rtol=0, atol=0.015)


def test_the_same_seed_draws_the_same() -> None:
    latent, features = a_latent().train(), torch.randn(1, 8, 4, 4)
    first, second = (latent(features, generator=torch.Generator().manual_seed(9)) for _ in range(2))
    assert torch.equal(first, second)


def test_channels_must_fall_into_groups() -> None:
    with pytest.raises(ValueError, match="9 channels do not fall into 2 groups"):
        DiscreteLatent(9, LatentSettings(groups=2, codes=5))
