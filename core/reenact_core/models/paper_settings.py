"""Every size of the paper's networks, in one place.

The defaults are those of FOMM's vox-256 configuration, which the paper takes as its integrator
("the FOMM [7] is used as our Integrator G"); what the paper leaves to its supplement (the codes of
the discrete latent, the calibration net) is chosen here and explained in
docs/explanation/networks.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, TypeVar, get_args

Settings = TypeVar("Settings")

JacobianMaps = Literal["per_keypoint", "shared", "none"]

SCALES = (1.0, 0.5, 0.25, 0.125, 0.0625)
"""Reductions that a network may start with."""
DEEPEST = 16
"""Blocks in a row that any network may have."""
WIDEST = 1 << 16
"""Channels, keypoints, codes that any network may have."""


@dataclass(frozen=True, slots=True)
class KeypointSettings:
    """Sizes of a keypoint detector."""

    keypoints: int = 10
    """K, the number of keypoints."""
    channels: int = 3
    """Channels of a frame."""
    features: int = 32
    """Channels that the hourglass starts from."""
    max_features: int = 1024
    """Widest layer of the hourglass."""
    blocks: int = 5
    """Halvings inside the hourglass."""
    scale: float = 0.25
    """Size of the picture that the network sees, as a part of the frame's; 1 / scale is whole."""
    temperature: float = 0.1
    """Divides the heat map's logits before the softmax."""
    padding: int = 0
    """Padding of the last convolution; 0 crops the heat map by 3 pixels a side."""
    jacobian: JacobianMaps = "per_keypoint"
    """Maps of local affine frames: one a keypoint, one for all, or none."""

    def __post_init__(self) -> None:
        _within(self, 1, WIDEST, "keypoints", "channels", "features", "max_features")
        _within(self, 1, DEEPEST, "blocks")
        _within(self, 0, 3, "padding")
        _one_of(self, "scale", SCALES)
        _one_of(self, "jacobian", get_args(JacobianMaps))
        if not self.temperature > 0:
            raise ValueError(f"temperature must be above 0, got {self.temperature}")


@dataclass(frozen=True, slots=True)
class DenseMotionSettings:
    """Sizes of a dense motion network."""

    features: int = 64
    """Channels that the hourglass starts from."""
    max_features: int = 1024
    """Widest layer of the hourglass."""
    blocks: int = 5
    """Halvings inside the hourglass."""
    scale: float = 0.25
    """Size of the field, as a part of the frame's."""
    variance: float = 0.01
    """Variance of a keypoint's heat map, network coordinates squared."""
    occlusion: bool = True
    """Whether a map says which parts the source does not show."""

    def __post_init__(self) -> None:
        _within(self, 1, WIDEST, "features", "max_features")
        _within(self, 1, DEEPEST, "blocks")
        _one_of(self, "scale", SCALES)
        if not self.variance > 0:
            raise ValueError(f"variance must be above 0, got {self.variance}")


@dataclass(frozen=True, slots=True)
class GeneratorSettings:
    """Sizes of a generator."""

    features: int = 64
    """Channels after the first convolution."""
    max_features: int = 512
    """Widest layer."""
    halvings: int = 2
    """Down-sampling blocks before the warp, and up-sampling blocks after it."""
    bottleneck: int = 6
    """Residual blocks between the warp and the up-sampling."""

    def __post_init__(self) -> None:
        _within(self, 1, WIDEST, "features", "max_features")
        _within(self, 0, DEEPEST, "halvings", "bottleneck")


@dataclass(frozen=True, slots=True)
class IntegratorSettings:
    """Sizes of an integrator: keypoint detector, dense motion, generator."""

    keypoints: KeypointSettings = field(default_factory=KeypointSettings)
    motion: DenseMotionSettings = field(default_factory=DenseMotionSettings)
    generator: GeneratorSettings = field(default_factory=GeneratorSettings)
    align_corners: bool = False
    """Where grid_sample sees -1 and 1: False at the outer edges of the outer pixels (what
    upstream FOMM does on today's torch), True at their centres (what it did on torch 1.0, and
    what makes a field at rest leave the picture as it is)."""


@dataclass(frozen=True, slots=True)
class LatentSettings:
    """Sizes of the discrete latent of the local integrator."""

    groups: int = 4
    """Parts that a feature vector is cut into; each is replaced by a code of its own."""
    codes: int = 256
    """Codes to choose from in each group."""

    def __post_init__(self) -> None:
        _within(self, 1, WIDEST, "groups", "codes")


@dataclass(frozen=True, slots=True)
class CalibratorSettings:
    """Sizes of the calibration net."""

    features: int = 32
    """Channels that the hourglass starts from."""
    max_features: int = 256
    """Widest layer."""
    blocks: int = 5
    """Halvings; 5 let one feature at the bottom see the whole face."""

    def __post_init__(self) -> None:
        _within(self, 1, WIDEST, "features", "max_features")
        _within(self, 1, DEEPEST, "blocks")


@dataclass(frozen=True, slots=True)
class PaperSettings:
    """Sizes of the whole method: G, L and C."""

    integrator: IntegratorSettings = field(
        default_factory=lambda: IntegratorSettings(align_corners=True)
    )
    """G and L alike. Corners are aligned: L warps its own output again and again, and the other
    convention shrinks the picture by one part in 64 with every step."""
    latent: LatentSettings = field(default_factory=LatentSettings)
    calibrator: CalibratorSettings = field(default_factory=CalibratorSettings)


def settings_from_json(kind: type[Settings], value: Mapping[str, Any], where: str = "") -> Settings:
    """A settings tree from the nested JSON object that `dataclasses.asdict` gives.

    Raises:
        ValueError: a key that `kind` does not have, or a value of another type or out of range.
    """
    known = {part.name: part for part in fields(kind)}  # type: ignore[arg-type]  # a dataclass type
    unknown = sorted(set(value) - set(known))
    if unknown:
        raise ValueError(f"{where}{unknown[0]} is no setting of {kind.__name__}")
    default = kind()
    chosen = {
        name: _converted(getattr(default, name), given, f"{where}{name}")
        for name, given in value.items()
    }
    try:
        return kind(**chosen)
    except ValueError as error:
        raise ValueError(f"{where}{error}") from error


def _converted(default: Any, given: Any, where: str) -> Any:
    if isinstance(default, float) and isinstance(given, int) and not isinstance(given, bool):
        return float(given)
    if isinstance(given, Mapping) and hasattr(default, "__dataclass_fields__"):
        return settings_from_json(type(default), given, f"{where}.")
    if type(given) is not type(default):
        expected = type(default).__name__
        raise ValueError(f"{where} must be {expected}, got {given!r}")
    return given


def _within(settings: object, least: int, most: int, *names: str) -> None:
    for name in names:
        value = getattr(settings, name)
        if not least <= value <= most:
            raise ValueError(f"{name} must be from {least} to {most}, got {value}")


def _one_of(settings: object, name: str, choices: tuple[object, ...]) -> None:
    value = getattr(settings, name)
    if value not in choices:
        known = ", ".join(str(choice) for choice in choices)
        raise ValueError(f"{name} must be one of {known}; got {value}")
