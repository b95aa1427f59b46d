"""Which units can be taken, told from the names of files alone, and which of them to try first."""

import os
from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from random import Random

from reenact_core.farm.job_folder import JobFolder
from reenact_core.farm.plan import KINDS, FarmPlan, Unit
from reenact_core.farm.records import Failed, done_name, may_retry, read_failed


@dataclass(frozen=True, slots=True)
class Names:
    """What the folders of a job hold, read at one moment."""

    free: AbstractSet[str]
    """Units that nobody has."""
    held: Mapping[str, str]
    """The worker that has each claimed unit."""
    done: AbstractSet[str]
    """`records.done_name` of what is done, by this plan or another."""
    failed: AbstractSet[str]
    """Units with a failure on record."""


def read_names(folder: JobFolder) -> Names:
    """The names in a job's folders; claims first, for a unit is done before its claim goes."""
    claims = [name.partition("@") for name in _listed(folder.claims)]
    held = {unit: worker for unit, at, worker in claims if at}
    free = {unit for unit, at, _ in claims if not at}
    return Names(free, held, _stems(folder.done), _stems(folder.failed))


class Board:
    """The units that can be taken, the most urgent first; a look costs what has changed since.

    What is furthest along comes first, so that shots are finished rather than begun, and of one
    kind the longest.
    """

    def __init__(self, plan: FarmPlan, shots: Collection[str] | None = None) -> None:
        """Look at the units of shots with these ids; None: of all."""
        units = [
            unit
            for unit in plan.units
            if unit.kind != "assemble" and (shots is None or unit.shot in shots)
        ]
        self._units = sorted(units, key=_urgency)
        self._limits = plan.limits
        self._place = {unit.id: place for place, unit in enumerate(self._units)}
        self._named = {done_name(unit): unit.id for unit in units}
        self._needed_by = _needed_by(units)
        self._missing = {unit.id: len(unit.needs) for unit in units}
        self._open: list[int] = [place for place, u in enumerate(self._units) if not u.needs]
        self._failed: dict[str, Failed] = {}
        self._names = Names(set(), {}, set(), set())
        self.done: set[str] = set()
        """Ids of what is done."""

    @property
    def total(self) -> int:
        """How many units there are, the assembly not counted."""
        return len(self._units)

    @property
    def has_open(self) -> bool:
        """Whether a unit can be taken."""
        return bool(self._open)

    @property
    def held(self) -> dict[str, str]:
        """Units that are being worked on, and by whom."""
        held = self._names.held
        return {
            unit: worker
            for unit, worker in held.items()
            if unit in self._place and unit not in self.done
        }

    @property
    def is_over(self) -> bool:
        """Whether nothing is left that anybody does or can do."""
        return not self._open and not self.held

    def is_laid_out(self, unit: Unit) -> bool:
        """Whether the unit had a claim, free or held."""
        return unit.id in self._names.free or unit.id in self._names.held

    def see(self, names: Names, failure_of: Callable[[Unit], Failed | None]) -> None:
        """Take in what the folders hold now.

        Args:
            failure_of: reads the failure of a unit, None where the record is of another plan
        """
        before, self._names = self._names, names
        touched = set(before.held.keys() ^ names.held.keys())
        touched |= self._see_done(before.done ^ names.done)
        touched |= self._see_failed(names.failed, failure_of)
        for unit_id in touched & self._place.keys():
            self._reconsider(unit_id)

    def _see_done(self, turned: Iterable[str]) -> set[str]:
        touched: set[str] = set()
        for unit_id in (self._named[name] for name in turned if name in self._named):
            is_done = unit_id not in self.done
            (self.done.add if is_done else self.done.discard)(unit_id)
            for other in self._needed_by[unit_id]:
                self._missing[other] += -1 if is_done else 1
            touched |= {unit_id, *self._needed_by[unit_id]}
        return touched

    def _see_failed(
        self, names: AbstractSet[str], failure_of: Callable[[Unit], Failed | None]
    ) -> set[str]:
        """What failed for good is read once; what may be tried again may have been."""
        gone = self._failed.keys() - names
        for unit_id in gone:
            del self._failed[unit_id]
        touched = {*names, *gone}
        for unit_id in names & self._place.keys():
            known = self._failed.get(unit_id)
            if known is None or known.temporary:
                failure = failure_of(self._units[self._place[unit_id]])
                if failure is not None:
                    self._failed[unit_id] = failure
        return touched

    def _reconsider(self, unit_id: str) -> None:
        place = self._place[unit_id]
        at = bisect_left(self._open, place)
        was_open = at < len(self._open) and self._open[at] == place
        is_open = self._is_open(unit_id)
        if is_open and not was_open:
            insort(self._open, place)
        elif was_open and not is_open:
            del self._open[at]

    def _is_open(self, unit_id: str) -> bool:
        if unit_id in self.done or unit_id in self._names.held or self._missing[unit_id]:
            return False
        failure = self._failed.get(unit_id)
        return failure is None or may_retry(failure, self._limits)

    def tries(self, chance: Random) -> Iterator[Unit]:
        """Open units in the order in which one worker should try to take them.

        Others see the same board. So each begins at any of as many units as there are workers at
        work, and looks at ever more of them while it finds that others were quicker.
        """
        left, window = list(self._open), max(1, len(self._names.held))
        while left:
            yield self._units[left.pop(chance.randrange(min(window, len(left))))]
            window *= 2


def look(board: Board, folder: JobFolder) -> None:
    """Bring a board up to date with a job's folder."""
    board.see(read_names(folder), lambda unit: read_failed(folder, unit))


def _urgency(unit: Unit) -> tuple[int, float, str]:
    return -KINDS.index(unit.kind), -unit.cost, unit.id


def _needed_by(units: Sequence[Unit]) -> Mapping[str, Sequence[str]]:
    found = defaultdict[str, list[str]](list)
    for unit in units:
        for name in unit.needs:
            found[name].append(unit.id)
    return found


def _listed(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _stems(folder: Path) -> set[str]:
    return {name[:-5] for name in _listed(folder) if name.endswith(".json")}
