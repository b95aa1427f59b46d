"""Numbers in sentences."""

from fractions import Fraction

import pytest

from reenact_core.wording import amount


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (0, "0 frames"),
        (1, "1 frame"),
        (2, "2 frames"),
        (1.0, "1 frame"),
        (0.5, "0.5 frames"),
        (Fraction(24000, 1001), "24000/1001 frames"),
        ("1", "1 frame"),
        ("23.976", "23.976 frames"),
    ],
)
def test_one_of_something_is_singular(count: int | float | Fraction | str, said: str) -> None:
    assert amount(count, "frame") == said
