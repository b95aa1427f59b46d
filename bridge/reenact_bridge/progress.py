"""A run's events as the bridge tells them: how far a job is, how fast, how long still."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from reenact_bridge.failures import error_of
from reenact_core.engine.events import Event, Progress, ShotDone
from reenact_core.engine.forecast import Forecast

EVERY_SECONDS = 0.2
"""Progress is told no more often than this."""


@dataclass(slots=True)
class Reporter:
    """Turns the events of one run into the bridge's."""

    tell: Callable[[dict[str, Any]], None]
    forecast: Forecast
    shots: int
    device: str
    clock: Callable[[], float] = time.monotonic
    _told: float = float("-inf")
    _stage: tuple[str, str] = ("", "")
    _stage_began: tuple[float, int] = (0.0, 0)
    _ended: set[str] = field(default_factory=set)

    def take(self, event: Event) -> None:
        """Tell of an event, if it is time to."""
        self.forecast.take(event)
        if isinstance(event, Progress):
            self._progress(event)
            return
        shot = event.rendered.shot if isinstance(event, ShotDone) else event.shot
        self._ended.add(shot.shot_id)
        facts: dict[str, Any] = {"kind": "shot", "shot": shot.shot_id, **self._whole()}
        if not isinstance(event, ShotDone):
            facts["error"] = error_of(event.error).body()
        self.tell(facts)

    def _progress(self, event: Progress) -> None:
        now = self.clock()
        if self._stage != (event.shot_id, event.stage):
            self._stage = (event.shot_id, event.stage)
            self._stage_began = (now, event.done)
        if now - self._told < EVERY_SECONDS:
            return
        self._told = now
        seconds, frames = now - self._stage_began[0], event.done - self._stage_began[1]
        facts = {
            "kind": "progress",
            "shot": event.shot_id,
            "stage": event.stage,
            "frame": event.done,
            "frames": event.total,
            "fps": round(frames / seconds, 2) if seconds > 0 and frames > 0 else None,
            **self._whole(),
        }
        self.tell(facts)

    def _whole(self) -> dict[str, Any]:
        """How far the whole job is."""
        return {
            "shots_done": len(self._ended),
            "shots": self.shots,
            "fraction": round(self.forecast.fraction, 4),
            "eta_s": round(self.forecast.seconds_left, 1),
            "device": self.device,
        }
