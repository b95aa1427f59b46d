"""Which frame of a clip stands for its face."""

import torch
from torch import Tensor

from reenact_core.head.state import HeadState
from reenact_core.motion.source_frame import choose_source_frame, eye_openness, middle
from tests.core.heads import state

SIZE = 256


def turned(*yaws: float) -> HeadState:
    """A head, turned to the side by so many degrees in every frame."""
    return HeadState.cat([state(yaw) for yaw in yaws])


def eyes(openness: float) -> tuple[Tensor, Tensor]:
    """A skin-coloured picture with two eyes, and points of which the corners are told."""
    picture = torch.full((1, 3, SIZE, SIZE), 0.7)
    points = torch.zeros(1, 79, 2)
    y, x = torch.meshgrid(torch.arange(SIZE), torch.arange(SIZE), indexing="ij")
    for middle_x, corners in ((80, (36, 39)), (176, (42, 45))):
        across, up = (x - middle_x) / 20, (y - 120) / (12 * openness + 1e-3)
        shown = across**2 + up**2 < 1
        picture[:, :, shown] = 0.85
        picture[:, :, shown & ((x - middle_x) ** 2 + (y - 120) ** 2 < 64)] = 0.1
        picture[:, :, (across.abs() < 1) & ((y - 120).abs() < 1.5)] *= 0.6
        for corner, place in zip(corners, (-20, 20), strict=True):
            points[0, corner] = torch.tensor([middle_x + place, 120]) / (SIZE / 2) - 1
    return picture, points


def test_wider_eyes_are_more_open() -> None:
    found = [float(eye_openness(*eyes(openness))) for openness in (0.0, 0.3, 0.6)]
    assert found == sorted(found)
    assert found[0] < found[1] / 2


def test_openness_goes_with_the_light() -> None:
    picture, points = eyes(0.8)
    dim, bright = eye_openness(picture * 0.5, points), eye_openness(picture, points)
    assert torch.allclose(dim, bright, rtol=0.02)


def test_the_middling_face_with_open_eyes_is_chosen() -> None:
    states = turned(-28, -6, 0, 6, 28)
    blink_in_the_middle = torch.tensor([0.5, 0.5, 0.0, 0.4, 0.5])
    assert choose_source_frame(states, blink_in_the_middle) == 1
    assert choose_source_frame(states, torch.ones(5)) == 2


def test_the_middle_of_equal_faces_is_that_face() -> None:
    one = turned(17)
    found = middle(one.repeat(3))
    assert torch.allclose(found.pose.rotation, one.pose.rotation, atol=1e-4)
    assert torch.allclose(found.expression, one.expression, atol=1e-5)
