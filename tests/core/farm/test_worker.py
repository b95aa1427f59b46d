import errno
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest

from reenact_core.engine.performer import NewFace, Take
from reenact_core.errors import CheckpointError, OutOfMemoryError, ReenactError
from reenact_core.farm.all_units import run_all
from reenact_core.farm.claims import try_claim
from reenact_core.farm.job_folder import JobFolder, StoppedError, TemporaryError
from reenact_core.farm.plan import FarmPlan, Unit, read_plan, with_limits, write_plan
from reenact_core.farm.records import (
    Failed,
    done_name,
    forget_done,
    forget_passing,
    forget_shots,
    read_failed,
    write_record,
)
from reenact_core.farm.survey import UnitState, summarise, survey
from reenact_core.farm.unit_names import NoSuchUnitError, units_of_shots
from reenact_core.farm.worker import (
    UnitDone,
    UnitEvent,
    UnitFailed,
    UnitProgress,
    run_units,
)
from reenact_core.timeline.plan import Shot
from tests.core.engine.shots import picture_hash, recast, shot_of
from tests.core.farm.jobs import assembled, desk_in, do_units, make_job, placed_at
from tests.echo import EchoPerformer
from tests.synthetic import write_clip, write_portrait


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("media")
    write_clip(folder / "clip.mkv", 12)
    write_clip(folder / "nobody.mkv", 6, cast=lambda _: [])
    write_portrait(folder / "face.png")
    return folder


def shots_of(media: Path, *clips: str) -> list[Shot]:
    cast = recast(media / "face.png")
    return [
        placed_at(shot_of(media / clip, 0, 6, cast, name=f"s{n}"), n)
        for n, clip in enumerate(clips)
    ]


@pytest.fixture
def job(media: Path, tmp_path: Path) -> Path:
    make_job(tmp_path / "job", *shots_of(media, "clip.mkv"), frames_per_unit=3)
    return tmp_path / "job"


def kept(events: Sequence[UnitEvent]) -> list[bool]:
    return [event.kept for event in events if isinstance(event, UnitDone)]


def failures(events: Sequence[UnitEvent]) -> list[UnitFailed]:
    return [event for event in events if isinstance(event, UnitFailed)]


def states(job: Path) -> dict[str, str]:
    return {one.unit.id: one.state for one in survey(JobFolder(job), read_plan(job)).look()}


def test_what_is_done_is_not_done_again(job: Path) -> None:
    status, events = do_units(desk_in(job))
    assert (status, kept(events)) == (0, [False] * 4)
    assert (status, kept(do_units(desk_in(job))[1])) == (0, [True] * 4)
    first = assembled(desk_in(job))
    before = first.rendered[0].output.path.stat().st_mtime_ns
    assert assembled(desk_in(job)).rendered[0].output.path.stat().st_mtime_ns == before
    assert set(states(job).values()) == {"done"}


def test_two_workers_on_one_unit_give_one_result(job: Path) -> None:
    plan = read_plan(job)
    do_units(desk_in(job), list(plan.units[:3]))
    piece = next((job / "pieces").rglob("*.mp4"))
    before = picture_hash(piece)
    slow, quick = desk_in(job), desk_in(job)
    forget_done(JobFolder(job), plan.units[2])
    run = run_units([plan.units[2]], slow)
    assert isinstance(next(run), UnitProgress)
    status, events = do_units(quick, [plan.units[2]], steal_after=0)
    assert (status, kept(events)) == (0, [False])
    assert isinstance(list(run)[-1], UnitDone)
    assert picture_hash(piece) == before


def test_a_unit_before_its_time_is_for_later(job: Path) -> None:
    status, events = do_units(desk_in(job), [read_plan(job).units[2]])
    assert status == 75
    assert "needs s0.move, which is not done" in failures(events)[0].failure.message


def test_asked_to_stop_it_finishes_the_frame_and_gives_the_unit_back(job: Path) -> None:
    asked: list[bool] = []
    desk = desk_in(job)
    do_units(desk, list(desk.plan.units[:2]))
    with pytest.raises(StoppedError):
        for event in run_units([desk.plan.units[2]], desk, stopped=lambda: bool(asked)):
            asked.append(isinstance(event, UnitProgress))
    assert states(job)[desk.plan.units[2].id] == "ready"
    assert do_units(desk_in(job))[0] == 0


def test_a_shot_without_a_face_does_not_keep_the_others_from_being_done(
    media: Path, tmp_path: Path
) -> None:
    job = tmp_path / "job"
    make_job(job, *shots_of(media, "nobody.mkv", "clip.mkv"))
    plan = read_plan(job)
    status, events = do_units(desk_in(job), list(plan.units[:2]))
    assert status == 11
    assert [event.failure.exit for event in failures(events)] == [11]
    assert do_units(desk_in(job), [plan.units[3], plan.units[5]])[0] == 0
    result = assembled(desk_in(job))
    assert [shot.shot.shot_id for shot in result.rendered] == ["s1"]
    assert "no face was found" in str(result.failed[0].error)
    assert states(job)["s0.move"] == "waiting"


def test_media_that_changed_since_the_plan_is_refused(media: Path, tmp_path: Path) -> None:
    clip = Path(shutil.copy(media / "clip.mkv", tmp_path / "clip.mkv"))
    shot = shot_of(clip, 0, 6, recast(media / "face.png"))
    make_job(tmp_path / "job", placed_at(shot, 0))
    shutil.copy(media / "nobody.mkv", clip)
    status, events = do_units(desk_in(tmp_path / "job"))
    assert status == 10
    assert "has changed since the plan was made" in failures(events)[0].failure.message
    clip.unlink()
    assert do_units(desk_in(tmp_path / "job"))[0] == 10
    shutil.copy(media / "clip.mkv", clip)
    forget_passing(JobFolder(tmp_path / "job"))  # as `submit` does
    run = run_all(desk_in(tmp_path / "job"))
    assert [event.unit.kind for event in run if isinstance(event, UnitDone)][:1] == ["track"]
    assert assembled(desk_in(tmp_path / "job")).complete


class Failing(EchoPerformer):
    """A performer whose networks or memory are missing."""

    error: ReenactError = CheckpointError("not here")

    def perform(self, takes: Sequence[Take]) -> Iterator[tuple[str, int, NewFace]]:
        raise self.error


OF_THIS_MACHINE = pytest.mark.parametrize(
    ("error", "status"), [(CheckpointError("no"), 12), (OutOfMemoryError("no"), 13)]
)
"""What another machine may do better, and how a worker ends over it."""


@OF_THIS_MACHINE
def test_what_this_machine_cannot_do_another_one_may(
    job: Path, error: ReenactError, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Failing, "error", error)
    assert do_units(desk_in(job, Failing()))[0] == status
    failed = read_failed(JobFolder(job), read_plan(job).units[1])
    assert failed is not None
    assert failed.temporary
    assert do_units(desk_in(job))[0] == 0
    assert read_failed(JobFolder(job), read_plan(job).units[1]) is None


def test_a_job_folder_that_is_gone_is_for_later(job: Path) -> None:
    desk = desk_in(job)
    shutil.rmtree(job)
    assert do_units(desk)[0] == 75
    assert not job.exists()


def test_who_looks_for_work_in_a_folder_that_goes_leaves_it_gone(
    job: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reenact_core.farm.all_units.time.sleep", lambda seconds: None)
    run = run_all(desk_in(job))
    assert isinstance(next(run), UnitProgress)
    shutil.rmtree(job)
    with pytest.raises(TemporaryError, match="the job folder is gone"):
        for _ in run:
            pass
    assert not (job / "done").exists() and not (job / "claims").exists()


def test_a_result_whose_files_are_gone_is_made_again(job: Path) -> None:
    plan = read_plan(job)
    do_units(desk_in(job), list(plan.units[:2]))
    shutil.rmtree(job / "moved")
    status, events = do_units(desk_in(job), [plan.units[2]])
    assert status == 75
    assert states(job)["s0.move"] == "ready"
    events = list(run_all(desk_in(job)))
    assert {event.unit.id for event in events if isinstance(event, UnitDone)} == {
        unit.id for unit in plan.units[1:-1]
    }


def test_what_is_given_up_is_on_record_for_engines_that_stop_at_failures(
    media: Path, tmp_path: Path
) -> None:
    job = tmp_path / "job"
    make_job(job, *shots_of(media, "nobody.mkv", "clip.mkv"))
    status, events = do_units(desk_in(job), gives_up=True)
    assert status == 0
    assert [event.failure.exit for event in failures(events)] == [11, 11, 11]
    assert "needs s0.track, which failed" in failures(events)[1].failure.message
    assert states(job)["s0.track"] == "failed"
    result = assembled(desk_in(job), partial=True)
    assert [shot.shot.shot_id for shot in result.rendered] == ["s1"]
    assert "no face was found" in str(result.failed[0].error)


@OF_THIS_MACHINE
def test_what_an_engine_tries_again_is_given_up_after_the_last_try(
    job: Path, error: ReenactError, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Failing, "error", error)
    units = list(read_plan(job).units[:3])
    tried = [do_units(desk_in(job, Failing()), units, gives_up=True)[0] for _ in range(4)]
    assert tried == [status, status, 0, 0]
    (lost,) = assembled(desk_in(job), partial=True).failed
    assert str(lost.error) == "no"
    forget_passing(JobFolder(job))  # as `submit` does
    with pytest.raises(TemporaryError, match="missing piece"):
        assembled(desk_in(job))
    assert do_units(desk_in(job))[0] == 0
    assert assembled(desk_in(job)).complete


def test_a_unit_that_kills_its_workers_is_given_up_by_the_engine_that_tries_again(
    job: Path,
) -> None:
    desk, folder = desk_in(job), JobFolder(job)
    track, move = desk.plan.units[:2]
    folder.logs.mkdir()
    for number in (1, 2, 3):
        (folder.logs / f"{done_name(track)}.{number}.log").touch()
    status, events = do_units(desk, [track, move], gives_up=True)
    assert status == 0
    assert [event.failure.code for event in failures(events)] == ["killed", "killed"]
    assert "3 attempts at this unit were killed" in failures(events)[0].failure.message
    assert states(job)[track.id] == "failed"
    forget_passing(folder)
    assert do_units(desk, gives_up=True)[0] == 0
    assert set(states(job).values()) == {"done", "ready"}


def test_a_unit_is_tried_again_as_often_as_the_job_says(
    job: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Failing, "error", OutOfMemoryError("no"))
    write_plan(job, with_limits(read_plan(job), 0, None))
    do_units(desk_in(job, Failing()), list(read_plan(job).units[:2]))
    failed = survey(JobFolder(job), read_plan(job)).look()[1]
    assert (failed.state, failed.may_retry) == ("failed", False)
    assert not [event for event in run_all(desk_in(job)) if event.unit.kind == "move"]
    write_plan(job, with_limits(read_plan(job), 1, None))
    assert states(job)["s0.move"] == "failed"
    assert [event for event in run_all(desk_in(job)) if event.unit.kind == "move"]


def test_one_shot_is_done_again_and_no_other(media: Path, tmp_path: Path) -> None:
    job = tmp_path / "job"
    plan = make_job(job, *shots_of(media, "clip.mkv", "clip.mkv"), frames_per_unit=3)
    do_units(desk_in(job))
    first = assembled(desk_in(job))
    before = {shot.shot.shot_id: shot.output.path.stat().st_mtime_ns for shot in first.rendered}
    again = units_of_shots(plan, ["s1"])
    assert [unit.id for unit in again][:2] == ["s1.track", "s1.move"]
    forget_shots(JobFolder(job), plan, again)
    waiting = {unit for unit, state in states(job).items() if state != "done"}
    assert waiting == {unit.id for unit in again} | {"assemble"}
    events = list(run_all(desk_in(job), shots={"s1"}))
    assert {event.unit.id for event in events if isinstance(event, UnitDone)} == {
        unit.id for unit in again
    }
    second = assembled(desk_in(job))
    after = {shot.shot.shot_id: shot.output.path.stat().st_mtime_ns for shot in second.rendered}
    assert second.complete and after["s0"] == before["s0"] and after["s1"] > before["s1"]
    with pytest.raises(NoSuchUnitError, match="s9 names no shot of the plan; it has s0, s1"):
        units_of_shots(plan, ["s9"])


def test_a_worker_of_one_shot_leaves_the_others(media: Path, tmp_path: Path) -> None:
    job = tmp_path / "job"
    make_job(job, *shots_of(media, "clip.mkv", "clip.mkv"))
    list(run_all(desk_in(job), shots={"s0"}))
    assert {unit: state for unit, state in states(job).items() if state == "done"}.keys() == {
        "s0.track", "s0.move", "s0.render.000000-000005"
    }  # fmt: skip


class FullAtFirst(EchoPerformer):
    """A performer whose disk is full when it is first asked."""

    left: ClassVar[list[OSError]] = []

    def perform(self, takes: Sequence[Take]) -> Iterator[tuple[str, int, NewFace]]:
        if self.left:
            raise self.left.pop()
        return EchoPerformer.perform(self, takes)


def test_a_full_disk_is_waited_for(job: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    FullAtFirst.left.append(OSError(errno.ENOSPC, "No space left on device", "spool"))
    monkeypatch.setattr("reenact_core.farm.all_units.time.sleep", waited.append)
    events = list(run_all(desk_in(job, FullAtFirst())))
    assert [event.failure.exit for event in failures(events)] == [75]
    assert waited[0] == 5.0
    assert states(job)["assemble"] == "ready"


def test_machines_that_lack_the_networks_do_not_use_up_a_unit(
    job: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    do_units(desk_in(job), [read_plan(job).units[0]])
    for _ in range(5):
        assert failures(list(run_all(desk_in(job, Failing()))))[0].failure.exit == 12
    assert not failures(list(run_all(desk_in(job))))
    assert states(job)["assemble"] == "ready"


def test_a_job_that_is_started_again_forgets_what_may_pass(job: Path) -> None:
    plan, folder = read_plan(job), JobFolder(job)
    for unit, temporary in zip(plan.units[:2], (True, False), strict=True):
        record = Failed(unit.id, unit.key, "w-1-a", "", 30, "x", "", 75, temporary)
        write_record(folder.failed, record, "w-1-a")
    forget_passing(folder)
    assert [read_failed(folder, unit) is None for unit in plan.units[:2]] == [True, False]


def test_missing_pieces_are_named(job: Path) -> None:
    plan = read_plan(job)
    do_units(desk_in(job), list(plan.units[:3]))
    with pytest.raises(TemporaryError, match=r"1 missing piece: s0\.render\.000003-000005"):
        assembled(desk_in(job))


def test_a_damaged_piece_is_found_and_made_again(job: Path) -> None:
    do_units(desk_in(job))
    piece = max((job / "pieces").rglob("*.mp4"))
    whole = piece.read_bytes()
    piece.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    failed = assembled(desk_in(job)).failed
    assert "is missing or not what unit s0.render.000003-000005 wrote" in str(failed[0].error)
    assert do_units(desk_in(job))[0] == 0
    assert assembled(desk_in(job)).complete


def test_a_result_of_another_plan_is_no_result(media: Path, job: Path) -> None:
    do_units(desk_in(job))
    faster = [replace(shot, casts=(replace(shot.casts[0], strength=0.5),))
              for shot in shots_of(media, "clip.mkv")]  # fmt: skip
    make_job(job, *faster, frames_per_unit=3)
    assert states(job) == {
        "s0.track": "done",
        "s0.move": "ready",
        "s0.render.000000-000002": "waiting",
        "s0.render.000003-000005": "waiting",
        "assemble": "waiting",
    }
    assert do_units(desk_in(job))[0] == 0


def test_progress_and_what_is_left_are_told_from_files(job: Path) -> None:
    plan: FarmPlan = read_plan(job)
    unit: Unit = plan.units[0]
    do_units(desk_in(job), [unit])
    try_claim(JobFolder(job), "s0.move", "host-1-abc")
    looked = survey(JobFolder(job), plan).look()
    total = summarise(looked)
    assert (total.counts["done"], total.counts["running"], total.workers) == (1, 1, 1)
    assert 0 < total.done_share < 1
    assert total.seconds_left is not None
    assert total.seconds_left > 0
    assert looked[1].worker == "host-1-abc"


def test_what_waits_for_a_failure_is_not_counted_as_left(job: Path) -> None:
    do_units(desk_in(job), list(read_plan(job).units[:1]))
    states = survey(JobFolder(job), read_plan(job)).look()
    left = _left_after(states, temporary=False, attempts=1)
    again = _left_after(states, temporary=True, attempts=1)
    assert left < again == _left_after(states, temporary=True, attempts=2)


def _left_after(states: list[UnitState], *, temporary: bool, attempts: int) -> float:
    """Seconds left, of a job of two like shots, the second one of which has failed to move."""
    failure = Failed("s0.move", "k", "w", "", attempts, "c", "m", 13, temporary)
    units = {one.unit.id: one for one in states}
    failed = replace(units["s0.move"], state="failed", failure=failure, may_retry=temporary)
    other = [
        replace(one, unit=replace(one.unit, id=f"o{one.unit.id}", shot="other"))
        for one in states
        if one.unit.kind != "assemble"
    ]
    running = [replace(other[0], state="running", done=None), *other[1:]]
    here = [failed if one is units["s0.move"] else one for one in states]
    left = summarise([*here, *running]).seconds_left
    assert left is not None
    return left
