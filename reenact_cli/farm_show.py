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
_BAR = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}<{remaining}"


SHARES = {
    "track": {"track": (0.0, 1.0)},
    "move": {"track": (0.0, 0.05), "cut": (0.05, 0.15), "move": (0.15, 1.0)},
    "render": {"paste": (0.0, 1.0)},
}
"""Where each stage of a kind of unit begins and ends, roughly, as parts of the unit."""


def units_shown(
    events: Iterable[Table], count: int, style: ProgressStyle, *, openjd: bool
) -> Iterator[Table]:
    """The events of so many units, each shown as it passes."""
    events = _with_shares(events, max(1, count))
    if openjd:
        yield from _openjd_lines(events)
    elif style == "json":
        yield from _json_lines(events)
    elif style == "tqdm" or (style == "auto" and sys.stderr.isatty()):
        yield from _bar(events)
    else:
        yield from events


def _with_shares(events: Iterable[Table], count: int) -> Iterator[Table]:
    """The events with the `share` of all units that has passed, which never falls.

    A unit may begin anew, and may read two files one after the other in one stage.
    """
    passed, share = 0, 0.0
    for table in events:
        if table["event"] == "progress":
            reached = passed + _share_of(table)
        else:
            passed += 1
            reached = passed
        share = max(share, min(1.0, reached / count))
        yield {**table, "share": round(share, 4)}


def _share_of(table: Table) -> float:
    """How much of its own unit has passed."""
    spans = SHARES.get(table["kind"], {})
    start, end = spans.get(table["stage"], (0.0, 0.0))
    part: float = table["done"] / max(1, table["total"])
    return start + (end - start) * min(1.0, part)


def event_table(event: "UnitEvent") -> dict[str, Any]:
    """An event as JSON."""
    from reenact_core.farm.worker import UnitDone, UnitProgress

    unit = {"unit": event.unit.id, "kind": event.unit.kind}
    if isinstance(event, UnitProgress):
        counts = {"stage": event.stage, "done": event.done, "total": event.total}
        return {"event": "progress", **unit, **counts}
    if isinstance(event, UnitDone):
        return {"event": "unit_done", **unit, "kept": event.kept}
    failure = event.failure
    error = {"code": failure.code, "message": failure.message}
    return {"event": "unit_failed", **unit, "exit": failure.exit, "error": error}


def _json_lines(events: Iterable[Table]) -> Iterator[Table]:
    for table, is_time in _timed(events):
        if is_time:
            say(json.dumps(table, ensure_ascii=False))
        yield table


def _timed(events: Iterable[Table]) -> Iterator[tuple[Table, bool]]:
    """Each event, and whether to tell it: of progress only what comes long after the last one."""
    last = 0.0
    for table in events:
        now = time.monotonic()
        is_time = table["event"] != "progress" or now - last >= _SECONDS
        last = now if is_time else last
        yield table, is_time


def _bar(events: Iterable[Table]) -> Iterator[Table]:
    from tqdm import tqdm

    with tqdm(total=1.0, bar_format=_BAR, file=sys.stderr, leave=False) as bar:
        for table in events:
            if table["event"] == "progress":
                bar.set_description_str(f"{table['unit']} {table['stage']}", refresh=False)
            elif table["event"] == "unit_failed":
                bar.write(f"{table['unit']}: {table['error']['message']}", file=sys.stderr)
            bar.update(table["share"] - bar.n)
            yield table


def _openjd_lines(events: Iterable[Table]) -> Iterator[Table]:
    """`openjd_progress`, `openjd_status` and `openjd_fail`."""
    for table, is_time in _timed(events):
        if is_time:
            _tell("progress", f"{100 * table['share']:.1f}")
            if table["event"] == "progress":
                _tell("status", "{unit}: {stage} {done} of {total}".format(**table))
            elif table["event"] == "unit_done":
                _tell("status", f"{table['unit']} is done")
            else:
                tell_failure(f"{table['unit']}: {table['error']['message']}")
        yield table


def tell_failure(text: str) -> None:
    """Why a task of Open Job Description fails."""
    _tell("fail", text)


def _tell(kind: str, text: str) -> None:
    print(f"openjd_{kind}: {' '.join(text.split())}", flush=True)
