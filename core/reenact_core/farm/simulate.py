"""How long a job takes with so many workers: the scheduler's own code under a clock that jumps.

Nothing is rendered and no file is written. Workers choose their units as real ones do, from a
board that is as old as theirs; they fail, die, and wait for each other. Only the length of units
is given.
"""

import heapq
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random

from reenact_core.farm.all_units import idle_seconds
from reenact_core.farm.board import Board, Names
from reenact_core.farm.claims import STEAL_SECONDS
from reenact_core.farm.plan import FarmPlan, Unit, UnitKind
from reenact_core.farm.records import TEMPORARY, Done, Failed, back_off_seconds, done_name

LOOK_SECONDS = 1.0
"""The folders are as they were so long ago at most, as over a network."""
RESTART_SECONDS = 30.0
"""Until a worker that died is replaced and has loaded its networks."""


@dataclass(frozen=True, slots=True)
class Crowd:
    """Who does the job."""

    workers: int
    failures: float = 0.0
    """Share of attempts that fail, in [0, 1): one half by an error that passes, one by a death."""
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a simulated job; times in seconds."""

    makespan: float
    """From the start to the end of the last unit."""
    ideal: float
    """No schedule is shorter: the work shared evenly, or the longest chain of units that need each
    other."""
    work: float
    """Of all units, done once."""
    lost: float
    """Spent on attempts that failed."""
    attempts: int
    failed: int
    """Attempts that failed."""
    given_up: int
    """Units that were not done in the end."""
    tries: int
    """Claims that workers reached for, with those that another was quicker to take."""


def seconds_by_kind(plan: FarmPlan, done: Mapping[str, Done]) -> Callable[[Unit], float]:
    """The length of units, as those of a kind that are done took against what was expected.

    A kind of which none is done goes by all others, and without any the expectation is kept.
    """
    cost, spent = defaultdict[UnitKind, float](float), defaultdict[UnitKind, float](float)
    for unit in plan.units:
        record = done.get(unit.id)
        if record is not None and unit.kind != "assemble":
            cost[unit.kind] += unit.cost
            spent[unit.kind] += record.seconds
    whole = sum(spent.values()) / sum(cost.values()) if any(cost.values()) else 1.0
    factors = {kind: spent[kind] / cost[kind] for kind in cost if cost[kind]}
    return lambda unit: unit.cost * factors.get(unit.kind, whole)


def simulate(plan: FarmPlan, crowd: Crowd, seconds_of: Callable[[Unit], float]) -> Outcome:
    """Do a job without doing it; the assembly is left away.

    Args:
        seconds_of: how long a worker needs for a unit
    """
    there = _Job(plan, crowd, seconds_of)
    makespan = there.run()
    units = [unit for unit in plan.units if unit.kind != "assemble"]
    work = sum(map(seconds_of, units))
    ideal = max(work / crowd.workers, _longest_chain(plan, seconds_of))
    given_up = len(units) - len(there.done)
    return Outcome(
        makespan, ideal, work, there.lost, there.attempts, there.failures, given_up, there.tries
    )


@dataclass(slots=True)
class _Job:
    """The folders of a job in memory, and a clock."""

    plan: FarmPlan
    crowd: Crowd
    seconds_of: Callable[[Unit], float]
    free: set[str] = field(default_factory=set)
    held: dict[str, str] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)
    """`records.done_name` of what is done."""
    changed: bool = True
    """Since the last look."""
    failed: dict[str, Failed] = field(default_factory=dict)
    lost: float = 0.0
    attempts: int = 0
    failures: int = 0
    tries: int = 0

    def run(self) -> float:
        """Let the workers work; gives the time at which the last unit ended."""
        self.free = {unit.id for unit in self.plan.units if unit.kind != "assemble"}
        board, chance = Board(self.plan), Random(self.crowd.seed)
        events: list[tuple[float, int, Callable[[], None] | None]] = []
        order = iter(range(1 << 62))

        def later(moment: float, what: Callable[[], None] | None = None) -> None:
            heapq.heappush(events, (moment, next(order), what))

        for _ in range(self.crowd.workers):
            later(0.0)
        seen, ended = -LOOK_SECONDS, 0.0
        while events:
            now, _, what = heapq.heappop(events)
            if what is not None:  # a unit ends, or the claim of a dead worker is freed
                what()
                ended = now
                continue
            if now - seen >= LOOK_SECONDS:
                self._look(board)
                seen = now
            unit = self._taken(board, chance)
            if unit is not None:
                self._attempt(unit, now, chance, later)
            elif not board.is_over:
                later(now + idle_seconds(len(board.held), chance))
        return ended

    def _look(self, board: Board) -> None:
        if not self.changed:
            return
        self.changed = False
        names = Names(set(self.free), dict(self.held), set(self.done), set(self.failed))
        board.see(names, lambda unit: self.failed.get(unit.id))

    def _taken(self, board: Board, chance: Random) -> Unit | None:
        for unit in board.tries(chance):
            self.tries += 1
            if unit.id in self.free:
                self.free.discard(unit.id)
                self.held[unit.id] = "worker"
                self.changed = True
                return unit
        return None

    def _attempt(
        self,
        unit: Unit,
        now: float,
        chance: Random,
        later: Callable[..., None],
    ) -> None:
        """One worker's attempt: when it ends what becomes of the unit, and of the worker."""
        self.attempts += 1
        seconds = self.seconds_of(unit)
        if chance.random() >= self.crowd.failures:
            later(now + seconds, lambda: self._finish(unit))
            later(now + seconds)
            return
        self.failures += 1
        wasted = chance.random() * seconds
        self.lost += wasted
        if chance.random() < 0.5:
            later(now + wasted + STEAL_SECONDS, lambda: self._release(unit))
            later(now + wasted + RESTART_SECONDS)
        else:
            later(now + wasted, lambda: self._fail(unit))
            later(now + wasted + back_off_seconds(self._failure(unit)))

    def _finish(self, unit: Unit) -> None:
        self.held.pop(unit.id)
        self.failed.pop(unit.id, None)
        self.done.add(done_name(unit))
        self.changed = True

    def _release(self, unit: Unit) -> None:
        self.held.pop(unit.id)
        self.free.add(unit.id)
        self.changed = True

    def _fail(self, unit: Unit) -> None:
        self._release(unit)
        self.failed[unit.id] = self._failure(unit)

    def _failure(self, unit: Unit) -> Failed:
        """The record of one failure more."""
        before = self.failed.get(unit.id)
        attempts = 1 if before is None else before.attempts + 1
        return Failed(
            unit.id, unit.key, "worker", "", attempts, "temporary", "", TEMPORARY, temporary=True
        )


def _longest_chain(plan: FarmPlan, seconds_of: Callable[[Unit], float]) -> float:
    """The longest time through units that need each other; a plan has what is needed first."""
    ends: dict[str, float] = {}
    for unit in plan.units:
        if unit.kind != "assemble":
            ends[unit.id] = seconds_of(unit) + max((ends[name] for name in unit.needs), default=0.0)
    return max(ends.values(), default=0.0)
