"""The critic, used in training only: a patch discriminator (Isola et al. 2017)."""

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm


@dataclass(frozen=True, slots=True)
class DiscriminatorSettings:
    """Sizes of the critic; the defaults judge patches of 70 x 70 pixels."""

    features: int = 64
    """Channels after the first convolution."""
    max_features: int = 512
    """Widest layer."""
    halvings: int = 3
    """Convolutions of stride 2; one of stride 1 follows, then the score."""


@dataclass(frozen=True, slots=True, eq=False)
class Judgement:
    """What the critic says of B pictures."""

    score: Tensor
    """(B, 1, h, w), one a patch: 1 real, 0 made."""
    features: list[Tensor]
    """Every layer's activation, for feature matching."""


class PatchDiscriminator(nn.Module):
    """Scores every patch of pictures (B, 3, H, W) in [0, 1]."""

    def __init__(self, channels: int, settings: DiscriminatorSettings) -> None:
        super().__init__()
        self.blocks = nn.ModuleList()
        width = channels
        for number in range(settings.halvings + 1):
            out = min(settings.max_features, settings.features * 2**number)
            stride = 2 if number < settings.halvings else 1
            self.blocks.append(_block(width, out, stride, norm=number > 0))
            width = out
        self.score = spectral_norm(nn.Conv2d(width, 1, 4, padding=1))

    def forward(self, pictures: Tensor) -> Judgement:
        features = []
        x = 2 * pictures - 1
        for block in self.blocks:
            x = functional.leaky_relu(block(x), 0.2)
            features.append(x)
        return Judgement(self.score(x), features)


def _block(channels: int, out: int, stride: int, *, norm: bool) -> nn.Sequential:
    conv = spectral_norm(nn.Conv2d(channels, out, 4, stride=stride, padding=1))
    return nn.Sequential(conv, nn.InstanceNorm2d(out, affine=True)) if norm else nn.Sequential(conv)
