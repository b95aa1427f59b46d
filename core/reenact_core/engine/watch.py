"""Work that swallows an iterator, watched from outside: counted, and stopped when asked."""

import threading
from collections.abc import Callable, Generator
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_LOOK_SECONDS = 0.1


class _StoppedError(Exception):
    """The watcher has gone; raised inside the worker only."""


def watched(
    work: Callable[[Generator[Item]], Result], items: Generator[Item]
) -> Generator[int, None, Result]:
    """Run `work` on `items` in a thread; yield how many it has taken, return what it gives.

    Closing the generator makes the next item that `work` asks for raise, waits for the thread, and
    closes `items`. What `work` raises is raised here.
    """
    watch: _Watch[Item, Result] = _Watch(work, items)
    watch.start()
    seen = 0
    try:
        while watch.is_alive():
            watch.join(_LOOK_SECONDS)
            if watch.taken != seen:
                seen = watch.taken
                yield seen
    finally:
        watch.stopped.set()
        watch.join()
    if watch.error is not None:
        raise watch.error
    return watch.results.pop()


class _Watch(threading.Thread, Generic[Item, Result]):
    """The worker, and what it shares with its watcher."""

    def __init__(self, work: Callable[[Generator[Item]], Result], items: Generator[Item]) -> None:
        super().__init__(name="reenact-watched", daemon=True)
        self.work = work
        self.items = items
        self.taken = 0
        self.stopped = threading.Event()
        self.error: BaseException | None = None
        self.results: list[Result] = []

    def run(self) -> None:
        try:
            self.results.append(self.work(self.counted()))
        except BaseException as error:  # handed to the watcher, who raises it
            self.error = error
        finally:
            self.items.close()

    def counted(self) -> Generator[Item]:
        for item in self.items:
            if self.stopped.is_set():
                raise _StoppedError
            yield item
            self.taken += 1
