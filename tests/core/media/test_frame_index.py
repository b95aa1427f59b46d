from fractions import Fraction

import numpy as np
import pytest

from reenact_core.media.frame_index import Stamp, build_index, find_rate

MILLISECOND = Fraction(1, 1000)


def stamps(*times: tuple[int | None, int | None]) -> list[Stamp]:
    return [
        Stamp(pts, dts, key=number == 0, duration=10) for number, (pts, dts) in enumerate(times)
    ]


def test_times_are_in_the_order_of_display() -> None:
    index = build_index(stamps((20, 0), (50, 10), (30, 20), (40, 30)))
    assert index.times.tolist() == [20, 30, 40, 50]
    assert index.keyframes.tolist() == [20]
    assert index.ordered
    assert not index.undelayed
    assert index.last_duration == 10


def test_a_clock_that_starts_again_goes_on() -> None:
    index = build_index(stamps((0, 0), (10, 10), (20, 20), (0, 0), (10, 10)))
    assert index.times.tolist() == [0, 10, 20, 30, 40]
    assert not index.ordered


def test_packets_without_times_are_counted() -> None:
    index = build_index(stamps((0, 0), (None, 10), (None, 20), (30, 30)))
    assert len(index.times) == 4
    assert not index.ordered


@pytest.mark.parametrize(
    "rate", [Fraction(24000, 1001), Fraction(30000, 1001), Fraction(25), Fraction(60000, 1001)]
)
def test_the_rate_is_found_under_millisecond_times(rate: Fraction) -> None:
    times = np.array([round(number * 1000 / rate) for number in range(500)], np.int64)
    assert find_rate(times, MILLISECOND, None, None) == (rate, False)


def test_a_varying_rate_is_the_stated_mean() -> None:
    times = np.array([0, 1001, 2002, 6006, 7007], np.int64)
    rate, varies = find_rate(times, Fraction(1, 30000), Fraction(20), Fraction(30000, 1001))
    assert (rate, varies) == (Fraction(20), True)


def test_a_lying_mean_is_not_believed() -> None:
    times = np.arange(100, dtype=np.int64) * 40
    assert find_rate(times, MILLISECOND, Fraction(30), Fraction(30)) == (Fraction(25), False)
