"""A worker that looks for work by itself, until there is none left."""

import time
from collections.abc import Callable, Generator

from reenact_core.farm.claims import STEAL_SECONDS, Watcher
from reenact_core.farm.desk import Desk
from reenact_core.farm.plan import KINDS
from reenact_core.farm.records import OF_ONE_SHOT, TEMPORARY
from reenact_core.farm.survey import UnitState, survey
from reenact_core.farm.worker import StoppedError, UnitEvent, UnitFailed, run_unit

_LOOK_SECONDS = 0.5
_BACK_OFF_SECONDS = 5.0
"""After a failure that may pass, times the attempts so far."""


def run_all(
    desk: Desk,
    *,
    stopped: Callable[[], bool] = lambda: False,
    steal_after: float = STEAL_SECONDS,
) -> Generator[UnitEvent, None, int]:
    """Do units that are ready until all are done or given up; gives the exit code.

    What is furthest along comes first, so that shots are finished rather than begun, and of one
    kind the longest. Units that others hold are watched, and taken over from the dead.

    Raises:
        StoppedError: `stopped` said so.
    """
    watcher, status = Watcher(desk.folder, steal_after), 0
    looking = survey(desk.folder, desk.plan)
    while True:
        states = [one for one in looking.look() if one.unit.kind != "assemble"]
        if not any(one.is_open or one.state == "running" for one in states):
            return status
        for one in sorted((one for one in states if one.is_open), key=_urgency):
            outcome = yield from run_unit(one.unit, desk, watcher, stopped, wait=False)
            if outcome is None:
                continue  # another worker was quicker
            yield outcome
            if isinstance(outcome, UnitFailed):
                status = outcome.failure.exit
                if status not in (*OF_ONE_SHOT, TEMPORARY):
                    return status
                if status == TEMPORARY:
                    time.sleep(_BACK_OFF_SECONDS * outcome.failure.attempts)
            break
        else:
            yield from _idle(states, desk, watcher, stopped)


def _urgency(one: UnitState) -> tuple[int, float, str]:
    return -KINDS.index(one.unit.kind), -one.unit.cost, one.unit.id


def _idle(
    states: list[UnitState], desk: Desk, watcher: Watcher, stopped: Callable[[], bool]
) -> Generator[UnitEvent, None, None]:
    """Wait a moment, and give back to all what a dead worker holds."""
    if stopped():
        raise StoppedError
    for one in states:
        if one.state == "running":
            claim = watcher.take_over(one.unit.id, desk.worker)
            if claim is not None:
                claim.release(done=False)
    time.sleep(_LOOK_SECONDS)
    yield from ()
