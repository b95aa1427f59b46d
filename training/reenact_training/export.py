"""A run's weights as a checkpoint that the core loads: fp16 safetensors that say what they are."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from reenact_core.files import written_whole
from reenact_core.models.compact import Compact
from reenact_training.train import TrainSettings


def export(network: Compact, state: Path, out: Path, settings: TrainSettings) -> None:
    """Write the running mean of a run's weights, with the keypoint detector that `network` has.

    Convention:
        The file's metadata hold architecture, configuration, version, licence and how the weights
        came to be.
    """
    mean = torch.load(state / "mean.pt", map_location="cpu", weights_only=True)
    network.load_state_dict(mean, strict=False)
    steps = json.loads((state / "run.json").read_text("utf-8"))["step"]
    tensors = {
        name: value.to(torch.float16).contiguous() if value.is_floating_point() else value
        for name, value in network.state_dict().items()
    }
    metadata = {
        "architecture": "compact",
        "version": "1",
        "licence": "Apache-2.0",
        "configuration": json.dumps(network.configuration()),
        "training": json.dumps(
            {
                "data": "synthetic heads",
                "steps": steps,
                "batch": settings.batch,
                "seed": settings.seed,
            }
        ),
    }
    with written_whole(out) as partial:
        save_file(tensors, partial, metadata)
