"""What people and programs see: progress on stderr, the result on stdout."""

import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Literal, Protocol, TypeVar

from reenact_core.engine.events import Event, Progress, ShotDone

ProgressStyle = Literal["auto", "tqdm", "json", "none"]
Item = TypeVar("Item")

STAGE_SHARES = {"track": 0.35, "cut": 0.1, "move": 0.3, "paste": 0.25}
"""How much of a shot's time each stage takes, roughly; for the bar only."""

_LINE_SECONDS = 0.2
"""JSON lines of one stage come no closer than this, the last one of a stage excepted."""


class _Display(Protocol):
    def show(self, event: Event) -> None: ...


def shown(events: Iterable[Event], shots: int, style: ProgressStyle) -> Iterator[Event]:
    """The events of a run of so many shots, each shown as it passes."""
    with _display(shots, style) as display:
        for event in events:
            display.show(event)
            yield event


def counted(items: Iterable[Item], total: int, stage: str, style: ProgressStyle) -> Iterator[Item]:
    """The items, their number shown as they pass."""
    if _chosen(style) == "tqdm":
        from tqdm import tqdm

        yield from tqdm(items, desc=stage, total=total, file=sys.stderr, leave=False)
        return
    lines = _Lines(_chosen(style) == "json")
    for number, item in enumerate(items, 1):
        yield item
        lines.progress({"event": "progress", "stage": stage, "done": number, "total": total})


@contextmanager
def ticking(stage: str, style: ProgressStyle) -> Iterator[Callable[[int, int], None]]:
    """A function to be called with what is done and the total, which shows both."""
    if _chosen(style) != "tqdm":
        lines = _Lines(_chosen(style) == "json")

        def tell(done: int, total: int) -> None:
            lines.progress({"event": "progress", "stage": stage, "done": done, "total": total})

        yield tell
        return
    from tqdm import tqdm

    with tqdm(desc=stage, file=sys.stderr, leave=False) as bar:

        def draw(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield draw


def print_result(result: dict[str, Any], lines: Iterable[str], *, as_json: bool) -> None:
    """A command's last word on stdout: one JSON object, or lines for people."""
    if as_json:
        print_json(result)
    else:
        _print("\n".join(lines))


def print_json(value: dict[str, Any]) -> None:
    """One JSON object on stdout."""
    _print(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def say(line: str) -> None:
    """One line on stderr."""
    print(line, file=sys.stderr, flush=True)


def mute() -> None:
    """Send what is still in stdout's and stderr's buffers nowhere: their readers have gone."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            os.dup2(nowhere, stream.fileno())


def _print(text: str) -> None:
    try:
        print(text, flush=True)
    except BrokenPipeError:  # the reader has seen enough; the work is done all the same
        mute()


def event_table(event: Event) -> dict[str, Any]:
    """An event as the JSON of `--progress json`."""
    if isinstance(event, Progress):
        counts = {"done": event.done, "total": event.total}
        return {"event": "progress", "shot": event.shot_id, "stage": event.stage, **counts}
    if isinstance(event, ShotDone):
        output = str(event.rendered.output.path)
        shot_id = event.rendered.shot.shot_id
        return {"event": "shot_done", "shot": shot_id, "file": output, "kept": event.kept}
    error = {"code": event.error.code, "message": str(event.error)}
    return {"event": "shot_failed", "shot": event.shot.shot_id, "error": error}


def _chosen(style: ProgressStyle) -> Literal["tqdm", "json", "none"]:
    if style == "auto":
        return "tqdm" if sys.stderr.isatty() else "none"
    return style


@contextmanager
def _display(shots: int, style: ProgressStyle) -> Iterator[_Display]:
    if _chosen(style) != "tqdm":
        yield _Lines(_chosen(style) == "json")
        return
    from tqdm import tqdm

    bar_format = "{percentage:3.0f}% |{bar}| {elapsed} left {remaining}  {desc}"
    with tqdm(
        total=float(max(1, shots)), file=sys.stderr, bar_format=bar_format, leave=False
    ) as bar:
        yield _Bar(bar)


class _Lines:
    """One JSON object a line, or nothing."""

    def __init__(self, speaks: bool) -> None:
        self.speaks = speaks
        self.last = 0.0

    def show(self, event: Event) -> None:
        table = event_table(event)
        if isinstance(event, Progress):
            self.progress(table)
        elif self.speaks:
            say(json.dumps(table, ensure_ascii=False))

    def progress(self, table: dict[str, Any]) -> None:
        now = time.monotonic()
        due = now - self.last >= _LINE_SECONDS or table["done"] == table["total"]
        if self.speaks and due:
            self.last = now
            say(json.dumps(table, ensure_ascii=False))


class _Bar:
    """One tqdm bar over all shots, in shots."""

    def __init__(self, bar: Any) -> None:
        self.bar = bar
        self.shares: dict[tuple[str, str], float] = {}

    def show(self, event: Event) -> None:
        if isinstance(event, Progress):
            part = event.done / max(1, event.total) * STAGE_SHARES[event.stage]
            self.shares[event.shot_id, event.stage] = part
            text = f"{event.shot_id}: {event.stage} {event.done}/{event.total}"
            self.bar.set_description_str(text, refresh=False)
        elif isinstance(event, ShotDone):
            self.complete(event.rendered.shot.shot_id)
        else:
            self.complete(event.shot.shot_id)
            self.bar.write(f"{event.shot.shot_id}: {event.error}", file=sys.stderr)
        self.bar.n = sum(self.shares.values())
        self.bar.update(0)

    def complete(self, shot_id: str) -> None:
        self.shares |= {(shot_id, stage): share for stage, share in STAGE_SHARES.items()}
