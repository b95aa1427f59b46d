"""Image sequences: one file a frame, named by a printf pattern."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from reenact_core.errors import MediaError

MissingFrames = Literal["error", "hold", "black"]
"""What stands for an image that is not there: nothing, the one before it, or black."""
MOST_FRAMES = 10_000_000
"""Of a sequence; files whose numbers lie further apart belong to no one film."""

_FIELD = re.compile(r"%0?(\d{0,3})d")


def is_pattern(path: Path) -> bool:
    """Whether a path is a printf pattern, as `sh010.%04d.png`."""
    return _FIELD.search(path.name) is not None


def frame_path(pattern: Path, number: int) -> Path:
    """The file of one number of a sequence."""
    match = _FIELD.search(pattern.name)
    if match is None:
        raise ValueError(f"{pattern} has no %d field")
    name = pattern.name[: match.start()] + (match[0] % number) + pattern.name[match.end() :]
    return pattern.with_name(name)


def numbers_there(pattern: Path, names: Sequence[str] | None = None) -> list[int]:
    """The numbers of a sequence whose files are in its folder, rising.

    Args:
        names: what the folder holds, where that is known.
    """
    match = _FIELD.search(pattern.name)
    if match is None:
        raise ValueError(f"{pattern} has no %d field")
    head, tail = re.escape(pattern.name[: match.start()]), re.escape(pattern.name[match.end() :])
    wanted = re.compile(rf"{head}(-?\d{{1,18}}){tail}")
    if names is None:
        names = os.listdir(pattern.parent) if os.path.isdir(pattern.parent) else []
    return sorted(
        int(found[1])
        for name in names
        if (found := wanted.fullmatch(name)) and frame_path(pattern, int(found[1])).name == name
    )


def find_numbers(pattern: Path, first: int | None, step: int) -> list[int]:
    """The numbers of a sequence that lie in its folder, from `first` (else the lowest) on.

    Numbers are looked for up to the highest that is there; a hole inside is kept as a frame that
    is missing, so that later frames do not move.

    Raises:
        MediaError: no file of the sequence is there, or its numbers lie too far apart.
    """
    if step < 1:
        raise ValueError(f"the step of a sequence must be at least 1, got {step}")
    numbers = numbers_there(pattern)
    start = first if first is not None else next(iter(numbers), None)
    if start is None or not any(number >= start for number in numbers):
        raise MediaError(f"{pattern}: no file of this image sequence is there")
    if (numbers[-1] - start) // step >= MOST_FRAMES:
        raise MediaError(
            f"{pattern}: its numbers reach from {start} to {numbers[-1]}, more than "
            f"{MOST_FRAMES} frames; leave the files that are not of it elsewhere"
        )
    return list(range(start, numbers[-1] + 1, step))


def first_image(pattern: Path, first: int, step: int) -> Path:
    """The first image of a sequence that is there; that of its first number, where none is."""
    there = (n for n in numbers_there(pattern) if n >= first and (n - first) % step == 0)
    return frame_path(pattern, next(there, first))
