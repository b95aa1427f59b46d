"""What is evaluated: one source face, one performance, and what is true about the result."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Task = Literal["self", "cross"]
"""`self`: the first frame of a clip is driven by the clip itself; `cross`: a face by another's."""


@dataclass(frozen=True, slots=True, eq=False)
class KnownTruth:
    """What is known exactly of drawn heads, not read off pictures.

    Convention:
        source_pose: (3,), yaw, pitch and roll in degrees
        poses: (T, 3), of the new face in every frame
        heads: (T, S, S) in [0, 1], where the new head is
    """

    source_pose: Tensor
    poses: Tensor
    heads: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """One reenactment to be made and scored.

    Convention:
        source: (3, S, S) uint8 R'G'B'; driving: (T, 3, S, S) uint8
        truth: (T, 3, S, S) uint8; None where nobody knows it
    """

    name: str
    task: Task
    source: Tensor
    driving: Tensor
    truth: Tensor | None
    known: KnownTruth | None = None
    transfer: Literal["relative", "absolute"] = "relative"
    start: int = 0
    """The driving frame that the run starts from, forwards and backwards."""

    def lanes(self) -> tuple[range, ...]:
        """The driving frames in the order they are run; every lane begins with the start.

        Backwards comes first, so that whoever wants the frames in order has few to keep.
        """
        forwards = range(self.start, len(self.driving))
        return (range(self.start, -1, -1), forwards) if self.start else (forwards,)

    def measured(self, every: int) -> frozenset[int]:
        """Every so manieth frame, the last one at least; in `self` without the source itself."""
        step = min(every, max(1, len(self.driving) - 1))
        frames = range(0, len(self.driving), step)
        return frozenset(frames[1:] if self.task == "self" else frames)


def lane_chunks(pictures: Tensor, order: range, length: int, device: str) -> Iterator[Tensor]:
    """Pictures (T, 3, S, S) uint8 in an order, as chunks (n, 3, S, S) in [0, 1] on a device."""
    for begin in range(0, len(order), length):
        part = torch.tensor(order[begin : begin + length])
        yield as_floats(pictures[part], device)


def as_floats(pictures: Tensor, device: str) -> Tensor:
    """8-bit samples as [0, 1] on a device."""
    return pictures.to(device).float() / 255


def to_and_fro(count: int, length: int) -> list[int]:
    """Frame numbers that run through `count` frames forwards and backwards, `length` in all."""
    period = max(1, 2 * (count - 1))
    return [min(step % period, period - step % period) for step in range(length)]
