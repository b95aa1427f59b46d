"""Values of N people, moments or pictures, side by side."""

from dataclasses import fields
from typing import Any, Self

import torch
from torch import Tensor


class Rows:
    """Dataclasses whose fields are all tensors with one row a picture."""

    __slots__ = ()

    def __getitem__(self, index: Tensor | slice) -> Self:
        return self._of(lambda tensor: tensor[index])

    def to(self, device: torch.device | str) -> Self:
        """The same on another device."""
        return self._of(lambda tensor: tensor.to(device))

    def _of(self, change: Any) -> Self:
        return type(self)(**{f.name: change(getattr(self, f.name)) for f in fields(self)})  # type: ignore[arg-type]
