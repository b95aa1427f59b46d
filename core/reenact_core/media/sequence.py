"""Image sequences: one file a frame, named by a printf pattern."""

import re
from pathlib import Path

from reenact_core.errors import MediaError

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


def find_numbers(pattern: Path, first: int | None, step: int) -> list[int]:
    """The numbers of a sequence that lie in its folder, from `first` (else the lowest) on.

    Numbers are looked for up to the highest that is there; a hole inside is kept as a frame that
    cannot be decoded, so that later frames do not move.

    Raises:
        MediaError: no file of the sequence is there.
    """
    match = _FIELD.search(pattern.name)
    if match is None:
        raise ValueError(f"{pattern} has no %d field")
    if step < 1:
        raise ValueError(f"the step of a sequence must be at least 1, got {step}")
    head, tail = re.escape(pattern.name[: match.start()]), re.escape(pattern.name[match.end() :])
    wanted = re.compile(rf"{head}(-?\d+){tail}")
    folder = pattern.parent
    names = [entry.name for entry in folder.iterdir()] if folder.is_dir() else []
    numbers = sorted(
        int(found[1])
        for name in names
        if (found := wanted.fullmatch(name)) and frame_path(pattern, int(found[1])).name == name
    )
    start = first if first is not None else next(iter(numbers), None)
    if start is None or not any(number >= start for number in numbers):
        raise MediaError(f"{pattern}: no file of this image sequence is there")
    return list(range(start, numbers[-1] + 1, step))
