"""Motion carried over: exact where source and driver are one picture, else by the head."""

import torch

from reenact_core.models.carry_over import (
    FLOW_CONFINED,
    TOLD_CONFINED,
    FaceState,
    carry_over,
    chart,
    confinement,
    lift,
    radii_of,
    told_motion,
    transport,
    unfolded,
)
from reenact_core.models.face_points import load_face_points
from reenact_core.models.flow_prior import folding
from reenact_core.models.head_chart import Pose, facing, pixel_grid, project
from tests.core.models.test_head_chart import pose

SIZE = 64
NOWHERE = torch.zeros(1, 1, SIZE, SIZE)


def face(at: Pose, seed: int = 1, wide: float = 1.0) -> FaceState:
    """A face with 79 landmarks strewn over its front."""
    shape = torch.rand(1, 79, 3, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    shape = shape * torch.tensor([0.8 * wide, 1.0, 0.0]) - torch.tensor([0.0, 0.0, 1.0])
    return FaceState(at, shape)


def bumpy_flow() -> torch.Tensor:
    noise = torch.randn(1, 2, 6, 6, generator=torch.Generator().manual_seed(2)) * 0.05
    return torch.nn.functional.interpolate(noise, (SIZE, SIZE), mode="bicubic")


def test_a_source_that_is_the_first_driving_frame_gets_the_flow_itself() -> None:
    start, now = face(pose(10)), face(pose(35, 5))
    places = chart(now, now, SIZE)
    flow = bumpy_flow()
    told = told_motion(places, now, start)
    field = carry_over(flow, NOWHERE, transport(places, now, start, start, told, NOWHERE + 1))
    expected = pixel_grid(SIZE, flow)[None] + flow.permute(0, 2, 3, 1)
    on_head = confinement(places.inside, *FLOW_CONFINED) == 1
    assert torch.allclose(field[on_head], expected[on_head], atol=1e-4)


def test_without_flow_a_turned_head_shows_the_same_places_of_the_source() -> None:
    source, driving = face(pose(0)), face(pose(30))
    new = FaceState(driving.pose, source.shape)
    places = chart(new, driving, SIZE)
    still = torch.zeros(1, 2, SIZE, SIZE)
    field = carry_over(still, NOWHERE, transport(places, new, source, driving, still, NOWHERE))
    expected = project(places.head, source.pose)
    on_head = (places.inside > 0.05) & (facing(places.head, source.pose) > 0)
    assert torch.allclose(field[on_head], expected[on_head], atol=1e-4)


def test_a_head_turned_from_the_front_shows_no_place_twice() -> None:
    shape = load_face_points().mean_head[None]
    source, new = FaceState(pose(), shape), FaceState(pose(35), shape)
    places = chart(new, new, SIZE)
    still = torch.zeros(1, 2, SIZE, SIZE)
    field = carry_over(still, NOWHERE, transport(places, new, source, new, still, NOWHERE))
    steps = field[0, :, 1:, 0] - field[0, :, :-1, 0]
    on_head = (places.inside[0, :, 1:] > 0.1) & (places.inside[0, :, :-1] > 0.1)
    assert steps[on_head].min() > -0.02  # less than a pixel


def test_what_is_beside_a_turned_head_comes_from_beside_it() -> None:
    shape = load_face_points().mean_head[None]
    source, new = FaceState(pose(), shape), FaceState(pose(35), shape)
    field = told_motion(chart(new, new, SIZE), new, source).permute(0, 2, 3, 1)
    from_where = pixel_grid(SIZE, field) + field
    _, shown = lift(from_where, source, radii_of(source, SIZE))
    inside = chart(new, new, SIZE).inside
    beside = (inside < -0.21) & (confinement(inside, *TOLD_CONFINED) > 0.95)
    assert beside.sum() > 50 and shown[beside].max() < 0


def test_far_from_the_head_nothing_moves() -> None:
    small = Pose(torch.eye(3)[None], torch.tensor([0.15]), torch.zeros(1, 2))
    here = face(small)
    places = chart(here, here, SIZE)
    still = torch.zeros(1, 2, SIZE, SIZE)
    field = carry_over(bumpy_flow(), NOWHERE, transport(places, here, here, here, still, NOWHERE))
    assert torch.equal(field[0, 0, 0], pixel_grid(SIZE, field)[0, 0])


def test_places_are_found_on_a_wider_face() -> None:
    narrow, wide = face(pose()), face(pose(), wide=1.3)
    places = chart(narrow, wide, SIZE)
    beside = places.driving[0, SIZE // 2, SIZE * 5 // 8, 0]
    assert beside > pixel_grid(SIZE, places.driving)[SIZE // 2, SIZE * 5 // 8, 0] + 0.005


def test_what_flow_adds_is_turned_and_scaled_as_the_faces_are() -> None:
    driving = face(pose())
    rolled = torch.tensor([[[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]])  # a quarter turn, clockwise
    target = FaceState(Pose(rolled, driving.pose.scale * 2, driving.pose.offset), driving.shape)
    places = chart(target, driving, SIZE)
    flow = torch.zeros(1, 2, SIZE, SIZE)
    still = torch.zeros_like(flow)
    by = transport(places, target, target, driving, still, NOWHERE)

    def added(shift: float) -> torch.Tensor:
        flow[:, 0] = shift
        field = carry_over(flow, NOWHERE, by) - carry_over(still, NOWHERE, by)
        return field[0, SIZE // 2, SIZE // 2]

    assert torch.allclose(added(0.003), torch.tensor([0.0, 0.006]), atol=3e-4)
    assert added(0.2).abs().max() < 1e-3  # too large for an expression's remainder


def test_alike_surroundings_move_with_the_driver_s() -> None:
    small = Pose(torch.eye(3)[None], torch.tensor([0.15]), torch.zeros(1, 2))
    here, still = face(small), torch.zeros(1, 2, SIZE, SIZE)
    places, flow = chart(here, here, SIZE), bumpy_flow()
    field = carry_over(flow, NOWHERE, transport(places, here, here, here, still, NOWHERE + 1))
    expected = pixel_grid(SIZE, flow)[None] + flow.permute(0, 2, 3, 1)
    assert torch.allclose(field[0, 0], expected[0, 0], atol=1e-4)


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
