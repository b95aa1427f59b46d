"""A head in the place of another's: size and place, outline, and what a mask takes."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from reenact_core.head.field import view_of
from reenact_core.head.model import PARTS, load_head_model, vertex_normals
from reenact_core.head.seat import Seat, cover
from reenact_core.head.state import HeadState, placed
from tests.core.heads import pose, state

HEAD = load_head_model()
CHIN, NOSE = 8, 30
POINTS = HEAD.landmarks["points68"]


def seated(new: HeadState, other: HeadState) -> HeadState:
    return replace(new, pose=Seat.on(HEAD, new, other).pose(other.pose))


def vertices(of: HeadState, moulded: Tensor | None = None) -> Tensor:
    return view_of(HEAD, of, None, moulded).vertices


def moulded(new: HeadState, other: HeadState) -> tuple[HeadState, Tensor]:
    """The seated head, and its vertices within the other's outline."""
    seat = Seat.on(HEAD, new, other)
    there = replace(new, pose=seat.pose(other.pose))
    return there, vertices(there, seat.moulded(HEAD, there.pose.rotation))


def test_on_itself_a_head_stays_as_it_is() -> None:
    one = state(20, seed=3)
    seat = Seat.on(HEAD, one, one)
    assert torch.allclose(seat.scale, torch.ones(1), atol=1e-5)
    assert torch.allclose(seat.pose(one.pose).offset, one.pose.offset, atol=1e-5)
    assert seat.moulded(HEAD, one.pose.rotation).abs().max() < 1e-4


@pytest.mark.parametrize("yaw", [0.0, 40.0])
def test_a_head_sits_on_the_other_s_skull(yaw: float) -> None:
    for seed in (1, 2, 3):
        new, other = state(seed=seed), state(yaw, 10, seed=seed + 10)
        parts = [PARTS.index(name) for name in ("face", "lips", "eyelids")]
        face = torch.unique(HEAD.triangles[torch.isin(HEAD.part, torch.tensor(parts))])
        there = vertices(other)[:, face, :2]
        crude = vertices(replace(new, pose=other.pose))[:, face, :2]
        fitted = vertices(seated(new, other))[:, face, :2]
        assert (fitted - there).mean(1).norm() < 1e-4
        assert (fitted - there).square().sum() < 1.01 * (crude - there).square().sum()


def test_a_smaller_person_s_head_is_made_as_large() -> None:
    other = state(seed=4)
    small = replace(other, beside=other.beside)
    points = HEAD.landmarks[other.scheme].places(other.vertices(HEAD))
    small = replace(small, beside=-0.2 * points)
    grown = Seat.on(HEAD, small, other).scale
    assert 1.1 < float(grown) < 1.4


def test_chin_and_jaw_are_the_other_s_and_the_nose_is_the_own() -> None:
    new, other = state(seed=1), state(seed=12)
    there, inside = moulded(new, other)
    chin, nose = (POINTS.places(inside)[0, point, :2] for point in (CHIN, NOSE))
    assert (chin - POINTS.places(vertices(other))[0, CHIN, :2]).norm() < 0.3 * 0.06
    assert (nose - POINTS.places(vertices(there))[0, NOSE, :2]).norm() < 0.02 * 0.06


def test_in_profile_the_outline_is_the_other_s() -> None:
    new, other = state(seed=1), state(80, seed=12)
    _, inside = moulded(new, other)
    nose, theirs = (POINTS.places(of)[0, 27:34, :2] for of in (inside, vertices(other)))
    alone = POINTS.places(vertices(seated(new, other)))[0, 27:34, :2]
    assert (nose - theirs).norm(dim=-1).mean() < 0.3 * (alone - theirs).norm(dim=-1).mean()


def test_eyeballs_stay_round() -> None:
    new, other = state(seed=1), state(70, seed=12)
    by = Seat.on(HEAD, new, other).moulded(HEAD, other.pose.rotation)
    for ball in HEAD.eyeballs:
        assert (by[:, ball] - by[:, ball[:1]]).abs().max() == 0


def facing(yaw: float = 0.0) -> Tensor:
    at = placed(HEAD.mean[None], pose(yaw))
    return -vertex_normals(at, HEAD.triangles)[..., 2]


def test_a_mask_takes_the_narrow_face_and_nothing_of_ears_hair_and_neck() -> None:
    taken = cover(HEAD, facing(), torch.ones(1, len(HEAD.mean)))[0]
    for name in ("ears", "scalp", "neck", "outer_face"):
        assert taken[torch.unique(HEAD.triangles[HEAD.part == PARTS.index(name)])].max() == 0
    for name in ("lips", "eyelids", "iris", "teeth_upper"):
        assert taken[torch.unique(HEAD.triangles[HEAD.part == PARTS.index(name)])].min() > 0.95


def test_what_the_source_hides_on_both_sides_is_not_taken() -> None:
    towards = facing(60)
    taken = cover(HEAD, towards, torch.ones_like(towards))[0]
    hidden = torch.maximum(towards, towards[:, HEAD.mirror])[0] < 0.1
    beside = hidden & (HEAD.mean[:, 1] > -2) & (HEAD.mean[:, 0].abs() > 5)
    assert taken[beside].max() < 0.05
    assert taken[POINTS.vertices[NOSE, 0]] > 0.99


def test_hair_at_the_border_is_left_away_and_a_clean_face_gets_no_holes() -> None:
    places, clean = HEAD.mean, torch.ones(1, len(HEAD.mean))
    whole = cover(HEAD, facing(), clean)[0]
    hair = clean.clone()
    lock = (places[:, 0] > 2.5) & (places[:, 1] < POINTS.places(places)[26, 1] - 1)
    hair[:, lock] = 0
    within = lock & (places[:, 0] > 4) & (places[:, 1] < POINTS.places(places)[26, 1] - 2)
    assert whole[within].max() > 0.9
    assert cover(HEAD, facing(), hair)[0, within].max() < 0.05
    spot = clean.clone()
    spot[:, (places[:, 0] - 3.5).abs() + (places[:, 1] - 1).abs() < 1.5] = 0
    assert torch.allclose(cover(HEAD, facing(), spot)[0], whole, atol=0.02)
