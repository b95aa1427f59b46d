"""φ of equation (6): features in which two pictures are compared.

VGG19 as in the paper, where its weights file is given; nothing is ever downloaded. Otherwise a
fixed pyramid of edges and random filters, which needs no file: it compares structure at several
scales, and knows nothing of objects.
"""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from reenact_core.models.state_dicts import fill, open_weights

Features = Callable[[Tensor], list[Tensor]]
"""Pictures (B, 3, H, W) in [0, 1] to feature maps, from fine to coarse."""

SCALES = (1, 2, 4, 8)
"""Reductions at which FOMM compares pictures."""
LAYERS = (1, 6, 11, 20, 29)
"""relu1_1, relu2_1, relu3_1, relu4_1 and relu5_1 of VGG19."""
MEAN = (0.485, 0.456, 0.406)
DEVIATION = (0.229, 0.224, 0.225)


class Vgg19Features(nn.Module):
    """The first activation of each of VGG19's five stages, at each of FOMM's four scales.

    Raises:
        CheckpointError: the file is not torchvision's VGG19.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, weights: Path) -> None:
        super().__init__()
        stages = fill(_stages, open_weights(weights), ("features",)).get_submodule("features")
        self.layers = nn.ModuleList(stages.children())
        self.register_buffer("mean", torch.tensor(MEAN)[:, None, None])
        self.register_buffer("deviation", torch.tensor(DEVIATION)[:, None, None])

    def forward(self, pictures: Tensor) -> list[Tensor]:
        normal = (pictures - self.mean) / self.deviation
        return [feature for reduced in scales(normal) for feature in self._at_one_scale(reduced)]

    def _at_one_scale(self, x: Tensor) -> list[Tensor]:
        found = []
        for number, layer in enumerate(self.layers):
            x = layer(x)
            if number in LAYERS:
                found.append(x)
            if number == LAYERS[-1]:
                break
        return found


class PyramidFeatures(nn.Module):
    """Edges and fixed random filters at four scales; the same numbers on every machine.

    At each scale: the differences between neighbouring pixels in x and y, and two layers of random
    filters of zero mean, rectified. Distances grow with what the eye sees as structure, and less
    with a shift of light than the pixels' own do.
    """

    first: Tensor
    second: Tensor

    def __init__(self, channels: int = 16, seed: int = 0) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        first = torch.randn(channels, 3, 5, 5, generator=generator)
        second = torch.randn(2 * channels, channels, 3, 3, generator=generator)
        self.register_buffer("first", _unit(first - first.mean(dim=(2, 3), keepdim=True)))
        self.register_buffer("second", _unit(second))

    def forward(self, pictures: Tensor) -> list[Tensor]:
        return [feature for reduced in scales(pictures) for feature in self._at_one_scale(reduced)]

    def _at_one_scale(self, x: Tensor) -> list[Tensor]:
        fine = functional.relu(functional.conv2d(x, self.first, padding=2))
        coarse = functional.relu(functional.conv2d(fine, self.second, stride=2, padding=1))
        return [x.diff(dim=3), x.diff(dim=2), fine, coarse]


def scales(pictures: Tensor) -> list[Tensor]:
    """Pictures at each of `SCALES`, as long as four pixels are left."""
    side = min(pictures.shape[2:])
    return [functional.avg_pool2d(pictures, k) for k in SCALES if side // k >= 4]


def _unit(filters: Tensor) -> Tensor:
    """Filters of norm 1, so that features keep the range of pictures."""
    norms: Tensor = torch.linalg.vector_norm(filters, dim=(1, 2, 3), keepdim=True)
    return filters / norms


def _stages() -> nn.Module:
    from torchvision.models import vgg19

    network = vgg19(weights=None)
    return nn.ModuleDict({"features": network.features})
