"""Close-ups are cut where the points are, and what is read in them goes back to its place."""

import torch

from reenact_core.head.pose import Pose, project
from reenact_core.models.close_ups import (
    EYES,
    MOUTH,
    CloseUps,
    close_up_frame,
    cut,
    to_close_up,
    to_picture,
)
from reenact_core.models.face_points import load_face_points
from tests.core.heads import pose


def points_of(at: Pose) -> torch.Tensor:
    return project(load_face_points().mean_head[None], at)


def test_points_go_there_and_back() -> None:
    points = points_of(pose(30, 10, scale=0.4))
    for region in (MOUTH, *EYES):
        frame = close_up_frame(points, pose(30, 10, scale=0.4), region)
        inside = to_close_up(points[:, list(region.points)], frame)
        assert inside.abs().max() < 1
        back = to_picture(inside, frame)
        assert torch.allclose(back, points[:, list(region.points)], atol=1e-5)


def test_both_eyes_look_alike_to_the_network() -> None:
    """The mean head is symmetric: the mirrored right eye lies as the left one does."""
    points = points_of(pose(0, scale=0.4))
    left, right = (
        to_close_up(points[:, list(eye.points)], close_up_frame(points, pose(0, scale=0.4), eye))
        for eye in EYES
    )
    assert torch.allclose(left, right, atol=1e-3)


def test_a_dot_on_a_lip_is_cut_where_the_point_says() -> None:
    points = points_of(pose(0, scale=0.4))
    picture = torch.zeros(1, 3, 256, 256)
    x, y = ((points[0, 48] + 1) * 128).long().tolist()
    picture[..., y - 1 : y + 2, x - 1 : x + 2] = 1
    frame = close_up_frame(points, pose(0, scale=0.4), MOUTH)
    seen = cut(picture, frame)[0, 0]
    row, column = divmod(int(seen.argmax()), 64)
    place = (to_close_up(points[:, 48:49], frame)[0, 0] + 1) * 32
    assert abs(column + 0.5 - float(place[0])) < 2
    assert abs(row + 0.5 - float(place[1])) < 2


def test_only_mouth_and_eyes_are_read_again() -> None:
    torch.manual_seed(0)
    networks, reader = CloseUps().eval(), load_face_points()
    with torch.inference_mode():
        crops = torch.rand(2, 3, 256, 256)
        reading = reader(torch.nn.functional.interpolate(crops, (128, 128), mode="area"))
        at = pose(0, scale=0.4)
        both = Pose(reading.rotation, at.scale.repeat(2), at.offset.repeat(2, 1))
        again = networks(crops, reading, both)
    changed = (again.points != reading.points).any(-1).all(0).nonzero()[:, 0].tolist()
    assert changed == [*range(36, 68), 77, 78]
    assert torch.equal(again.points[..., 2], reading.points[..., 2])
