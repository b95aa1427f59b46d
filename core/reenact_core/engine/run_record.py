"""`run.json`: what a run read, used and made, written once at its end."""

import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from reenact_core.devices import Compute
from reenact_core.engine.digest import Digests, sequence_files
from reenact_core.engine.events import ShotDone, ShotFailed
from reenact_core.engine.out_folder import RUN_FILE
from reenact_core.files import Admit, write_json
from reenact_core.journal import FOLDER
from reenact_core.provenance.mark import Marking
from reenact_core.timeline.plan import Plan, Shot, Source
from reenact_core.version import __version__

FORMAT_VERSION = 1

Outcome = ShotDone | ShotFailed

_LIBRARIES = ("torch", "numpy", "av", "opencv-python", "opentimelineio", "c2pa-python")


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What a run was given and how it went, besides its plan and its shots."""

    started: datetime
    """With a time zone."""
    seconds: float
    """Wall-clock time of the run."""
    settings: dict[str, Any]
    """All settings as nested tables."""
    checkpoint: dict[str, Any]
    """Id, file and SHA-256 of the networks."""
    compute: Compute
    marking: Marking | None = None
    """How the files are marked as synthetic."""


def write_run_record(
    folder: Path,
    plan: Plan,
    timeline: Path,
    outcomes: Sequence[Outcome],
    facts: RunFacts,
    *,
    admit: Admit | None = None,
) -> Path:
    """Write `run.json` into a run's folder, whole or not at all; gives its path.

    `admit` guards the name, as in `files.written_whole`.

    Raises:
        OutputError: the folder cannot be written or is full.
    """
    digests = Digests(folder / FOLDER / "hashes.json")
    record = {
        "version": FORMAT_VERSION,
        "started": facts.started.isoformat(timespec="seconds"),
        "seconds": round(facts.seconds, 3),
        "timeline": _input(plan.timeline, digests),
        "output": _named(timeline, folder),
        "inputs": [_input(path, digests) for path in _inputs(plan)],
        "checkpoint": facts.checkpoint,
        "compute": asdict(facts.compute),
        "settings": facts.settings,
        "provenance": None if facts.marking is None else facts.marking.record,
        "versions": _versions(),
        "shots": [_shot(outcome, folder, digests) for outcome in outcomes],
        "refused": [asdict(refused) for refused in plan.refused],
        "notes": list(plan.notes),
    }
    path = folder / RUN_FILE
    write_json(path, record, admit=admit)
    return path


def _shot(outcome: Outcome, folder: Path, digests: Digests) -> dict[str, Any]:
    if isinstance(outcome, ShotFailed):
        error = {"code": outcome.error.code, "message": str(outcome.error)}
        return {**_identity(outcome.shot), "status": "failed", "error": error}
    rendered = outcome.rendered
    return {
        **_identity(rendered.shot),
        "status": "kept" if outcome.kept else "rendered",
        "file": _named(rendered.output.path, folder),
        "sha256": digests.of_source(rendered.output),
        "frames": len(rendered.output.frames),
        "faces": rendered.faces,
        "seconds": round(rendered.seconds, 3),
        "synthetic": True,
        "marks": list(rendered.marks),
        "notes": list(rendered.notes),
    }


def _identity(shot: Shot) -> dict[str, Any]:
    frames, target = shot.target.frames, str(shot.target.path)
    span = {"start": frames.start, "stop": frames.stop, "rate": str(frames.rate)}
    return {"id": shot.shot_id, "clip": shot.clip_name, "media": target, "range": span}


def _inputs(plan: Plan) -> list[Source | Path]:
    """Every file that the shots read, once each, in order of first use."""
    found: dict[Source | Path, None] = {}
    for shot in plan.shots:
        found.setdefault(shot.target if shot.target.first_number is not None else shot.target.path)
        for cast in shot.casts:
            for path in cast.files:
                found.setdefault(path)
    return list(found)


def _input(source: Source | Path, digests: Digests) -> dict[str, Any]:
    """Path, size and hash; without the last two where the file cannot be read."""
    path = source.path if isinstance(source, Source) else source
    files = sequence_files(source) if isinstance(source, Source) else [path]
    if path.is_dir():
        return {"path": str(path), "folder": True}
    if not all(file.is_file() for file in files):
        return {"path": str(path), "missing": True}
    digest = digests.of_source(source) if isinstance(source, Source) else digests.of_file(path)
    size = sum(file.stat().st_size for file in files)
    return {"path": str(path), "bytes": size, "sha256": digest}


def _named(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path)


def _versions() -> dict[str, str]:
    return {
        "reenact": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        **{name: _version(name) for name in _LIBRARIES},
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "unknown"
