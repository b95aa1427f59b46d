import gc
import threading
import time
from collections.abc import Generator

import pytest

from reenact_core.engine.watch import Ticker, watched


def numbers(count: int, closed: list[str], pause: float = 0.0) -> Generator[int, None, None]:
    try:
        for number in range(count):
            time.sleep(pause)
            yield number
    finally:
        closed.append("closed")


def result_of(generator: Generator[int, None, int]) -> int:
    while True:
        try:
            next(generator)
        except StopIteration as stop:
            return int(stop.value)


def add_up(ticker: Ticker, items: Generator[int]) -> int:
    return sum(ticker.through(items))


def test_gives_what_the_work_gives_and_closes_the_items() -> None:
    closed: list[str] = []
    assert result_of(watched(lambda ticker: add_up(ticker, numbers(10, closed)))) == 45
    assert closed == ["closed"]


def test_counts_what_was_done() -> None:
    seen = list(watched(lambda ticker: add_up(ticker, numbers(20, [], pause=0.02))))
    assert seen == sorted(seen)
    assert len(seen) > 1
    assert seen[-1] == 20


def test_an_error_of_the_work_is_raised_to_the_watcher() -> None:
    closed: list[str] = []

    def fail(ticker: Ticker) -> int:
        for _ in ticker.through(numbers(3, closed)):
            raise KeyError("face")
        return 0

    with pytest.raises(KeyError):
        list(watched(fail))
    gc.collect()
    assert closed == ["closed"]


def test_closing_stops_the_work_and_leaves_no_thread() -> None:
    closed: list[str] = []
    before = threading.active_count()
    watching = watched(lambda ticker: add_up(ticker, numbers(10_000, closed, pause=0.01)))
    next(watching)
    watching.close()
    assert closed == ["closed"]
    assert threading.active_count() == before
