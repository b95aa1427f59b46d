"""Runs of known length, replayed by a clock of their own: how wrong is the time that is told?"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import pytest

from reenact_core.engine.events import Event, Progress, ShotDone, Stage
from reenact_core.engine.forecast import Forecast, Pace
from reenact_core.timeline.plan import Cast, FaceChoice, RenderedShot, Shot, Source
from reenact_core.timing import FrameRange

RATE = Fraction(25)
FACTOR = 2.0
SPEEDS = {
    "as measured": {"track": 0.2, "cut": 0.05, "move": 4.0, "paste": 0.2, "close": 2.0},
    "five times as fast": {"track": 0.04, "cut": 0.01, "move": 0.8, "paste": 0.04, "close": 0.4},
    "large pictures": {"track": 0.6, "cut": 0.2, "move": 4.0, "paste": 1.0, "close": 4.0},
    "small pictures": {"track": 0.1, "cut": 0.01, "move": 4.0, "paste": 0.06, "close": 1.0},
}
"""Seconds a frame of each step."""
AHEAD = 0.2
"""Of a stage's time passes before its first frame."""


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def shot(number: int, frames: int) -> Shot:
    target = Source(Path(f"c{number}.mov"), FrameRange(0, frames, RATE))
    cast = Cast(FaceChoice(), "recast", Path("face.png"), None, None, "subtle", 1.0)
    return Shot(
        f"sh{number}", f"sh{number}", (0, number), target, target.frames, Fraction(0), (cast,)
    )


def run(shots: list[Shot], seconds: dict[str, float], clock: Clock) -> Iterator[Event]:
    """The events of a run whose steps take so long a frame."""
    stages: list[tuple[Stage, int]] = [("track", 2), ("cut", 1), ("move", 1), ("paste", 1)]
    for one in shots:
        for stage, times in stages:
            total = times * len(one.target.frames)
            clock.now += AHEAD * total * seconds[stage]
            for done in range(1, total + 1):
                clock.now += (1 - AHEAD) * seconds[stage]
                yield Progress(one.shot_id, stage, done, total)
        clock.now += seconds["close"]
        yield ShotDone(RenderedShot(one, one.target, 1.0, 1, ()))


def worst(shots: list[Shot], seconds: dict[str, float], pace: Pace | None = None) -> float:
    """By what factor the time left is wrong at most, after the first tenth and to the last one."""
    rehearsal = Clock()
    list(run(shots, seconds, rehearsal))
    clock = Clock()
    forecast = Forecast(shots, pace, clock)
    factors, fractions = [1.0], [0.0]
    for event in run(shots, seconds, clock):
        forecast.take(event)
        fractions.append(forecast.fraction)
        left = rehearsal.now - clock.now
        if 0.1 * rehearsal.now <= clock.now <= 0.95 * rehearsal.now:
            told = forecast.seconds_left
            factors.append(max(told / left, left / told))
    assert fractions == sorted(fractions) and fractions[-1] == 1.0
    assert forecast.seconds_left == 0
    return max(factors)


@pytest.mark.parametrize("speed", SPEEDS)
@pytest.mark.parametrize("frames", [[48], [24, 24, 24], [10, 100, 10, 40]])
def test_after_a_tenth_the_time_left_is_right_within_a_factor_of_two(
    speed: str, frames: list[int]
) -> None:
    shots = [shot(number, count) for number, count in enumerate(frames)]
    assert worst(shots, SPEEDS[speed]) < FACTOR


def test_a_run_knows_what_the_one_before_it_measured() -> None:
    """As on a device that moves faces much faster than it finds them."""
    seconds = {"track": 0.1, "cut": 0.02, "move": 0.1, "paste": 0.2, "close": 2.0}
    shots, pace = [shot(0, 40)], Pace()
    assert worst(shots, seconds, pace) > FACTOR
    assert worst(shots, seconds, pace) < FACTOR


def test_shots_that_are_kept_or_fail_take_no_more_time() -> None:
    shots, clock = [shot(0, 40), shot(1, 40)], Clock()
    forecast = Forecast(shots, None, clock)
    both = forecast.seconds_left
    forecast.take(ShotDone(RenderedShot(shots[0], shots[0].target, 1.0, 1, ()), kept=True))
    assert forecast.seconds_left == pytest.approx(both / 2)
    assert forecast.fraction == 0.0
