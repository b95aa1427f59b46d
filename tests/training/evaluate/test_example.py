import itertools

import torch
from hypothesis import given
from hypothesis import strategies as st

from reenact_training.evaluate.example import Example, to_and_fro
from tests.training.evaluate.evaluations import pictures, self_example

counts = st.integers(1, 12)


@given(counts, st.integers(1, 60))
def test_to_and_fro_moves_by_one_frame_and_stays_inside(count: int, length: int) -> None:
    order = to_and_fro(count, length)
    assert len(order) == length and order[0] == 0
    assert all(0 <= frame < count for frame in order)
    if count > 1:
        steps = {abs(b - a) for a, b in itertools.pairwise(order)}
        assert steps <= {1}


@given(counts, st.data())
def test_lanes_run_every_frame_once_beside_the_start(count: int, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, count - 1))
    frames = torch.zeros(count, 3, 8, 8, dtype=torch.uint8)
    example = Example("a", "cross", frames[0], frames, None, start=start)
    run = [frame for lane in example.lanes() for frame in lane]
    assert all(lane[0] == start for lane in example.lanes())
    assert set(run) == set(range(count))
    assert len(run) == count + (start > 0)


@given(st.integers(2, 30), st.integers(1, 40))
def test_a_clip_is_measured_at_least_once_and_never_at_its_source(count: int, every: int) -> None:
    measured = self_example(count).measured(every)
    assert measured and 0 not in measured
    assert max(measured) < count


def test_every_fifth_frame_is_measured() -> None:
    assert self_example(16).measured(5) == {5, 10, 15}


def test_somebody_elses_first_frame_is_measured_too() -> None:
    frames = pictures(11)
    cross = Example("a", "cross", frames[0], frames, None)
    assert cross.measured(5) == {0, 5, 10}
