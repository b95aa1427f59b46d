"""What became of units, as files of one unit each, whole or absent."""

import json
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from reenact_core.engine.resume import forget_finished
from reenact_core.errors import (
    CheckpointError,
    DeviceError,
    FaceError,
    MediaError,
    OutOfMemoryError,
    OutputError,
    ReenactError,
)
from reenact_core.farm.job_folder import KEY_LENGTH, JobFolder, TemporaryError
from reenact_core.farm.plain import from_plain, to_plain
from reenact_core.farm.plan import ASSEMBLE, FarmPlan, Limits, Unit

MEDIA, FACE, MODEL, MEMORY, TIME, TEMPORARY = 10, 11, 12, 13, 14, 75
"""Exit codes of a unit by cause, beside those of every command."""
CRASH = 1
"""Exit code of a unit that kills its workers: a bug."""
KILLED = "killed"
"""Error code of a unit over which workers were killed."""
PATIENCE = 30
"""A full disk or a missing folder is waited for longer: half an hour with the pauses between."""
ELSEWHERE = (DeviceError.exit_status, MODEL, MEMORY, TIME)
"""What this machine cannot do, another one may."""
OF_THIS_HOST = (DeviceError.exit_status, MODEL)
"""What is missing here; no attempt at the unit was made."""
OF_ONE_SHOT = (MEDIA, FACE, TIME)
"""After these, other shots may well succeed on the same machine."""

Record = TypeVar("Record")


@dataclass(frozen=True, slots=True)
class Done:
    """A unit that is done."""

    unit: str
    key: str
    worker: str
    started: str
    finished: str
    seconds: float
    device: str
    files: tuple[dict[str, Any], ...]
    """`path` in the job folder, `bytes`, `sha256`."""


@dataclass(frozen=True, slots=True)
class Failed:
    """A unit whose last attempt failed."""

    unit: str
    key: str
    worker: str
    finished: str
    attempts: int
    code: str
    message: str
    exit: int
    temporary: bool
    """Whether it is worth while to try again."""
    refusals: int = 0
    """Attempts that were none, since the machine had no networks or no device."""


def exit_of(error: ReenactError) -> int:
    """The exit code for what went wrong in a unit."""
    kinds: tuple[tuple[type[ReenactError], int], ...] = (
        (MediaError, MEDIA),
        (FaceError, FACE),
        (CheckpointError, MODEL),
        (OutOfMemoryError, MEMORY),
        (DeviceError, DeviceError.exit_status),
        (OutputError, TEMPORARY),
        (TemporaryError, TEMPORARY),
    )
    return next((status for kind, status in kinds if isinstance(error, kind)), error.exit_status)


def may_retry(failure: Failed, limits: Limits) -> bool:
    """Whether another attempt is worth while, of workers that look for work by themselves."""
    most = PATIENCE if failure.exit == TEMPORARY else limits.retries + 1
    return failure.temporary and failure.attempts < most


def is_given_up(failure: Failed, limits: Limits) -> bool:
    """Whether an engine that tries again at once has tried often enough."""
    tried = failure.attempts + failure.refusals
    return not failure.temporary or tried > limits.retries


def done_name(unit: Unit) -> str:
    """The name of a unit's record without its suffix: it tells by which plan the unit is done."""
    return f"{unit.id}@{unit.key[:KEY_LENGTH]}"


def back_off_seconds(failure: Failed) -> float:
    """How long a worker waits after a failure that may pass by itself."""
    return min(60.0, 5.0 * failure.attempts)


def write_record(folder: Path, record: Done | Failed, worker: str) -> None:
    """Write a record; the last of two writers wins.

    Raises:
        TemporaryError: the folder is gone or full.
    """
    mark = f"@{record.key[:KEY_LENGTH]}" if isinstance(record, Done) else ""
    path = folder / f"{record.unit}{mark}.json"
    partial = folder / f".partial-{worker}-{record.unit}"
    try:
        folder.mkdir(exist_ok=True)  # never its parent: a job that is gone stays gone
        partial.write_text(json.dumps(to_plain(record), indent=1) + "\n", "utf-8")
        os.replace(partial, path)
    except OSError as error:
        raise TemporaryError(f"{path}: cannot be written ({error.strerror})") from error


def read_done(folder: JobFolder, unit: Unit) -> Done | None:
    """The record of a unit that is done by this plan; None where it is not."""
    record = _read(Done, folder.done / f"{done_name(unit)}.json")
    return record if record is not None and record.key == unit.key else None


def read_failed(folder: JobFolder, unit: Unit) -> Failed | None:
    """How a unit's last attempt failed; None where none did, or it succeeded since."""
    record = _read(Failed, folder.failed / f"{unit.id}.json")
    return record if record is not None and record.key == unit.key else None


def forget_done(folder: JobFolder, unit: Unit) -> None:
    """Take back that a unit is done."""
    (folder.done / f"{done_name(unit)}.json").unlink(missing_ok=True)


def forget_failure(folder: JobFolder, unit: Unit) -> None:
    """Drop what is known of a failure."""
    (folder.failed / f"{unit.id}.json").unlink(missing_ok=True)


def forget_shots(folder: JobFolder, plan: FarmPlan, units: Iterable[Unit]) -> None:
    """Drop all that is known of the units of some shots, so that they are done again.

    Faces that were found in a file stay, for other shots read them, too.
    """
    for unit in units:
        forget_done(folder, unit)
        forget_failure(folder, unit)
        if unit.kind == "move":
            for made in (folder.moved(unit), folder.pieces(unit)):
                shutil.rmtree(made, ignore_errors=True)
            forget_finished(folder.path / plan.out, unit.shot)
    forget_done(folder, plan.by_id[ASSEMBLE])


def forget_passing(folder: JobFolder) -> None:
    """Drop all failures that another try may mend; for a user who starts a job again.

    A file that was missing or replaced may have been put back, and who killed may have gone.
    """
    for path in folder.failed.glob("*.json"):
        record = _read(Failed, path)
        if record is not None and (
            record.temporary or record.exit == MEDIA or record.code == KILLED
        ):
            path.unlink(missing_ok=True)


def _read(kind: type[Record], path: Path) -> Record | None:
    try:
        return from_plain(kind, json.loads(path.read_text("utf-8")), path.name)
    except (OSError, ValueError):
        return None
