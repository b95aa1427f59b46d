"""A job as the server keeps it."""

from dataclasses import dataclass
from typing import Any, Literal

State = Literal["queued", "planning", "running", "finalising", "done", "failed", "cancelled"]
FINAL: frozenset[State] = frozenset({"done", "failed", "cancelled"})
"""States that a job does not leave."""


@dataclass(frozen=True, slots=True)
class Submission:
    """What a client asks for."""

    owner: str
    """The client, by the name of its key; `local` where there are no keys."""
    key: str
    """Idempotency key; unique among the owner's jobs."""
    digest: str
    """SHA-256 of the work asked for: the same key with another digest is a conflict."""
    work: dict[str, Any]
    """Timeline, output folder and options, paths resolved."""
    priority: int = 5


@dataclass(frozen=True, slots=True)
class Job:
    """A job's row."""

    id: str
    owner: str
    work: dict[str, Any]
    priority: int
    created: float
    """Seconds since 1970, by the server's clock; for people, order is by number."""
    state: State
    cancelling: bool
    attempts: int
    """Workers that died over it."""
    seq: int
    """Of its latest event."""
    progress: dict[str, Any] | None
    """Its latest event of the kind `progress`."""
    result: dict[str, Any] | None
    error: dict[str, Any] | None
    finished: float | None

    @property
    def is_final(self) -> bool:
        return self.state in FINAL
