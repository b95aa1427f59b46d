"""What kills worker after worker is given up; what is only slow under fire is not."""

import os
from pathlib import Path

import pytest

from reenact_core.errors import SettingsError
from reenact_core.farm.claims import try_claim
from reenact_core.farm.deaths import DEADLY, FRUITLESS, Deaths
from reenact_core.farm.job_folder import DIARY, JobFolder
from reenact_core.farm.plan import Unit, read_plan
from reenact_core.farm.records import read_failed
from tests.core.farm.jobs import make_job
from tests.core.farm.test_plan import blank_shots


@pytest.fixture
def folder(tmp_path: Path) -> JobFolder:
    make_job(tmp_path / "job", *blank_shots(tmp_path, 1))
    return JobFolder(tmp_path / "job")


def die(deaths: Deaths, folder: JobFolder, unit: Unit) -> None:
    assert try_claim(folder, unit.id, "host-1-a") is not None
    deaths.mourn([(unit.id, "host-1-a")], "SIGKILL")


def test_a_unit_that_kills_is_given_up_and_its_claim_is_free(folder: JobFolder) -> None:
    plan = read_plan(folder.path)
    deaths = Deaths(folder, plan)
    for _ in range(DEADLY):
        assert read_failed(folder, plan.units[1]) is None
        die(deaths, folder, plan.units[1])
    failed = read_failed(folder, plan.units[1])
    assert failed is not None and not failed.temporary
    assert "10 workers died while they did this unit, the last one by SIGKILL" in failed.message


def test_a_unit_that_gets_further_is_not(folder: JobFolder) -> None:
    plan = read_plan(folder.path)
    deaths, half = Deaths(folder, plan), folder.work(plan.units[1], "host-1-a") / "half-x"
    half.mkdir(parents=True)
    for number in range(3 * DEADLY):
        (half / DIARY).touch()
        os.utime(half / DIARY, (number // 2 + 1, number // 2 + 1))
        die(deaths, folder, plan.units[1])
    assert read_failed(folder, plan.units[1]) is None


def test_workers_that_die_before_they_take_a_unit_are_a_fault_of_the_machine(
    folder: JobFolder,
) -> None:
    deaths = Deaths(folder, read_plan(folder.path))
    for _ in range(FRUITLESS - 1):
        deaths.mourn([], "status 1")
    with pytest.raises(SettingsError, match="20 workers died one after the other"):
        deaths.mourn([], "status 1")
