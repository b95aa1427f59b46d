"""The blur of equation (4)."""

import pytest
import torch

from reenact_training.blur import gaussian_blur, random_sigmas


def test_no_sigma_leaves_the_image() -> None:
    images = torch.rand(2, 3, 9, 12)
    assert torch.equal(gaussian_blur(images, torch.zeros(2)), images)


def test_a_point_becomes_a_bell() -> None:
    point = torch.zeros(1, 1, 41, 41, dtype=torch.float64)
    point[0, 0, 20, 20] = 1
    blurred = gaussian_blur(point, torch.tensor([2.0], dtype=torch.float64))[0, 0]
    x = torch.arange(-20, 21, dtype=torch.float64)
    distance = x[:, None] ** 2 + x[None, :] ** 2
    bell = torch.exp(-distance / (2 * 2.0**2)) / (2 * torch.pi * 2.0**2)
    torch.testing.assert_close(blurred, bell, rtol=0, atol=2e-4)
    assert blurred.sum().item() == pytest.approx(1)


def test_each_image_has_its_own_sigma() -> None:
    images, sigma = torch.rand(3, 2, 16, 16), torch.tensor([0.0, 1.0, 4.0])
    together = gaussian_blur(images, sigma)
    for i in range(3):
        alone = gaussian_blur(images[i : i + 1], sigma[i : i + 1])
        torch.testing.assert_close(together[i : i + 1], alone, rtol=0, atol=2e-3)
    spread = together.var(dim=(1, 2, 3))
    assert spread[0] > spread[1] > spread[2]


def test_a_flat_image_stays_flat_to_its_edges() -> None:
    blurred = gaussian_blur(torch.full((1, 3, 8, 8), 0.25), torch.tensor([10.0]))
    torch.testing.assert_close(blurred, torch.full((1, 3, 8, 8), 0.25))


def test_gradients_reach_image_and_sigma() -> None:
    images = torch.rand(1, 1, 6, 7, dtype=torch.float64, requires_grad=True)
    sigma = torch.tensor([1.3], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(gaussian_blur, (images, sigma))


def test_sigmas_lie_between_none_and_the_largest() -> None:
    sigma = random_sigmas(1000, 10, generator=torch.Generator().manual_seed(0))
    assert 0 <= sigma.min() < 0.1 and 9.9 < sigma.max() <= 10


def test_a_sigma_must_belong_to_each_image() -> None:
    with pytest.raises(ValueError, match=r"sigma must be \(2,\), got \(1,\)"):
        gaussian_blur(torch.zeros(2, 3, 4, 4), torch.zeros(1))
