"""A redirected head: the driver's changes are added to where the head is in its own footage."""

import torch

from reenact_core.models.carry_over import FaceState
from reenact_core.motion.transfer import MotionSettings, new_state
from tests.core.motion.test_transfer import face

COUNT = 4


def turns(degrees: list[float]) -> FaceState:
    return FaceState.cat([face(value) for value in degrees])


def test_a_still_driver_leaves_the_head_where_it_rests() -> None:
    resting = turns([0, 10, 20, 30])
    still = turns([5] * COUNT)
    new = new_state(resting, face(5), still, MotionSettings())
    assert torch.allclose(new.pose.rotation, resting.pose.rotation, atol=1e-5)
    assert torch.allclose(new.pose.offset, resting.pose.offset, atol=1e-5)


def test_the_drivers_turn_is_added_to_the_resting_one() -> None:
    resting = turns([10, 20, 30, 40])
    driver = turns([0, 5, 10, 15])
    new = new_state(resting, face(0), driver, MotionSettings())
    expected = turns([10, 25, 40, 55])
    assert torch.allclose(new.pose.rotation, expected.pose.rotation, atol=1e-4)
