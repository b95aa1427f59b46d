"""What kills worker after worker is given up; what is only slow under fire is not."""

import os
import signal
from pathlib import Path

import pytest

from reenact_core.errors import SettingsError
from reenact_core.farm.claims import try_claim
from reenact_core.farm.deaths import Death, Deaths, death_of, killed_for_memory
from reenact_core.farm.job_folder import DIARY, JobFolder
from reenact_core.farm.plan import Unit, read_plan
from reenact_core.farm.records import MEMORY, TEMPORARY, read_failed
from tests.core.farm.jobs import make_job
from tests.core.farm.test_plan import blank_shots


@pytest.fixture
def folder(tmp_path: Path) -> JobFolder:
    make_job(tmp_path / "job", *blank_shots(tmp_path, 1))
    return JobFolder(tmp_path / "job")


CRASH, KILL = death_of(-signal.SIGSEGV), death_of(-signal.SIGKILL)


def die(deaths: Deaths, folder: JobFolder, unit: Unit, death: Death = CRASH) -> None:
    assert try_claim(folder, unit.id, "host-1-a") is not None
    deaths.mourn([(unit.id, "host-1-a")], death)


def test_a_unit_that_kills_is_given_up_and_its_claim_is_free(folder: JobFolder) -> None:
    plan = read_plan(folder.path)
    deaths = Deaths(folder, plan)
    for _ in range(10):
        assert read_failed(folder, plan.units[1]) is None
        die(deaths, folder, plan.units[1])
    failed = read_failed(folder, plan.units[1])
    assert failed is not None and not failed.temporary
    assert "10 workers died while doing this unit, the last one by SIGSEGV" in failed.message


def test_kills_from_outside_say_little_of_a_unit(folder: JobFolder) -> None:
    plan = read_plan(folder.path)
    deaths = Deaths(folder, plan)
    for _ in range(99):
        die(deaths, folder, plan.units[1], KILL)
    assert read_failed(folder, plan.units[1]) is None
    die(deaths, folder, plan.units[1], KILL)
    failed = read_failed(folder, plan.units[1])
    assert failed is not None and failed.temporary and failed.exit == TEMPORARY
    assert "100 workers died while doing this unit, the last one by SIGKILL" in failed.message


def test_a_unit_that_wants_more_memory_than_there_is_may_be_done_elsewhere(
    folder: JobFolder,
) -> None:
    plan = read_plan(folder.path)
    deaths, death = Deaths(folder, plan), death_of(-signal.SIGKILL, out_of_memory=True)
    for _ in range(10):
        die(deaths, folder, plan.units[1], death)
    failed = read_failed(folder, plan.units[1])
    assert failed is not None and failed.temporary and failed.exit == MEMORY


def test_the_system_is_asked_for_what_it_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reenact_core.farm.deaths.KERNEL_COUNTS", tmp_path / "vmstat")
    assert killed_for_memory() == 0
    (tmp_path / "vmstat").write_text("nr_free_pages 12\noom_kill 3\noom_kill_other 5\n")
    assert killed_for_memory() == 3


def test_a_unit_that_gets_further_is_not(folder: JobFolder) -> None:
    plan = read_plan(folder.path)
    deaths, half = Deaths(folder, plan), folder.work(plan.units[1], "host-1-a") / "half-x"
    half.mkdir(parents=True)
    for number in range(30):
        (half / DIARY).touch()
        os.utime(half / DIARY, (number // 2 + 1, number // 2 + 1))
        die(deaths, folder, plan.units[1])
    assert read_failed(folder, plan.units[1]) is None


def test_workers_that_die_before_they_take_a_unit_are_a_fault_of_the_machine(
    folder: JobFolder,
) -> None:
    deaths, death = Deaths(folder, read_plan(folder.path)), death_of(1)
    for _ in range(19):
        deaths.mourn([], death)
    with pytest.raises(SettingsError, match=r"one worker after the other died, .* status 1"):
        deaths.mourn([], death)
