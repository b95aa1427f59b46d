"""The default checkpoint's networks with weights of chance: they know nothing, and run."""

from pathlib import Path

import torch

from reenact_core.models.compact import Compact, give_readers
from reenact_core.models.state_dicts import write_weights


def chance_networks(seed: int = 0) -> Compact:
    """Networks that are ready to run, with the readers that ship."""
    torch.manual_seed(seed)
    networks = Compact().eval().requires_grad_(False)
    give_readers(networks)
    return networks


def write_chance(path: Path, seed: int = 0) -> Path:
    """A checkpoint of the shipped kind; its readers know nothing either."""
    torch.manual_seed(seed)
    network = Compact()
    write_weights(path, network, architecture="compact", configuration=network.configuration())
    return path
