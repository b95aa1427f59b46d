"""Convolutions with fewer multiplications, for networks that only run: on the CPU, in float32.

Two neighbouring results of three taps share products. With samples a, b, c, d and taps t, u, v

    p0 = (a - c) t                  even = a t + b u + c v = p0 + p1 + p2
    p1 = (b + c) (t + u + v) / 2    odd  = b t + c u + d v = p1 - p2 - p3
    p2 = (c - b) (t - u + v) / 2
    p3 = (b - d) v

are four multiplications in the place of six, and in two dimensions sixteen in the place of 36
(Winograd's F(2 x 2, 3 x 3); Lavin and Gray, "Fast algorithms for convolutional neural networks",
CVPR 2016). Where every pixel was doubled before, b = c: p2 is nothing, and nine are left. Sums
are no longer than before, and results round as finely as a plain convolution's.

On a GPU, in reduced precision, for gradients and for odd or tiny sizes the plain convolution runs.
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

from reenact_core.devices import Compute
from reenact_core.models.layers import UpBlock

TILES = 256
"""Tiles of 2 x 2 results that are taken at a time: their products stay in the caches."""
FEWEST_TILES = 16
"""With fewer, reading the larger kernels costs more than their products save."""
NARROWEST = 256
"""Channels of a plain convolution; with fewer, additions cost more than multiplications did."""
NARROWEST_DOUBLED = 32
"""The same where pixels are doubled before: more is saved."""
THIN = 4
"""Convolutions with at most so many results fill too little of a vector register."""


def quicken_on(compute: Compute, network: nn.Module, *, but: tuple[nn.Module, ...] = ()) -> None:
    """Exchange a network's convolutions for quicker ones, where the device gains by it.

    Args:
        but: parts of it that stay as they are: where points are found, other rounding shows.
    """
    if compute.device == "cpu" and compute.precision == "fp32":
        quicken(network, but=but)


def quicken(network: nn.Module, *, but: tuple[nn.Module, ...] = ()) -> None:
    """Exchange convolutions in place; names, parameters and, but for rounding, results stay.

    The network must not be trained afterwards: kernels are worked out from the weights once.
    """
    for parameter in network.parameters(recurse=False):
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    for name, child in list(network.named_children()):
        if any(child is one for one in but):
            continue
        if (quick := _quick(child)) is not None:
            setattr(network, name, quick)
        else:
            quicken(child, but=but)


def _quick(module: nn.Module) -> nn.Module | None:
    """What takes a module's place; None where it is as quick as it gets."""
    if type(module) is UpBlock and _wide(module.conv, NARROWEST_DOUBLED):
        return QuickUpBlock(module)
    if type(module) is not nn.Conv2d:
        return None
    if _wide(module, NARROWEST):
        return QuickConvolution(module)
    thin = module.out_channels <= THIN < module.in_channels and module.kernel_size[1] > 3
    return ThinConvolution(module) if thin and _same(module) else None


def _wide(conv: nn.Conv2d, narrowest: int) -> bool:
    channels = min(conv.in_channels, conv.out_channels)
    return conv.kernel_size == (3, 3) and channels >= narrowest and _same(conv)


def _same(conv: nn.Conv2d) -> bool:
    """Whether a convolution keeps a picture's size, with zeros around it."""
    return (
        conv.padding == tuple(side // 2 for side in conv.kernel_size)
        and (conv.stride, conv.dilation, conv.groups) == ((1, 1), (1, 1), 1)
        and all(side % 2 for side in conv.kernel_size)
        and conv.padding_mode == "zeros"
    )


class _Exchanged(nn.Module):
    """A convolution's parameters under their names."""

    weight: Tensor
    bias: Tensor | None

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.weight = conv.weight
        self.bias = conv.bias
        self._kernels: Tensor | None = None

    def _plain(self, x: Tensor) -> Tensor:
        rows, columns = self.weight.shape[2:]
        return functional.conv2d(x, self.weight, self.bias, padding=(rows // 2, columns // 2))


class QuickConvolution(_Exchanged):
    """A 3 x 3 convolution with 4/9 of the multiplications."""

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        tiles = len(x) * height * width // 4
        if height % 2 or width % 2 or not _suits(x, self.weight, tiles):
            return self._plain(x)
        if self._kernels is None:
            self._kernels = kernels(self.weight, doubled=False)
        return convolve(x, self._kernels, self.bias, doubled=False)


class QuickUpBlock(nn.Module):
    """Every pixel doubled, convolution, norm, ReLU, with 1/4 of the multiplications."""

    def __init__(self, block: UpBlock) -> None:
        super().__init__()
        self.conv = block.conv
        self.norm = block.norm
        self._folded: tuple[Tensor, Tensor | None] | None = None

    def forward(self, x: Tensor) -> Tensor:
        if not _suits(x, self.conv.weight, len(x) * x.shape[2] * x.shape[3]):
            return functional.relu(self.norm(self.conv(functional.interpolate(x, scale_factor=2))))
        if self._folded is None:
            weight, bias = _folded(self.conv, self.norm)
            self._folded = kernels(weight, doubled=True), bias
        made = convolve(x, *self._folded, doubled=True)
        if not isinstance(self.norm, nn.BatchNorm2d):
            made = self.norm(made)
        return made.relu_()


class ThinConvolution(_Exchanged):
    """A convolution to few channels: columns of the kernel side by side, then shifted and added."""

    def forward(self, x: Tensor) -> Tensor:
        if not _suits(x, self.weight, len(x) * x.shape[2] * x.shape[3] // 4):
            return self._plain(x)
        count, _, rows, columns = self.weight.shape
        if self._kernels is None:
            tall = self.weight.permute(3, 0, 1, 2).flatten(0, 1)[..., None]
            self._kernels = tall.contiguous(memory_format=torch.channels_last)
        parts = functional.conv2d(x, self._kernels, padding=(rows // 2, columns // 2))
        width = x.shape[3]
        total = parts[:, :count, :, :width].clone()
        for shift in range(1, columns):
            part = parts[:, shift * count : (shift + 1) * count, :, shift : shift + width]
            total += part
        return total if self.bias is None else total.add_(self.bias[:, None, None])


def _suits(x: Tensor, weight: Tensor, tiles: int) -> bool:
    return (
        tiles >= FEWEST_TILES
        and x.device.type == "cpu"
        and x.dtype == weight.dtype == torch.float32
        and not (torch.is_grad_enabled() and (x.requires_grad or weight.requires_grad))
    )


def _folded(conv: nn.Conv2d, norm: nn.Module) -> tuple[Tensor, Tensor | None]:
    """Weight and bias of a convolution with the batch norm behind it."""
    if not isinstance(norm, nn.BatchNorm2d):
        return conv.weight, conv.bias
    assert norm.running_mean is not None and norm.running_var is not None
    scale = norm.weight.double() / torch.sqrt(norm.running_var.double() + norm.eps)
    bias = 0.0 if conv.bias is None else conv.bias.double()
    shift = norm.bias.double() + (bias - norm.running_mean.double()) * scale
    return conv.weight.double() * scale[:, None, None, None], shift.float()


def kernels(weight: Tensor, *, doubled: bool) -> Tensor:
    """What samples' sums are multiplied by: (O, C, 3, 3) to (P * P, C, O), P = 4, or 3 if doubled.

    The sums of taps that the module's first lines show, in both directions.
    """
    half = [0.5, 0.5, 0.5], [0.5, -0.5, 0.5]
    sums = [[1.0, 0.0, 0.0], *half, [0.0, 0.0, 1.0]]
    if doubled:  # p1 = 2 b (t + u + v) / 2, and p2 is nothing
        sums = [[1.0, 0.0, 0.0], [1.0, 1.0, 1.0], [0.0, 0.0, 1.0]]
    taps = torch.tensor(sums, dtype=torch.float64, device=weight.device)
    made = torch.einsum("bi,ocij,aj->abco", taps, weight.double(), taps)  # columns before rows
    return made.flatten(0, 1).float().contiguous()


def convolve(x: Tensor, products: Tensor, bias: Tensor | None, *, doubled: bool) -> Tensor:
    """Pictures (N, C, H, W) convolved with what `kernels` gave.

    Convention:
        H and W even, unless doubled: then any
        result: (N, O, H, W), or (N, O, 2 H, 2 W) if doubled; channels last in memory
    """
    count, channels, height, width = x.shape
    step = 1 if doubled else 2
    padded = x.new_zeros(count, height + 2, width + 2, channels)
    padded[:, 1:-1, 1:-1] = x.permute(0, 2, 3, 1)
    tall, wide = height // step, width // step
    result = x.new_empty(count, tall, 2, wide, 2, products.shape[2])
    for pictures, rows in _pieces(count, tall, wide):
        seen = slice(rows.start * step, rows.stop * step + 2)
        sums = _analysed(_analysed(padded[pictures, seen], 1, doubled), 3, doubled)
        made = torch.bmm(sums.flatten(0, 1).flatten(1, 3), products)
        made = made.reshape(*sums.shape[:5], products.shape[2])
        if bias is not None:
            made[1, 1] += bias  # this product is in all four results, once
        _synthesised(made, result[pictures, rows].permute(4, 2, 0, 1, 3, 5))
    return result.flatten(3, 4).flatten(1, 2).permute(0, 3, 1, 2)


def _pieces(count: int, tall: int, wide: int) -> Iterator[tuple[slice, slice]]:
    """Pictures and rows of tiles, about `TILES` tiles at a time."""
    rows = max(1, min(tall, TILES // wide))
    together = max(1, TILES // (tall * wide)) if rows == tall else 1
    for first in range(0, count, together):
        for top in range(0, tall, rows):
            yield slice(first, first + together), slice(top, min(top + rows, tall))


def _analysed(x: Tensor, axis: int, doubled: bool) -> Tensor:
    """The sums of samples that are multiplied, along an axis: (P, ...), the axis a tile a place."""
    length = x.shape[axis]
    if doubled:
        a, b, c = (x.narrow(axis, first, length - 2) for first in range(3))
        sums = x.new_empty(3, *a.shape)
        torch.sub(a, b, out=sums[0])
        sums[1] = b
        torch.sub(b, c, out=sums[2])
    else:
        tiles = length // 2 - 1
        a, b, c, d = (_every_other(x, axis, first, tiles) for first in range(4))
        sums = x.new_empty(4, *a.shape)
        torch.sub(a, c, out=sums[0])
        torch.add(b, c, out=sums[1])
        torch.sub(c, b, out=sums[2])
        torch.sub(b, d, out=sums[3])
    return sums


def _every_other(x: Tensor, axis: int, first: int, count: int) -> Tensor:
    """So many entries of an axis, every second one."""
    entries = slice(first, first + 2 * count, 2)
    return x[(*(slice(None) for _ in range(axis)), entries)]


def _synthesised(products: Tensor, result: Tensor) -> None:
    """Write the results of products (P columns, P rows, ...) to (2 columns, 2 rows, ...)."""
    columns = products.new_empty(2, *products.shape[1:])
    _even_and_odd(products, columns[0], columns[1])
    _even_and_odd(columns.transpose(0, 1), result[:, 0], result[:, 1])


def _even_and_odd(products: Tensor, even: Tensor, odd: Tensor) -> None:
    torch.add(products[0], products[1], out=even)
    torch.sub(products[1], products[-1], out=odd)
    if len(products) == 4:
        even += products[2]
        odd -= products[2]
