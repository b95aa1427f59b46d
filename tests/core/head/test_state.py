"""Heads from landmarks, and what of a person stays from moment to moment."""

from dataclasses import replace

import torch

from reenact_core.head.gaps import on_points
from reenact_core.head.model import load_head_model
from reenact_core.head.state import HeadState, placed, smooth, states_of, with_gaps
from tests.core.heads import SCHEME, state

HEAD = load_head_model()


def landmarks(states: HeadState) -> torch.Tensor:
    places = HEAD.landmarks[SCHEME].places(states.vertices(HEAD))
    return placed(places, states.pose)


def test_a_head_comes_back_from_its_landmarks() -> None:
    acting = HeadState.cat(
        [state(yaw, 5, seed=3, jawOpen=0.4, mouthSmile_L=0.5) for yaw in (-20.0, -5.0, 10.0, 25.0)]
    )
    found = states_of(HEAD, SCHEME, landmarks(acting))
    seen = placed(HEAD.landmarks[SCHEME].places(found.vertices(HEAD)), found.pose)
    apart = (seen - landmarks(acting))[..., :2].norm(dim=-1)
    assert apart.mean() < 0.004  # half a pixel of 256
    turn = found.pose.rotation @ acting.pose.rotation.mT
    assert (
        torch.rad2deg(
            torch.acos(((turn.diagonal(dim1=1, dim2=2).sum(1) - 1) / 2).clamp(max=1))
        ).max()
        < 3
    )


def test_a_moment_that_comes_later_is_the_same_person() -> None:
    several = HeadState.cat([state(yaw, seed=2) for yaw in (-15.0, 0.0, 15.0)])
    first = states_of(HEAD, SCHEME, landmarks(several))
    later = states_of(HEAD, SCHEME, landmarks(state(8, seed=2, eyeBlink_L=1.0)), person=first[:1])
    assert torch.equal(later.identity[0], first.identity[0])
    assert torch.equal(later.open_eyes[0], first.open_eyes[0])
    assert later.eyes[0, 1] < 0.2 < later.eyes[0, 0]


def test_garbage_that_comes_later_takes_the_head_before() -> None:
    several = landmarks(HeadState.cat([state(yaw, seed=2) for yaw in (-15.0, -5.0, 5.0)]))
    first = states_of(HEAD, SCHEME, several[:2])
    good, garbage = several[2:], torch.rand(several[2:].shape) * 2 - 1
    read, held = (
        states_of(HEAD, SCHEME, points, person=first, before=first) for points in (good, garbage)
    )
    assert torch.equal(held.pose.rotation, first.pose.rotation[1:])
    assert torch.equal(held.expression, first.expression[1:])
    assert (read.pose.rotation - first.pose.rotation[1:]).abs().max() > 0.05


def test_lids_and_lips_are_as_far_apart_as_is_asked() -> None:
    wanted = torch.tensor([[0.3, 0.0, 0.8]])
    made = with_gaps(HEAD, state(seed=5, mouthSmile_R=0.4), wanted)
    assert torch.allclose(made.gaps(HEAD), wanted, atol=2e-3)
    shut = with_gaps(HEAD, state(seed=5, jawOpen=0.6), torch.tensor([[0.9, 0.9, 0.0]]))
    assert shut.gaps(HEAD)[0, 2].abs() < 2e-3


def test_gaps_are_those_between_the_landmarks_of_the_whole_head() -> None:
    head = state(seed=3, jawOpen=0.4, eyeBlink_L=0.7, mouthFunnel=0.3)
    generator = torch.Generator().manual_seed(1)
    head = replace(head, beside=0.1 * torch.randn(head.beside.shape, generator=generator))
    places = HEAD.landmarks[SCHEME].places(head.vertices(HEAD))
    assert torch.allclose(head.gaps(HEAD), on_points(HEAD, SCHEME, places), atol=1e-4)


def test_smoothing_keeps_what_stands_still_and_a_steady_turn() -> None:
    turning = HeadState.cat([state(2.0 * step) for step in range(20)])
    smoothed = smooth(turning, 1.5)
    assert torch.allclose(smoothed.pose.rotation[6:-6], turning.pose.rotation[6:-6], atol=5e-3)
    assert torch.equal(smoothed.expression, turning.expression)
    product = smoothed.pose.rotation @ smoothed.pose.rotation.mT
    assert torch.allclose(product, torch.eye(3).expand(20, 3, 3), atol=1e-5)


def test_rows_are_picked_joined_and_repeated() -> None:
    one, other = state(10), state(20, seed=1)
    both = HeadState.cat([one, other])
    assert torch.equal(both[torch.tensor([1, 0])].identity[0], other.identity[0])
    assert len(both[1:]) == 1 and len(one.repeat(5)) == 5
    assert torch.equal(one.repeat(5).pose.rotation[4], one.pose.rotation[0])
    assert replace(both, scheme="x")[:1].scheme == "x"


def test_garbage_in_one_moment_lies_between_its_neighbours() -> None:
    acting = HeadState.cat([state(yaw, seed=3) for yaw in torch.linspace(-15, 15, 9).tolist()])
    points = landmarks(acting)
    points[4] = torch.rand(points.shape[1:], generator=torch.Generator().manual_seed(2))
    points[6] = torch.nan
    found = states_of(HEAD, SCHEME, points)
    turn = found.pose.rotation - acting.pose.rotation
    assert turn[[4, 6]].flatten(1).norm(dim=1).max() < 0.05


def test_where_nothing_was_read_heads_look_straight_ahead() -> None:
    found = states_of(HEAD, SCHEME, torch.full((3, 79, 3), torch.nan))
    assert torch.isfinite(found.vertices(HEAD)).all()
    assert torch.equal(found.pose.rotation[2], torch.eye(3))


def test_blurred_moments_lie_between_the_clear_ones() -> None:
    """A driver whose picture blurs for some frames does not nod."""
    acting = HeadState.cat([state(yaw, seed=3) for yaw in torch.linspace(-12, 12, 13).tolist()])
    noise = 0.008 * torch.randn(13, 79, 3, generator=torch.Generator().manual_seed(1))
    points, blurred = landmarks(acting) + noise, slice(4, 9)
    misread = points.clone()
    nods = HeadState.cat([state(0.0, -20, seed=3, jawOpen=0.6)] * 5)
    misread[blurred] = landmarks(nods) + noise[blurred]
    clear = torch.ones(13)
    clear[blurred] = 0
    kept = states_of(HEAD, SCHEME, points)
    found = states_of(HEAD, SCHEME, misread, clear=clear)
    lost = states_of(HEAD, SCHEME, misread)
    apart, without = (
        (one.pose.rotation - kept.pose.rotation).flatten(1).norm(dim=1).max()
        for one in (found, lost)
    )
    assert apart < 0.1
    assert without > 0.3
    jaw = HEAD.expression_names.index("jawOpen")
    assert found.expression[blurred, jaw].max() < 0.2
    assert lost.expression[blurred, jaw].max() > 0.3


def test_moments_between_two_read_ones_are_on_the_way() -> None:
    acting = HeadState.cat([state(yaw, seed=3) for yaw in (-20.0, -10.0, 0.0, 10.0, 20.0)])
    points = landmarks(acting)
    points[1:4] = torch.nan
    turn = states_of(HEAD, SCHEME, points).pose.rotation
    assert torch.allclose(turn @ turn.mT, torch.eye(3).expand(5, 3, 3), atol=1e-5)
    yaw = torch.rad2deg(torch.atan2(turn[:, 0, 2], turn[:, 2, 2]))
    assert (yaw.diff() - yaw.diff().mean()).abs().max() < 1
    assert yaw.diff().abs().min() > 5
