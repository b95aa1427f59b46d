"""A training run on disk: weights, their running mean, the optimiser's memory, the random state.

Each part is a file of its own, so that no file outgrows what can be sent around; the folder is
renamed as a whole, so that it is the last good state or the one before.
"""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

Tensors = dict[str, Tensor]


@dataclass(slots=True)
class RunState:
    """All that changes during a run."""

    network: nn.Module
    optimizer: torch.optim.AdamW
    mean: Tensors
    """Exponential moving average of the trained weights."""
    generator: torch.Generator
    step: int = 0

    @classmethod
    def start(cls, network: nn.Module, optimizer: torch.optim.AdamW, seed: int) -> "RunState":
        """A run before its first step."""
        generator = torch.Generator().manual_seed(seed)
        return cls(network, optimizer, _trained(network), generator)

    def update_mean(self, decay: float) -> None:
        """Move the mean towards the weights; faster in the first steps."""
        share = 1 - min(decay, (1 + self.step) / (10 + self.step))
        for name, value in _trained(self.network).items():
            self.mean[name].lerp_(value, share)

    def save(self, folder: Path) -> None:
        """Write the state beside `folder`, then put it in its place; the former goes to `.last`."""
        fresh = folder.with_name(f".{folder.name}-new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        torch.save(_trained(self.network), fresh / "weights.pt")
        torch.save(self.mean, fresh / "mean.pt")
        for key in ("exp_avg", "exp_avg_sq"):
            torch.save(self._memory(key), fresh / f"{key}.pt")
        torch.save(self.generator.get_state(), fresh / "random.pt")
        (fresh / "run.json").write_text(json.dumps({"step": self.step}), "utf-8")
        last = folder.with_name(f"{folder.name}.last")
        shutil.rmtree(last, ignore_errors=True)
        if folder.exists():
            folder.rename(last)
        fresh.rename(folder)

    def load(self, folder: Path) -> None:
        """Continue from what `save` wrote."""
        self.network.load_state_dict(self._read(folder / "weights.pt"), strict=False)
        self.mean = self._read(folder / "mean.pt")
        self.step = int(json.loads((folder / "run.json").read_text("utf-8"))["step"])
        memory = {key: self._read(folder / f"{key}.pt") for key in ("exp_avg", "exp_avg_sq")}
        for name, parameter in self.network.named_parameters():
            if parameter.requires_grad and name in memory["exp_avg"]:
                self.optimizer.state[parameter] = {
                    "step": torch.tensor(float(self.step)),
                    **{key: values[name] for key, values in memory.items()},
                }
        self.generator.set_state(torch.load(folder / "random.pt", weights_only=True))

    def _read(self, path: Path) -> Tensors:
        """Tensors by name, on the device of the network."""
        device = next(self.network.parameters()).device
        tensors: Tensors = torch.load(path, map_location=device, weights_only=True)
        return tensors

    def _memory(self, key: str) -> Tensors:
        return {
            name: self.optimizer.state[parameter][key]
            for name, parameter in self.network.named_parameters()
            if parameter.requires_grad and self.optimizer.state.get(parameter)
        }


def _trained(network: nn.Module) -> Tensors:
    """Copies of the weights that are trained."""
    return {
        name: parameter.detach().clone()
        for name, parameter in network.named_parameters()
        if parameter.requires_grad
    }
