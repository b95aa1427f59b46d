"""Who sent a message, and what that client may see."""

from dataclasses import dataclass
from typing import Any

from reenact_bridge.errors import ProtocolError
from reenact_bridge.keys import AllowList, Role, Visitor
from reenact_bridge.records import Job

LOCAL = Visitor("local", "admin")
"""Who connects without a key, which only this machine's programs can."""

ROLES: dict[str, tuple[Role, ...]] = {
    "hello": ("viewer", "submit", "admin"),
    "ping": ("viewer", "submit", "admin"),
    "status": ("viewer", "submit", "admin"),
    "list": ("viewer", "submit", "admin"),
    "capabilities": ("viewer", "submit", "admin"),
    "events.since": ("submit", "admin"),
    "result": ("submit", "admin"),
    "forget": ("submit", "admin"),
    "cancel": ("submit", "admin"),
    "submit": ("submit", "admin"),
    "validate": ("submit", "admin"),
    "detect": ("submit", "admin"),
    "session.open": ("submit", "admin"),
    "session.close": ("submit", "admin"),
    "frame": ("submit", "admin"),
    "shutdown": ("admin",),
}
"""Who may send what."""


@dataclass(frozen=True, slots=True)
class Caller:
    """The sender of a message."""

    identity: bytes
    """Where the answer goes."""
    visitor: Visitor
    session: str | None = None

    @property
    def name(self) -> str:
        """Whose jobs are whose."""
        return self.visitor.name

    @property
    def share(self) -> str | bytes:
        """Who counts as one where callers share workers: a name, or without keys a connection."""
        return self.identity if self.visitor is LOCAL else self.name

    def check_may(self, kind: str) -> None:
        """Raise E_FORBIDDEN if this client may not send messages of that type."""
        if self.visitor.role not in ROLES[kind]:
            raise ProtocolError(
                "E_FORBIDDEN", f"a client of the role {self.visitor.role} may not `{kind}`"
            )

    def owns(self, job: Job) -> bool:
        """Whether all of a job may be told to this client."""
        return self.visitor.role == "admin" or job.owner == self.name

    def knows(self, job: Job) -> bool:
        """Whether this client may know that a job is there, and how far it is."""
        return self.visitor.role == "viewer" or self.owns(job)


def visitor_of(frame: Any, allowed: AllowList | None) -> Visitor:
    """Who sent a frame, by the key that its connection proved.

    Raises:
        ProtocolError: E_AUTH: the key is not on the list any more.
    """
    if allowed is None:
        return LOCAL
    found = allowed.find(str(frame.get("User-Id")))
    if found is None:
        raise ProtocolError("E_AUTH", "this key is not on the server's list any more")
    return found
