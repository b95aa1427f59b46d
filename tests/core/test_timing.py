"""Frame ranges and exact rates."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reenact_core.timing import FrameRange, runs_of, said, snap_rate

FILM = Fraction(24)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (23.976, Fraction(24000, 1001)),
        (23.98, Fraction(24000, 1001)),
        (29.97, Fraction(30000, 1001)),
        (59.94, Fraction(60000, 1001)),
        (119.88, Fraction(120000, 1001)),
        (24.0, Fraction(24)),
        (25, Fraction(25)),
        (12.5, Fraction(25, 2)),
        (24000 / 1001, Fraction(24000, 1001)),
    ],
)
def test_a_rounded_rate_is_taken_for_the_exact_one(written: float, meant: Fraction) -> None:
    assert snap_rate(written) == meant


@pytest.mark.parametrize("rate", [24, 25, 30, 48, 50, 60])
def test_exact_rates_stay(rate: int) -> None:
    assert snap_rate(Fraction(rate)) == rate
    assert snap_rate(Fraction(rate * 1000, 1001)) == Fraction(rate * 1000, 1001)


def test_no_rate_is_refused() -> None:
    with pytest.raises(ValueError, match="positive"):
        snap_rate(0.0)


frames = st.integers(0, 200)


@given(frames, frames, frames, frames)
def test_what_two_ranges_share_lies_in_both(a: int, b: int, c: int, d: int) -> None:
    one = FrameRange(min(a, b), max(a, b), FILM)
    other = FrameRange(min(c, d), max(c, d), FILM)
    shared = one.intersect(other)
    wanted = [frame for frame in range(201) if frame in one and frame in other]
    assert [frame for frame in range(201) if frame in shared] == wanted


def test_ranges_of_different_rates_do_not_meet() -> None:
    with pytest.raises(ValueError, match="different rates"):
        FrameRange(0, 5, FILM).intersect(FrameRange(0, 5, Fraction(25)))


def test_handles_never_reach_below_the_first_frame() -> None:
    assert FrameRange(3, 10, FILM).widen(8, 8) == FrameRange(0, 18, FILM)


@pytest.mark.parametrize(("start", "stop", "rate"), [(5, 4, FILM), (0, 1, Fraction(0))])
def test_impossible_ranges_are_refused(start: int, stop: int, rate: Fraction) -> None:
    with pytest.raises(ValueError, match=r"range ends|rate must"):
        FrameRange(start, stop, rate)


def test_frames_are_said_as_people_say_them() -> None:
    assert said([range(3, 4)]) == "frame 3"
    assert said([range(3, 8)]) == "frames 3-7"
    assert said([range(3, 8), range(12, 13), range(20, 23)]) == "frames 3-7, 12 and 20-22"


def test_frame_numbers_are_gathered_into_runs() -> None:
    assert runs_of([3, 4, 5, 12, 20, 21]) == [range(3, 6), range(12, 13), range(20, 22)]
    assert runs_of([]) == []
