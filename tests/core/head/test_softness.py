"""How soft pictures are told to be."""

import torch

from reenact_core.head.softness import clear_moments, softness
from reenact_core.models.flow_prior import blurred


def test_softness_is_about_the_sigma_of_a_blur() -> None:
    blocks = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    sharp = torch.nn.functional.interpolate(blocks, scale_factor=16.0)
    found = [
        float(softness(picture, torch.zeros(1, 2), torch.full((1, 1), 0.35)))
        for picture in (sharp, blurred(sharp, 2.0), blurred(sharp, 4.0))
    ]
    assert found[0] < 0.5
    assert 1.2 < found[1] < 2.8
    assert 2.8 < found[2] < 5.2


def test_what_is_far_softer_than_most_is_not_clear() -> None:
    soft = torch.tensor([0.5, 0.6, 0.5, 5.0, 4.5, 0.7, 0.4])
    assert clear_moments(soft)[[3, 4]].max() == 0
    assert clear_moments(soft)[[0, 1, 2, 5, 6]].min() == 1


def test_where_all_is_soft_all_is_read() -> None:
    assert clear_moments(torch.full((5,), 6.0)).min() == 1
    assert clear_moments(torch.tensor([6.0])) == 1
