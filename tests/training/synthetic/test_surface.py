"""Material coordinates, expressions and poses of synthetic heads."""

import math

import numpy as np
import pytest
import torch

from reenact_core.models.face_points import EXPRESSIONS
from reenact_training.synthetic.expression import close_mouth, open_mouth
from reenact_training.synthetic.heads import average_identity, sample_identity
from reenact_training.synthetic.motion import angles, rotation_matrix, sample_motion
from reenact_training.synthetic.posed import landmarks_in_space, pose_surface
from reenact_training.synthetic.surface import (
    average_radius,
    control_points,
    sample_map,
    to_direction,
    to_plane,
    unit,
)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_a_direction_comes_back_from_the_plane() -> None:
    direction = unit(torch.randn(500, 3, generator=generator()), 1)
    back = to_direction(to_plane(direction))
    # At the back of the head, the rim of the disc, single precision tells directions less well.
    assert torch.allclose(back, direction, atol=5e-3)
    assert torch.allclose(back[direction[:, 2] < 0.9], direction[direction[:, 2] < 0.9], atol=1e-5)


def test_the_average_head_passes_through_its_control_points() -> None:
    points = control_points()
    reach = np.linalg.norm(points, axis=1)
    assert np.allclose(average_radius(points / reach[:, None]), reach, atol=1e-6)


@pytest.mark.parametrize("jaw", [0.0, 0.3, 1.0])
def test_an_opened_mouth_closes_again(jaw: float) -> None:
    expression = torch.zeros(1, 12)
    expression[0, 0], expression[0, 3] = jaw, 0.5
    material = (
        torch.rand(1, 2000, 2, generator=generator(), dtype=torch.float64).float() * 1.2 - 0.6
    )
    back, between = close_mouth(expression, open_mouth(expression, material))
    assert torch.allclose(back, material, atol=1e-4)
    assert bool((between < 0).all())


def test_between_parted_lips_is_the_mouth() -> None:
    expression = torch.zeros(1, 12)
    expression[0, 0] = 1.0
    _, between = close_mouth(expression, torch.tensor([[[0.0, 0.35]]]))
    assert 0 < float(between) < 1
    _, between = close_mouth(torch.zeros(1, 12), torch.tensor([[[0.0, 0.35]]]))
    assert float(between) == -1


def test_the_surface_is_the_inverse_of_its_forward_map() -> None:
    person = sample_identity(generator(3), 1)
    expression = sample_motion(generator(4), 1).expression
    expression[:, 8:12] = 0
    posed = pose_surface(person, expression)
    space = landmarks_in_space(person, posed, expression)[0, :48]
    seen = sample_map(posed.fields[:, :1], to_plane(unit(space, 1))[None])[0, 0]
    assert torch.allclose(seen, space.square().sum(1).sqrt(), atol=0.02)


def test_yaw_looks_right_pitch_down_and_roll_turns_clockwise() -> None:
    face, up = torch.tensor([0.0, 0, -1]), torch.tensor([0.0, -1, 0])
    zero, some = torch.tensor(0.0), torch.tensor(0.4)
    assert (rotation_matrix(some, zero, zero) @ face)[0] > 0.3
    assert (rotation_matrix(zero, some, zero) @ face)[1] > 0.3
    assert (rotation_matrix(zero, zero, some) @ up)[0] > 0.3


def test_angles_come_back_from_rotations() -> None:
    drawn = torch.randn(3, 100, generator=generator()) * 0.5
    assert torch.allclose(torch.stack(angles(rotation_matrix(*drawn))), drawn, atol=1e-4)


def test_an_open_jaw_parts_the_lips_and_lowers_the_chin() -> None:
    person, still = average_identity(), torch.zeros(1, 12)
    gaping = still.clone()
    gaping[0, EXPRESSIONS.index("jaw_open")] = 1
    closed, opened = (
        landmarks_in_space(person, pose_surface(person, e), e)[0] for e in (still, gaping)
    )
    assert float((closed[66] - closed[62]).norm()) < 0.03
    assert float(opened[66, 1] - opened[62, 1]) > 0.2
    assert float(opened[8, 1] - closed[8, 1]) > 0.1
    assert torch.allclose(opened[27:31], closed[27:31], atol=1e-3)


def test_a_blink_moves_only_that_eyes_lid() -> None:
    person, still = average_identity(), torch.zeros(1, 12)
    wink = still.clone()
    wink[0, EXPRESSIONS.index("blink_left")] = 1
    before, after = (
        landmarks_in_space(person, pose_surface(person, e), e)[0] for e in (still, wink)
    )
    moved = (before - after).norm(dim=1) > 0.02
    assert set(torch.nonzero(moved)[:, 0].tolist()) == {37, 38}


def test_motion_is_smooth_and_within_reach() -> None:
    motion = sample_motion(generator(5), 100)
    yaw, pitch, _ = angles(motion.rotation)
    assert float(yaw.abs().max()) < math.pi / 2 and float(pitch.abs().max()) < 0.7
    assert float(yaw.diff().abs().max()) < 0.35
    assert float(motion.expression.abs().max()) <= 1
