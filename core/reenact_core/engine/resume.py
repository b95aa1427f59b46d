"""The journal of a run: what is done, so that a killed run goes on where it was.

Beside the results, in `OUT/.reenact/`:

    lock            held while a run works in the folder
    made.jsonl      every file that was given its name here, so that no other one is replaced
    hashes.json     SHA-256 of inputs by size and time of change
    shots/ID.json   one finished shot: the key of all that determined it, its files with hashes
    tracks/KEY.json faces found in a file, kept for the next run
    spool/          face crops of the shots at work; emptied at every start
"""

import errno
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import IO, Any

from reenact_core.engine.digest import Digests
from reenact_core.errors import OutputError
from reenact_core.files import lock_for_life, sha256, write_json
from reenact_core.journal import FOLDER, Journal
from reenact_core.timeline.plan import RenderedShot, Shot, Source
from reenact_core.timing import FrameRange

_PARTIAL = re.compile(r"\.partial-(\d+)-.+")


@dataclass(frozen=True, slots=True, eq=False)
class RunFolder:
    """An output folder that this run alone works in."""

    out: Path
    digests: Digests
    journal: Journal

    @property
    def work(self) -> Path:
        return self.out / FOLDER

    @property
    def spool(self) -> Path:
        return self.work / "spool"

    @property
    def tracks(self) -> Path:
        return self.work / "tracks"

    def finished(self, shot: Shot, key: str) -> RenderedShot | None:
        """What an earlier run made of this shot from the same inputs; None: it must be rendered."""
        entry = _read_json(self._entry(shot))
        if entry is None or entry.get("key") != key:
            return None
        if not all(_is_whole(self.out / file["path"], file) for file in entry["files"]):
            return None
        output = Source(
            self.out / entry["path"],
            FrameRange(entry["start"], entry["stop"], Fraction(entry["rate"])),
            entry["first_number"],
            entry["number_step"],
        )
        notes = tuple(str(note) for note in entry["notes"])
        marks = tuple(str(mark) for mark in entry.get("marks", ()))
        return RenderedShot(shot, output, entry["seconds"], entry["faces"], notes, marks)

    def record(self, rendered: RenderedShot, key: str, files: list[Path]) -> None:
        """Remember a finished shot and the files that it consists of.

        Pictures that an earlier, longer sequence left in the same folder are removed.
        """
        output = rendered.output
        if output.first_number is not None:
            self._remove_old_pictures(rendered.shot, files)
        entry = {
            "key": key,
            "path": output.path.relative_to(self.out).as_posix(),
            "start": output.frames.start,
            "stop": output.frames.stop,
            "rate": str(output.frames.rate),
            "first_number": output.first_number,
            "number_step": output.number_step,
            "files": [self._file(path) for path in files],
            "seconds": rendered.seconds,
            "faces": rendered.faces,
            "notes": list(rendered.notes),
            "marks": list(rendered.marks),
        }
        write_json(self._entry(rendered.shot), entry)

    def _remove_old_pictures(self, shot: Shot, files: list[Path]) -> None:
        entry = _read_json(self._entry(shot)) or {"files": []}
        folder, new = files[0].parent, set(files)
        for file in entry["files"]:
            old = self.out / file["path"]
            if old.parent == folder and old not in new and self.journal.owns(old):
                old.unlink()

    def _entry(self, shot: Shot) -> Path:
        return _entry_in(self.out, shot.shot_id)

    def _file(self, path: Path) -> dict[str, Any]:
        name = path.relative_to(self.out).as_posix()
        return {"path": name, "bytes": path.stat().st_size, "sha256": self.journal.digest(path)}


def _entry_in(out: Path, shot_id: str) -> Path:
    return out / FOLDER / "shots" / f"{shot_id}.json"


def forget_finished(out: Path, shot_id: str) -> None:
    """Let the next run in an output folder make a shot's file again."""
    _entry_in(out, shot_id).unlink(missing_ok=True)


@contextmanager
def open_run(
    out: Path, *, job: str = "", restart: bool = False, overwrite: bool = False
) -> Iterator[RunFolder]:
    """Take an output folder for one run, and clear away what dead runs left half done.

    Args:
        job: whose earlier files may be replaced; see `journal.render_job`.
        restart: forget finished shots and found faces; their files are replaced.
        overwrite: files that this job did not make may be replaced, too.

    Raises:
        OutputError: the folder cannot be written, or another run works in it.
    """
    work = out / FOLDER
    try:
        work.mkdir(parents=True, exist_ok=True)
        lock = (work / "lock").open("a+", encoding="utf-8")
    except OSError as error:
        raise OutputError(
            f"{out}: cannot be written ({error.strerror}); choose another folder with -o"
        ) from error
    with lock:
        _take(lock, out)
        _clear(out, restart)
        journal = Journal(out, job, overwrite=overwrite)
        folder = RunFolder(out, Digests(work / "hashes.json"), journal)
        try:
            yield folder
        finally:
            shutil.rmtree(folder.spool, ignore_errors=True)


def _take(lock: IO[str], out: Path) -> None:
    """Lock the folder for the life of this process; the system lets go of it when that dies."""
    try:
        lock_for_life(lock)
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EAGAIN):
            raise OutputError(f"{out}: cannot be locked ({error.strerror})") from error
        lock.seek(0)
        owner = lock.read().strip() or "unknown"
        raise OutputError(
            f"{out}: another run (process {owner}) is writing there; wait for it or choose "
            "another folder with -o"
        ) from error
    lock.seek(0)
    lock.truncate()
    lock.write(f"{os.getpid()}\n")
    lock.flush()


def _clear(out: Path, restart: bool) -> None:
    work = out / FOLDER
    shutil.rmtree(work / "spool", ignore_errors=True)
    if restart:
        shutil.rmtree(work / "shots", ignore_errors=True)
        shutil.rmtree(work / "tracks", ignore_errors=True)
    for folder in (out, work, work / "shots", work / "tracks"):
        if folder.is_dir():
            clear_partial(folder)


def clear_partial(folder: Path) -> None:
    """Remove what runs that are no more left unfinished in a folder."""
    for path in folder.iterdir():
        found = _PARTIAL.fullmatch(path.name)
        if found and not _is_alive(int(found[1])):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def _is_alive(process: int) -> bool:
    if os.name == "nt":  # signal 0 would reach the process there
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _is_whole(path: Path, file: dict[str, Any]) -> bool:
    try:
        size = path.stat().st_size
        return bool(size == file["bytes"] and sha256(path) == file["sha256"])
    except OSError:
        return False


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        value = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None
