"""The faces of several shots side by side in one batch: the loop that the recurrence leaves.

Every turn takes one frame from each running shot and gives that frame's faces back together. A shot
that ends makes room for the next. A face that is not seen in a frame loses its carry and starts
afresh when it returns.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice

from reenact_core.motion.recurrent import Carry, Reenacted, StepInput

Step = Callable[[StepInput, Carry], tuple[Reenacted, Carry]]


@dataclass(frozen=True, slots=True)
class LaneSettings:
    """How many shots run side by side."""

    width: int = 2
    """Shots that are under way at once, 1 to 64; faces of all of them share a batch. A shot that
    goes both ways from its start counts as two. Each takes memory."""

    def __post_init__(self) -> None:
        if not 1 <= self.width <= 64:
            raise ValueError(f"width must be 1 to 64, got {self.width}")


@dataclass(slots=True)
class ShotLanes:
    """One shot under way; the one mutable type here, the loop's own."""

    shot_id: str
    frames: Iterator[Mapping[int, StepInput]]
    """By face, frame after frame; an empty mapping where no face is seen."""
    carries: dict[int, Carry] = field(default_factory=dict)


def run_lanes(
    shots: Iterable[ShotLanes], step: Step, settings: LaneSettings
) -> Iterator[tuple[str, dict[int, Reenacted]]]:
    """The new faces of every frame of every shot, in order within each shot."""
    waiting = iter(shots)
    running: list[ShotLanes] = []
    while True:
        running += islice(waiting, settings.width - len(running))
        if not running:
            return
        frames = [(shot, seen) for shot in running if (seen := next(shot.frames, None)) is not None]
        running = [shot for shot, _ in frames]
        yield from _turn(frames, step)


def _turn(
    frames: list[tuple[ShotLanes, Mapping[int, StepInput]]], step: Step
) -> Iterator[tuple[str, dict[int, Reenacted]]]:
    lanes = [(shot, face, inputs) for shot, seen in frames for face, inputs in seen.items()]
    before = [shot.carries.get(face) or Carry.start(inputs) for shot, face, inputs in lanes]
    results: dict[str, dict[int, Reenacted]] = {}
    for shot, _ in frames:
        shot.carries, results[shot.shot_id] = {}, {}
    if lanes:
        faces, after = step(StepInput.stack([lane[2] for lane in lanes]), Carry.stack(before))
        for (shot, face, _), new, carry in zip(
            lanes, faces.unstack(), after.unstack(), strict=True
        ):
            shot.carries[face] = carry
            results[shot.shot_id][face] = new
    yield from results.items()
