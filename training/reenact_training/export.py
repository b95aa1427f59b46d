"""A run's weights as a checkpoint that the core loads: safetensors that say what they are."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn

from reenact_core.files import written_whole


def export(
    network: nn.Module, out: Path, *, architecture: str, configuration: Mapping[str, Any],
    licence: str, training: Mapping[str, Any], version: str = "1",
) -> None:  # fmt: skip
    """Write a network, in half precision, with its configuration and how it came to be.

    Args:
        training: provenance, as JSON values: data, steps, seed, what it began from.

    Raises:
        OutputError: the file cannot be written.
    """
    tensors = {
        name: (value.to(torch.float16) if value.is_floating_point() else value).cpu().contiguous()
        for name, value in network.state_dict().items()
    }
    metadata = {
        "format": "1",
        "architecture": architecture,
        "version": version,
        "licence": licence,
        "configuration": json.dumps(configuration),
        "training": json.dumps(training),
    }
    with written_whole(out) as partial:
        save_file(tensors, partial, metadata)
