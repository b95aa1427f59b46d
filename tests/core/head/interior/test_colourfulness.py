"""Paint takes no colour into a picture that has none."""

import torch

from reenact_core.head.interior.colourfulness import within_colours


def test_paint_in_a_black_and_white_picture_is_grey() -> None:
    torch.manual_seed(0)
    grey, paint = torch.rand(2, 1, 64, 64).expand(-1, 3, -1, -1), torch.rand(2, 3, 48, 48)
    made = within_colours(paint, grey)
    assert (made.amax(1) - made.amin(1)).max() < 1e-3
    assert torch.allclose(made.mean(1), paint.mean(1), atol=1e-6)


def test_grain_is_no_colour() -> None:
    torch.manual_seed(0)
    noisy = 0.5 + 0.06 * torch.randn(1, 3, 256, 256)
    made = within_colours(torch.tensor([0.5, 0.3, 0.2]).view(1, 3, 1, 1), noisy)
    assert (made.amax(1) - made.amin(1)).max() < 0.06


def test_colours_that_the_picture_has_stay() -> None:
    source = torch.full((1, 3, 64, 64), 0.4)
    source[:, 0, 8:16, 8:16] = 0.8
    paint = torch.tensor([0.5, 0.3, 0.3]).view(1, 3, 1, 1).expand(1, 3, 16, 16)
    assert torch.allclose(within_colours(paint, source), paint)
    strong = torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1)
    made = within_colours(strong, source)
    assert 0.3 < float(made[0, 0] - made[0, 1]) < 0.5


def test_every_size_of_picture_will_do() -> None:
    assert within_colours(torch.rand(1, 3, 8, 8), torch.rand(1, 3, 24, 24)).shape == (1, 3, 8, 8)
