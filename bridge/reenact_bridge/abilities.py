"""What a server can do: the reply of `capabilities`."""

import typing
from typing import Any

from reenact_bridge.schemas import schema
from reenact_bridge.settings_schema import settings_schema
from reenact_bridge.warm import Warm
from reenact_core.errors import CheckpointError
from reenact_core.media.codecs import Codec
from reenact_core.models.catalogue import CATALOGUE, DEFAULT, find_checkpoint


def capabilities(warm: Warm) -> dict[str, Any]:
    """Schemas of options and settings, checkpoints that are here, devices."""
    return {
        "options": schema("options"),
        "settings": settings_schema(),
        "models": _models(warm),
        "devices": [_device(warm)],
        "codecs": list(typing.get_args(Codec)),
    }


def _models(warm: Warm) -> list[dict[str, Any]]:
    """The checkpoints of the catalogue that are installed."""
    found = []
    for known in CATALOGUE:
        try:
            find_checkpoint(known.id, (warm.installed,))
        except CheckpointError:
            continue
        found.append(
            {
                "id": known.id,
                "architecture": known.architecture,
                "licence": known.licence,
                "default": known.id == DEFAULT,
            }
        )
    return found


def _device(warm: Warm) -> dict[str, Any]:
    compute = warm.compute("auto")
    kind, _, number = compute.device.partition(":")
    name = "CPU"
    if kind == "cuda":
        import torch

        name = torch.cuda.get_device_name(int(number or 0))
    return {"device": compute.device, "name": name, "precision": compute.precision}
