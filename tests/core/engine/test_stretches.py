from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from reenact_core.engine.stretches import said, true_stretches


@given(st.lists(st.booleans()))
def test_stretches_hold_exactly_the_true_ones_and_never_touch(values: list[bool]) -> None:
    found = true_stretches(np.array(values, dtype=bool))
    inside = [index for part in found for index in part]
    assert inside == [index for index, value in enumerate(values) if value]
    assert all(one.stop < other.start for one, other in pairwise(found))


def test_frames_are_said_as_people_say_them() -> None:
    assert said([range(3, 4)]) == "frame 3"
    assert said([range(3, 8)]) == "frames 3-7"
    assert said([range(3, 8), range(12, 13), range(20, 23)]) == "frames 3-7, 12 and 20-22"
