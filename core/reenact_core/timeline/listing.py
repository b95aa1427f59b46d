"""The names of the files below a folder, listed once, for media that are looked for by name."""

import os
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from reenact_core.media.sequence import numbers_there

MOST_FILES = 100_000
"""Looked at below one folder; a whole disk is not searched."""
DEEPEST = 8
"""Levels of folders."""
OURS = (".reenact", "run.json")
"""What marks a folder of results: they are never taken for what was shot."""


class Shelf:
    """Files by name, and by name without suffix; names in lower case, nearer folders first."""

    def __init__(self, files: Iterable[Path]) -> None:
        self.names: dict[str, list[Path]] = {}
        self.stems: dict[str, list[Path]] = {}
        for path in files:
            self.names.setdefault(path.name.casefold(), []).append(path)
            self.stems.setdefault(path.stem.casefold(), []).append(path)
        self._sorted = sorted(self.stems)

    def beginning(self, start: str) -> Iterator[Path]:
        """Files whose names go on after `start` with a sign that is no letter and no digit."""
        for number in range(bisect_right(self._sorted, start), len(self._sorted)):
            stem = self._sorted[number]
            if not stem.startswith(start):
                return
            if not stem[len(start)].isalnum():
                yield from self.stems[stem]


class Listings:
    """What lies in and below folders, listed when it is first asked for."""

    def __init__(self) -> None:
        self._known: dict[tuple[tuple[Path, ...], bool], Shelf] = {}
        self._names: dict[Path, list[str]] = {}
        self._numbers: dict[Path, list[int]] = {}

    def numbers(self, pattern: Path) -> list[int]:
        """The numbers of an image sequence whose files are there, rising."""
        if pattern not in self._numbers:
            folder = pattern.parent
            if folder not in self._names:
                self._names[folder] = os.listdir(folder) if os.path.isdir(folder) else []
            self._numbers[pattern] = numbers_there(pattern, self._names[folder])
        return self._numbers[pattern]

    def shelf(self, folders: tuple[Path, ...], *, below: bool) -> Shelf:
        """The files in some folders, or in them and below.

        Folders that are hidden, that are links, or that hold results are left out.
        """
        key = (folders, below)
        if key not in self._known:
            levels = DEEPEST if below else 0
            found: dict[str, Path] = {}
            for folder in folders:
                real = os.path.realpath(folder)
                for path in _walked(folder, levels):
                    found.setdefault(os.path.join(real, path.relative_to(folder)), path)
            self._known[key] = Shelf(found.values())
        return self._known[key]


def _walked(folder: Path, levels: int) -> Iterator[Path]:
    """Files, those of nearer folders first."""
    waiting, seen = deque([(folder, 0)]), 0
    while waiting:
        here, level = waiting.popleft()
        try:
            listed = islice(os.scandir(here), MOST_FILES)
            entries = sorted(listed, key=lambda entry: entry.name)
        except OSError:
            continue  # what may not be read cannot be the media
        if level and any(entry.name in OURS for entry in entries):
            continue
        for entry in entries:
            seen += 1
            if seen > MOST_FILES:
                return
            if entry.is_dir(follow_symlinks=False):
                if level < levels and not entry.name.startswith("."):
                    waiting.append((Path(entry.path), level + 1))
            elif entry.is_symlink() or entry.is_file():
                # Where a link leads is judged by who uses it.
                yield Path(entry.path)
