"""A plan for people and for programs: what `render --dry-run` prints."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from reenact_core.timeline.describe import shot_table
from reenact_core.timeline.plan import Plan
from reenact_core.wording import amount

_HEAD = ("shot", "frames", "shown", "media", "mode", "with", "face", "scheme")


def plan_table(plan: Plan) -> dict[str, Any]:
    """The plan as plain values, for JSON."""
    return {
        "timeline": str(plan.timeline),
        "shots": [shot_table(shot) for shot in plan.shots],
        "refused": [{"clip": item.clip_name, "reason": item.reason} for item in plan.refused],
        "notes": list(plan.notes),
    }


def plan_lines(table: dict[str, Any]) -> Iterator[str]:
    """The same for people: a line for every face, then what is refused and what is to know."""
    yield f"{table['timeline']}: {amount(len(table['shots']), 'shot')} to render"
    rows = [row for shot in table["shots"] for row in _rows(shot)]
    if rows:
        yield from columns([_HEAD, *rows])
    yield from (f"refused: {item['reason']}" for item in table["refused"])
    yield from (f"note: {note}" for note in table["notes"])


def columns(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Rows of text as lines, each column as wide as its widest cell."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield ("  " + "  ".join(cells)).rstrip()


def _rows(shot: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    frames, shown = (_span(*shot[key]) for key in ("frames", "shown"))
    media = Path(shot["media"]).name
    for face in shot["faces"]:
        actor = Path(face["with"]).name
        yield shot["shot"], frames, shown, media, face["mode"], actor, face["face"], face["scheme"]


def _span(start: int, stop: int) -> str:
    return f"{start}-{stop - 1}" if stop > start else "none"
