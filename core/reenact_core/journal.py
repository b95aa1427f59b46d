"""What reenact has written into a folder, so that it takes the place of nobody else's files."""

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from reenact_core.errors import OutputError
from reenact_core.files import sha256

FOLDER = ".reenact"
"""Beside the results of a render: the journal, and what the run remembers."""
MADE = "made.jsonl"
"""One written file a line, the newest last."""


@dataclass(frozen=True, slots=True)
class Made:
    """A file as it was when it got its name."""

    path: str
    """With slashes, from the folder that the journal lies in; absolute in a user's own journal."""
    job: str
    """Who wrote it: a command, of `render` its timeline."""
    bytes: int
    mtime_ns: int
    sha256: str


class Journal:
    """What jobs have written into a folder, by one job's eyes.

    The job may replace what it, or an earlier run of it, has written and nobody has changed since;
    every other file is foreign. With `overwrite` none is.
    """

    def __init__(
        self, folder: Path, job: str, *, overwrite: bool = False, place: Path | None = None
    ) -> None:
        """`place`: a journal elsewhere, for commands that leave nothing beside their files."""
        self.folder, self.job, self.overwrite = folder, job, overwrite
        self._elsewhere = place is not None
        self._place = place or folder / FOLDER / MADE
        self._known = _read(self._place)

    def foreign(self, paths: Iterable[Path]) -> Path | None:
        """The first of these that lies there and may not be replaced."""
        if self.overwrite:
            return None
        return next((path for path in paths if os.path.lexists(path) and not self._own(path)), None)

    def require(self, paths: Iterable[Path]) -> None:
        """See that files of these names may be written.

        Raises:
            OutputError: names one that may not be replaced.
        """
        found = self.foreign(paths)
        if found is not None:
            raise OutputError(self.refusal(found))

    def refusal(self, path: Path) -> str:
        """Why a foreign file is not replaced, and what to do, in a sentence."""
        made = self._known.get(self._name(path))
        if made is None:
            why = "was not made by reenact"
        elif made.job != self.job:
            why = f"was made by another job ({made.job})"
        else:
            why = "has been changed since reenact made it"
        return (
            f"{path}: is there already and {why}; choose another name or folder, or let it be "
            "replaced with --overwrite"
        )

    def admit(self, partial: Path, path: Path) -> Made:
        """Note a whole file under the name that it is about to get.

        It is noted before it gets the name: a process that dies between the two leaves an entry
        that matches no file, never a file of its own that it does not know again.

        Raises:
            OutputError: a foreign file has that name.
        """
        self.require([path])
        return self.note(partial, path)

    def note(self, partial: Path, path: Path) -> Made:
        """`admit` without the question, for files whose names were asked for before."""
        status = partial.stat()
        name = self._name(path)
        made = Made(name, self.job, status.st_size, status.st_mtime_ns, sha256(partial))
        if made != self._known.get(name):
            self._known[name] = made
            try:
                self._append(made)
            except OSError:
                if not self._elsewhere:  # else the next run will ask, and nothing is lost
                    raise
        return made

    def _append(self, made: Made) -> None:
        self._place.parent.mkdir(parents=True, exist_ok=True)
        with self._place.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(asdict(made), ensure_ascii=False) + "\n")

    def owns(self, path: Path) -> bool:
        """Whether a file is there that this job wrote and nobody has changed."""
        return path.is_file() and self._own(path)

    def digest(self, path: Path) -> str:
        """The SHA-256 of a file, remembered where this job has just written it."""
        made = self._known.get(self._name(path))
        if made is not None and _is_same(path, made):
            return made.sha256
        return sha256(path)

    def _own(self, path: Path) -> bool:
        made = self._known.get(self._name(path))
        if made is None or made.job != self.job or path.is_symlink():
            return False
        try:
            if _is_same(path, made):
                return True
            return path.stat().st_size == made.bytes and sha256(path) == made.sha256
        except OSError:
            return False

    def _name(self, path: Path) -> str:
        if self._elsewhere:
            return (path.parent.resolve() / path.name).as_posix()
        return Path(os.path.relpath(path, self.folder)).as_posix()


def render_job(timeline: Path, out: Path) -> str:
    """The name of rendering a timeline into a folder: the same wherever the two are mounted."""
    try:
        way = os.path.relpath(timeline.resolve(), out.resolve())
    except ValueError:  # another drive of Windows
        way = str(timeline.resolve())
    return f"render {Path(way).as_posix()}"


def _is_same(path: Path, made: Made) -> bool:
    status = path.stat()
    return (status.st_size, status.st_mtime_ns) == (made.bytes, made.mtime_ns)


def _read(place: Path) -> dict[str, Made]:
    """The newest entry of every path; lines that are damaged count as not there."""
    try:
        lines = place.read_text("utf-8").splitlines()
    except OSError:
        return {}
    known: dict[str, Made] = {}
    for line in lines:
        try:
            table: dict[str, Any] = json.loads(line)
            made = Made(**table)
        except (ValueError, TypeError):
            continue
        known[made.path] = made
    return known
