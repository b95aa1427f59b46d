"""A job as groups of shots: what engines that cannot follow single units are given.

Within a group, steps follow each other; groups do not wait for each other, so that a shot that
fails or is slow holds up its own group alone.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from reenact_core.farm.plan import KINDS, FarmPlan, UnitKind

NOTICE_SECONDS = 120
"""Between being asked to stop and being killed: a frame is finished in it."""
MOST_GROUPS = 20
"""Of a job: engines show and schedule steps one by one, and take few hundreds of them."""
MEMORY_MIB = 2048
"""What a worker needs: for two faces in full HD 1.8 GB were measured, for one in 4K 1.5 GB."""


@dataclass(frozen=True, slots=True)
class Needs:
    """What a host must have for a worker."""

    memory: int = MEMORY_MIB
    """MiB of its own memory; 0: is not asked for."""
    gpu_memory: int = 0
    """MiB of a GPU's memory, for `move` units alone; 0: they need no GPU."""
    tags: tuple[str, ...] = ()
    """What its hosts are marked with, in the words of the engine."""

    def gpu_of(self, kind: UnitKind) -> int:
        """MiB of GPU memory that units of a kind need."""
        return self.gpu_memory if kind == "move" else 0


@dataclass(frozen=True, slots=True)
class Terms:
    """What a farm is told beside the plan."""

    device: str = "auto"
    """Where the networks run on a worker."""
    needs: Needs = Needs()
    priority: int | None = None
    """In the numbers of the engine; None: what is usual there."""
    queue: str | None = None
    """A queue, partition or facility; None: the usual one."""
    shots: frozenset[str] | None = None
    """Ids of the shots that are to be done; None: all."""


USUAL = Terms()
"""Where nobody says anything else: no GPU."""


@dataclass(frozen=True, slots=True)
class Step:
    """All units of one kind of a group; each is a task that may be done beside the others."""

    kind: UnitKind
    first: int
    """Number of its first unit in the plan."""
    last: int
    """Number of its last unit."""

    @property
    def units(self) -> str:
        """Its units as `run-unit` takes them."""
        return f"{self.first}-{self.last}"


@dataclass(frozen=True, slots=True)
class Group:
    """Neighbouring shots whose units wait for each other, and for those of no other group."""

    number: int
    """From 1 on."""
    shots: tuple[str, ...]
    """Ids, in the order of the plan."""
    steps: tuple[Step, ...]
    """In order: each after the one before."""

    @property
    def label(self) -> str:
        """The shots for people."""
        first, last = self.shots[0], self.shots[-1]
        return first if first == last else f"{first} to {last}"


def groups(plan: FarmPlan, shots: Collection[str] | None = None) -> list[Group]:
    """A job without its assembly, as groups of shots: each shot its own, or many of like cost.

    Args:
        shots: ids of the shots that are to be done; None: all
    """
    numbers = defaultdict[tuple[str, UnitKind], list[int]](list)
    costs = defaultdict[str, float](float)
    for number, unit in enumerate(plan.units):
        numbers[unit.shot, unit.kind].append(number)
        costs[unit.shot] += unit.cost
    wanted = [shot.shot_id for shot in plan.shots if shots is None or shot.shot_id in shots]
    return [
        Group(number, tuple(ids), tuple(_steps(ids, numbers)))
        for number, ids in enumerate(_runs(plan, wanted, costs), 1)
    ]


def _steps(
    ids: Sequence[str], numbers: Mapping[tuple[str, UnitKind], Sequence[int]]
) -> Iterator[Step]:
    for kind in KINDS[:-1]:
        first, last = numbers[ids[0], kind], numbers[ids[-1], kind]
        yield Step(kind, first[0], last[-1])


def _runs(plan: FarmPlan, wanted: list[str], costs: Mapping[str, float]) -> list[list[str]]:
    """Shots that lie side by side in the plan, cut into so many runs of like cost."""
    place = {shot.shot_id: number for number, shot in enumerate(plan.shots)}
    whole = sum(costs[shot] for shot in wanted)
    runs: list[list[str]] = []
    before, passed, last = -1, 0.0, -2
    for number, shot in enumerate(wanted):
        middle = passed + costs[shot] / 2
        share = middle / whole if len(wanted) > MOST_GROUPS else number / len(wanted)
        bucket = int(share * min(MOST_GROUPS, len(wanted)))
        if bucket != before or place[shot] != last + 1:
            runs.append([])
        runs[-1].append(shot)
        before, passed, last = bucket, passed + costs[shot], place[shot]
    return runs
