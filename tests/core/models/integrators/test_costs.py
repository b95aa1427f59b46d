"""The sizes and costs that docs/reference/integrators.md states."""

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torchvision
from torch.utils.flop_counter import FlopCounterMode

from reenact_core.models.integrators.canonical_keypoints import CanonicalSettings
from reenact_core.models.integrators.dagan import Dagan, DaganSettings
from reenact_core.models.integrators.fomm import Fomm
from reenact_core.models.integrators.liveportrait import LivePortrait, LivePortraitSettings
from reenact_core.models.integrators.osfv import Osfv, OsfvSettings, PlainSettings
from reenact_core.models.integrators.resnet import Resnet, resnet_settings
from reenact_core.models.integrators.spade import SpadeSettings
from reenact_core.models.integrators.tpsmm import Tpsmm, TpsmmSettings
from reenact_core.models.integrators.volumes import VolumeMotionSettings, VolumeSettings
from reenact_core.models.paper_settings import IntegratorSettings

SPADE = DaganSettings(
    dataclasses.replace(
        DaganSettings().networks,
        generator=dataclasses.replace(DaganSettings().networks.generator, bottleneck=0),
    ),
    painter=SpadeSettings(256, 7, 128, (512, 256, 64), 3),
)

BETA = OsfvSettings(
    keypoints=CanonicalSettings(scale=1.0),
    volume=VolumeSettings(kernel=7),
    painter=PlainSettings(),
)
PORTRAIT = LivePortraitSettings(
    motion=VolumeMotionSettings(keypoints=21), painter=SpadeSettings(upscale=2)
)

COSTS: dict[str, tuple[Callable[[], Any], float, float, float]] = {
    "fomm": (lambda: Fomm(IntegratorSettings()), 59.8, 89.3, 23.1),
    "tpsmm": (lambda: Tpsmm(TpsmmSettings()), 73.9, 243.8, 35.0),
    "dagan": (lambda: Dagan(DaganSettings()), 74.7, 108.9, 51.8),
    "spade": (lambda: Dagan(SPADE), 96.1, 577.8, 51.8),
    "osfv": (lambda: Osfv(OsfvSettings()), 173.2, 1154.7, 118.4),
    "osfv-beta": (lambda: Osfv(BETA), 125.3, 342.4, 699.8),
    "liveportrait": (lambda: LivePortrait(PORTRAIT), 130.1, 1245.3, 75.8),
}
"""Millions of parameters, GFLOP a frame, GFLOP once a source."""


def gflop(call: Callable[[], Any]) -> tuple[float, Any]:
    with FlopCounterMode(display=False) as counter:
        result = call()
    return counter.get_total_flops() / 1e9, result


@pytest.mark.parametrize("name", COSTS)
def test_sizes_and_costs_are_those_of_the_docs(name: str) -> None:
    build, millions, a_frame, a_source = COSTS[name]
    with torch.device("meta"):
        network, picture = build().eval(), torch.rand(1, 3, 256, 256)
    once, source = gflop(lambda: network.encode(picture))
    see = network.heads if isinstance(network, Osfv) else network.detect
    detection, _ = gflop(lambda: see(picture))  # OSFV's keypoints at rest are the source's alone
    rendering, _ = gflop(lambda: network.render(source, source.keypoints))
    counted = sum(parameter.numel() for parameter in network.parameters())
    assert counted / 1e6 == pytest.approx(millions, abs=0.05)
    assert detection + rendering == pytest.approx(a_frame, abs=0.1)
    assert once == pytest.approx(a_source, abs=0.05)


@pytest.mark.parametrize("layers", [18, 34, 50])
def test_residual_networks_are_torchvisions(layers: int) -> None:
    torch.manual_seed(layers)
    theirs = getattr(torchvision.models, f"resnet{layers}")(weights=None).eval()
    state = theirs.state_dict()
    ours = Resnet(resnet_settings({name: tuple(t.shape) for name, t in state.items()})).eval()
    ours.load_state_dict(state)
    pictures = torch.rand(2, 3, 64, 96)
    with torch.no_grad():
        torch.testing.assert_close(ours(pictures), theirs(pictures))
