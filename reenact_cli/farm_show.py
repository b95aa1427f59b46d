"""What a worker says of its units: a bar, JSON lines, or the lines of Open Job Description."""

import json
import sys
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from reenact_cli.show import ProgressStyle, say

if TYPE_CHECKING:
    from reenact_core.farm.worker import UnitEvent

Table = dict[str, Any]
"""An event as JSON."""
_SECONDS = 0.5
"""Lines of progress come no closer than this."""


def units_shown(
    events: Iterable[Table], count: int, style: ProgressStyle, *, openjd: bool
) -> Iterator[Table]:
    """The events of so many units, each shown as it passes; 0: nobody knows how many."""
    if openjd:
        yield from _OpenJobLines(count).through(events)
    elif style == "json":
        yield from _json_lines(events)
    elif style == "tqdm" or (style == "auto" and sys.stderr.isatty()):
        yield from _bar(events)
    else:
        yield from events


def event_table(event: "UnitEvent") -> dict[str, Any]:
    """An event as JSON."""
    from reenact_core.farm.worker import UnitDone, UnitProgress

    unit = {"unit": event.unit.id}
    if isinstance(event, UnitProgress):
        counts = {"stage": event.stage, "done": event.done, "total": event.total}
        return {"event": "progress", **unit, **counts}
    if isinstance(event, UnitDone):
        return {"event": "unit_done", **unit, "kept": event.kept}
    failure = event.failure
    error = {"code": failure.code, "message": failure.message}
    return {"event": "unit_failed", **unit, "exit": failure.exit, "error": error}


def _json_lines(events: Iterable[Table]) -> Iterator[Table]:
    last = 0.0
    for table in events:
        now = time.monotonic()
        if table["event"] != "progress" or now - last >= _SECONDS:
            last = now
            say(json.dumps(table, ensure_ascii=False))
        yield table


def _bar(events: Iterable[Table]) -> Iterator[Table]:
    from tqdm import tqdm

    with tqdm(file=sys.stderr, leave=False) as bar:
        for table in events:
            if table["event"] == "progress":
                bar.set_description_str(f"{table['unit']} {table['stage']}", refresh=False)
                bar.total = table["total"]
                bar.n = table["done"]
                bar.update(0)
            elif table["event"] == "unit_failed":
                bar.write(f"{table['unit']}: {table['error']['message']}", file=sys.stderr)
            yield table


class _OpenJobLines:
    """`openjd_progress`, `openjd_status` and `openjd_fail`."""

    def __init__(self, count: int) -> None:
        self.count, self.passed, self.last = max(1, count), 0, 0.0

    def through(self, events: Iterable[Table]) -> Iterator[Table]:
        """The events, told of."""
        for table in events:
            if table["event"] == "progress":
                self._progress(table)
            elif table["event"] == "unit_done":
                self.passed += 1
                _tell("progress", f"{100 * min(1.0, self.passed / self.count):.1f}")
                _tell("status", f"{table['unit']} is done")
            else:
                _tell("fail", f"{table['unit']}: {table['error']['message']}")
            yield table

    def _progress(self, table: dict[str, Any]) -> None:
        now = time.monotonic()
        if now - self.last < _SECONDS:
            return
        self.last = now
        share = (self.passed + table["done"] / max(1, table["total"])) / self.count
        _tell("progress", f"{100 * min(1.0, share):.1f}")
        _tell("status", f"{table['unit']}: {table['stage']} {table['done']} of {table['total']}")


def _tell(kind: str, text: str) -> None:
    print(f"openjd_{kind}: {' '.join(text.split())}", flush=True)
