"""Chance that belongs to an example, whatever batch, process or piece of a run it is met in.

All that networks draw in training is drawn row by row, each row from a generator that is seeded by
the run and the number of its example. So a run that continues needs no random state, and two
processes with half a batch each draw what one process with the whole batch draws.
"""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, Self

import torch
from torch import Generator, Tensor
from torch.overrides import TorchFunctionMode

_SIZED: dict[Any, Callable[..., Tensor]] = {
    torch.rand: Tensor.uniform_,
    torch.randn: Tensor.normal_,
}
_LIKE: dict[Any, Callable[..., Tensor]] = {
    torch.rand_like: Tensor.uniform_,
    torch.randn_like: Tensor.normal_,
}
_IN_PLACE = (Tensor.exponential_, Tensor.uniform_, Tensor.normal_)


def seed_of(run: int, purpose: str, number: int) -> int:
    """A seed for one purpose and one number of a run, unlike all others."""
    digest = hashlib.blake2b(f"{run}/{purpose}/{number}".encode(), digest_size=7).digest()
    return int.from_bytes(digest, "big")


def generator_of(run: int, purpose: str, number: int) -> Generator:
    """A generator on the CPU with such a seed."""
    return Generator().manual_seed(seed_of(run, purpose, number))


class RowChance(TorchFunctionMode):
    """Inside, random tensors are drawn row by row; their first axis is a multiple of the examples.

    Row r belongs to example r modulo their number, as where several moments of a batch are joined.
    torch's own generator is seeded too, for draws that are not by row, and given back afterwards.
    """

    def __init__(self, run: int, examples: Sequence[int]) -> None:
        super().__init__()
        self._seeds = [seed_of(run, "networks", number) for number in examples]
        self._generators: dict[torch.device, list[Generator]] = {}
        self._before: Tensor | None = None

    def __enter__(self) -> Self:
        self._before = torch.get_rng_state()
        torch.manual_seed(self._seeds[0])
        super().__enter__()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        return self

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)  # type: ignore[no-untyped-call]  # torch leaves it untyped
        if self._before is not None:
            torch.set_rng_state(self._before)

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        given = {key: value for key, value in (kwargs or {}).items() if key != "generator"}
        if func in _SIZED:
            return self._drawn(torch.empty(*args, **given), _SIZED[func])
        if func in _LIKE:
            return self._drawn(torch.empty_like(*args, **given), _LIKE[func])
        if func in _IN_PLACE:
            tensor, *rest = args
            return tensor.copy_(self._drawn(tensor, func, *rest, **given))
        return func(*args, **(kwargs or {}))

    def _drawn(self, like: Tensor, draw: Callable[..., Tensor], *args: Any, **given: Any) -> Tensor:
        """A tensor of the same kind, every row from its example's generator."""
        count = len(self._seeds)
        if like.ndim == 0 or len(like) % count:
            raise ValueError(f"{tuple(like.shape)} cannot be drawn for {count} examples by row")
        shape = (len(like) // count, *like.shape[1:])
        columns = [
            draw(
                torch.empty(shape, dtype=like.dtype, device=like.device),
                *args,
                **given,
                generator=g,
            )
            for g in self._of(like.device)
        ]
        return torch.stack(columns, 1).view(like.shape)

    def _of(self, device: torch.device) -> list[Generator]:
        if device not in self._generators:
            self._generators[device] = [Generator(device).manual_seed(seed) for seed in self._seeds]
        return self._generators[device]
