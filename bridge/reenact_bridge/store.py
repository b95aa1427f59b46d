"""Jobs on disk: acknowledged only when written, alive after `kill -9`, ended exactly once.

One SQLite file. That a job is there, is to be stopped, or has ended is flushed to the disk before
anybody hears of it; what lies between is flushed when the system likes. Readers (`status`) have
connections of their own and never wait for a writer.
"""

import json
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from reenact_bridge.errors import ProtocolError
from reenact_bridge.records import FINAL, Job, State, Submission
from reenact_core.errors import OutputError
from reenact_core.wording import amount

FILE = "jobs.sqlite"
BUSY_MS = 5000
"""After so long a request that found no room may be made again."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    owner TEXT NOT NULL,
    key TEXT NOT NULL,
    digest TEXT NOT NULL,
    work TEXT NOT NULL,
    priority INTEGER NOT NULL,
    created REAL NOT NULL,
    state TEXT NOT NULL,
    cancelling INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    seq INTEGER NOT NULL DEFAULT 0,
    progress TEXT,
    result TEXT,
    error TEXT,
    finished REAL,
    UNIQUE (owner, key)
);
CREATE TABLE IF NOT EXISTS events (
    job TEXT NOT NULL,
    seq INTEGER NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (job, seq)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS jobs_by_state ON jobs (state, owner);
"""
_VERSION = 1
WHOLE = {"fraction": 1.0, "eta_s": 0.0}
"""How far a job is that is done."""
_OPEN = "state NOT IN ('done', 'failed', 'cancelled')"
_COLUMNS = (
    "id, owner, work, priority, created, state, cancelling, attempts, seq, progress, result, "
    "error, finished"
)

Heard = Callable[[dict[str, Any]], None]


class Store:
    """The jobs of a folder; may be called from any thread."""

    def __init__(self, folder: Path, heard: Heard = lambda event: None) -> None:
        """`heard` is called with every event once it is written.

        Raises:
            OutputError: the folder cannot be written, or holds another version's jobs.
        """
        self._path, self._heard = folder / FILE, heard
        self._lock = threading.Lock()
        self._local = threading.local()
        self._readers: list[sqlite3.Connection] = []
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._path.touch(mode=0o600)
            self._writer = self._connect()
            self._writer.execute("PRAGMA journal_mode=WAL")
            version = self._writer.execute("PRAGMA user_version").fetchone()[0]
            if version in (0, _VERSION):
                self._writer.executescript(_SCHEMA)
                self._writer.execute(f"PRAGMA user_version={_VERSION}")
        except (OSError, sqlite3.Error) as error:
            raise OutputError(f"{self._path}: cannot keep jobs ({error})") from error
        if version not in (0, _VERSION):
            self._writer.close()
            raise OutputError(
                f"{self._path}: was written by another version of reenact; name another folder"
            )

    def close(self) -> None:
        """Let go of the file."""
        for connection in [*self._readers, self._writer]:
            connection.close()

    def submit(
        self, asked: Sequence[tuple[Submission, int]]
    ) -> list[tuple[Job, bool] | ProtocolError]:
        """The job of each submission and whether it was known already, or why there is none.

        With every submission goes how many jobs that have not ended its owner may have. All are
        flushed to the disk together, before this returns. E_CONFLICT: the key stands for other
        work; E_BUSY: too many jobs, or the disk is full, and then nothing was written.
        """
        events: list[dict[str, Any]] = []
        try:
            with self._writing(flush=True) as writer:
                outcomes = [self._enter(writer, one, most, events) for one, most in asked]
        except ProtocolError as error:
            return [error] * len(asked)
        for event in events:
            self._heard(event)
        return outcomes

    def _enter(
        self,
        writer: sqlite3.Connection,
        asked: Submission,
        most: int,
        events: list[dict[str, Any]],
    ) -> tuple[Job, bool] | ProtocolError:
        """Write one submission, if it may be."""
        try:
            known = self._known(writer, asked)
            if known is not None:
                return known, True
            self._check_room(writer, asked.owner, most)
        except ProtocolError as error:
            return error
        job_id = uuid.uuid4().hex
        values = (
            job_id,
            asked.owner,
            asked.key,
            asked.digest,
            json.dumps(asked.work),
            asked.priority,
            time.time(),
        )
        writer.execute(
            "INSERT INTO jobs (id, owner, key, digest, work, priority, created, state) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, 'queued')",
            values,
        )
        events.append(self._append(writer, job_id, "state", {"state": "queued"}))
        return _required(_one(writer, job_id), job_id), False

    def job(self, job_id: str) -> Job | None:
        """The job of that id."""
        return _one(self._reader(), job_id)

    def jobs(
        self, *, owner: str | None, state: State | None, after: str | None, limit: int
    ) -> list[Job]:
        """Jobs, the newest first, from the one behind `after` on."""
        wheres, values = ["1"], list[Any]()
        if owner is not None:
            wheres, values = [*wheres, "owner = ?"], [*values, owner]
        if state is not None:
            wheres, values = [*wheres, "state = ?"], [*values, state]
        if after is not None:
            wheres.append("number < (SELECT number FROM jobs WHERE id = ?)")
            values.append(after)
        query = f"SELECT {_COLUMNS} FROM jobs WHERE {' AND '.join(wheres)} "
        rows = self._reader().execute(f"{query} ORDER BY number DESC LIMIT ?", [*values, limit])
        return [_job(row) for row in rows]

    def counts(self) -> dict[State, int]:
        """How many jobs are in each state that is not final."""
        rows = self._reader().execute(
            f"SELECT state, count(*) FROM jobs WHERE {_OPEN} GROUP BY state"
        )
        return dict(rows.fetchall())

    def position(self, job: Job) -> int | None:
        """How many jobs are before a queued one; None where it is not queued."""
        if job.state != "queued":
            return None
        query = (
            "SELECT count(*) FROM jobs WHERE state = 'queued' AND (priority > ? OR (priority = ? "
            "AND number < (SELECT number FROM jobs WHERE id = ?)))"
        )
        row = self._reader().execute(query, (job.priority, job.priority, job.id)).fetchone()
        return int(row[0])

    def next_queued(self) -> Job | None:
        """The job whose turn it is."""
        query = f"SELECT {_COLUMNS} FROM jobs WHERE state = 'queued' AND cancelling = 0"
        row = self._reader().execute(f"{query} ORDER BY priority DESC, number LIMIT 1").fetchone()
        return None if row is None else _job(row)

    def events(self, job_id: str, seq: int, limit: int) -> list[dict[str, Any]]:
        """Events of a job after a number, in order."""
        rows = self._reader().execute(
            "SELECT body FROM events WHERE job = ? AND seq > ? ORDER BY seq LIMIT ?",
            (job_id, seq, limit),
        )
        return [json.loads(row[0]) for row in rows]

    def progress(self, job_id: str, event: dict[str, Any]) -> None:
        """Note how far a job is; nothing where it has ended, or the disk is full."""
        try:
            with self._writing(flush=False) as writer:
                job = _one(writer, job_id)
                if job is None or job.is_final:
                    return
                said = self._append(writer, job_id, event["kind"], {"state": job.state, **event})
                if event["kind"] == "progress":
                    writer.execute(
                        "UPDATE jobs SET progress = ? WHERE id = ?", (json.dumps(said), job_id)
                    )
        except ProtocolError:
            return
        self._heard(said)

    def move(self, job_id: str, state: State, **facts: Any) -> bool:
        """Bring a job into a state; False where it has ended already, which nothing changes.

        `facts`: `result`, `error`, and for the event `message`, `device`.

        Raises:
            ProtocolError: E_BUSY: the disk is full, and nothing was changed.
        """
        with self._writing(flush=state in FINAL) as writer:
            job = _one(writer, job_id)
            if job is None or job.is_final:
                return False
            ended = time.time() if state in FINAL else None
            progress = _ended(job.progress, state) if state in FINAL else job.progress
            texts = map(_json, (progress, facts.get("result"), facts.get("error")))
            writer.execute(
                "UPDATE jobs SET state = ?, progress = ?, result = ?, error = ?, finished = ? "
                "WHERE id = ?",
                (state, *texts, ended, job_id),
            )
            told: dict[str, Any] = {
                key: facts[key] for key in ("error", "message", "device") if key in facts
            }
            if state == "done":
                told |= WHOLE
            event = self._append(writer, job_id, "state", {"state": state, **told})
            if state in FINAL:
                writer.execute("DELETE FROM events WHERE job = ? AND kind = 'progress'", (job_id,))
        self._heard(event)
        return True

    def cancel(self, job_id: str) -> Job:
        """Note that a job is to be stopped; a queued one has ended with that.

        Raises:
            ProtocolError: E_NOT_FOUND, or E_BUSY where the disk is full.
        """
        event = None
        with self._writing(flush=True) as writer:
            job = _required(_one(writer, job_id), job_id)
            if not job.is_final:
                writer.execute("UPDATE jobs SET cancelling = 1 WHERE id = ?", (job_id,))
                if job.state == "queued":
                    writer.execute(
                        "UPDATE jobs SET state = 'cancelled', progress = ?, finished = ? "
                        "WHERE id = ?",
                        (_json(_ended(job.progress, "cancelled")), time.time(), job_id),
                    )
                    event = self._append(writer, job_id, "state", {"state": "cancelled"})
            job = _required(_one(writer, job_id), job_id)
        if event is not None:
            self._heard(event)
        return job

    def count_death(self, job_id: str) -> int:
        """Note that a worker died over a job; how many have so far."""
        with self._writing(flush=True) as writer:
            writer.execute("UPDATE jobs SET attempts = attempts + 1 WHERE id = ?", (job_id,))
            row = writer.execute("SELECT attempts FROM jobs WHERE id = ?", (job_id,)).fetchone()
        return int(row[0]) if row else 0

    def forget(self, job_id: str) -> None:
        """Remove a job that has ended.

        Raises:
            ProtocolError: E_NOT_FOUND; E_CONFLICT: it has not ended.
        """
        with self._writing(flush=True) as writer:
            job = _required(_one(writer, job_id), job_id)
            if not job.is_final:
                raise ProtocolError("E_CONFLICT", f"job {job_id} has not ended; cancel it first")
            writer.execute("DELETE FROM events WHERE job = ?", (job_id,))
            writer.execute("DELETE FROM jobs WHERE id = ?", (job_id,))

    def recover(self) -> None:
        """After a start: what was under way is queued again, what was being stopped has stopped."""
        rows = self._reader().execute(f"SELECT {_COLUMNS} FROM jobs WHERE {_OPEN}").fetchall()
        for job in map(_job, rows):
            if job.cancelling:
                self.move(job.id, "cancelled")
            elif job.state != "queued":
                self.move(job.id, "queued", message="the server was started anew; the job goes on")

    def _known(self, writer: sqlite3.Connection, asked: Submission) -> Job | None:
        row = writer.execute(
            "SELECT id, digest FROM jobs WHERE owner = ? AND key = ?", (asked.owner, asked.key)
        ).fetchone()
        if row is None:
            return None
        if row[1] != asked.digest:
            raise ProtocolError(
                "E_CONFLICT", "this idempotency key stands for other work already", job=row[0]
            )
        return _one(writer, row[0])

    def _check_room(self, writer: sqlite3.Connection, owner: str, most: int) -> None:
        query = f"SELECT count(*) FROM jobs WHERE owner = ? AND {_OPEN}"
        count = writer.execute(query, (owner,)).fetchone()[0]
        if count >= most:
            raise ProtocolError(
                "E_BUSY",
                f"{amount(count, 'job')} of yours must end first; at most {most} may wait",
                retry_after_ms=BUSY_MS,
                limit="jobs",
                max=most,
            )

    def _append(
        self, writer: sqlite3.Connection, job_id: str, kind: str, facts: dict[str, Any]
    ) -> dict[str, Any]:
        """Write the next event of a job."""
        row = writer.execute("SELECT seq FROM jobs WHERE id = ?", (job_id,)).fetchone()
        seq = row[0] + 1
        event = {"job": job_id, "seq": seq, "ts": round(time.time(), 3), "kind": kind, **facts}
        writer.execute(
            "INSERT INTO events (job, seq, kind, body) VALUES (?, ?, ?, ?)",
            (job_id, seq, kind, json.dumps(event)),
        )
        writer.execute("UPDATE jobs SET seq = ? WHERE id = ?", (seq, job_id))
        return event

    @contextmanager
    def _writing(self, *, flush: bool) -> Iterator[sqlite3.Connection]:
        """A transaction, flushed to the disk at its end or not.

        Raises:
            ProtocolError: E_BUSY: the disk is full; nothing was written.
        """
        with self._lock:
            writer = self._writer
            try:
                writer.execute(f"PRAGMA synchronous={'FULL' if flush else 'NORMAL'}")
                writer.execute("BEGIN IMMEDIATE")
                try:
                    yield writer
                    writer.execute("COMMIT")
                except BaseException:
                    if writer.in_transaction:
                        writer.execute("ROLLBACK")
                    raise
            except sqlite3.OperationalError as error:
                raise ProtocolError(
                    "E_BUSY",
                    f"the server cannot write its jobs ({error}); nothing was changed",
                    retry_after_ms=BUSY_MS,
                ) from error

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, isolation_level=None, check_same_thread=False, timeout=5
        )
        connection.execute("PRAGMA busy_timeout=5000")
        return connection

    def _reader(self) -> sqlite3.Connection:
        """This thread's own connection."""
        found: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if found is None:
            found = self._local.connection = self._connect()
            found.execute("PRAGMA query_only=1")
            self._readers.append(found)
        return found


def _ended(progress: dict[str, Any] | None, state: State) -> dict[str, Any] | None:
    """The progress of a job that has ended: whole where it is done, else as far as it came."""
    if state == "done":
        shots = (progress or {}).get("shots")
        all_done = {} if shots is None else {"shots_done": shots}
        return {**(progress or {}), "state": state, **all_done, **WHOLE}
    return None if progress is None else {**progress, "state": state, "eta_s": None}


def _one(connection: sqlite3.Connection, job_id: str) -> Job | None:
    row = connection.execute(f"SELECT {_COLUMNS} FROM jobs WHERE id = ?", (job_id,)).fetchone()
    return None if row is None else _job(row)


def _required(job: Job | None, job_id: str) -> Job:
    if job is None:
        raise ProtocolError("E_NOT_FOUND", f"there is no job {job_id}")
    return job


def _job(row: tuple[Any, ...]) -> Job:
    (job_id, owner, work, priority, created, state, cancelling, attempts, seq, *rest) = row
    progress, result, error = (None if text is None else json.loads(text) for text in rest[:3])
    return Job(
        job_id,
        owner,
        json.loads(work),
        priority,
        created,
        state,
        bool(cancelling),
        attempts,
        seq,
        progress,
        result,
        error,
        rest[3],
    )


def _json(value: Any) -> str | None:
    return None if value is None else json.dumps(value)
