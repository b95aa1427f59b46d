"""Residual networks under torchvision's key names, of any width (He et al., 2016).

TPSMM reads keypoints and backgrounds with them, DaGAN depth. torchvision's own have fixed widths.
"""

from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional

from reenact_core.models.integrators.sizes import count
from reenact_core.models.state_dicts import Shapes


@dataclass(frozen=True, slots=True)
class ResnetSettings:
    """Sizes of a residual network; the defaults are ResNet-18's."""

    channels: int = 3
    """Channels of the pictures."""
    width: int = 64
    """Channels after the first convolution; each of the four stages is twice the last's."""
    depths: tuple[int, ...] = (2, 2, 2, 2)
    """Blocks in each stage."""
    block: Literal["basic", "bottleneck"] = "basic"
    """Two convolutions a block (ResNet-18, 34), or three (ResNet-50 and deeper)."""
    outputs: int = 0
    """Values that the last layer gives; 0: there is no such layer."""

    @property
    def stage_channels(self) -> list[int]:
        """Channels of the five features: after the first convolution and after each stage."""
        expansion = 4 if self.block == "bottleneck" else 1
        return [self.width] + [self.width * 2**i * expansion for i in range(len(self.depths))]


class BasicBlock(nn.Module):
    """Two convolutions of 3 x 3 around a shortcut."""

    def __init__(self, channels: int, width: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, out_channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.downsample = _shortcut(channels, out_channels, stride)

    def forward(self, x: Tensor) -> Tensor:
        inner = functional.relu(self.bn1(self.conv1(x)))
        return functional.relu(self.bn2(self.conv2(inner)) + self.downsample(x))


class Bottleneck(nn.Module):
    """Convolutions of 1 x 1, 3 x 3 and 1 x 1 around a shortcut; the middle one strides."""

    def __init__(self, channels: int, width: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, out_channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out_channels)
        self.downsample = _shortcut(channels, out_channels, stride)

    def forward(self, x: Tensor) -> Tensor:
        inner = functional.relu(self.bn1(self.conv1(x)))
        inner = functional.relu(self.bn2(self.conv2(inner)))
        return functional.relu(self.bn3(self.conv3(inner)) + self.downsample(x))


def _shortcut(channels: int, out_channels: int, stride: int) -> nn.Module:
    """The input itself, and without a key, where its shape is the output's."""
    if stride == 1 and channels == out_channels:
        return nn.Identity()
    conv = nn.Conv2d(channels, out_channels, 1, stride, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(out_channels))


class Resnet(nn.Module):
    """A residual network: `features` are the five of a pyramid, the call is the last layer.

    Convention:
        pictures: (N, channels, H, W)
        features: (N, stage_channels[i], H / 2 ** (i + 1), W / 2 ** (i + 1)), i = 0..4
        result: (N, outputs)
    """

    def __init__(self, settings: ResnetSettings) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(settings.channels, settings.width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(settings.width)
        self.stages = len(settings.depths)
        kind = Bottleneck if settings.block == "bottleneck" else BasicBlock
        channels = settings.width
        for stage, (depth, out) in enumerate(
            zip(settings.depths, settings.stage_channels[1:], strict=True)
        ):
            blocks = nn.Sequential()
            for number in range(depth):
                stride = 2 if stage and not number else 1
                blocks.append(kind(channels, settings.width * 2**stage, out, stride))
                channels = out
            self.add_module(f"layer{stage + 1}", blocks)
        if settings.outputs:
            self.fc = nn.Linear(channels, settings.outputs)

    def features(self, pictures: Tensor) -> list[Tensor]:
        """The feature after the first convolution, and after each stage."""
        x = functional.relu(self.bn1(self.conv1(pictures)))
        found = [x]
        x = functional.max_pool2d(x, 3, 2, 1)
        for stage in range(self.stages):
            x = self.get_submodule(f"layer{stage + 1}")(x)
            found.append(x)
        return found

    def forward(self, pictures: Tensor) -> Tensor:
        pooled = functional.adaptive_avg_pool2d(self.features(pictures)[-1], 1)
        values: Tensor = self.fc(pooled.flatten(1))
        return values


def resnet_settings(shapes: Shapes) -> ResnetSettings:
    """The sizes of a residual network, off its tensors' shapes.

    Raises:
        KeyError, IndexError: a tensor is missing, or is of another kind.
    """
    width, channels = shapes["conv1.weight"][:2]
    stages = count(shapes, "layer{}.0.conv1.weight", start=1)
    return ResnetSettings(
        channels=channels,
        width=width,
        depths=tuple(
            count(shapes, f"layer{stage + 1}.{{}}.conv1.weight") for stage in range(stages)
        ),
        block="bottleneck" if "layer1.0.conv3.weight" in shapes else "basic",
        outputs=shapes["fc.weight"][0] if "fc.weight" in shapes else 0,
    )
