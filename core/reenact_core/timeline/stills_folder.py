"""A folder of pictures of one person, as it is named for a source."""

import os
from collections.abc import Callable
from pathlib import Path

from reenact_core.errors import TimelineError
from reenact_core.timeline.numbered import PICTURES

MOST = 64
"""Pictures of one person: each is searched for its face and read."""


def _anyone(path: Path) -> None:
    """Every path may be read."""


def pictures_in(folder: Path, check: Callable[[Path], None] = _anyone) -> tuple[Path, ...]:
    """The pictures of a folder by their names, without those of folders in it and hidden files.

    Args:
        check: raises for a path that may not be looked at; asked before links are followed

    Raises:
        TimelineError: it cannot be read, or holds no pictures, or too many.
    """
    named = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                kind = Path(entry.name).suffix[1:].lower()
                if kind in PICTURES and not entry.name.startswith("."):
                    named.append(entry)
    except OSError as error:
        raise TimelineError(f"{folder}: cannot be read ({error.strerror})") from error
    if len(named) > MOST:
        raise TimelineError(
            f"{folder}: holds {len(named)} pictures, and a source is at most {MOST} of one person; "
            "keep the best of each turn of the head"
        )
    found = []
    for entry in sorted(named, key=lambda entry: entry.name):
        path = folder / entry.name
        if entry.is_symlink():
            check(path)
        if entry.is_file():
            found.append(path)
    if not found:
        raise TimelineError(
            f"{folder}: holds no pictures; put pictures of one person there, or name one"
        )
    return tuple(found)
