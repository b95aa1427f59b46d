"""Every size of the compact networks, in one place."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CompactSettings:
    """Sizes of the compact integrators and calibration net."""

    size: int = 256
    """Side of a face crop in pixels."""
    motion_side: int = 64
    """Side of the maps that motion is refined on."""
    motion_widths: tuple[int, ...] = (32, 48, 64, 96)
    """Channels of the motion network, from its finest level to its coarsest."""
    painter_widths: tuple[int, ...] = (16, 32, 48)
    """Channels of the painter at the whole, half and quarter resolution."""
    codes: int = 64
    """Codes of the local integrator's discrete latent, a group."""
    code_groups: int = 8
    """Groups of channels that are coded apart."""
    calibrator_widths: tuple[int, ...] = (24, 32, 48, 64)
    """Channels of the calibration net, from half the crop's resolution down."""
