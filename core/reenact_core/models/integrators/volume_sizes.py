"""Sizes of the networks that OSFV and LivePortrait share, read off names and shapes."""

from dataclasses import fields, is_dataclass
from typing import Any

from reenact_core.models.integrators.sizes import count
from reenact_core.models.integrators.volumes import VolumeMotionSettings, VolumeSettings
from reenact_core.models.state_dicts import Shapes


def volume_sizes(shapes: Shapes, channels: int) -> VolumeSettings:
    """Sizes of the network that makes a volume, from its tensors.

    Args:
        channels: of the volume, which its own tensors do not always tell.
    """
    first, colours, kernel = shapes["first.conv.weight"][:3]
    halvings = count(shapes, "down_blocks.{}.conv.weight")
    widths = [shapes[f"down_blocks.{i}.conv.weight"][0] for i in range(halvings)]
    return VolumeSettings(
        colours=colours,
        kernel=kernel,
        widths=(first, *widths),
        channels=channels,
        depth=shapes["second.weight"][0] // channels,
        blocks=count(shapes, "resblocks_3d.3dr{}.conv1.weight"),
    )


def motion_sizes(shapes: Shapes) -> VolumeMotionSettings:
    """Sizes of the network that moves a volume, from its tensors."""
    compress = shapes["compress.weight"][0]
    maps, width = shapes["mask.weight"][:2]
    blocks = count(shapes, "hourglass.encoder.down_blocks.{}.conv.weight")
    widths = [shapes[f"hourglass.encoder.down_blocks.{i}.conv.weight"][0] for i in range(blocks)]
    return VolumeMotionSettings(
        keypoints=maps - 1,
        features=width - maps * (compress + 1),
        max_features=max(widths),
        blocks=blocks,
        compress=compress,
        occlusion="occlusion.weight" in shapes,
    )


def positive(settings: Any) -> None:
    """Refuse sizes below one, and rows of nothing, anywhere in a settings value.

    Raises:
        ValueError: names the first.
    """
    for field in fields(settings):
        value = getattr(settings, field.name)
        if is_dataclass(value):
            positive(value)
        least = 0 if field.name in ("blocks", "middle") else 1
        for size in value if isinstance(value, tuple) else (value,):
            if isinstance(size, int) and not least <= size + isinstance(size, bool) < 1 << 16:
                raise ValueError(f"{field.name} is {value}")
        if value == ():
            raise ValueError(f"{field.name} is empty")
