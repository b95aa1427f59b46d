"""The workers that render: one a device, each with one job at a time, warm between jobs."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reenact_bridge.errors import CODE_OF_CORE, ProtocolError
from reenact_bridge.leftovers import clear_leftovers
from reenact_bridge.records import Job
from reenact_bridge.store import Store
from reenact_bridge.worker_process import Hear, WorkerProcess, how_it_died

GRACE_SECONDS = 0.8
"""A worker that does not stop by itself after so long is killed."""
MOST_DEATHS = 2
"""A job over which so many workers died is given up."""
CLEARING_SECONDS = 5.0
"""So long is waited for a file system to remove what a dead worker left."""
RETRY_SECONDS = 2.0
"""Where the disk is full, the end of a job is written again after so long."""


@dataclass(slots=True)
class _Bench:
    """A device, its worker and the job it is at."""

    device: str
    log: Path
    worker: WorkerProcess | None = None
    job: Job | None = None
    stop_at: float | None = None
    """When the worker is killed if it has not stopped."""
    unwritten: tuple[str, dict[str, Any]] | None = None
    """The end of its job, which the disk had no room for."""
    again_at: float = 0.0
    unheard: bool = False
    """The worker was there before its job, and has not said yet that it has begun it."""
    heard_at: float = 0.0
    """When it was given its job, or last said something."""
    silent: bool = False
    """It was ended because it said nothing for too long."""


class Renderers:
    """Used by the clerk alone, but for `devices`."""

    def __init__(
        self,
        store: Store,
        devices: list[str],
        start: dict[str, Any],
        hear: Hear,
        silence_seconds: float,
    ) -> None:
        """
        Args:
            start: what workers are told at first, but for their device.
            silence_seconds: a worker that is at a job and says nothing for so long is ended.
        """
        self._store, self._start, self._hear = store, start, hear
        self._silence_seconds = silence_seconds
        logs = Path(start["logs"])
        self._benches = [
            _Bench(device, logs / f"render-{number}.log") for number, device in enumerate(devices)
        ]
        self.draining = False

    def go_on(self) -> None:
        """Give idle devices the jobs whose turn it is."""
        for bench in self._benches:
            if bench.job is not None or self.draining:
                continue
            job = self._store.next_queued()
            if job is None:
                return
            self._begin(bench, job)

    def heard(self, worker: WorkerProcess, message: dict[str, Any]) -> bool:
        """Take what a worker said; False where it is none of these."""
        bench = next((bench for bench in self._benches if bench.worker is worker), None)
        if bench is None:
            return False
        bench.heard_at = time.monotonic()
        if message["is"] == "died":
            self._died(bench, message["status"])
        elif bench.job is not None and message.get("job") == bench.job.id:
            bench.unheard = False
            self._said(bench, bench.job, message)
        self.go_on()
        return True

    def stop(self, job_id: str, *, now: bool) -> None:
        """Stop a job that is under way."""
        for bench in self._benches:
            if bench.job is None or bench.job.id != job_id or bench.worker is None:
                continue
            if now:
                bench.worker.kill()
                continue
            bench.worker.send({"do": "stop", "job": job_id})
            bench.stop_at = bench.stop_at or time.monotonic() + GRACE_SECONDS

    def tick(self) -> None:
        """Kill what does not stop or hangs, and write what could not be written."""
        now = time.monotonic()
        for bench in self._benches:
            if bench.stop_at is not None and bench.stop_at < now and bench.worker is not None:
                bench.stop_at = None
                bench.worker.kill()
            if self._hangs(bench, now) and bench.worker is not None:
                bench.silent = True
                bench.worker.kill()
            if bench.unwritten is not None and bench.again_at < now and bench.job is not None:
                state, facts = bench.unwritten
                self._end(bench, bench.job, state, **facts)
        self.go_on()

    @property
    def busy(self) -> bool:
        """Whether a job is under way."""
        return any(bench.job is not None for bench in self._benches)

    @property
    def devices(self) -> list[str]:
        return [bench.device for bench in self._benches]

    def close(self) -> None:
        """End all workers; their jobs go on after the next start."""
        for bench in self._benches:
            if bench.worker is not None:
                bench.worker.close()
                bench.worker = None

    def _hangs(self, bench: _Bench, now: float) -> bool:
        """Whether a job's worker has said nothing for too long, and was not yet ended for it."""
        at_work = bench.job is not None and bench.unwritten is None and not bench.silent
        return at_work and now - bench.heard_at > self._silence_seconds

    def _begin(self, bench: _Bench, job: Job) -> None:
        bench.job, bench.stop_at = job, None
        bench.heard_at, bench.silent = time.monotonic(), False
        try:
            # Now it is no longer queued, so that a cancel is brought to its worker.
            moved = self._store.move(job.id, "planning", device=bench.device)
        except ProtocolError:
            bench.job = None  # the disk is full: it stays queued until there is room
            return
        if not moved:
            bench.job = None
            return
        bench.unheard = bench.worker is not None
        if bench.worker is None:
            start = {**self._start, "device": bench.device, "politely": True}
            bench.worker = WorkerProcess(start, bench.log, self._hear)
        bench.worker.send({"do": "render", "job": job.id, "work": job.work})
        found = self._store.job(job.id)
        if found is not None and found.cancelling:  # it came between the two
            self.stop(job.id, now=False)

    def _said(self, bench: _Bench, job: Job, message: dict[str, Any]) -> None:
        kind = message["is"]
        if kind == "progress":
            self._store.progress(job.id, message["event"])
        elif kind == "state" and message["state"] != "planning":
            self._state(job, message["state"])
        elif kind == "done":
            state = "done" if _anything_done(message["result"]) else "failed"
            error = None if state == "done" else _nothing_done(message["result"]).body()
            self._end(bench, job, state, result=message["result"], error=error)
        elif kind == "failed":
            self._end(bench, job, "failed", error=message["error"])
        elif kind == "stopped":
            self._end(bench, job, "cancelled")

    def _state(self, job: Job, state: Any) -> None:
        try:
            self._store.move(job.id, state)
        except ProtocolError:
            return  # the disk is full; the end of the job is what matters

    def _died(self, bench: _Bench, status: int) -> None:
        bench.worker, bench.stop_at = None, None
        job = bench.job
        if job is None or bench.unwritten is not None:
            return
        clear_leftovers(Path(job.work["out"]), CLEARING_SECONDS)
        found = self._store.job(job.id)
        if found is not None and found.cancelling:
            self._end(bench, job, "cancelled")
            return
        if bench.silent:
            self._end(bench, job, "failed", error=_hung(self._silence_seconds).body())
            return
        how = how_it_died(status)
        try:
            # One that died while it was idle had nothing to do with the job.
            deaths = 0 if bench.unheard else self._store.count_death(job.id)
            if deaths < MOST_DEATHS:
                said = f"the worker died {how}; the job is tried once more"
                self._store.move(job.id, "queued", message=said)
                bench.job = None
                return
        except ProtocolError:
            deaths = MOST_DEATHS  # the disk is full
        error = ProtocolError("E_INTERNAL", f"the worker died {how}, {deaths} times over this job")
        self._end(bench, job, "failed", error=error.body())

    def _end(self, bench: _Bench, job: Job, state: Any, **facts: Any) -> None:
        """Bring a job into its final state; kept for later where the disk is full."""
        try:
            self._store.move(job.id, state, **facts)
        except ProtocolError:
            bench.unwritten = (state, facts)
            bench.again_at = time.monotonic() + RETRY_SECONDS
            return
        bench.job, bench.stop_at, bench.unwritten = None, None, None


def _hung(seconds: float) -> ProtocolError:
    return ProtocolError(
        "E_LIMIT",
        f"the render was ended: nothing was heard of it for {seconds:g} s; see that its media and "
        "its output folder can be reached, and submit it again",
        limit="silence_s",
        max=seconds,
    )


def _anything_done(result: dict[str, Any]) -> bool:
    done = any(shot["status"] != "failed" for shot in result["shots"])
    return done or not (result["shots"] or result["refused"])


def _nothing_done(result: dict[str, Any]) -> ProtocolError:
    """Why a job without a single shot failed, in the words of its first failure."""
    for shot in result["shots"]:
        said = shot["error"]
        code = CODE_OF_CORE.get(said["code"], "E_INTERNAL")
        where = f"clip {shot['clip']}"
        return ProtocolError(code, said["message"], where=where, kind=said["code"])
    item = result["refused"][0]
    return ProtocolError("E_MEDIA", item["reason"], where=f"clip {item['clip']}", kind="timeline")
