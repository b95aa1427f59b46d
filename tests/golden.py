"""Outputs of upstream's own modules, and the weights and pictures that they were made from."""

import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from reenact_core.models.state_dicts import Weights


@dataclass(frozen=True)
class Golden:
    """One stored case."""

    weights: Weights
    meta: dict[str, Any]
    inputs: dict[str, Tensor]
    """Pictures (1, 3, H, W), float32 in [0, 1]."""
    outputs: dict[str, Tensor]


def read_golden(folder: Path) -> Golden:
    """The case in a folder of the shared fixtures."""
    state = golden_weights(folder)
    shapes = {name: tuple(tensor.shape) for name, tensor in state.items()}
    inputs = load_file(folder / "inputs.safetensors")
    return Golden(
        Weights(folder, shapes, {}, lambda: state),
        json.loads((folder / "meta.json").read_text()),
        {k: v / 255 if v.dtype == torch.uint8 else v for k, v in inputs.items()},
        load_file(folder / "outputs.safetensors"),
    )


def golden_weights(folder: Path) -> dict[str, Tensor]:
    """The stored weights of a case, or those that its recipe makes."""
    stored = folder / "weights.safetensors"
    if stored.exists():
        return load_file(stored)
    spec = importlib.util.spec_from_file_location("recipe", folder.parent.parent / "recipe.py")
    assert spec is not None and spec.loader is not None
    recipe = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(recipe)
    manifest, rules = (
        json.loads((folder / f"{n}.json").read_text()) for n in ("manifest", "recipe")
    )
    extras = folder / "extras.safetensors"
    fixed = load_file(extras) if extras.exists() else {}
    made: dict[str, Tensor] = recipe.state_dict(manifest, rules, fixed)
    return made


def close(got: Tensor, expected: Tensor, *, largest: float, mean: float | None = None) -> None:
    """Fail unless two tensors are within `largest` everywhere and within `mean` on average."""
    assert got.shape == expected.shape
    difference = (got - expected).abs()
    assert difference.max().item() <= largest
    if mean is not None:
        assert difference.mean().item() <= mean
