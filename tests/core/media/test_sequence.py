from pathlib import Path

import pytest

from reenact_core.errors import MediaError
from reenact_core.media.sequence import find_numbers, frame_path, is_pattern


def test_patterns_are_told_from_names() -> None:
    assert is_pattern(Path("sh010.%04d.png"))
    assert is_pattern(Path("a%d.exr"))
    assert not is_pattern(Path("100%.png"))


def test_a_number_fills_the_field() -> None:
    assert frame_path(Path("x/sh.%04d.png"), 7) == Path("x/sh.0007.png")


def test_numbers_run_from_the_first_to_the_last_with_their_holes(tmp_path: Path) -> None:
    for number in (8, 9, 11):
        (tmp_path / f"a.{number:03d}.png").touch()
    (tmp_path / "a.7.png").touch()  # another width: not of this sequence
    pattern = tmp_path / "a.%03d.png"
    assert find_numbers(pattern, None, 1) == [8, 9, 10, 11]
    assert find_numbers(pattern, 9, 2) == [9, 11]


def test_an_empty_sequence_is_named(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"a\.%03d\.png"):
        find_numbers(tmp_path / "a.%03d.png", None, 1)
