"""Weights of facexlib's networks, read offline from files that are named, without pickled code."""

import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reenact_core.errors import CheckpointError

if TYPE_CHECKING:
    import torch

RELEASE = "https://github.com/xinntao/facexlib/releases/download/v0.1.0/"


def read_weights(path: Path) -> "dict[str, torch.Tensor]":
    """The tensors of a file, without the prefix that training on several GPUs left.

    Raises:
        CheckpointError: the file cannot be read as weights.
    """
    import torch

    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, KeyError, pickle.UnpicklingError) as error:
        raise CheckpointError(
            f"{path}: cannot be read as weights; get the file again from {RELEASE}{path.name}"
        ) from error
    if not isinstance(stored, dict) or not all(isinstance(key, str) for key in stored):
        raise CheckpointError(f"{path}: holds no weights; get it again from {RELEASE}{path.name}")
    return {key.removeprefix("module."): value for key, value in stored.items()}


def fill(network: Any, weights: "dict[str, torch.Tensor]", path: Path) -> Any:
    """The network with its weights, ready to run.

    Raises:
        CheckpointError: the weights are another network's.
    """
    try:
        network.load_state_dict(weights, strict=True)
    except (RuntimeError, AttributeError, TypeError) as error:
        kind = type(network).__name__
        raise CheckpointError(
            f"{path}: these are not the weights of {kind}; get the file again from "
            f"{RELEASE}{path.name}"
        ) from error
    return network.eval().requires_grad_(False)
