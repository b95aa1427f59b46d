"""A job as steps that follow each other: what engines that cannot follow single units are given."""

from collections.abc import Iterator
from dataclasses import dataclass

from reenact_core.farm.plan import KINDS, FarmPlan, UnitKind

NOTICE_SECONDS = 120
"""Between being asked to stop and being killed: a frame is finished in it."""
MEMORY_MIB = 2048
"""What a worker needs: for two faces in full HD 1.8 GB were measured, for one in 4K 1.5 GB."""


@dataclass(frozen=True, slots=True)
class Needs:
    """What a host must have for a worker."""

    memory: int = MEMORY_MIB
    """MiB of its own memory; 0: is not asked for."""
    gpu_memory: int = 0
    """MiB of a GPU's memory, for `move` units alone; 0: they need no GPU."""

    def gpu_of(self, kind: UnitKind) -> int:
        """MiB of GPU memory that units of a kind need."""
        return self.gpu_memory if kind == "move" else 0


USUAL = Needs()
"""Where nobody says anything else: no GPU."""


@dataclass(frozen=True, slots=True)
class Step:
    """All units of one kind; each is a task that may be done beside the others."""

    kind: UnitKind
    first: int
    """Number of its first unit in the plan."""
    last: int
    """Number of its last unit."""
    after: UnitKind | None
    """The step before, all of whose tasks must be done; None: there is none."""


def steps(plan: FarmPlan) -> Iterator[Step]:
    """The steps of a job in order, without the assembly, which comes after the last."""
    before: UnitKind | None = None
    for kind in KINDS[:-1]:
        span = plan.span(kind)
        if span:
            yield Step(kind, span[0], span[-1], before)
            before = kind
