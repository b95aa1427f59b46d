"""The inside of a mouth: drawn where a closed source is opened, and nowhere else."""

import torch
from torch import Tensor

from reenact_core.models.cavity import mouth_cavity, opened
from reenact_core.models.face_points import load_face_points
from reenact_core.models.head_chart import Pose, pixel_grid, unproject
from tests.core.models.test_slits import parted

SIZE = 256
FRONT = Pose(torch.eye(3)[None], torch.tensor([0.5]), torch.tensor([[0.0, -0.2]]))


def cavity(new: Tensor, source: Tensor) -> Tensor:
    pixels = torch.full((1, 3, SIZE, SIZE), 0.6)
    head, _ = unproject(pixel_grid(SIZE, pixels)[None], FRONT)
    return mouth_cavity(head, new, source, FRONT, pixels)


def test_an_opened_mouth_is_dark_below_its_teeth() -> None:
    closed = load_face_points().mean_head[None].clone()
    opening = parted(closed, 0.3)
    inside = cavity(opening, closed)
    drawn = inside[0, 3] > 0.9
    assert 160 < int(drawn.sum()) < 1600
    column = int(drawn.nonzero()[:, 1].median())
    rows, light = drawn[:, column].nonzero(), inside[0, :3].mean(0)
    top, bottom = int(rows.min()), int(rows.max())
    assert light[top, column] > 0.35
    assert light[bottom - 1, column] < 0.2


def test_nothing_is_drawn_into_a_mouth_that_the_source_shows() -> None:
    closed = load_face_points().mean_head[None].clone()
    for new, source in ((closed, closed), (parted(closed, 0.3), parted(closed, 0.3))):
        assert cavity(new, source)[:, 3].max() == 0


def test_where_the_motion_is_sure_the_face_stays() -> None:
    closed = load_face_points().mean_head[None].clone()
    inside, face = cavity(parted(closed, 0.3), closed), torch.rand(1, 3, SIZE, SIZE)
    assert torch.equal(opened(face, inside, torch.ones(1, 1, SIZE, SIZE)), face)
    changed = opened(face, inside, torch.zeros(1, 1, SIZE, SIZE)) != face
    assert changed.any(1).sum() > 40
    assert not changed[(inside[:, 3:] == 0).expand_as(changed)].any()
