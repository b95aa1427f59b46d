"""Long work in a thread of its own, watched from outside: counted, and stopped when asked."""

import threading
from collections.abc import Callable, Generator, Iterator
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_LOOK_SECONDS = 0.1
_WAIT_SECONDS = 5.0


class _StoppedError(Exception):
    """The watcher has gone; raised inside the worker only."""


class Ticker:
    """What the work tells its watcher, and how the watcher stops it."""

    def __init__(self) -> None:
        self.count = 0
        self.stopped = threading.Event()

    def tick(self, count: int = 1) -> None:
        """So much more is done; raises inside the work when nobody wants it any more."""
        if self.stopped.is_set():
            raise _StoppedError
        self.count += count

    def through(self, items: Generator[Item]) -> Iterator[Item]:
        """The items, a tick for each; closes them on leaving."""
        try:
            for item in items:
                yield item
                self.tick()
        finally:
            items.close()


def watched(work: Callable[[Ticker], Result]) -> Generator[int, None, Result]:
    """Run `work` in a thread; yield how much it has ticked, return what it gives.

    Closing the generator makes the work's next tick raise, and waits for the thread, though not for
    longer than a few seconds: what still computes then ends unheard. What `work` raises is raised
    here.
    """
    watch = _Watch(work)
    watch.start()
    seen = 0
    try:
        while watch.is_alive():
            watch.join(_LOOK_SECONDS)
            if watch.ticker.count != seen:
                seen = watch.ticker.count
                yield seen
    finally:
        watch.ticker.stopped.set()
        watch.join(_WAIT_SECONDS)
    if watch.error is not None:
        raise watch.error
    return watch.results.pop()


class _Watch(threading.Thread, Generic[Result]):
    """The worker."""

    def __init__(self, work: Callable[[Ticker], Result]) -> None:
        super().__init__(name="reenact-watched", daemon=True)
        self.work = work
        self.ticker = Ticker()
        self.error: BaseException | None = None
        self.results: list[Result] = []

    def run(self) -> None:
        try:
            self.results.append(self.work(self.ticker))
        except BaseException as error:  # handed to the watcher, who raises it
            self.error = error
