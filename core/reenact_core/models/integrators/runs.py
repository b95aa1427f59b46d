"""What all integrators do with pictures: check them, and take them a run of frames at a time."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

RUN = 16
"""Frames that the networks take at a time."""


def runs(count: int, most: int = RUN) -> Iterator[slice]:
    """The frames 0..count-1 in runs of at most `most`."""
    for start in range(0, count, most):
        yield slice(start, min(start + most, count))


def painting_runs(count: int, device: torch.device, most: int = RUN) -> Iterator[slice]:
    """The frames 0..count-1 as a painter takes them.

    One at a time on a CPU, whose caches hold no large maps of many frames.
    """
    return runs(count, 1 if device.type == "cpu" else most)


def check_pictures(
    name: str, pictures: Tensor, *, channels: int, multiple: int, least: int = 1
) -> None:
    """Refuse what the networks cannot take.

    Args:
        multiple: both sides must be multiples of it.
        least: both sides must be at least as many pixels.

    Raises:
        ValueError: not (N, channels, H, W) in floating point, or sides of the wrong size.
    """
    shape = tuple(pictures.shape)
    if pictures.ndim != 4 or shape[1] != channels or not pictures.is_floating_point():
        raise ValueError(
            f"{name} must be (N, {channels}, H, W) in floating point, got {shape} {pictures.dtype}"
        )
    if not shape[0] or min(shape[2:]) < least or shape[2] % multiple or shape[3] % multiple:
        floor = f" from {least} on" if least > multiple else ""
        raise ValueError(
            f"{name} must hold a picture or more, with sides that are multiples of "
            f"{multiple}{floor}; got {shape}"
        )


def check_counts(source: Tensor, driving_initial: Tensor, driving: Tensor) -> None:
    """Refuse counts that cannot be paired.

    Raises:
        ValueError: neither one picture nor as many as there are driving frames.
    """
    for name, pictures in (("source", source), ("driving_initial", driving_initial)):
        if len(pictures) not in (1, len(driving)):
            raise ValueError(f"{name} must hold 1 or {len(driving)} pictures, got {len(pictures)}")


def on_device(pictures: Tensor, network: nn.Module) -> Tensor:
    """Pictures where the network is, in the type that it computes in."""
    return pictures.to(next(network.parameters()))


def part(pictures: Tensor, frames: slice) -> Tensor:
    """One picture for all frames, or those of a run."""
    return pictures if len(pictures) == 1 else pictures[frames]


def expanded(tensor: Tensor, count: int) -> Tensor:
    """One picture's tensor for `count` frames; a tensor of `count` stays as it is."""
    return tensor.expand(count, *tensor.shape[1:])
