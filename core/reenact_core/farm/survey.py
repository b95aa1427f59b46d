"""How far a job is, from its files alone."""

from collections import Counter
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Literal

from reenact_core.farm.attempts import Attempt, Outcome, read_attempts
from reenact_core.farm.board import read_names
from reenact_core.farm.job_folder import JobFolder
from reenact_core.farm.plan import FarmPlan, Unit, UnitKind
from reenact_core.farm.records import (
    Done,
    Failed,
    done_name,
    may_retry,
    read_done,
    read_failed,
)

State = Literal["done", "running", "failed", "waiting", "ready"]


@dataclass(frozen=True, slots=True)
class UnitState:
    """Where a unit stands."""

    unit: Unit
    state: State
    worker: str | None = None
    """Who has it, or had it last."""
    failure: Failed | None = None
    done: Done | None = None
    attempts: Sequence[Attempt] = ()
    """By this plan, in order."""
    may_retry: bool = False
    """Whether another attempt at what failed is worth while."""

    @property
    def log(self) -> Attempt | None:
        """The last attempt's."""
        return self.attempts[-1] if self.attempts else None

    def outcome_of(self, attempt: Attempt) -> Outcome | Literal["running"]:
        """What became of an attempt; one without a word is under way, or was killed."""
        if attempt.outcome is not None:
            return attempt.outcome
        return "running" if self.state == "running" and attempt is self.log else "killed"

    @property
    def killed(self) -> int:
        """How many attempts ended without a word."""
        return sum(self.outcome_of(one) == "killed" for one in self.attempts)


@dataclass(slots=True)
class Survey:
    """Looks at a job again and again; a record that was read once is not read again."""

    folder: JobFolder
    plan: FarmPlan
    known: dict[str, Done]

    def look(self) -> list[UnitState]:
        """Every unit's state, in the order of the plan."""
        names, attempts = read_names(self.folder), read_attempts(self.folder)
        done = self._done(names.done)
        states = (self._state(unit, done, names.held, names.failed) for unit in self.plan.units)
        return [replace(one, attempts=attempts.get(done_name(one.unit), ())) for one in states]

    def _done(self, names: AbstractSet[str]) -> dict[str, Done]:
        records: dict[str, Done] = {}
        for unit in self.plan.units:
            if done_name(unit) not in names:
                continue
            record = self.known.get(unit.id) or read_done(self.folder, unit)
            if record is not None:
                records[unit.id] = self.known[unit.id] = record
        return records

    def _state(
        self,
        unit: Unit,
        done: Mapping[str, Done],
        held: Mapping[str, str],
        failed: AbstractSet[str],
    ) -> UnitState:
        record = done.get(unit.id)
        if record is not None:
            return UnitState(unit, "done", record.worker, done=record)
        failure = read_failed(self.folder, unit) if unit.id in failed else None
        if unit.id in held:
            return UnitState(unit, "running", held[unit.id], failure)
        if failure is not None:
            again = may_retry(failure, self.plan.limits)
            return UnitState(unit, "failed", failure.worker, failure, may_retry=again)
        if unit.kind == "assemble":
            ready = len(done) >= len(self.plan.units) - 1
        else:
            ready = all(name in done for name in unit.needs)
        return UnitState(unit, "ready" if ready else "waiting")


def survey(folder: JobFolder, plan: FarmPlan) -> Survey:
    """A fresh look at a job."""
    return Survey(folder, plan, {})


@dataclass(frozen=True, slots=True)
class Summary:
    """A job in numbers."""

    counts: Mapping[State, int]
    done_share: float
    """Of the whole cost, in [0, 1]."""
    workers: int
    """Units that are being worked on now."""
    core_seconds: float
    """Spent on what is done."""
    seconds_left: float | None
    """At the pace of what is done, with as many workers as now; None where nothing tells."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What the units of a kind have taken so far."""

    units: int
    """Done."""
    seconds: float
    """Of the attempts that did them."""
    lost_seconds: float
    """Of attempts that failed, were stopped, or were killed."""


def costs(states: Sequence[UnitState]) -> dict[UnitKind, Cost]:
    """What a job has taken so far, by the kind of its units."""
    found: dict[UnitKind, Cost] = {}
    for one in states:
        before = found.get(one.unit.kind, Cost(0, 0.0, 0.0))
        lost = sum(
            attempt.seconds
            for attempt in one.attempts
            if one.outcome_of(attempt) in ("failed", "stopped", "killed")
        )
        found[one.unit.kind] = Cost(
            before.units + (one.done is not None),
            before.seconds + (0.0 if one.done is None else one.done.seconds),
            before.lost_seconds + lost,
        )
    return found


def summarise(states: list[UnitState]) -> Summary:
    """Numbers for people and programs; `assemble`, which is quick, counts as a unit."""
    counts: Counter[State] = Counter(one.state for one in states)
    finished = [one for one in states if one.done is not None]
    cost_done = sum(one.unit.cost for one in finished)
    cost_all = sum(one.unit.cost for one in states)
    spent = sum(one.done.seconds for one in finished if one.done is not None)
    workers = counts["running"]
    left = None
    lost = {one.unit.shot for one in states if one.state == "failed" and not one.may_retry}
    to_do = sum(
        one.unit.cost
        for one in states
        if one.state in ("running", "ready")
        or (one.state == "failed" and one.may_retry)
        or (one.state == "waiting" and one.unit.shot not in lost)
    )
    if to_do == 0:
        left = 0.0
    elif cost_done > 0 and workers:
        left = to_do * spent / cost_done / workers
    share = cost_done / cost_all if cost_all else 1.0
    return Summary(dict(counts), share, workers, spent, left)
