"""Random numbers that depend on a generator alone, made on the CPU whatever the device."""

import torch
from torch import Generator, Tensor
from torch.nn.functional import interpolate


def uniform(generator: Generator, *shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
    """Evenly spread numbers in [low, high), float32."""
    return torch.rand(shape, generator=generator) * (high - low) + low


def normal(generator: Generator, *shape: int, spread: float = 1.0) -> Tensor:
    """Normal numbers about zero, cut at 2.5 times their spread, float32."""
    return torch.randn(shape, generator=generator).clamp(-2.5, 2.5) * spread


def chosen(generator: Generator, count: int, probability: float) -> Tensor:
    """Flags (count,), 1.0 with a probability and 0.0 otherwise."""
    return (torch.rand(count, generator=generator) < probability).float()


def pick(generator: Generator, count: int, table: Tensor, weights: Tensor | None = None) -> Tensor:
    """Rows (count, ...) of a table, by weight."""
    chance = torch.ones(len(table)) if weights is None else weights
    return table[torch.multinomial(chance, count, replacement=True, generator=generator)]


def noise(
    generator: Generator, count: int, channels: int, size: tuple[int, int], cells: tuple[int, int]
) -> Tensor:
    """Smooth noise (count, channels, *size) about zero, `cells` bumps high and wide."""
    coarse = torch.randn(count, channels, cells[0] + 3, cells[1] + 3, generator=generator)
    mode = "bicubic" if max(cells) < 24 else "bilinear"
    grown = interpolate(coarse, size=size, mode=mode, align_corners=True)
    return grown


def fractal(
    generator: Generator, count: int, channels: int, size: int, cells: int, octaves: int
) -> Tensor:
    """Noise (count, channels, size, size) of several scales, each half as strong as the last."""
    total = torch.zeros(count, channels, size, size)
    for octave in range(octaves):
        fine = min(cells * 2**octave, size)
        total += noise(generator, count, channels, (size, size), (fine, fine)) * 0.5**octave
    return total
