"""Quick convolutions give what plain ones give."""

import copy

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from reenact_core.devices import Compute
from reenact_core.models.integrators.fomm import Fomm
from reenact_core.models.layers import UpBlock
from reenact_core.models.quick_convolutions import (
    QuickConvolution,
    QuickUpBlock,
    ThinConvolution,
    convolve,
    kernels,
    quicken,
    quicken_on,
)
from tests.tiny import pictures, tiny_fomm

SHAPES = [(1, 3, 8, 10), (3, 5, 64, 34), (2, 4, 2, 40), (40, 2, 4, 4)]
"""Pictures: fewer and more than a piece of tiles, lying and standing, one row, many small ones."""


def drawn(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


def frozen(module: nn.Module) -> nn.Module:
    """With running statistics that are not those of a fresh norm."""
    for name, tensor in module.state_dict().items():
        if name.endswith(("running_mean", "norm.bias")):
            tensor.uniform_(-1, 1)
        elif name.endswith(("running_var", "norm.weight")):
            tensor.uniform_(0.5, 2)
    return module.eval().requires_grad_(False)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("bias", [True, False])
def test_products_give_the_plain_convolution(shape: tuple[int, ...], bias: bool) -> None:
    x, weight = drawn(*shape), drawn(6, shape[1], 3, 3)
    shift = drawn(6) if bias else None
    found = convolve(x, kernels(weight, doubled=False), shift, doubled=False)
    torch.testing.assert_close(found, functional.conv2d(x, weight, shift, padding=1))


@pytest.mark.parametrize("shape", [*SHAPES, (2, 3, 5, 7)])
@pytest.mark.parametrize("bias", [True, False])
def test_pixels_may_be_doubled_before(shape: tuple[int, ...], bias: bool) -> None:
    x, weight = drawn(*shape), drawn(6, shape[1], 3, 3)
    shift = drawn(6) if bias else None
    found = convolve(x, kernels(weight, doubled=True), shift, doubled=True)
    doubled = functional.interpolate(x, scale_factor=2)
    torch.testing.assert_close(found, functional.conv2d(doubled, weight, shift, padding=1))


def test_sums_round_as_finely_as_before() -> None:
    x, weight = drawn(1, 64, 32, 32), drawn(64, 64, 3, 3)
    exact = functional.conv2d(x.double(), weight.double(), padding=1)
    plain = functional.conv2d(x, weight, padding=1) - exact
    quick = convolve(x, kernels(weight, doubled=False), None, doubled=False) - exact
    assert quick.square().mean() < 4 * plain.square().mean()


@pytest.mark.parametrize(
    "norm", [nn.BatchNorm2d, lambda channels: nn.InstanceNorm2d(channels, affine=True)]
)
def test_an_up_block_is_what_it_was(norm: type[nn.Module]) -> None:
    block = UpBlock(40, 32, norm=norm)
    frozen(block)
    x = drawn(2, 40, 6, 8)
    torch.testing.assert_close(QuickUpBlock(block)(x), block(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("bias", [True, False])
def test_few_results_are_shifted_and_added(bias: bool) -> None:
    conv = frozen(nn.Conv2d(9, 3, (5, 7), padding=(2, 3), bias=bias))
    assert isinstance(conv, nn.Conv2d)
    x = drawn(2, 9, 10, 12)
    torch.testing.assert_close(ThinConvolution(conv)(x), conv(x))


@pytest.mark.parametrize("odd", ["odd size", "few tiles", "double", "gradients", "meta"])
def test_what_is_not_quicker_goes_the_plain_way(odd: str) -> None:
    conv = frozen(nn.Conv2d(4, 4, 3, padding=1)).to(torch.float64 if odd == "double" else None)
    assert isinstance(conv, nn.Conv2d)
    side = {"odd size": 33, "few tiles": 4}.get(odd, 32)
    x = drawn(1, 4, side, side).to(conv.weight.dtype)
    if odd == "meta":
        conv, x = conv.to("meta"), x.to("meta")
    x.requires_grad_(odd == "gradients")
    quick = QuickConvolution(conv)
    found = quick(x)
    assert quick._kernels is None and found.requires_grad == (odd == "gradients")
    if odd != "meta":
        assert torch.equal(found, conv(x))


def wide_fomm() -> Fomm:
    network = tiny_fomm()
    network.generator.bottleneck = nn.Sequential(
        nn.Conv2d(16, 256, 1), nn.Conv2d(256, 256, 3, 1, 1)
    )
    network.generator.bottleneck.append(nn.Conv2d(256, 16, 1))
    frozen(network)
    return network


def test_names_and_weights_of_a_network_stay() -> None:
    network = nn.Sequential(UpBlock(64, 32), nn.Conv2d(256, 256, 3, padding=1), nn.Conv2d(8, 3, 7))
    network.append(nn.Conv2d(8, 3, 7, padding=3))
    before = copy.deepcopy(network.state_dict())
    quicken(network)
    after = network.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[name], before[name]) for name in before)
    kinds = [QuickUpBlock, QuickConvolution, nn.Conv2d, ThinConvolution]
    assert [type(module) for module in network] == kinds


def test_a_part_may_stay_as_it_is() -> None:
    kept, other = nn.Sequential(UpBlock(64, 32)), nn.Sequential(UpBlock(64, 32))
    quicken(nn.Sequential(kept, other), but=(kept,))
    assert type(kept[0]) is UpBlock and type(other[0]) is QuickUpBlock


def test_an_integrator_paints_what_it_painted() -> None:
    source, driving = pictures(1, size=64, seed=1), pictures(3, size=64, seed=2)
    plain, quick = wide_fomm(), wide_fomm()
    quick.load_state_dict(plain.state_dict())
    quicken_on(Compute(), quick)
    assert any(isinstance(module, QuickConvolution) for module in quick.modules())
    expected = plain.reenact(source, driving[:1], driving)
    found = quick.reenact(source, driving[:1], driving)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("compute", [Compute("cuda"), Compute("cpu", "bf16")])
def test_other_devices_and_precisions_keep_their_convolutions(compute: Compute) -> None:
    network = nn.Sequential(nn.Conv2d(256, 256, 3, padding=1))
    quicken_on(compute, network)
    assert type(network[0]) is nn.Conv2d
