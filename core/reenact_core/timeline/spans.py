"""Exact stretches of time, in seconds, and the one place where time becomes frame numbers."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import ceil, floor, isfinite
from typing import Any

from reenact_core.errors import TimelineError
from reenact_core.timing import snap_rate

SLACK = Fraction(1, 1000)
"""Of a frame: times are floats in a timeline, so a boundary may miss its frame by that much."""


@dataclass(frozen=True, slots=True)
class Span:
    """From `start` up to `stop`, in seconds. An instant, as a freeze shows it, has both equal."""

    start: Fraction
    stop: Fraction

    @property
    def length(self) -> Fraction:
        return self.stop - self.start

    def meet(self, other: "Span") -> "Span | None":
        """What both share; None where they only touch. An instant is met by what contains it."""
        start, stop = max(self.start, other.start), min(self.stop, other.stop)
        if start < stop:
            return Span(start, stop)
        instant = self.length == 0 or other.length == 0
        inside = start == stop and start < max(self.stop, other.stop)
        both = self == other
        return Span(start, stop) if instant and (inside or both) else None

    def moved(self, by: Fraction) -> "Span":
        return Span(self.start + by, self.stop + by)


def seconds(time: Any) -> Fraction:
    """An OTIO `RationalTime` in seconds, its rate taken as the exact one that is meant.

    Raises:
        TimelineError: a time without a rate, or one that is no number.
    """
    value = float(time.value)
    if not isfinite(value):
        raise TimelineError(f"a time of {value} frames cannot be used; mend it")
    whole = Fraction(int(value)) if value.is_integer() else Fraction(value).limit_denominator(10**5)
    return whole / exact_rate(time.rate)


@lru_cache(maxsize=64)
def exact_rate(rate: float) -> Fraction:
    """The exact rate that a timeline's rounded one means; a timeline has few, and many times.

    Raises:
        TimelineError: it is not above 0, or no number.
    """
    if not isfinite(rate) or rate <= 0:
        raise TimelineError(f"a rate of {rate} frames a second cannot be used; mend it")
    return snap_rate(rate)


def span_of(time_range: Any) -> Span:
    """An OTIO `TimeRange` as a span; a negative duration counts as none."""
    start = seconds(time_range.start_time)
    return Span(start, start + max(Fraction(0), seconds(time_range.duration)))


def to_frames(span: Span, origin: Fraction, rate: Fraction) -> tuple[int, int]:
    """The frames that a span touches, half open, where frame 0 begins at `origin` seconds.

    Here and below are the only places where a time is rounded. At least one frame is touched.
    """
    first = floor((span.start - origin) * rate + SLACK)
    return first, max(first + 1, ceil((span.stop - origin) * rate - SLACK))


def to_uneven_frames(span: Span, origin: Fraction, times: Sequence[Fraction]) -> tuple[int, int]:
    """The same for frames that are not evenly spaced: `times` says when each begins, in seconds
    after frame 0. What lies before frame 0 counts as one frame, and so does what lies behind."""
    slack = SLACK * times[-1] / len(times)
    first = bisect_right(times, span.start - origin + slack) - 1
    return first, max(first + 1, bisect_left(times, span.stop - origin - slack))
