"""Workers that die: what they held is free again, and what kills many is given up."""

import os
import signal
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from reenact_core.errors import OutOfMemoryError, SettingsError
from reenact_core.farm.claims import Claim
from reenact_core.farm.job_folder import JobFolder
from reenact_core.farm.plan import FarmPlan, Unit
from reenact_core.farm.records import (
    CRASH,
    KILLED,
    MEMORY,
    TEMPORARY,
    Failed,
    read_failed,
    write_record,
)
from reenact_core.wording import amount

DEADLY = 100
"""Blame at which a unit is given up, unless it went on between the deaths of its workers."""
FRUITLESS = 200
"""Blame at which workers that die in a row without having taken a unit are the machine's fault."""
KERNEL_COUNTS = Path("/proc/vmstat")
"""Where Linux counts, among other things, the processes that it killed for want of memory."""
_KILL = 9
"""SIGKILL, which Windows has no name for."""


@dataclass(frozen=True, slots=True)
class Death:
    """How a worker died, and how much of it is its unit's fault."""

    told: str
    """For people, after "the last one by"."""
    code: str = "crash"
    exit: int = CRASH
    blame: int = 10
    """Ten for what a unit does itself, one for a kill from outside, which says nothing of it."""


def death_of(status: int, *, out_of_memory: bool = False) -> Death:
    """How a process died that ended with a status, negative for a signal.

    Args:
        out_of_memory: whether the system has just killed processes for want of memory
    """
    if status >= 0:
        return Death(f"status {status}")
    if -status != _KILL:
        return Death(_named(-status))
    if out_of_memory:
        return Death("the system, which was out of memory", OutOfMemoryError.code, MEMORY)
    return Death("SIGKILL", KILLED, TEMPORARY, blame=1)


def killed_for_memory() -> int:
    """How many processes this machine has killed for want of memory; 0 where it does not say."""
    try:
        lines = KERNEL_COUNTS.read_text("ascii").splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("oom_kill "))


class Deaths:
    """Counts them for an engine that sees its workers die."""

    def __init__(self, folder: JobFolder, plan: FarmPlan) -> None:
        self._folder, self._plan = folder, plan
        self._blame: Counter[str] = Counter()
        self._number: Counter[str] = Counter()
        self._reached: dict[str, int] = {}
        self._fruitless = 0

    def mourn(self, held: Sequence[tuple[str, str]], death: Death) -> None:
        """Free what a dead worker held, without waiting for its claims to go stale.

        Args:
            held: units and the worker that held them

        Raises:
            SettingsError: one after the other dies before it has taken a unit.
        """
        self._fruitless = 0 if held else self._fruitless + death.blame
        if self._fruitless >= FRUITLESS:
            raise SettingsError(
                f"one worker after the other died, the last one by {death.told}, before it took "
                "a unit; run one by hand to see why: reenact farm run-unit JOB_DIR --all"
            )
        for unit, worker in held:
            self._count(unit, death)
            if self._blame[unit] >= DEADLY and unit in self._plan.by_id:
                self._give_up(self._plan.by_id[unit], worker, death)
            Claim(self._folder.claims / f"{unit}@{worker}").release(done=False)

    def _count(self, unit: str, death: Death) -> None:
        """A unit that is further than at the last death is not what kills."""
        reached = max(map(_changed, self._folder.diaries(unit)), default=0)
        if reached > self._reached.get(unit, 0):
            self._reached[unit] = reached
            self._blame[unit] = self._number[unit] = 0
        self._blame[unit] += death.blame
        self._number[unit] += 1

    def _give_up(self, unit: Unit, worker: str, death: Death) -> None:
        before, died = read_failed(self._folder, unit), self._number[unit.id]
        failure = Failed(
            unit.id,
            unit.key,
            worker,
            time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime()),
            died + (0 if before is None else before.attempts),
            death.code,
            f"{amount(died, 'worker')} died while doing this unit, the last one by {death.told}",
            death.exit,
            temporary=death.exit != CRASH,
        )
        write_record(self._folder.failed, failure, f"{worker}-{os.getpid()}")


def _changed(path: Path) -> int:
    """When a file was last written; 0 where it has gone."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _named(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
