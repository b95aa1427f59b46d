"""A run's events as the bridge tells them: how far a job is, how fast, how long still."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from reenact_bridge.failures import error_of
from reenact_core.engine.events import Event, Progress, ShotDone

SHARES = {"track": 0.35, "cut": 0.1, "move": 0.3, "paste": 0.25}
"""How much of a shot's time each stage takes, roughly."""
EVERY_SECONDS = 0.2
"""Progress is told no more often than this."""


@dataclass(slots=True)
class Reporter:
    """Turns the events of one run into the bridge's."""

    tell: Callable[[dict[str, Any]], None]
    shots: int
    device: str
    clock: Callable[[], float] = time.monotonic
    _began: float = 0.0
    _told: float = float("-inf")
    _stage: tuple[str, str] = ("", "")
    _stage_began: tuple[float, int] = (0.0, 0)
    _parts: dict[str, float] = field(default_factory=dict)
    _ended: int = 0

    def __post_init__(self) -> None:
        self._began = self.clock()

    def take(self, event: Event) -> None:
        """Tell of an event, if it is time to."""
        if isinstance(event, Progress):
            self._progress(event)
            return
        self._ended += 1
        shot = event.rendered.shot if isinstance(event, ShotDone) else event.shot
        self._parts[shot.shot_id] = 1.0
        facts: dict[str, Any] = {"kind": "shot", "shot": shot.shot_id, **self._whole()}
        if not isinstance(event, ShotDone):
            facts["error"] = error_of(event.error).body()
        self.tell(facts)

    def _progress(self, event: Progress) -> None:
        now = self.clock()
        if self._stage != (event.shot_id, event.stage):
            self._stage = (event.shot_id, event.stage)
            self._stage_began = (now, event.done)
        done = event.done / max(1, event.total)
        before = sum(SHARES[stage] for stage in self._stages_before(event.stage))
        self._parts[event.shot_id] = before + SHARES[event.stage] * done
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
        fraction = min(1.0, sum(self._parts.values()) / max(1, self.shots))
        spent = self.clock() - self._began
        left = spent * (1 - fraction) / fraction if fraction > 0.01 else None
        return {
            "shots_done": self._ended,
            "shots": self.shots,
            "fraction": round(fraction, 4),
            "eta_s": None if left is None else round(left, 1),
            "device": self.device,
        }

    @staticmethod
    def _stages_before(stage: str) -> list[str]:
        names = list(SHARES)
        return names[: names.index(stage)]
