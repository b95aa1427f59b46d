"""Blocks of the compact networks: small, without norms, so that one frame is as good as many."""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional


class Conv(nn.Module):
    """A 3 x 3 convolution and a leaky ReLU; the shape stays."""

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, out_channels, 3, padding=1)
        if not self.conv.weight.is_meta:  # a file's come into it; to draw none takes a second
            nn.init.kaiming_normal_(self.conv.weight, a=0.1)

    def forward(self, x: Tensor) -> Tensor:
        return functional.leaky_relu(self.conv(x), 0.1)


class UNet(nn.Module):
    """Two convolutions a level, halving on the way down, skips on the way up.

    Convention:
        x: (B, channels, h, w), h and w multiples of 2 to the power of len(widths) - 1
        result: (B, widths[0], h, w)
    """

    def __init__(self, channels: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        steps = list(pairwise(widths))
        self.first = Conv(channels, widths[0])
        self.down = nn.ModuleList(nn.Sequential(Conv(a, b), Conv(b, b)) for a, b in steps)
        self.up = nn.ModuleList(Conv(a + b, a) for a, b in reversed(steps))

    def forward(self, x: Tensor) -> Tensor:
        levels = [self.first(x)]
        for block in self.down:
            levels.append(block(functional.avg_pool2d(levels[-1], 2)))
        out: Tensor = levels.pop()
        for block in self.up:
            above = functional.interpolate(out, scale_factor=2, mode="nearest")
            out = block(torch.cat([above, levels.pop()], 1))
        return out


def quiet_conv(channels: int, out_channels: int, bias: tuple[float, ...]) -> nn.Conv2d:
    """A last convolution that gives just `bias` until it is trained."""
    conv = nn.Conv2d(channels, out_channels, 3, padding=1)
    nn.init.zeros_(conv.weight)
    with torch.no_grad():
        conv.bias.copy_(torch.tensor(bias)) if conv.bias is not None else None
    return conv
