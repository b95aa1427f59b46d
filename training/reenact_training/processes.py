"""The processes of a run that `torchrun` started, or the one process of a plain run."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel


@dataclass(frozen=True, slots=True)
class Group:
    """All processes of a run, as one of them sees them."""

    rank: int = 0
    """The number of this process, from 0."""
    size: int = 1
    """How many there are."""
    device: str = "cpu"
    """The device of this process."""

    @property
    def leads(self) -> bool:
        """Whether this process writes and shows."""
        return self.rank == 0

    def parallel(self, module: nn.Module) -> nn.Module:
        """The module, whose gradients are averaged over all processes in the backward pass."""
        if self.size == 1:
            return module
        ids = [torch.device(self.device)] if self.device != "cpu" else None
        return DistributedDataParallel(module, device_ids=ids)

    def together(self, parallel: nn.Module, *, last: bool) -> AbstractContextManager[Any]:
        """In which gradients are exchanged in the last pass of a step alone."""
        if last or not isinstance(parallel, DistributedDataParallel):
            return nullcontext()
        return cast(AbstractContextManager[Any], parallel.no_sync())

    def mean(self, values: Mapping[str, float]) -> dict[str, float]:
        """The mean of every value over all processes, the same everywhere."""
        if self.size == 1:
            return dict(values)
        names = sorted(values)
        row = torch.tensor([values[name] for name in names], device=self.device)
        distributed.all_reduce(row)
        return {name: value / self.size for name, value in zip(names, row.tolist(), strict=True)}

    def any(self, here: bool) -> bool:
        """Whether it is so in any process."""
        return self.mean({"here": float(here)})["here"] > 0

    def share(self, numbers: Sequence[int]) -> Sequence[int]:
        """This process's part of numbers that lie side by side."""
        each = len(numbers) // self.size
        return numbers[self.rank * each : (self.rank + 1) * each]

    def wait(self) -> None:
        """For all to come here."""
        if self.size > 1:
            distributed.barrier()


ALONE = Group()


@contextmanager
def started(device: str) -> Iterator[Group]:
    """The group that torchrun's variables tell of, joined for as long as this lasts.

    Args:
        device: `cpu`, `cuda` or `cuda:N`; each process of a node takes the GPU of its number.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield Group(device=device)
        return
    here = device
    if device.startswith("cuda"):
        here = f"cuda:{int(os.environ.get('LOCAL_RANK', '0'))}"
        torch.cuda.set_device(here)
    distributed.init_process_group("gloo" if here == "cpu" else "nccl")
    try:
        yield Group(distributed.get_rank(), size, here)
    finally:
        distributed.destroy_process_group()
