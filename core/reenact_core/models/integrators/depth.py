"""Disparity of a picture, by a network of monodepth2's kind, as DaGAN has it (Godard et al., 2019).

The names are those of the published `encoder.pth` and `depth.pth`.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional

from reenact_core.models.integrators.resnet import Resnet, ResnetSettings, resnet_settings
from reenact_core.models.state_dicts import Shapes, part

MEAN, DEVIATION = 0.45, 0.225
"""Of the pictures that the encoder was made for."""

HALVINGS = 5
"""From the picture to the encoder's last feature."""


@dataclass(frozen=True, slots=True)
class DepthSettings:
    """Sizes of a depth network; the defaults are the published ones with 18 layers."""

    encoder: ResnetSettings = field(default_factory=ResnetSettings)
    widths: tuple[int, ...] = (16, 32, 64, 128, 256)
    """Channels of the decoder, from the finest resolution to the coarsest."""


class DepthEncoder(nn.Module):
    """Five features of pictures (N, 3, H, W) in [0, 1], halved again and again."""

    def __init__(self, settings: ResnetSettings) -> None:
        super().__init__()
        self.encoder = Resnet(settings)

    def forward(self, pictures: Tensor) -> list[Tensor]:
        return self.encoder.features((pictures - MEAN) / DEVIATION)


class DepthDecoder(nn.Module):
    """Features to disparity (N, 1, H, W) in [0, 1].

    The three coarser maps of disparity that the file holds weights for are not computed.
    """

    def __init__(self, settings: DepthSettings) -> None:
        super().__init__()
        widths, skips = settings.widths, [0, *settings.encoder.stage_channels]
        blocks: list[nn.Module] = []
        channels = skips[-1]
        for level in reversed(range(HALVINGS)):
            width = widths[level]
            blocks += [_EluBlock(channels, width), _EluBlock(width + skips[level], width)]
            channels = width
        maps = [_ReflectedConv(width, 1) for width in widths[: HALVINGS - 1]]
        self.decoder = nn.ModuleList([*blocks, *maps])

    def forward(self, features: list[Tensor]) -> Tensor:
        x = features[-1]
        skips = [*reversed(features[:-1]), None]
        for number, skip in enumerate(skips):
            x = functional.interpolate(self.decoder[2 * number](x), scale_factor=2)
            x = self.decoder[2 * number + 1](x if skip is None else torch.cat([x, skip], dim=1))
        return torch.sigmoid(self.decoder[2 * HALVINGS](x))


class _ReflectedConv(nn.Module):
    """Convolution of 3 x 3 over a picture that goes on as its mirror image."""

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, out_channels, 3, padding=1, padding_mode="reflect")

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv(x)
        return out


class _EluBlock(nn.Module):
    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = _ReflectedConv(channels, out_channels)

    def forward(self, x: Tensor) -> Tensor:
        return functional.elu(self.conv(x))


def depth_settings(encoder: Shapes, decoder: Shapes) -> DepthSettings:
    """The sizes of a depth network, from what stands under `depth_encoder` and `depth_decoder`.

    Raises:
        KeyError, IndexError: a tensor is missing, or is of another kind.
    """
    widths = [decoder[f"decoder.{2 * i}.conv.conv.weight"][0] for i in reversed(range(HALVINGS))]
    return DepthSettings(resnet_settings(part(encoder, "encoder")), tuple(widths))
