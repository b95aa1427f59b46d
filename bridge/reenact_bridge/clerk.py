"""The one thread that writes: submissions, cancels, and what workers say of their jobs.

Flushing to a disk takes milliseconds, or a second on a bad day. The threads of the sockets hand
such work over and go on answering; the answer follows when it is written. Submissions that wait
together are flushed together.
"""

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from reenact_bridge.errors import ProtocolError
from reenact_bridge.records import Job, Submission
from reenact_bridge.store import Store

TICK_SECONDS = 0.2
MOST_TOGETHER = 64

Submitted = tuple[Job, bool] | ProtocolError


@dataclass(frozen=True, slots=True)
class _Submit:
    asked: Submission
    most: int
    answer: Callable[[Submitted], None]


class Clerk:
    """Works in its own thread from `start` to `stop`."""

    def __init__(
        self, store: Store, tick: Callable[[], None], failed: Callable[[Exception], None]
    ) -> None:
        """`tick` is called five times a second, and after everything that was done.

        `failed` hears of an error that nobody expected; the clerk has ended then.
        """
        self._store, self._tick, self._failed = store, tick, failed
        self._orders: queue.SimpleQueue[_Submit | Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="clerk", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Do what was ordered, and end."""
        self._orders.put(None)
        if self._thread.is_alive():
            self._thread.join()

    def do(self, work: Callable[..., None], *values: Any) -> None:
        """Have the clerk call `work`."""
        self._orders.put(lambda: work(*values))

    def submit(self, asked: Submission, most: int, answer: Callable[[Submitted], None]) -> None:
        """Have a submission written; `answer` is called when it is on the disk."""
        self._orders.put(_Submit(asked, most, answer))

    def _run(self) -> None:
        try:
            self._work()
        except Exception as error:
            self._failed(error)

    def _work(self) -> None:
        while True:
            try:
                order = self._orders.get(timeout=TICK_SECONDS)
            except queue.Empty:
                self._tick()
                continue
            if isinstance(order, _Submit):
                order = self._write_from(order)
            if order is None:
                return
            order()
            self._tick()

    def _write_from(self, first: _Submit) -> Callable[[], None] | None:
        """Write a submission and those that wait behind it; what comes after them."""
        together: list[_Submit] = [first]
        after: _Submit | Callable[[], None] | None = _nothing
        while len(together) < MOST_TOGETHER and isinstance(after := self._next(), _Submit):
            together.append(after)
        written = self._store.submit([(order.asked, order.most) for order in together])
        for order, outcome in zip(together, written, strict=True):
            order.answer(outcome)
        return _nothing if isinstance(after, _Submit) else after

    def _next(self) -> _Submit | Callable[[], None] | None:
        try:
            return self._orders.get_nowait()
        except queue.Empty:
            return _nothing


def _nothing() -> None:
    """No order."""
