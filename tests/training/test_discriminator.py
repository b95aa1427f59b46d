"""The critic."""

import torch

from reenact_training.discriminator import DiscriminatorSettings, PatchDiscriminator


def test_it_scores_patches_of_seventy_pixels() -> None:
    critic = PatchDiscriminator(3, DiscriminatorSettings(features=4, max_features=8)).eval()
    judged = critic(torch.rand(2, 3, 256, 256))
    assert judged.score.shape == (2, 1, 30, 30)
    assert [f.shape[1] for f in judged.features] == [4, 8, 8, 8]


def test_gradients_reach_the_picture() -> None:
    critic = PatchDiscriminator(3, DiscriminatorSettings(features=4, halvings=2))
    picture = torch.rand(1, 3, 32, 32, requires_grad=True)
    critic(picture).score.sum().backward()
    assert picture.grad is not None and picture.grad.abs().sum() > 0
