"""The log of every attempt at a unit: a file each, whose name says what became of it."""

import faulthandler
import logging
import os
import re
import time
import traceback
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TextIO

from reenact_core.farm.job_folder import KEY_LENGTH, JobFolder, StoppedError
from reenact_core.farm.plan import Unit
from reenact_core.version import __version__

Outcome = Literal["done", "failed", "stopped", "killed"]
"""`stopped`: the unit was given back; `killed`: the worker was gone without a word."""
OUTCOMES: tuple[Outcome, ...] = ("done", "failed", "stopped", "killed")

_BY_NAME: Mapping[str | None, Outcome] = {outcome: outcome for outcome in OUTCOMES}
_LINE_SECONDS = 5.0
"""Lines of progress come no closer than this."""
_NAME = re.compile(rf"(.+)\.([0-9]+)(?:\.({'|'.join(OUTCOMES)}))?\.log")
_TAIL_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt at a unit, as the name of its log tells of it."""

    path: Path
    number: int
    """From 1 on, over all attempts by the same plan."""
    outcome: Outcome | None
    """None: it is under way, or its worker died and nobody has begun anew."""

    @property
    def seconds(self) -> float:
        """How long it took, or until its last line where it was killed."""
        try:
            with self.path.open("rb") as stream:
                stream.seek(max(0, self.path.stat().st_size - _TAIL_BYTES))
                lines = stream.read().decode("utf-8", "replace").splitlines()
        except OSError:
            return 0.0
        found = (re.match(r" *([0-9]+\.[0-9]) s  ", line) for line in reversed(lines))
        return next((float(match[1]) for match in found if match), 0.0)


def read_attempts(folder: JobFolder) -> Mapping[str, Sequence[Attempt]]:
    """The attempts at every unit by its `records.done_name`, in order; from names alone."""
    found = defaultdict[str, list[Attempt]](list)
    with suppress(OSError):
        for name in os.listdir(folder.logs):
            match = _NAME.fullmatch(name)
            if match:
                outcome = _BY_NAME.get(match[3])
                found[match[1]].append(Attempt(folder.logs / name, int(match[2]), outcome))
    return {unit: sorted(tries, key=lambda one: one.number) for unit, tries in found.items()}


def attempts_at(folder: JobFolder, unit: Unit) -> list[Attempt]:
    """The attempts at one unit in order, found without listing those at all others."""
    found: list[Attempt] = []
    while True:
        number = len(found) + 1
        for outcome in (None, *OUTCOMES):
            path = _path(folder, unit, number, outcome)
            if path.exists():
                found.append(Attempt(path, number, outcome))
                break
        else:
            return found


class AttemptLog:
    """What is written while a unit is worked on. A disk that is full or away stops no work."""

    def __init__(self, folder: JobFolder, unit: Unit, number: int, stream: TextIO | None) -> None:
        self._folder, self._unit, self._number = folder, unit, number
        self._stream = stream
        self._began, self._last, self._stage = time.monotonic(), 0.0, ""

    def say(self, text: str) -> None:
        """Lines of text, each after the seconds since the beginning."""
        if self._stream is None:
            return
        seconds = time.monotonic() - self._began
        with suppress(OSError, ValueError):  # ValueError: ended already
            self._stream.writelines(f"{seconds:9.1f} s  {line}\n" for line in text.splitlines())

    def progress(self, stage: str, done: int, total: int) -> None:
        """How far it is, now and then."""
        now = time.monotonic()
        if stage != self._stage or now - self._last >= _LINE_SECONDS:
            self._stage, self._last = stage, now
            self.say(f"{stage} {done} of {total}")

    def end(self, outcome: Outcome, text: str) -> None:
        """The last word: the log gets the name of its outcome. Only the first call counts."""
        if self._stream is None:
            return
        self.say(text)
        with suppress(OSError):
            self._stream.close()
        self._stream = None
        # Another worker may have taken this one for dead, and have said so in the name.
        for name in (None, "killed"):
            with suppress(OSError):
                os.rename(
                    _path(self._folder, self._unit, self._number, name),
                    _path(self._folder, self._unit, self._number, outcome),
                )
                return


@contextmanager
def attempted(folder: JobFolder, unit: Unit, worker: str, device: str) -> Iterator[AttemptLog]:
    """The log of an attempt that is made in the block, by the holder of the unit's claim."""
    log, stream = _begun(folder, unit)
    when = datetime.now(UTC).isoformat(timespec="seconds")
    log.say(f"{unit.id} by {worker} on {device}, {when}, reenact {__version__}")
    try:
        with ExitStack() as stack:
            if stream is not None:
                stack.enter_context(_overheard(log, stream))
            yield log
    except (StoppedError, GeneratorExit, KeyboardInterrupt):
        log.end("stopped", "stopped; the unit is given back")
        raise
    except BaseException as error:
        log.say(traceback.format_exc())
        log.end("failed", f"failed by a bug: {type(error).__name__}: {error}")
        raise


def _begun(folder: JobFolder, unit: Unit) -> tuple[AttemptLog, TextIO | None]:
    """A log with a number of its own; what others left unfinished is told to be killed."""
    before = attempts_at(folder, unit)
    _settle(folder, unit, before)
    number = len(before) + 1
    try:
        folder.logs.mkdir(exist_ok=True)  # never its parent: a job that is gone stays gone
        stream = _path(folder, unit, number).open("x", encoding="utf-8", buffering=1)
    except OSError:
        return AttemptLog(folder, unit, number, None), None
    return AttemptLog(folder, unit, number, stream), stream


def _settle(folder: JobFolder, unit: Unit, attempts: Iterable[Attempt]) -> None:
    for attempt in attempts:
        if attempt.outcome is None:
            with suppress(OSError):
                os.rename(attempt.path, _path(folder, unit, attempt.number, "killed"))


@contextmanager
def _overheard(log: AttemptLog, stream: TextIO) -> Iterator[None]:
    """What libraries log, and where a process stood that dies by a signal."""
    handler = logging.StreamHandler(_Lines(log))
    logging.getLogger().addHandler(handler)
    is_mine = not faulthandler.is_enabled()
    if is_mine:
        faulthandler.enable(stream)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)
        if is_mine:
            faulthandler.disable()


@dataclass(frozen=True, slots=True)
class _Lines:
    """A log as the stream of a handler."""

    log: AttemptLog

    def write(self, text: str) -> None:
        self.log.say(text)

    def flush(self) -> None:
        """Nothing to do: lines are written as they come."""


def _path(folder: JobFolder, unit: Unit, number: int, outcome: Outcome | None = None) -> Path:
    end = "" if outcome is None else f".{outcome}"
    return folder.logs / f"{unit.id}@{unit.key[:KEY_LENGTH]}.{number}{end}.log"
