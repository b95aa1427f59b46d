"""Workers that die: what they held is free again, and what kills many is given up."""

import os
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from reenact_core.errors import SettingsError
from reenact_core.farm.claims import Claim
from reenact_core.farm.job_folder import JobFolder
from reenact_core.farm.plan import FarmPlan, Unit
from reenact_core.farm.records import Failed, read_failed, write_record

DEADLY = 10
"""A unit during which so many workers have died is given up, unless it went on between them."""
FRUITLESS = 20
"""So many workers that die in a row without having taken a unit are a fault of the machine."""
CRASH = 1
"""Exit code of a unit that kills its workers: a bug."""


class Deaths:
    """Counts them for an engine that sees its workers die."""

    def __init__(self, folder: JobFolder, plan: FarmPlan) -> None:
        self._folder, self._plan = folder, plan
        self._by_unit: Counter[str] = Counter()
        self._reached: dict[str, int] = {}
        self._fruitless = 0

    def mourn(self, held: Sequence[tuple[str, str]], how: str) -> None:
        """Free what a dead worker held, without waiting for its claims to go stale.

        Args:
            held: units and the worker that held them
            how: what killed it, for people

        Raises:
            SettingsError: one after the other dies before it has taken a unit.
        """
        self._fruitless = 0 if held else self._fruitless + 1
        if self._fruitless >= FRUITLESS:
            raise SettingsError(
                f"{FRUITLESS} workers died one after the other ({how}) before they took "
                "a unit; run one by hand to see why: reenact farm run-unit JOB_DIR --all"
            )
        for unit, worker in held:
            self._count(unit)
            if self._by_unit[unit] >= DEADLY and unit in self._plan.by_id:
                self._give_up(self._plan.by_id[unit], worker, how)
            Claim(self._folder.claims / f"{unit}@{worker}").release(done=False)

    def _count(self, unit: str) -> None:
        """A unit that is further than at the last death is not what kills."""
        reached = max(map(_changed, self._folder.diaries(unit)), default=0)
        if reached > self._reached.get(unit, 0):
            self._reached[unit] = reached
            self._by_unit[unit] = 0
        self._by_unit[unit] += 1

    def _give_up(self, unit: Unit, worker: str, how: str) -> None:
        before = read_failed(self._folder, unit)
        message = f"{DEADLY} workers died while they did this unit, the last one by {how}"
        attempts = DEADLY + (0 if before is None else before.attempts)
        now = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())
        failure = Failed(
            unit.id, unit.key, worker, now, attempts, "crash", message, CRASH, temporary=False
        )
        write_record(self._folder.failed, failure, f"{worker}-{os.getpid()}")


def _changed(path: Path) -> int:
    """When a file was last written; 0 where it has gone."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
