"""The loop over lanes: widths agree, faces come and go, shots end."""

from collections.abc import Iterator, Mapping
from dataclasses import fields

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reenact_core.motion.lanes import LaneSettings, ShotLanes, run_lanes
from reenact_core.motion.recurrent import Carry, Reenacted, StepInput

Schedule = list[list[set[int]]]


def inputs(value: float) -> StepInput:
    one = torch.full((1, 1), value)
    return StepInput(*[one] * len(fields(StepInput)))


def leaky_sum(inputs: StepInput, carry: Carry) -> tuple[Reenacted, Carry]:
    """A stand-in step that remembers: half the last output and the input."""
    total = 0.5 * carry.previous + inputs.source
    return Reenacted(*[total] * len(fields(Reenacted))), Carry(total, carry.field)


def frames(shot: int, seen: list[set[int]]) -> Iterator[Mapping[int, StepInput]]:
    for number, faces in enumerate(seen):
        yield {face: inputs(100.0 * shot + 10 * face + number) for face in sorted(faces)}


def run(schedule: Schedule, width: int) -> dict[str, list[dict[int, float]]]:
    shots = [ShotLanes(str(i), frames(i, seen)) for i, seen in enumerate(schedule)]
    results: dict[str, list[dict[int, float]]] = {str(i): [] for i in range(len(schedule))}
    for shot_id, faces in run_lanes(shots, leaky_sum, LaneSettings(width)):
        results[shot_id].append({face: out.pixels.item() for face, out in faces.items()})
    return results


schedules = st.lists(st.lists(st.sets(st.integers(0, 2)), max_size=5), max_size=4)


@given(schedules, st.integers(2, 5))
@settings(deadline=None, max_examples=50)
def test_width_does_not_change_the_result(schedule: Schedule, width: int) -> None:
    assert run(schedule, width) == run(schedule, 1)


def test_every_frame_of_every_shot_comes_back_in_order() -> None:
    results = run([[{0}, set(), {0, 1}], [], [{2}]], 2)
    assert [sorted(frame) for frame in results["0"]] == [[0], [], [0, 1]]
    assert results["1"] == [] and len(results["2"]) == 1


def test_a_face_that_was_away_starts_afresh() -> None:
    returned = run([[{0}, set(), {0}]], 1)["0"][2][0]
    assert returned == 0.5 * 2.0 + 2.0  # the carry starts from the frame's own input
