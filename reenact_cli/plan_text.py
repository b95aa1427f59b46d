"""A plan for people and for programs: what `render --dry-run` prints."""

from collections.abc import Iterator, Sequence
from typing import Any

from reenact_core.timeline.plan import Cast, FaceChoice, Plan, Shot
from reenact_core.timing import FrameRange

_HEAD = ("shot", "frames", "shown", "media", "mode", "face", "acts", "scheme")


def plan_table(plan: Plan) -> dict[str, Any]:
    """The plan as plain values, for JSON."""
    return {
        "timeline": str(plan.timeline),
        "shots": [_shot(shot) for shot in plan.shots],
        "refused": [{"clip": item.clip_name, "reason": item.reason} for item in plan.refused],
        "notes": list(plan.notes),
    }


def plan_lines(plan: Plan) -> Iterator[str]:
    """The plan as a table of text, a line for every face."""
    yield f"{plan.timeline}: {_counted(len(plan.shots), 'shot')} to render"
    rows = [row for shot in plan.shots for row in _rows(shot)]
    if rows:
        yield from columns([_HEAD, *rows])
    for refused in plan.refused:
        yield f"refused: {refused.reason}"
    for note in plan.notes:
        yield f"note: {note}"


def columns(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Rows of text as lines, each column as wide as its widest cell."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield ("  " + "  ".join(cells)).rstrip()


def face_text(face: FaceChoice) -> str:
    """A choice of face as people write it."""
    if face.track_id is not None:
        return f"track {face.track_id}"
    if face.point is not None:
        return f"at {face.point[0]:g},{face.point[1]:g} in frame {face.frame}"
    if face.reference is not None:
        return f"as in {face.reference.name}"
    return str(face.select)


def _shot(shot: Shot) -> dict[str, Any]:
    return {
        "id": shot.shot_id,
        "clip": shot.clip_name,
        "track": shot.track_name,
        "media": str(shot.target.path),
        "frames": _range(shot.target.frames),
        "shown": _range(shot.shown),
        "still": shot.still,
        "faces": [_cast(cast) for cast in shot.casts],
    }


def _cast(cast: Cast) -> dict[str, Any]:
    return {
        "mode": cast.mode,
        "face": face_text(cast.face),
        "source": cast.picture and str(cast.picture),
        "source_seconds": None if cast.picture_time is None else float(cast.picture_time),
        "driving": cast.driving and str(cast.driving),
        "scheme": cast.scheme,
        "strength": cast.strength,
    }


def _range(frames: FrameRange) -> dict[str, Any]:
    return {"start": frames.start, "stop": frames.stop, "rate": str(frames.rate)}


def _rows(shot: Shot) -> Iterator[tuple[str, ...]]:
    for cast in shot.casts:
        actor = cast.picture or cast.driving
        yield (
            shot.shot_id,
            _span(shot.target.frames),
            _span(shot.shown),
            shot.target.path.name,
            cast.mode,
            face_text(cast.face),
            actor.name if actor else "",
            cast.scheme,
        )


def _span(frames: FrameRange) -> str:
    return f"{frames.start}-{frames.stop - 1}" if len(frames) else "none"


def _counted(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
