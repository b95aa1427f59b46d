"""Motion carried over: exact where source and driver are one picture, else by the head."""

from dataclasses import replace

import torch

from reenact_core.head.field import HeadView, view_of
from reenact_core.head.model import load_head_model
from reenact_core.head.pose import Pose
from reenact_core.head.sampling import pixel_grid
from reenact_core.head.state import HeadState, placed
from reenact_core.models.carry_over import (
    FLOW_CONFINED,
    TOLD_CONFINED,
    Chart,
    Ground,
    Transport,
    carry_over,
    chart,
    confinement,
    turn_between,
    unfolded,
)
from reenact_core.models.flow_prior import folding
from tests.core.heads import state

SIZE, HEAD = 64, load_head_model()
NOWHERE = torch.zeros(1, 1, SIZE, SIZE)
STILL = torch.zeros(1, 2, SIZE, SIZE)


def view(head: HeadState) -> HeadView:
    return view_of(HEAD, head, SIZE)


def charted(new: HeadState, driving: HeadState | None, *earlier: HeadState) -> Chart:
    driver = None if driving is None else view(driving)
    return chart(HEAD, view(new), driver, [view(one) for one in earlier])


def ground(places: Chart, alike: torch.Tensor) -> Ground:
    return Ground.of(places, alike, SIZE)


def bumpy_flow() -> torch.Tensor:
    noise = torch.randn(1, 2, 6, 6, generator=torch.Generator().manual_seed(2)) * 0.05
    return torch.nn.functional.interpolate(noise, (SIZE, SIZE), mode="bicubic")


def test_a_source_that_is_the_first_driving_frame_gets_the_flow_itself() -> None:
    start, now = state(10, seed=1), state(35, 5, seed=1, jawOpen=0.5)
    flow, told = bumpy_flow(), charted(now, None, start).earlier[0].motion()
    places = charted(now, now, start)
    turn = turn_between(start.pose, start.pose)
    by = Transport(ground(places, NOWHERE + 1), places.earlier[0].told, told, turn)
    field = carry_over(flow, NOWHERE, by)
    expected = pixel_grid(SIZE, flow)[None] + flow.permute(0, 2, 3, 1)
    on_head = confinement(places.inside, *FLOW_CONFINED) == 1
    # The pixel itself is looked up by the head's own triangles: a hundredth of a pixel apart.
    assert (field[on_head] - expected[on_head]).abs().max() < 2e-3


def test_without_flow_a_turned_head_shows_the_same_places_of_the_source() -> None:
    source, now = view(state(5)), state(25, 5)
    places = charted(now, None, state(5))
    field, shows = places.earlier[0].told[0], places.earlier[0].shows[0]
    laid = placed(places.head.flatten(1, 2), source.state.pose)
    expected = laid[0, :, :2].view_as(field)
    whole = confinement(places.inside, *TOLD_CONFINED)[0] == 1
    seen = (places.covered[0] == 1) & (places.inner[0] == 0) & (shows > 0.99) & whole
    assert seen.sum() > 200
    assert (field - expected)[seen].abs().max() < 2e-3  # a pixel is 0.031


def test_a_head_turned_from_the_front_shows_no_place_twice() -> None:
    field = charted(state(35), None, state()).earlier[0].told
    inside = charted(state(35), None, state()).inside
    steps = field[0, :, 1:, 0] - field[0, :, :-1, 0]
    middle = slice(SIZE // 2 - 12, SIZE // 2 - 4)  # across the forehead, above eyes and ears
    on_head = (inside[0, middle, 1:] > 0.1) & (inside[0, middle, :-1] > 0.1)
    # Where the source's shown half meets what it hides, one pixel of a row goes back by 0.043.
    assert ((steps[middle] < -0.02) & on_head).sum(1).max() <= 1  # a pixel is 0.031
    assert steps[middle][on_head].min() > -0.05


def test_what_is_beside_a_turned_head_comes_from_beside_it() -> None:
    turned, ahead = charted(state(35), None, state()), view(state())
    assert ahead.raster is not None
    moved = turned.earlier[0].told
    on_source = torch.nn.functional.grid_sample(
        ahead.raster.covered[:, None].float(), moved, align_corners=False
    )[:, 0]
    whole = confinement(turned.inside, *TOLD_CONFINED) > 0.95
    beside = (turned.covered == 0) & (turned.inside < -0.1) & whole
    beside[:, SIZE // 2 :] = False  # neck and shoulders
    assert beside.sum() > 50 and (on_source[beside] < 0.5).float().mean() > 0.97


def test_far_from_the_head_nothing_moves() -> None:
    small = replace(state(), pose=Pose(torch.eye(3)[None], torch.tensor([0.02]), torch.zeros(1, 2)))
    places = charted(small, small, small)
    turn = turn_between(small.pose, small.pose)
    field = carry_over(
        bumpy_flow(),
        NOWHERE,
        Transport(ground(places, NOWHERE), places.earlier[0].told, STILL, turn),
    )
    assert torch.allclose(field[0, 0, 0], pixel_grid(SIZE, field)[0, 0], atol=1e-6)


def test_places_are_found_on_a_larger_face() -> None:
    places = charted(state(), state(scale=0.08), state())
    beside = places.driving[0, SIZE // 2, SIZE * 5 // 8, 0]
    assert beside > pixel_grid(SIZE, places.driving)[SIZE // 2, SIZE * 5 // 8, 0] + 0.005


def test_what_flow_adds_is_turned_and_scaled_as_the_faces_are() -> None:
    driving = state()
    rolled = torch.tensor([[[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]])  # a quarter turn, clockwise
    pose = Pose(rolled, driving.pose.scale * 2, driving.pose.offset)
    target = replace(driving, pose=pose)
    places = charted(target, driving, target)
    turn, flow = turn_between(driving.pose, target.pose), torch.zeros_like(STILL)
    by = Transport(ground(places, NOWHERE), places.earlier[0].told, STILL, turn)

    def added(shift: float) -> torch.Tensor:
        flow[:, 0] = shift
        field = carry_over(flow, NOWHERE, by) - carry_over(STILL, NOWHERE, by)
        return field[0, SIZE // 2, SIZE // 2]

    assert torch.allclose(added(0.003), torch.tensor([0.0, 0.006]), atol=3e-4)
    assert added(0.2).abs().max() < 1e-3  # too large for an expression's remainder


def test_alike_surroundings_move_with_the_driver_s() -> None:
    small = state(scale=0.02)
    places, flow = charted(small, small, small), bumpy_flow()
    turn = turn_between(small.pose, small.pose)
    by = Transport(ground(places, NOWHERE + 1), places.earlier[0].told, STILL, turn)
    expected = pixel_grid(SIZE, flow)[None] + flow.permute(0, 2, 3, 1)
    assert torch.allclose(carry_over(flow, NOWHERE, by)[0, 0], expected[0, 0], atol=1e-4)


def test_a_motion_that_folds_is_given_up_around_its_fold_and_nowhere_else() -> None:
    told = pixel_grid(SIZE, NOWHERE)[None]
    left = torch.zeros(1, SIZE, SIZE, 2)
    left[:, 24:34, 28:36, 0] = 0.6
    left[:, :, 52:] = 0.1
    kept = unfolded(told, left, NOWHERE)
    assert folding((told + left - told).permute(0, 3, 1, 2)).max() > 0.9
    assert folding(kept.permute(0, 3, 1, 2)).max() < 0.5
    assert torch.allclose(kept[:, :, 58:], left[:, :, 58:])
    assert torch.equal(unfolded(told, left, NOWHERE + 1), left)
