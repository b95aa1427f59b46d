"""A job as steps that follow each other: what engines that cannot follow single units are given."""

from collections.abc import Iterator
from dataclasses import dataclass

from reenact_core.farm.plan import KINDS, FarmPlan, UnitKind

NOTICE_SECONDS = 120
"""Between being asked to stop and being killed: a frame is finished in it."""


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
