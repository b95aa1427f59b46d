"""What the training of both readers, of the face and of its close-ups, has in common."""

import math
from pathlib import Path

import torch
from torch import nn

from reenact_core.files import written_whole


def set_rate(
    optimiser: torch.optim.Optimizer, highest: float, step: int, steps: int, warm_up: int
) -> None:
    """Set the learning rate of a step: risen over `warm_up` steps, then down half a cosine."""
    fall = 0.5 + 0.5 * math.cos(math.pi * step / steps)
    for group in optimiser.param_groups:
        group["lr"] = highest * min(1.0, (step + 1) / warm_up) * fall


@torch.no_grad()
def follow(kept: nn.Module, net: nn.Module, step: int, average: float) -> None:
    """Move averaged weights towards the network's, faster in the first steps; counts are copied."""
    share = min(average, step / (step + 20))
    new = net.state_dict()
    for name, value in kept.state_dict().items():
        if value.is_floating_point():
            value.lerp_(new[name], 1 - share)
        else:
            value.copy_(new[name])


def write_mean(began: Path, ended: Path, path: Path, architecture: str) -> None:
    """Write the mean of a network's weights before and after further training."""
    from safetensors.torch import load_file, save_file  # training itself does without

    first, last = load_file(began), load_file(ended)
    mean = {
        name: ((first[name].float() + value.float()) / 2).to(value.dtype)
        for name, value in last.items()
    }
    with written_whole(path) as partial:
        save_file(mean, partial, metadata={"architecture": architecture})
