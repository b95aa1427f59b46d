"""A worker that looks for work by itself, until there is none left."""

import random
import time
from collections.abc import Callable, Collection, Generator

from reenact_core.farm.board import Board, look
from reenact_core.farm.claims import STEAL_SECONDS, Claim, Watcher, lay_out, try_claim
from reenact_core.farm.desk import Desk
from reenact_core.farm.job_folder import StoppedError
from reenact_core.farm.plan import Unit
from reenact_core.farm.records import OF_ONE_SHOT, TEMPORARY, Failed, back_off_seconds
from reenact_core.farm.worker import UnitEvent, UnitFailed, run_claimed

_IDLE_SECONDS = 0.5
_BUSY_SHARE = 20
"""Looking at the folders takes one part in so many of a worker's time, at most."""


class _Looks:
    """Looks at a job's folders, never so often that the file server has nothing else to do."""

    def __init__(self, board: Board, desk: Desk) -> None:
        self.board, self._desk = board, desk
        self._cost = self._next = 0.0

    @property
    def are_due(self) -> bool:
        return time.monotonic() >= self._next

    def take(self) -> Board:
        """The board as it is now.

        Raises:
            TemporaryError: the job folder is gone.
        """
        self._desk.folder.check()
        before = time.monotonic()
        look(self.board, self._desk.folder)
        now = time.monotonic()
        self._cost = now - before
        self._next = now + _BUSY_SHARE * self._cost
        return self.board

    def pause(self) -> float:
        """Seconds to wait where there is nothing to do: the longer the more wait for as many."""
        busy = _BUSY_SHARE * self._cost
        return max(busy, idle_seconds(len(self.board.held), random.Random()))


def idle_seconds(held: int, chance: random.Random) -> float:
    """How long a worker waits that finds nothing to do, while so many units are held."""
    return (_IDLE_SECONDS + min(10.0, held / 100)) * chance.uniform(0.5, 1.5)


def run_all(
    desk: Desk,
    *,
    stopped: Callable[[], bool] = lambda: False,
    steal_after: float = STEAL_SECONDS,
    shots: Collection[str] | None = None,
) -> Generator[UnitEvent, None, int]:
    """Do units that are ready until all are done or given up; gives the exit code.

    Units that others hold are watched, and taken over from the dead.

    Args:
        shots: ids of those whose units are done; None: all

    Raises:
        StoppedError: `stopped` said so.
        TemporaryError: the job folder is gone.
    """
    watcher, status = Watcher(desk.folder, steal_after), 0
    looks = _Looks(Board(desk.plan, shots), desk)
    while not looks.take().is_over:
        found = False
        for unit in looks.board.tries(random.Random()):
            claim = _claim(unit, looks.board, desk)
            if claim is None:
                continue  # another worker was quicker
            found = True
            outcome = yield from run_claimed(unit, desk, claim, stopped)
            if outcome is not None:
                yield outcome
            if isinstance(outcome, UnitFailed):
                status = outcome.failure.exit
                if not _goes_on_after(outcome.failure):
                    return status
            if looks.are_due:
                break
        if stopped():
            raise StoppedError
        if not found:
            watcher.give_back_dead(looks.board.held, desk.worker)
            time.sleep(looks.pause())
    return status


def _claim(unit: Unit, board: Board, desk: Desk) -> Claim | None:
    if not board.is_laid_out(unit):
        lay_out(desk.folder, [unit.id])  # its claim went when it was done, and then it was lost
    return try_claim(desk.folder, unit.id, desk.worker)


def _goes_on_after(failure: Failed) -> bool:
    """Whether a worker can do more after this; what may pass by itself is waited for."""
    if failure.exit == TEMPORARY:
        time.sleep(back_off_seconds(failure))
    return failure.exit in (*OF_ONE_SHOT, TEMPORARY)
