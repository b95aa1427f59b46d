from pathlib import Path

import pytest

from reenact_core.farm.claims import Watcher, holders, lay_out, try_claim
from reenact_core.farm.job_folder import JobFolder


@pytest.fixture
def folder(tmp_path: Path) -> JobFolder:
    folder = JobFolder(tmp_path)
    lay_out(folder, ["a", "b"])
    return folder


def test_one_of_two_gets_a_unit(folder: JobFolder) -> None:
    assert try_claim(folder, "a", "one") is not None
    assert try_claim(folder, "a", "two") is None
    assert holders(folder) == {"a": "one"}


def test_a_unit_that_is_given_back_can_be_taken_again(folder: JobFolder) -> None:
    claim = try_claim(folder, "a", "one")
    assert claim is not None
    claim.release(done=False)
    assert try_claim(folder, "a", "two") is not None


def test_what_is_held_is_not_laid_out_again(folder: JobFolder) -> None:
    try_claim(folder, "a", "one")
    lay_out(folder, ["a", "b", "c"])
    assert {path.name for path in folder.claims.iterdir()} == {"a@one", "b", "c"}


def test_a_worker_that_shows_life_keeps_its_unit_and_a_dead_one_loses_it(
    folder: JobFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = try_claim(folder, "a", "one")
    assert claim is not None
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    watcher = Watcher(folder, steal_after=60)
    for beat in range(1, 4):
        assert watcher.take_over("a", "two") is None
        now[0] += 50
        claim.renew(beat)
    assert watcher.take_over("a", "two") is None
    now[0] += 61
    assert watcher.take_over("a", "two") is not None
    assert holders(folder) == {"a": "two"}


def test_who_has_lost_a_unit_learns_of_it_and_brings_nothing_back(folder: JobFolder) -> None:
    claim = try_claim(folder, "a", "one")
    assert claim is not None
    assert Watcher(folder, steal_after=0).take_over("a", "two") is not None
    claim.renew(7)
    claim.release(done=False)
    assert claim.lost.is_set()
    assert holders(folder) == {"a": "two"}


def test_a_clock_that_is_wrong_by_hours_takes_nothing_away(folder: JobFolder) -> None:
    import os

    claim = try_claim(folder, "a", "one")
    assert claim is not None
    os.utime(claim.path, (0, 0))
    assert Watcher(folder).take_over("a", "two") is None
