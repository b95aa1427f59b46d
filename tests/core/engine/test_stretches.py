from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from reenact_core.engine.stretches import true_stretches


@given(st.lists(st.booleans()))
def test_stretches_hold_exactly_the_true_ones_and_never_touch(values: list[bool]) -> None:
    found = true_stretches(np.array(values, dtype=bool))
    inside = [index for part in found for index in part]
    assert inside == [index for index, value in enumerate(values) if value]
    assert all(one.stop < other.start for one, other in pairwise(found))
