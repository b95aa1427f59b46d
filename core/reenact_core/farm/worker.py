"""Units done one after the other by one process: claimed, worked on, recorded."""

import os
import shutil
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path
from typing import Literal

from reenact_core.engine.events import Progress
from reenact_core.errors import ReenactError
from reenact_core.farm.attempts import AttemptLog, attempted, attempts_at
from reenact_core.farm.claims import STEAL_SECONDS, Claim, Watcher, beating, try_claim
from reenact_core.farm.desk import Desk
from reenact_core.farm.job_folder import StoppedError, TemporaryError
from reenact_core.farm.limit import Limit
from reenact_core.farm.plan import FarmPlan, Unit, UnitKind
from reenact_core.farm.records import (
    CRASH,
    ELSEWHERE,
    KILLED,
    OF_ONE_SHOT,
    OF_THIS_HOST,
    TEMPORARY,
    TIME,
    Done,
    Failed,
    exit_of,
    forget_done,
    forget_failure,
    is_given_up,
    read_done,
    read_failed,
    write_record,
)
from reenact_core.farm.unit_work import UnitEvents, do_move, do_render, do_track, file_facts
from reenact_core.journal import FOLDER
from reenact_core.timing import FrameRange

_WORK: Mapping[UnitKind, Callable[[Unit, Desk, Path], UnitEvents]] = {
    "track": do_track,
    "move": do_move,
    "render": do_render,
}
_LOOK_SECONDS = 0.5


class KilledError(ReenactError):
    """Workers died over a unit again and again."""

    code = KILLED
    exit_status = CRASH


class NeededError(TemporaryError):
    """A unit that is needed has failed, as the failure says."""

    def __init__(self, failure: Failed) -> None:
        super().__init__(failure.message)
        self.failure = failure


@dataclass(frozen=True, slots=True)
class UnitDone:
    """A unit is done, now or before."""

    unit: Unit
    kept: bool
    """It was done before."""


@dataclass(frozen=True, slots=True)
class UnitFailed:
    """A unit was given up."""

    unit: Unit
    failure: Failed


@dataclass(frozen=True, slots=True)
class UnitProgress:
    """How far a unit is."""

    unit: Unit
    stage: Literal["track", "cut", "move", "paste", "wait"]
    done: int
    total: int


UnitEvent = UnitProgress | UnitDone | UnitFailed


def run_units(
    units: Sequence[Unit],
    desk: Desk,
    *,
    stopped: Callable[[], bool] = lambda: False,
    steal_after: float = STEAL_SECONDS,
    gives_up: bool = False,
) -> Generator[UnitEvent, None, int]:
    """Do units in their order; gives the exit code.

    What fails for one shot alone does not keep the others from being done. When `stopped` says so,
    the frame under way is finished and the unit given back.

    Args:
        gives_up: for an engine that tries again what fails, and stops at what fails for good: a
            unit that no further attempt can do, or that had all that it may have, is not counted
            as a failure here, but on record

    Raises:
        StoppedError: `stopped` said so.
    """
    watcher, status = Watcher(desk.folder, steal_after), 0
    for unit in units:
        outcome = yield from run_unit(unit, desk, watcher, stopped, gives_up=gives_up)
        yield outcome
        if not isinstance(outcome, UnitFailed):
            continue
        failure = outcome.failure
        if gives_up:
            status = status or (0 if is_given_up(failure, desk.plan.limits) else failure.exit)
            continue
        status = status or failure.exit
        if failure.exit not in OF_ONE_SHOT:
            return failure.exit
    return status


def run_unit(
    unit: Unit,
    desk: Desk,
    watcher: Watcher,
    stopped: Callable[[], bool],
    *,
    gives_up: bool = False,
) -> Generator[UnitProgress, None, UnitDone | UnitFailed]:
    """Do one unit, after others who have it; gives what became of it.

    Raises:
        StoppedError: `stopped` said so.
    """
    while True:
        try:
            claim = yield from _claimed(unit, desk, watcher, stopped)
        except ReenactError as error:
            return _given_up(unit, desk, error)
        if claim is None:
            return UnitDone(unit, kept=True)
        outcome = yield from run_claimed(unit, desk, claim, stopped, gives_up=gives_up)
        if outcome is not None:
            return outcome


def run_claimed(
    unit: Unit,
    desk: Desk,
    claim: Claim,
    stopped: Callable[[], bool],
    *,
    gives_up: bool = False,
) -> Generator[UnitProgress, None, UnitDone | UnitFailed | None]:
    """Do one unit that is held, and let go of it; None where it was lost to another worker.

    Raises:
        StoppedError: `stopped` said so.
    """
    if is_done(unit, desk):  # by another worker, a moment ago
        claim.release(done=True)
        return UnitDone(unit, kept=True)
    try:
        _check_needs(unit, desk)
        if gives_up:
            _check_killed(unit, desk)
    except ReenactError as error:
        claim.release(done=False)
        return _given_up(unit, desk, error)
    wrong = yield from _with_claim(unit, desk, claim, stopped)
    if wrong is None:
        return UnitDone(unit, kept=False)
    if claim.lost.is_set():
        return None  # another worker took this one for dead, and its folder: that one's word counts
    return _given_up(unit, desk, wrong)


def _given_up(unit: Unit, desk: Desk, error: ReenactError) -> UnitFailed:
    return UnitFailed(
        unit, error.failure if isinstance(error, NeededError) else _failure(unit, desk, error)
    )


def _with_claim(
    unit: Unit, desk: Desk, claim: Claim, stopped: Callable[[], bool]
) -> Generator[UnitProgress, None, ReenactError | None]:
    """Do a unit that is held, and let go of it; gives what went wrong."""
    done = False
    try:
        device = device_of(unit, desk)
        limit = Limit(unit, desk.plan.limits)
        with beating(claim), attempted(desk.folder, unit, desk.worker, device) as log:

            def tell() -> None:
                _failure(unit, desk, limit.error)
                log.end("failed", f"failed with status {TIME}, and hangs: {limit.error}")
                claim.release(done=False)

            with limit.enforced(tell):
                wrong = yield from _work(unit, desk, stopped, log, limit)
            if wrong is None:
                log.end("done", "done")
            else:
                log.end("failed", f"failed with status {exit_of(wrong)}: {wrong}")
        done = wrong is None
        claim.check()
    finally:
        if done or unit.kind != "move":
            shutil.rmtree(desk.folder.work(unit, desk.worker), ignore_errors=True)
        claim.release(done=done)
    return wrong


def _claimed(
    unit: Unit, desk: Desk, watcher: Watcher, stopped: Callable[[], bool]
) -> Generator[UnitProgress, None, Claim | None]:
    """The unit's claim, waited for; None where it is done.

    Raises:
        TemporaryError: the job folder is gone, or a unit that is needed is not done.
    """
    while True:
        desk.folder.check()
        if is_done(unit, desk):
            return None
        _check_needs(unit, desk)
        claim = try_claim(desk.folder, unit.id, desk.worker)
        claim = claim or watcher.take_over(unit.id, desk.worker)
        if claim is not None:
            return claim
        yield UnitProgress(unit, "wait", 0, 1)
        if stopped():
            raise StoppedError
        time.sleep(_LOOK_SECONDS)


def is_done(unit: Unit, desk: Desk) -> bool:
    """Whether a unit is done by this plan, and its files are there."""
    record = read_done(desk.folder, unit)
    if record is None:
        return False
    if unit.kind == "move":
        return desk.folder.moved(unit).is_dir() or _shot_is_rendered(unit, desk)
    sizes = ((desk.folder.path / file["path"], file["bytes"]) for file in record.files)
    return all(path.is_file() and path.stat().st_size == size for path, size in sizes)


def _shot_is_rendered(move: Unit, desk: Desk) -> bool:
    """New faces that were cleared away are not missed where all their pieces are there."""
    return all(is_done(piece, desk) for piece in desk.plan.renders(move.shot))


def _check_needs(unit: Unit, desk: Desk) -> None:
    known = desk.plan.by_id
    for name in unit.needs:
        if is_done(known[name], desk):
            continue
        if desk.folder.done.is_dir():
            forget_done(desk.folder, known[name])  # its files are gone: so it is to be done again
        failed = _failure_at(known[name], desk, known)
        if failed is None:
            raise TemporaryError(f"unit {unit.id} needs {name}, which is not done")
        message = f"needs {name}, which failed: {failed.message}"
        raise NeededError(replace(failed, unit=unit.id, key=unit.key, message=message))


def _check_killed(unit: Unit, desk: Desk) -> None:
    """See that the last attempts were not all killed; called by the holder of the claim."""
    before = reversed(attempts_at(desk.folder, unit))
    killed = sum(1 for _ in takewhile(lambda one: one.outcome in (None, "killed"), before))
    if killed <= desk.plan.limits.retries:
        return
    sentence = (
        f"{killed} attempts at this unit were killed, one after the other"
        if killed > 1
        else "the attempt at this unit was killed"
    )
    with attempted(desk.folder, unit, desk.worker, device_of(unit, desk)) as log:
        log.end("failed", f"not tried: {sentence}")
    raise KilledError(sentence)


def _failure_at(unit: Unit, desk: Desk, known: Mapping[str, Unit]) -> Failed | None:
    """How a unit failed, or one that it needs."""
    failed = read_failed(desk.folder, unit)
    below = (_failure_at(known[name], desk, known) for name in unit.needs)
    return failed or next((failure for failure in below if failure is not None), None)


def _work(
    unit: Unit, desk: Desk, stopped: Callable[[], bool], log: AttemptLog, limit: Limit
) -> Generator[UnitProgress, None, ReenactError | None]:
    began, started = time.monotonic(), _now()
    shot = desk.plan.shot(unit.shot)
    try:
        desk.check_inputs(shot)
        scratch = _inherited(unit, desk)
        made = yield from _watched(unit, _WORK[unit.kind](unit, desk, scratch), stopped, log, limit)
        desk.check_inputs(shot)  # they may have been exchanged meanwhile
        record = Done(
            unit.id,
            unit.key,
            desk.worker,
            started,
            _now(),
            round(time.monotonic() - began, 3),
            device_of(unit, desk),
            tuple(file_facts(path, desk.folder.path) for path in made),
        )
        desk.folder.check()
        write_record(desk.folder.done, record, desk.worker)
    except (ReenactError, OSError, MemoryError) as error:
        return _as_ours(error)
    forget_failure(desk.folder, unit)
    return None


def device_of(unit: Unit, desk: Desk) -> str:
    """Where a unit is computed."""
    return desk.tools.device if unit.gpu else "cpu"


def _inherited(unit: Unit, desk: Desk) -> Path:
    """The unit's folder of work, with what the one who had the unit before has left in it."""
    mine = desk.folder.work(unit, desk.worker)
    shutil.rmtree(mine / FOLDER, ignore_errors=True)  # of an earlier life under the same name
    if mine.is_dir() or unit.kind != "move":
        return mine
    for left in mine.parent.glob(f"{unit.id}@*"):
        with suppress(OSError):
            os.rename(left, mine)
            shutil.rmtree(mine / FOLDER, ignore_errors=True)
            return mine
    return mine


def _watched(
    unit: Unit, events: UnitEvents, stopped: Callable[[], bool], log: AttemptLog, limit: Limit
) -> Generator[UnitProgress, None, list[Path]]:
    """A unit's progress; closes it between two frames when it is to stop."""
    with closing(events):
        while True:
            try:
                event: Progress = next(events)
            except StopIteration as stop:
                made: list[Path] = stop.value
                return made
            log.progress(event.stage, event.done, event.total)
            yield UnitProgress(unit, event.stage, event.done, event.total)
            if stopped():
                raise StoppedError
            limit.check()


def _as_ours(error: Exception) -> ReenactError:
    from reenact_core.errors import OutOfMemoryError

    if isinstance(error, ReenactError):
        return error
    if isinstance(error, MemoryError):
        return OutOfMemoryError("this machine is out of memory; use one with more")
    assert isinstance(error, OSError)
    where = f"{error.filename}: " if error.filename is not None else ""
    return TemporaryError(f"{where}{error.strerror or error}; try again when it is mended")


def _failure(unit: Unit, desk: Desk, error: ReenactError) -> Failed:
    """The record of a failure, written where that can be done."""
    before = read_failed(desk.folder, unit)
    status = exit_of(error)
    attempts, refusals = (0, 0) if before is None else (before.attempts, before.refusals)
    if status in OF_THIS_HOST:  # which says nothing about the unit
        refusals += 1
    else:
        attempts += 1
    failure = Failed(
        unit.id,
        unit.key,
        desk.worker,
        _now(),
        attempts,
        error.code,
        " ".join(str(error).split()),
        status,
        status in (TEMPORARY, *ELSEWHERE),
        refusals,
    )
    try:
        desk.folder.check()
        write_record(desk.folder.failed, failure, desk.worker)
    except ReenactError:
        return failure  # the folder is gone or full; the caller tells of it
    return failure


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def pieces_of(plan: FarmPlan) -> Iterator[tuple[str, list[tuple[Unit, FrameRange]]]]:
    """Every shot's render units with their frames, in order."""
    by_shot: dict[str, list[tuple[Unit, FrameRange]]] = {shot.shot_id: [] for shot in plan.shots}
    rates = {shot.shot_id: shot.target.frames.rate for shot in plan.shots}
    for unit in plan.units:
        if unit.kind == "render":
            frames = FrameRange(unit.start, unit.stop, rates[unit.shot])
            by_shot[unit.shot].append((unit, frames))
    yield from by_shot.items()
