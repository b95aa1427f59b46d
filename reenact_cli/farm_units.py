"""`reenact farm run-unit`: by a warm process where there is one, else by this one."""

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reenact_cli.farm_job import desk_at
from reenact_cli.farm_show import event_table
from reenact_cli.farm_warm import Request, Tables, WarmError, ask, place_of

if TYPE_CHECKING:
    from reenact_core.farm.worker import UnitEvent


@dataclass(frozen=True, slots=True)
class Asked:
    """What `run-unit` was given."""

    job: Path
    units: tuple[str, ...]
    shots: tuple[str, ...]
    """Of which all units are meant, or of which whatever is ready."""
    every: bool
    """Whatever is ready."""
    device: str
    path_map: Path | None
    steal_after: float
    gives_up: bool
    """Whether what is given up is on record only."""


def tables_of(asked: Asked, stopped: Callable[[], bool]) -> tuple[int, Tables]:
    """How many units there are to do, and their events.

    Raises:
        ReenactError: as `desk_at`, here or when the events are asked for.
    """
    if not asked.every:
        asked = replace(asked, units=(*asked.units, *_ids_of(asked)))
        return sum(map(_count, asked.units)), _warm_or_here(asked, stopped)
    from reenact_core.farm.all_units import run_all
    from reenact_core.farm.board import Board, look
    from reenact_core.farm.unit_names import units_of_shots

    desk = desk_at(asked.job, asked.device, asked.path_map)
    units = units_of_shots(desk.plan, asked.shots)
    shots = {unit.shot for unit in units} if asked.shots else None
    board = Board(desk.plan, shots)
    look(board, desk.folder)
    run = run_all(desk, stopped=stopped, steal_after=asked.steal_after, shots=shots)
    return board.total - len(board.done), _tables(run)


def _ids_of(asked: Asked) -> list[str]:
    """The units of the shots that were named."""
    if not asked.shots:
        return []
    from reenact_core.farm.plan import read_plan
    from reenact_core.farm.unit_names import units_of_shots

    return [unit.id for unit in units_of_shots(read_plan(asked.job), asked.shots)]


def _warm_or_here(asked: Asked, stopped: Callable[[], bool]) -> Tables:
    from reenact_core.farm.job_folder import StoppedError

    try:
        place = place_of(asked.job, asked.device, asked.path_map)
        status = yield from ask(
            place, Request(asked.units, asked.steal_after, asked.gives_up), stopped
        )
    except (WarmError, OSError):
        return (yield from _here(asked, stopped))
    if stopped():
        raise StoppedError
    return status


def _here(asked: Asked, stopped: Callable[[], bool]) -> Tables:
    from reenact_core.farm.unit_names import named_units
    from reenact_core.farm.worker import run_units

    desk = desk_at(asked.job, asked.device, asked.path_map)
    units = named_units(desk.plan, asked.units)
    run = run_units(
        units, desk, stopped=stopped, steal_after=asked.steal_after, gives_up=asked.gives_up
    )
    return (yield from _tables(run))


def _tables(run: "Generator[UnitEvent, None, int]") -> Tables:
    while True:
        try:
            event = next(run)
        except StopIteration as stop:
            return int(stop.value)
        yield event_table(event)


def failures_of(job: Path, shots: Sequence[str] = ()) -> Iterator[dict[str, Any]]:
    """The units of a job, or of some shots, that have failed, whoever did them, as events."""
    from reenact_core.farm.job_folder import JobFolder
    from reenact_core.farm.plan import read_plan
    from reenact_core.farm.survey import survey
    from reenact_core.farm.unit_names import units_of_shots
    from reenact_core.farm.worker import UnitFailed

    plan = read_plan(job)
    wanted = {unit.id for unit in units_of_shots(plan, shots)} if shots else set(plan.by_id)
    for one in survey(JobFolder(job.absolute()), plan).look():
        if one.unit.id in wanted and one.state == "failed" and one.failure is not None:
            yield event_table(UnitFailed(one.unit, one.failure))


def _count(name: str) -> int:
    """How many units a name or a range of numbers stands for."""
    first, _, last = name.partition("-")
    if first.isdigit() and last.isdigit():
        return max(1, int(last) - int(first) + 1)
    return 1
