"""A training run on disk: weights, their running mean, the optimisers' memory, the step.

Each part is a file of its own, so that no file outgrows what can be sent around; the folder is
renamed as a whole, so that there is always a state that is whole: the last one, or the one before.
Chance needs no memory: it follows from the run's seed and the step (`row_chance`).
"""

import errno
import io
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from reenact_core.errors import CheckpointError, OutputError
from reenact_training.adversary import Adversary

Tensors = dict[str, Tensor]
MEMORY = ("exp_avg", "exp_avg_sq")


@dataclass(slots=True)
class RunState:
    """All that changes during a run."""

    network: nn.Module
    optimizer: torch.optim.AdamW
    mean: Tensors
    """Exponential moving average of the trained weights."""
    step: int = 0
    """Optimisation steps done."""
    adversary: Adversary | None = None
    """The critic and its optimiser, where there is one."""
    scaler: "torch.amp.GradScaler" = field(
        default_factory=lambda: torch.amp.GradScaler("cpu", enabled=False)
    )
    """Keeps gradients of fp16 from vanishing; does nothing otherwise."""
    facts: dict[str, Any] = field(default_factory=dict)
    """What else `run.json` holds, for whoever continues the run."""

    @classmethod
    def start(
        cls, network: nn.Module, optimizer: torch.optim.AdamW, adversary: Adversary | None = None
    ) -> "RunState":
        """A run before its first step."""
        return cls(network, optimizer, _copies(_trained(network)), adversary=adversary)

    def update_mean(self, decay: float) -> None:
        """Move the mean towards the weights; faster in the first steps."""
        share = 1 - min(decay, (1 + self.step) / (10 + self.step))
        for name, value in _trained(self.network).items():
            self.mean[name].lerp_(value.detach(), share)

    @contextmanager
    def with_mean(self) -> Iterator[None]:
        """In which the network has the mean of its weights, in `eval` mode."""
        trained, own = _trained(self.network), _copies(_trained(self.network))
        was_training = self.network.training
        self.network.eval()
        try:
            with torch.no_grad():
                for name, value in self.mean.items():
                    trained[name].copy_(value)
            yield
        finally:
            with torch.no_grad():
                for name, value in own.items():
                    trained[name].copy_(value)
            self.network.train(was_training)

    def save(self, folder: Path) -> None:
        """Write the state beside `folder`, then put it in its place; the former goes to `.last`.

        Raises:
            OutputError: it cannot be written; what was there before still is.
        """
        fresh = folder.with_name(f".{folder.name}-new")
        try:
            shutil.rmtree(fresh, ignore_errors=True)
            fresh.mkdir(parents=True)
            self._write(fresh)
            last = last_of(folder)
            if folder.exists():
                shutil.rmtree(last, ignore_errors=True)
                folder.rename(last)
            fresh.rename(folder)
            _sync(folder.parent)
        except OSError as error:
            shutil.rmtree(fresh, ignore_errors=True)
            raise OutputError(_sentence(folder, error)) from error

    def load(self, folder: Path) -> None:
        """Continue from what `save` wrote, or from the state before it where it is not whole.

        Raises:
            CheckpointError: neither is whole, or they belong to other networks.
        """
        found = whole_state(folder)
        if found is None:
            raise CheckpointError(f"{folder}: holds no state of a run; start without --resume")
        try:
            self._read(found)
        except (OSError, KeyError, ValueError, RuntimeError, EOFError) as error:
            first = str(error).partition("\n")[0]
            raise CheckpointError(
                f"{found}: the state is damaged or of other networks ({first}); "
                f"remove it to go on from {last_of(folder).name}, if that is there"
            ) from error

    def _write(self, folder: Path) -> None:
        _save(folder / "weights.pt", _plain({**_trained(self.network), **_buffers(self.network)}))
        _save(folder / "mean.pt", self.mean)
        for key in MEMORY:
            _save(folder / f"{key}.pt", self._memory(key))
        if self.adversary is not None:
            _save(folder / "critic.pt", self.adversary.state())
        facts = {**self.facts, "step": self.step, "steps_of": self._steps()}
        if self.scaler.is_enabled():
            facts["scaler"] = self.scaler.state_dict()
        _write_bytes(folder / "run.json", json.dumps(facts).encode())

    def _read(self, folder: Path) -> None:
        weights = self._tensors(folder / "weights.pt")
        missing = set(_trained(self.network)) - set(weights)
        if missing:
            raise KeyError(f"{min(missing)} is missing")
        self.network.load_state_dict(weights, strict=False)
        self.mean = self._tensors(folder / "mean.pt")
        self.facts = facts_of(folder)
        self.step = int(self.facts.pop("step"))
        steps = self.facts.pop("steps_of", {})
        memory = {key: self._tensors(folder / f"{key}.pt") for key in MEMORY}
        for name, parameter in _trained(self.network).items():
            if name in memory[MEMORY[0]]:
                self.optimizer.state[parameter] = {
                    "step": torch.tensor(float(steps.get(name, self.step))),
                    **{key: values[name] for key, values in memory.items()},
                }
        if self.adversary is not None and (folder / "critic.pt").is_file():
            self.adversary.load(self._any(folder / "critic.pt"))
        scaler = self.facts.pop("scaler", None)
        if scaler is not None and self.scaler.is_enabled():
            self.scaler.load_state_dict(scaler)

    def _tensors(self, path: Path) -> Tensors:
        """Tensors by name, on the device of the network."""
        tensors: Tensors = self._any(path)
        return tensors

    def _any(self, path: Path) -> Any:
        device = next(self.network.parameters()).device
        return torch.load(path, map_location=device, weights_only=True)

    def _memory(self, key: str) -> Tensors:
        return {name: state[key] for name, state in self._remembered().items()}

    def _steps(self) -> dict[str, float]:
        """How often each weight was changed, where that is not the run's step."""
        steps = {name: float(state["step"]) for name, state in self._remembered().items()}
        return {name: count for name, count in steps.items() if count != self.step}

    def _remembered(self) -> dict[str, Any]:
        trained = _trained(self.network).items()
        return {name: self.optimizer.state[p] for name, p in trained if self.optimizer.state.get(p)}


def last_of(folder: Path) -> Path:
    """Where the state before the last one is kept."""
    return folder.with_name(f"{folder.name}.last")


def whole_state(folder: Path) -> Path | None:
    """The newest state that is whole: `folder`, else the one before; None where there is none."""
    return next((f for f in (folder, last_of(folder)) if (f / "run.json").is_file()), None)


def facts_of(folder: Path) -> dict[str, Any]:
    """What `run.json` of a state holds."""
    facts: dict[str, Any] = json.loads((folder / "run.json").read_text("utf-8"))
    return facts


def _trained(network: nn.Module) -> Tensors:
    """The weights that are trained."""
    return {name: value for name, value in network.named_parameters() if value.requires_grad}


def _plain(tensors: Tensors) -> Tensors:
    """Without their memory of how they came to be."""
    return {name: value.detach() for name, value in tensors.items()}


def _buffers(network: nn.Module) -> Tensors:
    """What networks with trained weights keep besides, as the statistics of their norms."""
    trained = {name.partition(".")[0] for name in _trained(network)}
    held = network.state_dict()
    parameters = dict(network.named_parameters())
    return {
        name: value
        for name, value in held.items()
        if name not in parameters and name.partition(".")[0] in trained
    }


def _copies(tensors: Tensors) -> Tensors:
    return {name: value.detach().clone() for name, value in tensors.items()}


def _save(path: Path, value: Any) -> None:
    """By way of memory: torch's own writer tells of a full disk in words of its own."""
    buffer = io.BytesIO()
    torch.save(value, buffer)
    _write_bytes(path, buffer.getvalue())


def _write_bytes(path: Path, data: bytes) -> None:
    with path.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def _sync(folder: Path) -> None:
    """Make renames last through a loss of power, where the system can."""
    if hasattr(os, "O_DIRECTORY"):
        handle = os.open(folder, os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _sentence(folder: Path, error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        kept = "the last good state is kept; free some space and go on with --resume"
        return f"{folder}: the disk is full, so the state was not saved; {kept}"
    return f"{folder}: the state cannot be written ({error.strerror}); the last good one is kept"
