"""Relative and absolute motion, parts of a turn, smoothing, and the frame to start from."""

import torch

from reenact_core.models.carry_over import FaceState
from reenact_core.models.face_points import load_face_points
from reenact_core.models.head_chart import Pose
from reenact_core.models.slits import (
    eye_openings,
    mouth_width,
    open_mouth,
    with_eye_openings,
)
from reenact_core.motion.transfer import (
    MotionSettings,
    nearest_frame,
    new_state,
    rotation_power,
    smooth,
)
from tests.core.models.test_head_chart import pose


def face(yaw: float, scale: float = 0.4, mouth: float = 0.0) -> FaceState:
    turned = pose(yaw)
    shape = torch.rand(1, 79, 3, generator=torch.Generator().manual_seed(5))
    shape[:, [62, 37, 38, 43, 44], 1] = shape[:, [66, 41, 40, 47, 46], 1] - 0.1
    shape[:, [61, 63], 1] = shape[:, [67, 65], 1] - 0.1
    shape[:, 57] += mouth
    return FaceState(Pose(turned.rotation, torch.tensor([scale]), turned.offset), shape)


def test_the_start_leaves_the_source_as_it_is() -> None:
    source, start = face(20, 0.5), face(-5)
    new = new_state(source, start, start, MotionSettings(pose="relative"))
    assert torch.allclose(new.pose.rotation, source.pose.rotation, atol=1e-6)
    assert torch.allclose(new.pose.offset, source.pose.offset)
    assert torch.allclose(new.shape, source.shape, atol=1e-6)


def test_relative_motion_adds_the_driver_s_turn() -> None:
    new = new_state(face(20), face(0), face(15), MotionSettings(pose="relative"))
    assert torch.allclose(new.pose.rotation, pose(35).rotation, atol=1e-5)


def test_absolute_motion_takes_the_driver_s_place() -> None:
    new = new_state(face(20), face(0), face(15, 0.6), MotionSettings(pose="absolute"))
    assert torch.allclose(new.pose.rotation, pose(15).rotation, atol=1e-6)
    assert torch.allclose(new.pose.scale, torch.tensor([0.6]))


def test_expression_follows_the_driver_s_change() -> None:
    source, start, now = face(0), face(0, mouth=0.1), face(0, mouth=0.3)
    new = new_state(source, start, now, MotionSettings())
    assert torch.allclose(new.shape[:, 57] - source.shape[:, 57], torch.tensor(0.2), atol=1e-6)


def test_a_closed_mouth_opens_with_a_driver_who_starts_with_an_open_one() -> None:
    closed = load_face_points().mean_head[None]
    source, still, speaking = (
        FaceState(pose(0), shape)
        for shape in (closed, closed.clone(), open_mouth(closed, torch.tensor([0.2])))
    )
    settings = MotionSettings()
    for start, now, width in (
        (speaking, speaking, 0.2), (speaking, still, 0.0), (still, speaking, 0.2),
    ):  # fmt: skip
        new = new_state(source, start, now, settings)
        assert torch.allclose(mouth_width(new.shape), torch.tensor([width]), atol=1e-5)
    laughing = new_state(speaking, still, speaking, settings)
    assert float(mouth_width(laughing.shape)) > 0.35


def test_eyes_close_in_proportion() -> None:
    """A driver who closes wide eyes by half closes narrow ones by half, and a blink shuts both."""
    head = load_face_points().mean_head[None]
    wide, narrow = (
        FaceState(pose(0), with_eye_openings(head, torch.full((1, 4), width)))
        for width in (0.14, 0.06)
    )
    for now, expected in ((0.14, 0.06), (0.07, 0.03), (0.0, 0.0), (0.4, 0.078)):
        driving = FaceState(pose(0), with_eye_openings(head, torch.full((1, 4), now)))
        new = new_state(narrow, wide, driving, MotionSettings())
        assert torch.allclose(eye_openings(new.shape), torch.tensor(expected), atol=1e-6)


def test_half_a_turn_twice_is_the_turn() -> None:
    turn = pose(50, 20).rotation
    half = rotation_power(turn, 0.5)
    assert torch.allclose(half @ half, turn, atol=1e-4)
    assert torch.allclose(rotation_power(turn, 1.0), turn)


def test_no_turn_has_parts_too() -> None:
    assert torch.allclose(rotation_power(torch.eye(3)[None], 0.3), torch.eye(3)[None], atol=1e-3)


def test_smoothing_keeps_what_stands_still_and_a_steady_turn() -> None:
    turning = FaceState.cat([face(2.0 * step) for step in range(20)])
    smoothed = smooth(turning, 1.5)
    assert torch.allclose(smoothed.pose.rotation[6:-6], turning.pose.rotation[6:-6], atol=5e-3)
    assert torch.allclose(smoothed.shape, turning.shape, atol=1e-5)
    product = smoothed.pose.rotation @ smoothed.pose.rotation.mT
    assert torch.allclose(product, torch.eye(3).expand(20, 3, 3), atol=1e-5)


def test_the_run_starts_from_the_pose_nearest_to_the_source_s() -> None:
    driving = FaceState.cat([face(yaw) for yaw in (-40.0, -10.0, 18.0, 60.0)])
    assert nearest_frame(driving, face(20)) == 2
