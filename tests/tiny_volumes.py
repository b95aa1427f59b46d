"""OSFV and LivePortrait with a few channels and a fixed seed: quick on any CPU."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from reenact_core.models.integrators.canonical_keypoints import CanonicalSettings
from reenact_core.models.integrators.convnext import ConvNextSettings
from reenact_core.models.integrators.head_estimator import HeadSettings
from reenact_core.models.integrators.liveportrait import LivePortrait, LivePortraitSettings
from reenact_core.models.integrators.osfv import Osfv, OsfvSettings, PlainSettings
from reenact_core.models.integrators.spade import SpadeSettings
from reenact_core.models.integrators.volumes import VolumeMotionSettings, VolumeSettings

VOLUME = VolumeSettings(widths=(4, 6, 8), channels=3, depth=2, blocks=1)
SPADE = SpadeSettings(
    channels=6, label_channels=6, hidden=4, widths=(12, 6, 4), middle=2, upscale=1
)

OSFV = OsfvSettings(
    keypoints=CanonicalSettings(
        keypoints=4, scale=0.5, down=(4, 6), depth=2, up=(6, 4, 3), temperature=0.1
    ),
    head=HeadSettings(
        stem=4, widths=(8, 8, 12), squeezed=(2, 2, 3), blocks=(1, 2, 1), bins=66, expression=12
    ),
    volume=VOLUME,
    motion=VolumeMotionSettings(
        keypoints=4, features=3, max_features=12, blocks=2, compress=2, occlusion=True
    ),
    flat=(7, 6),
    painter=SPADE,
)

PLAIN = PlainSettings(blocks=1, widths=(6, 5, 4))
"""The painter of OSFV's first generation."""

LIVEPORTRAIT = LivePortraitSettings(
    volume=VOLUME,
    extractor=ConvNextSettings(widths=(4, 6), blocks=(1, 2), keypoints=21),
    motion=VolumeMotionSettings(keypoints=21, features=3, max_features=12, blocks=2, compress=2),
    flat=(7, 6),
    painter=SpadeSettings(
        channels=6, label_channels=6, hidden=4, widths=(12, 6, 4), middle=2, upscale=2
    ),
    stitching_widths=(126, 8, 65),
    lip_widths=(65, 8, 63),
    eye_widths=(66, 8, 8, 63),
)


def tiny_osfv(settings: OsfvSettings = OSFV) -> Osfv:
    """An OSFV for pictures of 32 x 32 pixels, in `eval` mode."""
    torch.manual_seed(4)
    network = Osfv(settings).eval()
    season(network)
    return network


def tiny_liveportrait(settings: LivePortraitSettings = LIVEPORTRAIT) -> LivePortrait:
    """A LivePortrait for pictures of 32 x 32 pixels, in `eval` mode."""
    torch.manual_seed(5)
    network = LivePortrait(settings).eval()
    season(network)
    with torch.no_grad():
        network.motion_extractor.detector.fc_scale.bias.fill_(1.2)
        network.motion_extractor.detector.fc_kp.bias.copy_(torch.linspace(-0.6, 0.7, 63).sin())
    return network


def season(network: nn.Module) -> None:
    """Move fresh weights a little, so that no layer is zero and no two frames look alike."""
    generator = torch.Generator().manual_seed(6)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))


def spectral(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state as a published file holds it: SPADE's convolutions in three parts each."""
    generator = torch.Generator().manual_seed(7)
    result: dict[str, Tensor] = {}
    for name, tensor in state.items():
        place, _, last = name.rpartition(".")
        if last == "weight" and place.rpartition(".")[2] in ("conv_0", "conv_1", "conv_s"):
            matrix = tensor.flatten(1)
            u = torch.randn(len(matrix), generator=generator)
            v = torch.randn(matrix.shape[1], generator=generator)
            sigma = u @ (matrix @ v)  # 1 once u is divided by it, so that the fold gives `tensor`
            result |= {f"{place}.weight_orig": tensor, f"{place}.weight_v": v}
            result[f"{place}.weight_u"] = u / sigma
        else:
            result[name] = tensor
    return result


def tables(state: Mapping[str, Tensor], *, prefix: str = "") -> dict[str, dict[str, Tensor]]:
    """A flat state as upstream's tables by network."""
    result: dict[str, dict[str, Tensor]] = {}
    for name, tensor in state.items():
        network, _, rest = name.partition(".")
        result.setdefault(network, {})[prefix + rest] = tensor
    return result
