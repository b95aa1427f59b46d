"""What a run tells its caller: the engine yields events, and closing its generator cancels it."""

from dataclasses import dataclass
from typing import Literal

from reenact_core.errors import ReenactError
from reenact_core.timeline.plan import RenderedShot, Shot

Stage = Literal["track", "cut", "move", "paste"]
"""What is being done to a shot: faces followed, cut out, moved, and pasted into the new file."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one stage of one shot is."""

    shot_id: str
    stage: Stage
    done: int
    """Frames done, 0 to `total`."""
    total: int
    """Frames of this stage; for `move` every face counts its own."""


@dataclass(frozen=True, slots=True)
class ShotDone:
    """A shot whose file lies complete under its final name."""

    rendered: RenderedShot
    kept: bool = False
    """True where an earlier run of the same job had finished it already."""


@dataclass(frozen=True, slots=True)
class ShotFailed:
    """A shot that was given up; the other shots go on."""

    shot: Shot
    error: ReenactError


Event = Progress | ShotDone | ShotFailed
