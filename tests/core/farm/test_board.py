"""The board tells from names what the survey tells from records."""

from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from reenact_core.farm.board import Board, Names, look
from reenact_core.farm.claims import lay_out, try_claim
from reenact_core.farm.job_folder import JobFolder
from reenact_core.farm.plan import FarmPlan, Unit, read_plan
from reenact_core.farm.records import Done, Failed, forget_done, write_record
from reenact_core.farm.survey import survey
from tests.core.farm.jobs import make_job
from tests.core.farm.test_plan import blank_shots


@pytest.fixture
def folder(tmp_path: Path) -> JobFolder:
    make_job(tmp_path / "job", *blank_shots(tmp_path, 4), frames_per_unit=25)
    return JobFolder(tmp_path / "job")


def finish(folder: JobFolder, unit: Unit) -> None:
    write_record(folder.done, Done(unit.id, unit.key, "w-1-a", "", "", 1.0, "cpu", ()), "w-1-a")


def fail(folder: JobFolder, unit: Unit, attempts: int, *, temporary: bool) -> None:
    record = Failed(unit.id, unit.key, "w-1-a", "", attempts, "x", "", 75, temporary)
    write_record(folder.failed, record, "w-1-a")


def open_ids(board: Board) -> list[str]:
    """In the order of a worker that is alone."""
    return [unit.id for unit in board.tries(Random(0))]


def test_it_agrees_with_the_survey_whatever_happens(folder: JobFolder) -> None:
    """A long walk of chance: claims, ends, failures, and results that are taken back."""
    plan, chance = read_plan(folder.path), Random(3)
    board, looking = Board(plan), survey(folder, plan)
    for _ in range(120):
        unit = chance.choice(plan.units[:-1])
        deed = chance.randrange(6)
        if deed == 0 and try_claim(folder, unit.id, "host-1-abc") is None:
            (folder.claims / f"{unit.id}@host-1-abc").rename(folder.claims / unit.id)
        elif deed in (1, 2):
            finish(folder, unit)
        elif deed == 3:
            forget_done(folder, unit)
            looking.known.pop(unit.id, None)
        elif deed == 4 and not (folder.failed / f"{unit.id}.json").exists():
            fail(folder, unit, chance.randrange(1, 5), temporary=chance.random() < 0.7)
        else:
            (folder.failed / f"{unit.id}.json").unlink(missing_ok=True)
        look(board, folder)
        states = [one for one in looking.look() if one.unit.kind != "assemble"]
        ready = {
            one.unit.id
            for one in states
            if one.state == "ready"
            or (one.may_retry and one.state == "failed" and needs_done(one.unit, board))
        }
        assert set(open_ids(board)) == ready
        assert set(board.held) == {one.unit.id for one in states if one.state == "running"}
        assert board.done == {one.unit.id for one in states if one.state == "done"}


def needs_done(unit: Unit, board: Board) -> bool:
    return all(name in board.done for name in unit.needs)


def test_what_another_plan_has_done_is_not_done(folder: JobFolder) -> None:
    plan = read_plan(folder.path)
    finish(folder, replace(plan.units[0], key="f" * 64))
    board = Board(plan)
    look(board, folder)
    assert not board.done
    finish(folder, plan.units[0])
    look(board, folder)
    assert board.done == {"s0.track"}


def test_what_is_furthest_along_comes_first(folder: JobFolder) -> None:
    plan = read_plan(folder.path)
    for unit in (plan.units[1], plan.units[2], plan.by_id["s1.move"]):
        finish(folder, unit)
    board = Board(plan)
    look(board, folder)
    kinds = [name.split(".")[1] for name in open_ids(board)[:2]]
    assert kinds == ["render"] * 2


def test_many_workers_begin_at_different_units(tmp_path: Path) -> None:
    plan = make_job(tmp_path / "job", *blank_shots(tmp_path, 300))
    board = Board(plan)
    board.see(names_of(plan, held=100), lambda unit: None)
    firsts = {next(board.tries(Random(seed))).id for seed in range(100)}
    assert len(firsts) > 50
    assert {unit.id for unit in board.tries(Random(0))} == {f"s{n}.track" for n in range(100, 300)}


def names_of(plan: FarmPlan, held: int) -> Names:
    units = [unit.id for unit in plan.units[:-1]]
    return Names(set(units[held:]), dict.fromkeys(units[:held], "w"), set(), set())


def test_a_result_that_was_lost_is_made_again(folder: JobFolder) -> None:
    """Its claim went with it."""
    plan = read_plan(folder.path)
    (folder.claims / plan.units[0].id).unlink()
    board = Board(plan)
    look(board, folder)
    assert plan.units[0].id in open_ids(board)
    assert not board.is_laid_out(plan.units[0])
    lay_out(folder, [plan.units[0].id])
    look(board, folder)
    assert board.is_laid_out(plan.units[0])
