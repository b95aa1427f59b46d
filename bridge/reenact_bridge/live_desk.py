"""Calls that are answered at once: queued, dropped when late or superseded, sent to workers.

The workers for them are apart from those that render, so that a preview never waits for a render
and a file that crashes one takes no render along. A caller has one of them at a time, and while it
is at work another one stands ready: what one caller asks for keeps no other waiting. A call that
takes more time or memory than one may is ended with its worker, and refused as too much.
"""

import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reenact_bridge.bounds import too_large
from reenact_bridge.callers import Caller
from reenact_bridge.errors import ProtocolError
from reenact_bridge.limits import Limits
from reenact_bridge.regions import Region
from reenact_bridge.wire import Header
from reenact_bridge.worker_process import Hear, WorkerProcess, how_it_died

PATIENCE_SECONDS = 1.0
"""A frame waits so long for the worker that knows its preview, before another one begins afresh."""
IDLE_SECONDS = 300.0
"""After so long without a call a worker ends, but for `KEPT`."""
KEPT = 3
SPARE = 2
"""Workers that stand ready, or are started, besides those at work: to start one takes seconds."""

Finish = Callable[["Call", dict[str, Any] | ProtocolError], None]


@dataclass(slots=True, eq=False)
class Call:
    """A request that a worker answers."""

    caller: Caller
    header: Header
    name: str
    body: dict[str, Any]
    deadline: float | None
    """By the monotonic clock; after it the client gets E_DEADLINE. None: the client said none."""
    session: str | None = None
    """The preview whose newer frames supersede this one."""
    region: Region | None = None
    """Memory of this call alone, for pixels that came inline."""
    id: str = ""
    answered: bool = False
    added: float = field(default_factory=time.monotonic)
    begun: float | None = None


@dataclass(slots=True, eq=False)
class _Seat:
    """A worker, the call it is at, and the previews that it knows."""

    worker: WorkerProcess
    ready: bool = False
    call: Call | None = None
    sessions: set[str] = field(default_factory=set)
    last: str | bytes | None = None
    """Whose call was its last."""
    idle_since: float = field(default_factory=time.monotonic)
    memory: int = 0
    """Bytes that it held when its call began."""


class LiveDesk:
    """The queue and the workers; used by the server's main thread alone."""

    def __init__(
        self, start: dict[str, Any], logs: Path, hear: Hear, finish: Finish, limits: Limits
    ) -> None:
        """`finish` is called once for every call, with its reply or its error."""
        self._start, self._logs, self._hear = start, logs, hear
        self._finish, self._limits = finish, limits
        self._waiting: deque[Call] = deque()
        self._seats: list[_Seat] = []
        self._dying: list[WorkerProcess] = []
        self._closed = False

    def add(self, call: Call) -> bool:
        """Take a call in; False where the client asked again, for it gets the one answer.

        Raises:
            ProtocolError: E_BUSY: too many wait.
        """
        if self._is_known(call):
            return False
        self._supersede(call)
        own = sum(other.caller.share == call.caller.share for other in self._waiting)
        if own >= self._limits.calls_per_client or len(self._waiting) >= self._limits.calls:
            raise ProtocolError(
                "E_BUSY", "too many requests wait; ask again later", retry_after_ms=500
            )
        call.id = uuid.uuid4().hex
        self._waiting.append(call)
        self._go_on()
        return True

    def heard(self, worker: WorkerProcess, message: dict[str, Any]) -> None:
        """Take what a worker said."""
        if message["is"] == "died" and worker in self._dying:
            self._dying.remove(worker)
        seat = next((seat for seat in self._seats if seat.worker is worker), None)
        if seat is None:
            return
        if message["is"] == "died":
            self._seats.remove(seat)
            self._died(seat, message["status"])
        elif message["is"] == "ready":
            seat.ready = True
        elif seat.call is not None and message.get("call") == seat.call.id:
            told = message["body"] if message["is"] == "answer" else _refusal(message["error"])
            self._end(seat, told)
        self._go_on()

    def drop(self, session: str) -> None:
        """Forget a preview."""
        for seat in self._seats:
            if session in seat.sessions:
                seat.sessions.remove(session)
                seat.worker.send({"do": "drop", "session": session})

    def tick(self) -> None:
        """Answer what is late, end what takes too much, and workers that nobody needs."""
        now, limits = time.monotonic(), self._limits
        for late in [call for call in self._waiting if self._is_late(call, now)]:
            self._waiting.remove(late)
            self._close(late, _late(late, now))
        for seat, call in [(seat, seat.call) for seat in self._seats]:
            if call is None or call.begun is None:
                continue
            if call.deadline is not None and call.deadline < now and not call.answered:
                call.answered = True
                self._finish(call, _late(call, now))
            taken = seat.worker.memory() - seat.memory
            if now - call.begun > limits.work_s:
                self._kill(seat, _too_long(call, now - call.begun, limits.work_s))
            elif taken > limits.work_bytes:
                self._kill(seat, too_large(call.name, limits.work_bytes))
        idle = [seat for seat in self._seats if seat.call is None and not seat.sessions]
        for seat in idle[: max(0, len(self._seats) - KEPT)]:
            if now - seat.idle_since > IDLE_SECONDS:
                self._let_go(seat)
        self._go_on()

    @property
    def load(self) -> float:
        """How full the queue is, 0 to 1."""
        return min(1.0, len(self._waiting) / self._limits.calls)

    def close(self) -> None:
        """End the workers; what waits is refused."""
        self._closed = True
        stopping = ProtocolError("E_BUSY", "the server is stopping", retry_after_ms=5000)
        seats, self._seats = self._seats, []
        for seat in seats:
            seat.worker.close()
            self._end(seat, stopping)
        waiting, self._waiting = list(self._waiting), deque()
        for call in waiting:
            self._close(call, stopping)

    def _go_on(self) -> None:
        """Give calls to workers that stand ready, in the order in which they came."""
        for call in list(self._waiting):
            busy = {seat.call.caller.share for seat in self._seats if seat.call is not None}
            if call.caller.share in busy:
                continue
            seat = self._seat_for(call)
            if seat is not None:
                self._waiting.remove(call)
                self._begin(seat, call)
        if self._waiting and not any(seat.call is None for seat in self._seats):
            self._start_spares()

    def _seat_for(self, call: Call) -> _Seat | None:
        """The worker for a call; None where it must wait."""
        idle = [seat for seat in self._seats if seat.ready and seat.call is None]
        for seat in self._seats:
            if call.session is None or call.session not in seat.sessions:
                continue
            if seat in idle:
                return seat
            begun = seat.call.begun if seat.call is not None else None
            if begun is not None and time.monotonic() - begun < PATIENCE_SECONDS:
                return None

        def strangeness(seat: _Seat) -> tuple[bool, bool, int]:
            """A caller keeps to the worker that it had, and else takes one that nobody had."""
            own = seat.last == call.caller.share
            return not own, seat.last is not None, len(seat.sessions)

        return min(idle, key=strangeness, default=None)

    def _begin(self, seat: _Seat, call: Call) -> None:
        if call.session is not None and call.session not in seat.sessions:
            self.drop(call.session)
            seat.sessions.add(call.session)
        seat.call, call.begun, seat.last = call, time.monotonic(), call.caller.share
        seat.memory = seat.worker.memory()
        command = {"do": "call", "call": call.id, "name": call.name, "body": call.body}
        seat.worker.send(command)
        self._start_spares()  # for whoever comes next

    def _start_spares(self) -> None:
        """As many more workers as should stand ready, and may be."""
        most = self._limits.live_workers
        while sum(seat.call is None for seat in self._seats) < SPARE:
            if self._closed or len(self._seats) >= most or len(self._dying) >= most:
                return
            taken = {seat.worker.log.name for seat in self._seats}
            names = (f"live-{number}.log" for number in range(most + 1))
            log = self._logs / next(name for name in names if name not in taken)
            self._seats.append(_Seat(WorkerProcess(self._start, log, self._hear)))

    def _kill(self, seat: _Seat, why: ProtocolError) -> None:
        """End a call together with its worker."""
        self._let_go(seat)
        self._end(seat, why)

    def _let_go(self, seat: _Seat) -> None:
        self._seats.remove(seat)
        self._dying.append(seat.worker)
        seat.worker.kill()

    def _died(self, seat: _Seat, status: int) -> None:
        """Answer for a worker that died; one that could not even start, for the next call."""
        if seat.call is not None:
            self._end(seat, _died(status))
        elif not seat.ready and self._waiting:
            self._close(self._waiting.popleft(), _died(status))

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

        return any(same(call) for call in self._all_calls())

    def _all_calls(self) -> Iterator[Call]:
        yield from self._waiting
        yield from (seat.call for seat in self._seats if seat.call is not None)

    def _is_late(self, call: Call, now: float) -> bool:
        """Whether a call that waits is not waited for any more."""
        if call.deadline is not None:
            return call.deadline < now
        return now - call.added > self._limits.call_s

    def _end(self, seat: _Seat, outcome: dict[str, Any] | ProtocolError) -> None:
        call, seat.call, seat.idle_since = seat.call, None, time.monotonic()
        if call is not None:
            self._close(call, outcome)

    def _close(self, call: Call, outcome: dict[str, Any] | ProtocolError) -> None:
        if not call.answered:
            call.answered = True
            self._finish(call, outcome)
        if call.region is not None:
            call.region.remove()


def _too_long(call: Call, seconds: float, most: float) -> ProtocolError:
    return ProtocolError(
        "E_LIMIT",
        f"`{call.name}` of this was worked at for {most:g} s, which is what a call may take, and "
        "was ended; ask for less at once",
        limit="work_s",
        value=round(seconds, 3),
        max=most,
    )


def _late(call: Call, now: float) -> ProtocolError:
    done = "was not begun" if call.begun is None else f"was at work for {now - call.begun:.1f} s"
    return ProtocolError("E_DEADLINE", f"`{call.name}` was not done before its deadline; it {done}")


def _died(status: int) -> ProtocolError:
    said = f"the worker died {how_it_died(status)} over this request; a new one is started"
    return ProtocolError("E_INTERNAL", said)


def _refusal(body: dict[str, Any]) -> ProtocolError:
    return ProtocolError(body["code"], body["message"], where=body["where"], **body["detail"])
