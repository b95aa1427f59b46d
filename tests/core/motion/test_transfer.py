"""The frame to start from."""

from reenact_core.head.state import HeadState
from reenact_core.motion.transfer import nearest_frame
from tests.core.heads import state


def test_the_run_starts_from_the_pose_nearest_to_the_source_s() -> None:
    driving = HeadState.cat([state(yaw) for yaw in (-40.0, -10.0, 18.0, 60.0)])
    assert nearest_frame(driving, state(20)) == 2


def test_of_equal_poses_the_nearest_expression_counts() -> None:
    driving = HeadState.cat([state(jawOpen=opened) for opened in (0.0, 0.5, 1.0)])
    assert nearest_frame(driving, state(jawOpen=0.6)) == 1
