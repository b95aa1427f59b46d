"""Every attempt at a unit leaves a log, whatever becomes of it."""

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from reenact_core.engine.performer import NewFace, Take
from reenact_core.farm.attempts import attempted, attempts_at, read_attempts
from reenact_core.farm.claims import try_claim
from reenact_core.farm.job_folder import JobFolder, StoppedError
from reenact_core.farm.plan import Unit, read_plan
from reenact_core.farm.records import done_name
from reenact_core.farm.survey import UnitState, costs, survey
from reenact_core.farm.worker import run_units
from tests.core.farm.jobs import assembled, desk_in, do_units, make_job, one_shot_job
from tests.core.farm.test_plan import blank_shots
from tests.echo import EchoPerformer

DYING = """
import os, signal, sys
from pathlib import Path
from reenact_core.farm.attempts import attempted
from reenact_core.farm.claims import try_claim
from reenact_core.farm.job_folder import JobFolder
from reenact_core.farm.plan import read_plan

def stand_here():
    os.kill(os.getpid(), int(sys.argv[2]))

folder = JobFolder(Path(sys.argv[1]))
unit = read_plan(folder.path).units[0]
try_claim(folder, unit.id, "dead-1-a")
with attempted(folder, unit, "dead-1-a", "cpu") as log:
    log.progress("track", 3, 10)
    stand_here()
"""


@pytest.fixture
def job(tmp_path: Path) -> Path:
    return one_shot_job(tmp_path)


@pytest.fixture
def unit(tmp_path: Path) -> Unit:
    """The first one of a job that nobody can do."""
    make_job(tmp_path / "job", *blank_shots(tmp_path, 1))
    return read_plan(tmp_path / "job").units[0]


def die(job: Path, number: signal.Signals) -> None:
    done = subprocess.run([sys.executable, "-c", DYING, str(job), str(int(number))], timeout=60)
    assert done.returncode == -number


def state_of(job: Path, unit: str) -> UnitState:
    looked = survey(JobFolder(job), read_plan(job)).look()
    return next(one for one in looked if one.unit.id == unit)


def test_every_unit_and_the_assembly_leave_a_log_that_says_how_they_went(job: Path) -> None:
    do_units(desk_in(job))
    assert assembled(desk_in(job)).complete
    attempts = read_attempts(JobFolder(job))
    units = read_plan(job).units
    assert sorted(attempts) == sorted(map(done_name, units))
    for unit in units:
        (attempt,) = attempts[done_name(unit)]
        assert (attempt.number, attempt.outcome) == (1, "done")
        lines = attempt.path.read_text("utf-8").splitlines()
        assert f"{unit.id} by " in lines[0] and "done" in lines[-1]
    assert not any((job / "claims").iterdir())


class Broken(EchoPerformer):
    def perform(self, takes: Sequence[Take]) -> Iterator[tuple[str, int, NewFace]]:
        raise AssertionError("three is not four")


def test_a_bug_leaves_where_it_was(job: Path) -> None:
    desk = desk_in(job, Broken())
    with pytest.raises(AssertionError):
        do_units(desk, list(desk.plan.units[:2]))
    one = state_of(job, "s0.move")
    assert one.log is not None and one.log.outcome == "failed"
    text = one.log.path.read_text("utf-8")
    assert 'raise AssertionError("three is not four")' in text
    assert text.splitlines()[-1].endswith("failed by a bug: AssertionError: three is not four")


def test_a_killed_attempt_is_counted_and_the_next_one_has_a_log_of_its_own(job: Path) -> None:
    die(job, signal.SIGKILL)
    held = state_of(job, "s0.track")
    assert (held.state, held.killed) == ("running", 0)  # as far as anybody can know
    claim = job / "claims" / "s0.track@dead-1-a"
    claim.rename(job / "claims" / "s0.track")
    assert (state_of(job, "s0.track").state, state_of(job, "s0.track").killed) == ("ready", 1)
    do_units(desk_in(job), list(read_plan(job).units[:1]))
    one = state_of(job, "s0.track")
    assert [attempt.outcome for attempt in one.attempts] == ["killed", "done"]
    assert (one.state, one.killed) == ("done", 1)
    assert "track 3 of 10" in one.attempts[0].path.read_text("utf-8")


def test_who_dies_by_a_signal_leaves_where_it_stood(job: Path) -> None:
    die(job, signal.SIGSEGV)
    (attempt,) = attempts_at(JobFolder(job), read_plan(job).units[0])
    text = attempt.path.read_text("utf-8")
    assert "Segmentation fault" in text and "in stand_here" in text


def test_a_unit_that_is_given_back_says_so(job: Path) -> None:
    desk = desk_in(job)
    with pytest.raises(StoppedError):
        for _ in run_units([desk.plan.units[0]], desk, stopped=lambda: True):
            pass
    (attempt,) = attempts_at(JobFolder(job), desk.plan.units[0])
    assert attempt.outcome == "stopped"
    run = run_units([desk.plan.units[0]], desk)
    next(run)
    run.close()
    assert attempts_at(JobFolder(job), desk.plan.units[0])[1].outcome == "stopped"


def test_what_is_lost_is_told_apart_from_what_was_needed(
    job: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, unit = JobFolder(job), read_plan(job).units[0]
    clock = [0.0]
    monkeypatch.setattr("reenact_core.farm.attempts.time.monotonic", lambda: clock[0])
    with attempted(folder, unit, "w-1-a", "cpu") as log:
        clock[0] = 12.5
        log.end("failed", "failed: no")
    monkeypatch.undo()
    do_units(desk_in(job))
    spent = costs(survey(folder, read_plan(job)).look())
    assert spent["track"].lost_seconds == 12.5 and spent["track"].units == 1
    assert spent["move"].lost_seconds == 0.0 and spent["move"].seconds > 0
    assert list(spent) == ["track", "move", "render", "assemble"]


def test_a_worker_that_was_taken_for_dead_has_the_last_word(unit: Unit, tmp_path: Path) -> None:
    folder = JobFolder(tmp_path / "job")
    with attempted(folder, unit, "slow-1-a", "cpu") as slow:
        with attempted(folder, unit, "quick-1-a", "cpu") as quick:
            assert [one.outcome for one in attempts_at(folder, unit)] == ["killed", None]
            quick.end("done", "done")
        slow.end("done", "done")
    assert [one.outcome for one in attempts_at(folder, unit)] == ["done", "done"]


def test_a_folder_that_cannot_be_written_stops_no_work(unit: Unit, tmp_path: Path) -> None:
    folder = JobFolder(tmp_path / "gone")
    with attempted(folder, unit, "w-1-a", "cpu") as log:
        log.progress("track", 1, 2)
        log.end("done", "done")
    assert not folder.path.exists()
    assert read_attempts(folder) == {}


def test_libraries_are_overheard(unit: Unit, tmp_path: Path) -> None:
    folder = JobFolder(tmp_path / "job")
    with attempted(folder, unit, "w-1-a", "cpu") as log:
        logging.getLogger("some.library").warning("this file is odd")
        log.end("done", "done")
    logging.getLogger("some.library").warning("this is another matter")
    text = attempts_at(folder, unit)[0].path.read_text("utf-8")
    assert "this file is odd" in text and "another matter" not in text


def test_logs_of_another_plan_are_not_counted(unit: Unit, tmp_path: Path) -> None:
    folder = JobFolder(tmp_path / "job")
    folder.logs.mkdir()
    (folder.logs / f"{unit.id}@{'0' * 12}.1.failed.log").touch()
    (folder.logs / "a file of somebody.log").touch()
    assert attempts_at(folder, unit) == []
    assert try_claim(folder, unit.id, "w-1-a") is not None
    assert os.listdir(folder.claims).count(f"{unit.id}@w-1-a") == 1
    assert state_of(folder.path, unit.id).attempts == ()
