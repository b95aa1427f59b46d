"""What is not known goes on smoothly from what is."""

import torch

from reenact_core.head.sampling import extended


def test_known_values_stay_and_a_constant_fills_everything() -> None:
    known = torch.zeros(1, 1, 32, 32)
    known[..., 8:14, 20:27] = 1
    values = torch.rand(1, 2, 32, 32, generator=torch.Generator().manual_seed(0))
    filled = extended(values, known)
    assert torch.allclose(filled * known, values * known, atol=1e-6)
    assert filled.min() >= (values * known).min() and filled.max() <= (values * known).max()
    flat = extended(torch.full((1, 1, 32, 32), 0.3), known)
    assert torch.allclose(flat, torch.full((1, 1, 32, 32), 0.3), atol=1e-5)


def test_what_is_nearer_counts_more() -> None:
    known, values = torch.zeros(1, 1, 64, 64), torch.zeros(1, 1, 64, 64)
    known[..., :8], known[..., -8:] = 1, 1
    values[..., -8:] = 1
    row = extended(values, known)[0, 0, 32]
    assert row[10] < 0.3 and row[-11] > 0.7
    assert bool((row.diff() >= -0.05).all())
