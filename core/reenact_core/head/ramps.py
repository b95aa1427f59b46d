"""How what is measured becomes a share."""

from torch import Tensor

Edge = float | Tensor


def ramp(value: Tensor, low: Edge, high: Edge) -> Tensor:
    """0 at one value and beyond, 1 at another and beyond, straight in between; either may be the
    larger."""
    return ((value - low) / (high - low)).clamp(0, 1)


def smoothstep(value: Tensor, low: Edge, high: Edge) -> Tensor:
    """The same, smooth in between."""
    share = ramp(value, low, high)
    return share * share * (3 - 2 * share)
