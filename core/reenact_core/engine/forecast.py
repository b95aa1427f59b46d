"""How far a run is and how long it will take still, learned from the frames that it has done."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from reenact_core.engine.events import Event, Progress, ShotDone
from reenact_core.timeline.plan import Shot

CLOSING = "close"
"""What comes after a shot's last frame: its file ended, signed, and looked at for the journal."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds a frame of a stage: until the stage's first frame is told of, and from then on."""

    first: float
    """What is read and opened for all frames beforehand, as a share of each."""
    rest: float


COSTS = {
    "track": Cost(0.05, 0.2),
    "cut": Cost(0.02, 0.05),
    "move": Cost(1.0, 4.0),
    "paste": Cost(0.05, 0.2),
    CLOSING: Cost(0.0, 1.5),
}
"""Of each step, measured on one busy core of a CPU; before anything better is known. What counts is
how they stand to each other: the machine's speed is learned."""
TRUST = {"track": 8.0, "cut": 8.0, "move": 4.0, "paste": 4.0, CLOSING: 0.5}
"""How many of a run's own frames weigh as much as what was known before."""
LIKE = 0.7
"""Power of its factor by which a step is taken to be like others of another kind."""
FEWEST = 1.0
"""Seconds of what was known that the measured speed begins with."""


@dataclass(slots=True)
class Pace:
    """What each step cost in earlier runs; may be kept from run to run."""

    costs: dict[str, Cost] = field(default_factory=lambda: dict(COSTS))


@dataclass(slots=True)
class _Spent:
    """Seconds that a run has spent on frames of a step."""

    seconds: float = 0.0
    frames: int = 0


class Forecast:
    """Of one run: takes its events as they come."""

    def __init__(
        self,
        shots: Sequence[Shot],
        pace: Pace | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pace, self._clock = pace or Pace(), clock
        self._began = self._last = clock()
        self._ahead = {shot.shot_id: _expected(shot) for shot in shots}
        self._passed: dict[tuple[str, str], int] = {}
        self._first = {step: _Spent() for step in COSTS}
        self._rest = {step: _Spent() for step in COSTS}
        self._furthest = 0.0

    def take(self, event: Event) -> None:
        """Learn from an event."""
        now = self._clock()
        seconds, self._last = now - self._last, now
        if isinstance(event, Progress):
            self._progress(event, seconds)
            return
        shot = event.rendered.shot if isinstance(event, ShotDone) else event.shot
        self._ahead.pop(shot.shot_id, None)
        if isinstance(event, ShotDone) and not event.kept:
            self._add(self._rest[CLOSING], seconds, 1)
            measured = (step for step in COSTS if self._rest[step].seconds)
            self._pace.costs.update({step: self._cost(step) for step in measured})

    @property
    def seconds_left(self) -> float:
        """How long the shots that have not ended will take."""
        costs = {step: self._cost(step) for step in COSTS}
        left = 0.0
        for shot, steps in self._ahead.items():
            for step, frames in steps.items():
                passed = self._passed.get((shot, step))
                left += costs[step].rest * max(0, frames - (passed or 0))
                left += costs[step].first * frames if passed is None else 0.0
        return left

    @property
    def fraction(self) -> float:
        """How much of the run's time has passed, 0 to 1; it never falls."""
        if not self._ahead:
            return 1.0
        spent = self._last - self._began
        left = self.seconds_left
        if spent > 0:
            self._furthest = max(self._furthest, min(0.999, spent / (spent + left)))
        return self._furthest

    def _progress(self, event: Progress, seconds: float) -> None:
        """Time until an event belongs to the frames that it tells of."""
        place = event.shot_id, event.stage
        before = self._passed.get(place)
        self._passed[place] = max(event.done, before or 0)
        self._ahead.setdefault(event.shot_id, {})[event.stage] = event.total
        if before is not None:
            self._add(self._rest[event.stage], seconds, max(0, event.done - before))
            return
        self._add(self._first[event.stage], seconds, event.total)
        if event.done == event.total:  # at one stroke, as where tracks were given
            self._add(self._rest[event.stage], 0.0, event.total)

    @staticmethod
    def _add(spent: _Spent, seconds: float, frames: int) -> None:
        spent.seconds += seconds
        spent.frames += frames

    def _cost(self, step: str) -> Cost:
        """What was known before, at this machine's speed, and what this run has measured."""
        known, speed = self._pace.costs[step], self._speed(step)
        first, rest, trust = self._first[step], self._rest[step], TRUST[step]
        return Cost(
            (known.first * speed * trust + first.seconds) / (trust + first.frames),
            (known.rest * speed * trust + rest.seconds) / (trust + rest.frames),
        )

    def _speed(self, step: str) -> float:
        """By what factor a step may take longer than was known, by what other steps took.

        What goes over whole pictures grows with them; what goes over faces does not, and shares
        but the machine with the rest.
        """
        others = set(COSTS) - {step}
        alike = self._factor(others - {"move"}) if step != "move" else None
        return alike or (self._factor(others) or 1.0) ** LIKE

    def _factor(self, steps: Iterable[str]) -> float | None:
        """By what factor some steps took longer than was known; None where they were not yet."""
        spent, expected = 0.0, 0.0
        for step in steps:
            if self._rest[step].seconds:
                spent += self._rest[step].seconds
                expected += self._pace.costs[step].rest * self._rest[step].frames
        return (spent + FEWEST) / (expected + FEWEST) if expected else None


def _expected(shot: Shot) -> dict[str, int]:
    """Frames of each step before the run itself tells; a tracked frame is decoded and searched."""
    frames = len(shot.target.frames)
    files = 1 + len({cast.driving for cast in shot.casts if cast.driving is not None})
    return {
        "track": 2 * frames * files,
        "cut": frames * files,
        "move": frames * len(shot.casts),
        "paste": frames,
        CLOSING: 1,
    }
