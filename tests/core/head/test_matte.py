"""What is behind a head is told from it by colour, where colours tell."""

import pytest
import torch
from torch import Tensor

from reenact_core.head.field import HeadView, Outline, view_of
from reenact_core.head.matte import NOT_BEFORE, behind, told_apart
from reenact_core.head.model import load_head_model
from tests.core.heads import state

HEAD, SIZE = load_head_model(), 128
SKIN, HAIR, WALL = (0.7, 0.5, 0.4), (0.2, 0.12, 0.08), (0.55, 0.65, 0.8)


def view() -> HeadView:
    return view_of(HEAD, state(10), SIZE)


def painted(share: Tensor, hair_to: float, wall: tuple[float, ...]) -> Tensor:
    """A head of skin with hair around it, before a wall, as the outline's shares say."""
    noise = torch.Generator().manual_seed(1)
    picture = torch.tensor(wall)[:, None, None].expand(3, SIZE, SIZE).clone()
    for colour, end in ((HAIR, hair_to), (SKIN, 0.7)):
        picture = torch.where(share[0] < end, torch.tensor(colour)[:, None, None], picture)
    return (picture + 0.02 * torch.randn(picture.shape, generator=noise)).clamp(0, 1)[None]


@pytest.mark.parametrize("hair_to", [0.92, 1.2])
def test_a_wall_is_told_from_skin_and_hair_however_far_these_reach(hair_to: float) -> None:
    outline = Outline.of(view(), HEAD)
    share, _ = outline.around(SIZE)
    found = behind(outline, painted(share, hair_to, WALL))[0, 0]
    beyond, own = share[0] > hair_to + 0.08, share[0] < hair_to - 0.08
    assert found[beyond].mean() > 0.95
    assert found[own].mean() < 0.02


def test_hair_of_the_wall_s_colour_mostly_stays_with_the_head() -> None:
    outline = Outline.of(view(), HEAD)
    share, _ = outline.around(SIZE)
    found = behind(outline, painted(share, 1.2, HAIR))[0, 0]
    assert found.mean() < 0.3  # it is told as surely as the colours lie


def test_the_middle_of_a_head_is_never_told_to_be_a_wall() -> None:
    outline = Outline.of(view(), HEAD)
    share, _ = outline.around(SIZE)
    picture = painted(share, 1.0, WALL)
    picture[0, :, share[0] < 0.3] = torch.tensor(WALL)[:, None]  # a blue nose
    found = behind(outline, picture)[0, 0]
    assert found[share[0] < NOT_BEFORE].max() == 0


def test_a_view_knows_what_is_no_head_in_its_picture() -> None:
    one = view()
    share, _ = Outline.of(one, HEAD).around(SIZE)
    told = told_apart(one, HEAD, painted(share, 0.9, WALL))
    assert told.front is not None and one.front is not None
    assert torch.equal(told.front[:, :2], one.front[:, :2])
    assert told.front[0, 2][share[0] > 1].mean() > 0.9
    flat = view_of(HEAD, state(), None)
    assert told_apart(flat, HEAD, painted(share, 0.9, WALL)) is flat
