"""A run's result for people and for programs, and its exit status."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from reenact_core.engine.events import ShotFailed
from reenact_core.engine.timeline_run import RunResult
from reenact_core.errors import TimelineError
from reenact_core.timeline.plan import RenderedShot
from reenact_core.wording import amount

SOME_FAILED = 3


def result_table(result: RunResult) -> dict[str, Any]:
    """The result as plain values, for JSON."""
    return {
        "complete": result.complete,
        "timeline": str(result.timeline),
        "record": str(result.record),
        "shots": [_done(shot) for shot in result.rendered] + [_failed(f) for f in result.failed],
        "refused": [{"clip": item.clip_name, "reason": item.reason} for item in result.refused],
        "notes": list(result.notes),
    }


def result_lines(table: dict[str, Any]) -> Iterator[str]:
    """The same for people."""
    for shot in table["shots"]:
        if shot["status"] == "failed":
            yield f"failed   {shot['shot']}: {shot['error']['message']}"
            continue
        frames, faces = amount(shot["frames"], "frame"), amount(shot["faces"], "face")
        file = Path(shot["file"]).name
        yield f"rendered {shot['shot']}: {frames}, {faces}, {file}"
        yield from (f"         {note}" for note in shot["notes"])
    yield from (f"refused  {item['reason']}" for item in table["refused"])
    yield from (f"note     {note}" for note in table["notes"])
    yield f"wrote    {table['timeline']}"


def exit_status(result: RunResult) -> int:
    """0 when all was done, 3 when some of it was; else what all the failures have in common."""
    statuses = {failure.error.exit_status for failure in result.failed}
    statuses |= {TimelineError.exit_status for _ in result.refused}
    if not statuses:
        return 0
    return SOME_FAILED if result.rendered or len(statuses) > 1 else statuses.pop()


def _done(shot: RenderedShot) -> dict[str, Any]:
    return {
        "shot": shot.shot.shot_id,
        "clip": shot.shot.clip_name,
        "status": "done",
        "file": str(shot.output.path),
        "frames": len(shot.output.frames),
        "faces": shot.faces,
        "seconds": shot.seconds,
        "notes": list(shot.notes),
    }


def _failed(failure: ShotFailed) -> dict[str, Any]:
    return {
        "shot": failure.shot.shot_id,
        "clip": failure.shot.clip_name,
        "status": "failed",
        "error": {"code": failure.error.code, "message": str(failure.error)},
    }
