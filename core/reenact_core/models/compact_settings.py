"""Every size of the compact networks, in one place."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CompactSettings:
    """Sizes of the compact integrators and calibration net."""

    size: int = 256
    """Side of a face crop in pixels; motion is refined on maps of a quarter of it."""
    motion_widths: tuple[int, ...] = (24, 32, 48, 64)
    """Channels of the motion network, from its finest level to its coarsest."""
    painter_widths: tuple[int, ...] = (12, 24, 32)
    """Channels of encoder and painter at the whole, half and quarter resolution."""
    codes: int = 64
    """Codes of the local integrator's discrete latent, a group."""
    code_groups: int = 8
    """Groups of channels that are coded apart."""
    paints: bool = True
    """Whether the integrators paint what a source hides; files that do not say it hold painters
    that were not taught on the head model, and they rest."""
    calibrator_widths: tuple[int, ...] = (24, 32, 48)
    """Channels of the calibration net, from a quarter of the crop's resolution down."""
