"""Calls that are answered at once: queued, dropped when late or superseded, sent to a worker.

There is one worker for them, apart from those that render, so that a preview never waits for a
render and a file that crashes it takes no render along. It is started by the first call.
"""

import time
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reenact_bridge.callers import Caller
from reenact_bridge.errors import ProtocolError
from reenact_bridge.limits import Limits
from reenact_bridge.regions import Region
from reenact_bridge.wire import Header
from reenact_bridge.worker_process import Hear, WorkerProcess, how_it_died

Finish = Callable[["Call", dict[str, Any] | ProtocolError], None]


@dataclass(slots=True, eq=False)
class Call:
    """A request that a worker answers."""

    caller: Caller
    header: Header
    name: str
    body: dict[str, Any]
    deadline: float
    """By the monotonic clock; after it the client gets E_DEADLINE."""
    session: str | None = None
    """The preview whose newer frames supersede this one."""
    region: Region | None = None
    """Memory of this call alone, for pixels that came inline."""
    id: str = ""
    answered: bool = False
    begun: float | None = None


class LiveDesk:
    """The queue and the worker; used by the server's main thread alone."""

    def __init__(
        self, start: dict[str, Any], log: Path, hear: Hear, finish: Finish, limits: Limits
    ) -> None:
        """`finish` is called once for every call, with its reply or its error."""
        self._start, self._log, self._hear = start, log, hear
        self._finish, self._limits = finish, limits
        self._waiting: deque[Call] = deque()
        self._current: Call | None = None
        self._worker: WorkerProcess | None = None

    def add(self, call: Call) -> bool:
        """Take a call in; False where the client asked again, for it gets the one answer.

        Raises:
            ProtocolError: E_BUSY: too many wait.
        """
        if self._is_known(call):
            return False
        self._supersede(call)
        own = sum(other.caller.name == call.caller.name for other in self._waiting)
        if own >= self._limits.calls_per_client or len(self._waiting) >= self._limits.calls:
            raise ProtocolError(
                "E_BUSY", "too many requests wait; ask again later", retry_after_ms=500
            )
        call.id = uuid.uuid4().hex
        self._waiting.append(call)
        self._go_on()
        return True

    def heard(self, worker: WorkerProcess, message: dict[str, Any]) -> bool:
        """Take what a worker said; False where it is not this desk's."""
        if worker is not self._worker:
            return False
        if message["is"] == "died":
            self._worker = None
            self._end(_died(message["status"]))
        elif message["is"] == "answer" and self._is_current(message):
            self._end(message["body"])
        elif message["is"] == "refused" and self._is_current(message):
            self._end(_refusal(message["error"]))
        self._go_on()
        return True

    def drop(self, session: str) -> None:
        """Forget a preview."""
        if self._worker is not None:
            self._worker.send({"do": "drop", "session": session})

    def tick(self) -> None:
        """Answer what is late, and end a worker that hangs."""
        now = time.monotonic()
        for call in [call for call in self._waiting if call.deadline < now]:
            self._waiting.remove(call)
            self._close(call, _late(call))
        current = self._current
        if current is None:
            return
        if current.deadline < now and not current.answered:
            current.answered = True
            self._finish(current, _late(current))
        begun = current.begun or now
        if self._worker is not None and now - begun > self._limits.hung_s:
            self._worker.kill()

    @property
    def load(self) -> float:
        """How full the queue is, 0 to 1."""
        return min(1.0, len(self._waiting) / self._limits.calls)

    def close(self) -> None:
        """End the worker; what waits is refused."""
        waiting, self._waiting = list(self._waiting), deque()
        if self._worker is not None:
            self._worker.close()
            self._worker = None
        stopping = ProtocolError("E_BUSY", "the server is stopping", retry_after_ms=5000)
        self._end(stopping)
        for call in waiting:
            self._close(call, stopping)

    def _go_on(self) -> None:
        if self._current is not None or not self._waiting:
            return
        if self._worker is None:
            self._worker = WorkerProcess(self._start, self._log, self._hear)
        call = self._current = self._waiting.popleft()
        call.begun = time.monotonic()
        command = {"do": "call", "call": call.id, "name": call.name, "body": call.body}
        self._worker.send(command)

    def _supersede(self, new: Call) -> None:
        """A newer frame takes the place of those of its preview that have not begun."""
        if new.session is None:
            return
        for old in [call for call in self._waiting if call.session == new.session]:
            self._waiting.remove(old)
            self._close(old, ProtocolError("E_SUPERSEDED", "a newer frame came before its turn"))

    def _is_known(self, new: Call) -> bool:
        def same(call: Call) -> bool:
            identity = call.caller.identity == new.caller.identity
            return identity and call.header.id == new.header.id and not call.answered

        calls = [*self._waiting, *([self._current] if self._current is not None else [])]
        return any(same(call) for call in calls)

    def _is_current(self, message: dict[str, Any]) -> bool:
        return self._current is not None and self._current.id == message["call"]

    def _end(self, outcome: dict[str, Any] | ProtocolError) -> None:
        current, self._current = self._current, None
        if current is not None:
            self._close(current, outcome)

    def _close(self, call: Call, outcome: dict[str, Any] | ProtocolError) -> None:
        if not call.answered:
            call.answered = True
            self._finish(call, outcome)
        if call.region is not None:
            call.region.remove()


def _late(call: Call) -> ProtocolError:
    return ProtocolError("E_DEADLINE", f"`{call.name}` was not done before its deadline")


def _died(status: int) -> ProtocolError:
    said = f"the worker died {how_it_died(status)} over this request; a new one is started"
    return ProtocolError("E_INTERNAL", said)


def _refusal(body: dict[str, Any]) -> ProtocolError:
    return ProtocolError(body["code"], body["message"], where=body["where"], **body["detail"])
