import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from reenact_bridge.errors import ProtocolError
from reenact_bridge.records import Job, Submission
from reenact_bridge.store import FILE, Store
from reenact_core.errors import OutputError

WORK = {"timeline": "/cut.otio", "out": "/out", "options": {}}


def asked(key: str = "k", digest: str = "d", owner: str = "anna", priority: int = 5) -> Submission:
    return Submission(owner, key, digest, WORK, priority)


def entered(store: Store, key: str = "k", most: int = 9, **more: Any) -> Job:
    [outcome] = store.submit([(asked(key, **more), most)])
    if isinstance(outcome, ProtocolError):
        raise outcome
    return outcome[0]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def test_a_key_is_one_job_and_other_work_under_it_is_a_conflict(store: Store) -> None:
    job = entered(store)
    assert store.submit([(asked(), 9)]) == [(job, True)]
    assert entered(store, owner="bob").id != job.id
    with pytest.raises(ProtocolError) as error:
        entered(store, digest="other")
    assert error.value.code == "E_CONFLICT"


def test_submissions_that_are_written_together_count_each_other(store: Store) -> None:
    outcomes = store.submit([(asked(str(number)), 3) for number in (1, 2, 2, 3, 4)])
    kinds = [one.code if isinstance(one, ProtocolError) else one[1] for one in outcomes]
    assert kinds == [False, False, True, False, "E_BUSY"]


def test_a_final_state_is_final(store: Store) -> None:
    job = entered(store)
    assert store.move(job.id, "done", result={"complete": True})
    assert not store.move(job.id, "failed")
    assert store.cancel(job.id).state == "done"
    states = [event["state"] for event in store.events(job.id, 0, 99)]
    assert states == ["queued", "done"]


def test_events_are_numbered_without_gaps_and_heard_in_order(tmp_path: Path) -> None:
    heard: list[dict[str, Any]] = []
    store = Store(tmp_path, heard.append)
    job = entered(store)
    store.move(job.id, "running")
    for number in range(5):
        store.progress(job.id, {"kind": "progress", "fraction": number / 5})
    assert [event["seq"] for event in heard] == list(range(1, 8))
    assert store.events(job.id, 4, 2) == heard[4:6]
    store.move(job.id, "done")
    kept = [event["kind"] for event in store.events(job.id, 0, 99)]
    assert kept == ["state", "state", "state"]


def test_jobs_wait_by_priority_and_then_by_arrival(store: Store) -> None:
    jobs = {
        name: entered(store, name, priority=priority)
        for name, priority in (("a", 5), ("b", 5), ("c", 9), ("d", 0))
    }
    order = []
    while (job := store.next_queued()) is not None:
        order.append(next(name for name, known in jobs.items() if known.id == job.id))
        store.move(job.id, "running")
    assert order == ["c", "a", "b", "d"]


def test_after_a_start_what_was_under_way_is_queued_and_what_was_stopped_is_cancelled(
    tmp_path: Path,
) -> None:
    before = Store(tmp_path)
    running, stopped, done = (entered(before, name) for name in "abc")
    for job in (running, stopped, done):
        before.move(job.id, "running")
    before.cancel(stopped.id)
    before.move(done.id, "done")
    after = Store(tmp_path)
    after.recover()
    states = [_state(after, job) for job in (running, stopped, done)]
    assert states == ["queued", "cancelled", "done"]


def _state(store: Store, job: Job) -> str:
    found = store.job(job.id)
    assert found is not None
    return found.state


def test_a_clock_that_jumps_changes_no_order(tmp_path: Path) -> None:
    store = Store(tmp_path)
    jobs = [entered(store, name) for name in "abc"]
    with sqlite3.connect(tmp_path / FILE) as other:  # b came in the future, c long ago
        for job, moment in zip(jobs, (1.7e9, 4e9, 0.0), strict=True):
            other.execute("UPDATE jobs SET created = ? WHERE id = ?", (moment, job.id))
    other.close()
    listed = store.jobs(owner="anna", state=None, after=None, limit=9)
    assert [job.id for job in reversed(listed)] == [job.id for job in jobs]
    assert [store.position(job) for job in jobs] == [0, 1, 2]
    for job in jobs:
        found = store.next_queued()
        assert found is not None and found.id == job.id
        store.move(job.id, "done")


def test_only_what_has_ended_can_be_forgotten(store: Store) -> None:
    job = entered(store)
    with pytest.raises(ProtocolError) as error:
        store.forget(job.id)
    assert error.value.code == "E_CONFLICT"
    store.cancel(job.id)
    store.forget(job.id)
    assert store.job(job.id) is None and store.events(job.id, 0, 9) == []
    assert entered(store).id != job.id


def test_readers_do_not_wait_for_a_writer(store: Store) -> None:
    job = entered(store)
    with store._writing(flush=False):
        found: list[Job | None] = []
        reader = threading.Thread(target=lambda: found.append(store.job(job.id)))
        reader.start()
        reader.join(2)
        assert found == [job]


FULL = """
import resource, signal, sys
from pathlib import Path
from tests.bridge.test_store import asked
from reenact_bridge.errors import ProtocolError
from reenact_bridge.store import Store
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = Store(Path(sys.argv[1]))
first = store.submit([(asked("first"), 10**6)])[0]
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
codes = []
for number in range(400):
    [outcome] = store.submit([(asked(str(number)), 10**6)])
    codes.append(outcome.code if isinstance(outcome, ProtocolError) else "ok")
print(sorted(set(codes)), codes[-1], store.job(first[0].id).state, codes.count("ok"))
"""


def test_a_full_disk_refuses_new_jobs_and_keeps_old_ones(tmp_path: Path, repository: Path) -> None:
    environment = {"PYTHONPATH": ":".join(path for path in sys.path if path)}
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=repository,
        env=environment,
    )
    codes, last, state, count = done.stdout.rsplit(" ", 3)
    assert codes == "['E_BUSY', 'ok']", done.stderr
    assert (last, state) == ("E_BUSY", "queued")
    kept = Store(tmp_path).jobs(owner=None, state="queued", after=None, limit=10**6)
    assert len(kept) == int(count) + 1


def test_a_store_of_another_version_or_none_at_all_is_named(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / FILE) as other:
        other.execute("PRAGMA user_version=99")
    other.close()
    with pytest.raises(OutputError, match="another version"):
        Store(tmp_path)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / FILE).write_bytes(b"no database" * 200)
    with pytest.raises(OutputError, match="cannot keep jobs"):
        Store(tmp_path / "broken")


def test_a_job_that_is_done_says_that_it_is_whole(store: Store) -> None:
    told = {"kind": "progress", "fraction": 0.4, "eta_s": 9.0, "shots": 2, "shots_done": 1}
    done, failed, kept = (entered(store, key) for key in ("done", "failed", "kept"))
    for job in (done, failed):
        store.move(job.id, "running")
        store.progress(job.id, told)
    store.move(done.id, "done", result={})
    store.move(failed.id, "failed", error={"code": "E_MEDIA"})
    store.move(kept.id, "done", result={})
    whole = {"state": "done", "fraction": 1.0, "eta_s": 0.0}
    found = [store.job(job.id) for job in (done, failed, kept)]
    progress = [job.progress or {} for job in found if job is not None]
    assert progress[0] == progress[0] | whole | {"shots_done": 2}
    assert progress[1] == progress[1] | {"state": "failed", "fraction": 0.4, "eta_s": None}
    assert progress[2] == whole
    assert store.events(done.id, 0, 99)[-1]["fraction"] == 1.0
