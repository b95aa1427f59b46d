from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reenact_core.media.timecode import advance

NTSC = Fraction(30000, 1001)


@pytest.mark.parametrize(
    ("start", "frames", "rate", "expected"),
    [
        ("01:00:00:00", 24, Fraction(24), "01:00:01:00"),
        ("01:00:00:00", 24, Fraction(24000, 1001), "01:00:01:00"),
        ("00:59:59;20", 10, NTSC, "01:00:00;00"),  # a whole hour is a tenth minute: none dropped
        ("00:00:59;29", 1, NTSC, "00:01:00;02"),
        ("00:09:59;29", 1, NTSC, "00:10:00;00"),
        ("00:00:59;59", 1, Fraction(60000, 1001), "00:01:00;04"),
        ("23:59:59:24", 1, Fraction(25), "00:00:00:00"),
        ("00:00:00:00", -1, Fraction(25), "23:59:59:24"),
        ("00:00:59.29", 1, NTSC, "00:01:00.02"),
        ("10:00:00:00", 0, Fraction(25), "10:00:00:00"),
    ],
)
def test_timecode_moves_on(start: str, frames: int, rate: Fraction, expected: str) -> None:
    assert advance(start, frames, rate) == expected


def test_text_that_is_no_timecode_gives_none() -> None:
    assert advance("noon", 1, Fraction(25)) is None


def test_a_day_of_drop_frames_is_a_day_of_real_frames() -> None:
    frames = 24 * (107892)  # frames in an hour of 29.97
    assert advance("00:00:00;00", frames, NTSC) == "00:00:00;00"


@given(st.integers(0, 2_500_000), st.integers(0, 2_500_000))
def test_two_steps_make_one(first: int, second: int) -> None:
    middle = advance("00:00:00;00", first, NTSC)
    assert middle is not None
    assert advance(middle, second, NTSC) == advance("00:00:00;00", first + second, NTSC)
