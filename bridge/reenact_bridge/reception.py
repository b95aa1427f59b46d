"""The requests that are answered from memory and the job store, on either socket."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from reenact_bridge.callers import Caller
from reenact_bridge.errors import ProtocolError
from reenact_bridge.limits import Limits
from reenact_bridge.records import Job, Submission
from reenact_bridge.roots import Roots
from reenact_bridge.store import Store
from reenact_bridge.wire import MAX_BODY, MAX_HEADER, PROTOCOL
from reenact_bridge.work import digest, resolved_work
from reenact_core.version import __version__

FEATURES = ("jobs", "frame", "detect", "shm", "inline", "cancel-now", "read")
HEARTBEAT_MS = 5000

WRITES = frozenset({"submit", "cancel", "forget"})
"""Requests that are answered when they are on the disk."""

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Orders:
    """What a request has other threads do; each may be called from any thread."""

    stop: Callable[[str, bool], None]
    """Stop a job that is under way; True: now."""
    heard: Callable[[Caller], None]
    """A client is there."""
    shutdown: Callable[[bool], None]
    """Stop the server; True: after the jobs that are under way."""


@dataclass(slots=True)
class Reception:
    """Answers; safe to be used by several threads."""

    store: Store
    roots: Roots
    limits: Limits
    devices: list[str]
    instance: str
    orders: Orders
    draining: bool = False
    load: float = 0.0

    def answer(self, caller: Caller, kind: str, body: Body) -> Body:
        """The body of the reply to a request that changes nothing.

        Raises:
            ProtocolError: it is answered with an error.
        """
        answers: dict[str, Callable[[Caller, Body], Body]] = {
            "hello": self._hello,
            "ping": self._ping,
            "status": self._status,
            "list": self._list,
            "result": self._result,
            "events.since": self._events,
            "shutdown": self._shutdown,
        }
        return answers[kind](caller, body)

    def change(self, caller: Caller, kind: str, body: Body) -> Body:
        """The body of the reply to `cancel` or `forget`; for the clerk.

        Raises:
            ProtocolError: it is answered with an error.
        """
        return self._cancel(caller, body) if kind == "cancel" else self._forget(caller, body)

    def submission(self, caller: Caller, body: Body) -> tuple[Submission, int]:
        """What `submit` asks for, and how many open jobs its client may have.

        Raises:
            ProtocolError: E_PATH or E_MEDIA.
        """
        work = resolved_work(body, self.roots)
        if not os.path.exists(work["timeline"]):
            raise ProtocolError(
                "E_MEDIA", f"{body['timeline']['path']}: no such file", kind="timeline"
            )
        priority = int(body.get("priority", 5))
        asked = Submission(
            caller.name, body["idempotency_key"], digest(work, priority), work, priority
        )
        return asked, 0 if self.draining else self.limits.jobs_per_client

    def _hello(self, caller: Caller, body: Body) -> Body:
        if PROTOCOL not in body.get("protocols", [PROTOCOL]):
            raise ProtocolError(
                "E_PROTO", f"this server speaks protocol {PROTOCOL}", protocols=[PROTOCOL]
            )
        reply = {
            "protocol": PROTOCOL,
            "server_version": __version__,
            "instance": self.instance,
            "role": caller.visitor.role,
            "heartbeat_ms": HEARTBEAT_MS,
            "limits": {
                "header_bytes": MAX_HEADER,
                "body_bytes": MAX_BODY,
                **self.limits.table(),
            },
            "features": list(FEATURES),
        }
        if caller.visitor.role != "viewer":
            reply["roots"] = [str(folder) for folder in self.roots.folders]
        return reply

    def _ping(self, caller: Caller, body: Body) -> Body:
        self.orders.heard(caller)
        counts = self.store.counts()
        queued = counts.pop("queued", 0)
        jobs = {"queued": queued, "running": sum(counts.values())}
        return {"load": self.load, "jobs": jobs, "devices": self.devices}

    def _status(self, caller: Caller, body: Body) -> Body:
        return self._record(caller, self._find(caller, body["job"]))

    def _list(self, caller: Caller, body: Body) -> Body:
        limit = int(body.get("limit", 50))
        everything = caller.visitor.role != "submit"
        jobs = self.store.jobs(
            owner=None if everything else caller.name,
            state=body.get("state"),
            after=body.get("after"),
            limit=limit + 1,
        )
        records = [self._record(caller, job) for job in jobs[:limit]]
        return {"jobs": records, "more": len(jobs) > limit}

    def _result(self, caller: Caller, body: Body) -> Body:
        job = self._find(caller, body["job"])
        if not job.is_final:
            raise ProtocolError(
                "E_BUSY",
                f"job {job.id} has not ended, it is {job.state}",
                state=job.state,
                retry_after_ms=1000,
            )
        if job.result is not None:
            return {"job": job.id, **job.result}
        if job.error is not None:
            error = job.error
            raise ProtocolError(
                error["code"], error["message"], where=error["where"], **error["detail"]
            )
        raise ProtocolError("E_CANCELLED", f"job {job.id} was cancelled")

    def _forget(self, caller: Caller, body: Body) -> Body:
        job = self._find(caller, body["job"])
        self.store.forget(job.id)
        return {"job": job.id}

    def _cancel(self, caller: Caller, body: Body) -> Body:
        job = self._find(caller, body["job"])
        if not job.is_final:
            job = self.store.cancel(job.id)
            self.orders.stop(job.id, body.get("mode") == "now")
        return {
            "job": job.id,
            "state": job.state,
            "cancelling": job.cancelling and not job.is_final,
        }

    def _events(self, caller: Caller, body: Body) -> Body:
        job, limit = self._find(caller, body["job"]), int(body.get("limit", 200))
        events = self.store.events(job.id, int(body["seq"]), limit + 1)
        return {"job": job.id, "events": events[:limit], "more": len(events) > limit}

    def _shutdown(self, caller: Caller, body: Body) -> Body:
        drain = bool(body.get("drain", True))
        self.draining = True
        self.orders.shutdown(drain)
        return {"draining": drain}

    def _find(self, caller: Caller, job_id: str) -> Job:
        job = self.store.job(job_id)
        if job is None or not caller.knows(job):
            raise ProtocolError("E_NOT_FOUND", f"there is no job {job_id}")
        return job

    def _record(self, caller: Caller, job: Job) -> Body:
        """A job as a client may see it."""
        record: Body = {
            "job": job.id,
            "state": job.state,
            "final": job.is_final,
            "seq": job.seq,
            "created": job.created,
            "finished": job.finished,
            "priority": job.priority,
            "cancelling": job.cancelling and not job.is_final,
            "attempts": job.attempts,
            "position": self.store.position(job),
        }
        if not caller.owns(job):
            fraction = (job.progress or {}).get("fraction")
            return {**record, "progress": None if fraction is None else {"fraction": fraction}}
        return {
            **record,
            "progress": job.progress,
            "timeline": job.work["timeline"],
            "out": job.work["out"],
            "client": job.owner,
            "error": job.error,
        }
