"""The paper's networks and other integrators, a few channels and a fixed seed: quick on any CPU."""

import dataclasses
from typing import TypeVar

import torch
from torch import Tensor

from reenact_core.models.integrators.dagan import Dagan, DaganSettings
from reenact_core.models.integrators.depth import DepthSettings
from reenact_core.models.integrators.fomm import Fomm
from reenact_core.models.integrators.resnet import ResnetSettings
from reenact_core.models.integrators.tpsmm import Tpsmm, TpsmmSettings
from reenact_core.models.paper import Paper
from reenact_core.models.paper_settings import (
    CalibratorSettings,
    DenseMotionSettings,
    GeneratorSettings,
    IntegratorSettings,
    KeypointSettings,
    LatentSettings,
    PaperSettings,
)

Network = TypeVar("Network", Fomm, Tpsmm, Dagan, Paper)

INTEGRATOR = IntegratorSettings(
    KeypointSettings(keypoints=4, features=6, max_features=16, blocks=2, scale=0.5),
    DenseMotionSettings(features=6, max_features=16, blocks=2, scale=0.5),
    GeneratorSettings(features=8, max_features=16, halvings=2, bottleneck=1),
    align_corners=True,
)

PAPER = PaperSettings(
    INTEGRATOR,
    LatentSettings(groups=2, codes=16),
    CalibratorSettings(features=6, max_features=16, blocks=3),
)


def tiny_fomm(settings: IntegratorSettings = INTEGRATOR) -> Fomm:
    """A FOMM for pictures of 32 x 32 pixels, in `eval` mode."""
    torch.manual_seed(1)
    return seasoned(Fomm(settings)).eval()


def tiny_paper() -> Paper:
    """G, L and C for pictures of 32 x 32 pixels, in `eval` mode."""
    torch.manual_seed(2)
    return seasoned(Paper(PAPER)).eval()


def seasoned(network: Network) -> Network:
    """Fresh weights moved a little, so that no layer is zero and no two frames look alike."""
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=generator))
    return network


def pictures(count: int, *, size: int = 32, seed: int = 0) -> Tensor:
    """Smooth pictures (count, 3, size, size) in [0, 1], each another."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, 3, 4, 4, generator=generator)
    return torch.nn.functional.interpolate(coarse, (size, size), mode="bicubic").clamp(0, 1)


TPSMM = TpsmmSettings(
    splines=2,
    detector=ResnetSettings(width=4, outputs=20),
    motion=DenseMotionSettings(features=6, max_features=16, blocks=2, scale=0.25),
    features=4,
    max_features=16,
)


def tiny_tpsmm(settings: TpsmmSettings = TPSMM) -> Tpsmm:
    """A TPSMM for pictures of 32 x 32 pixels, in `eval` mode."""
    torch.manual_seed(4)
    return seasoned(Tpsmm(settings)).eval()


DAGAN = DaganSettings(
    dataclasses.replace(INTEGRATOR, align_corners=False),
    DepthSettings(ResnetSettings(width=4), (4, 4, 4, 4, 4)),
)


def tiny_dagan(settings: DaganSettings = DAGAN) -> Dagan:
    """A DaGAN for pictures of 64 x 64 pixels, in `eval` mode."""
    torch.manual_seed(5)
    return seasoned(Dagan(settings)).eval()
