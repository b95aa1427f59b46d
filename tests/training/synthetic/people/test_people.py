"""People drawn on the head model, and what is said to be true of them."""

import pytest
import torch

from reenact_core.head.model import load_head_model
from reenact_core.models.face_points import EXPRESSIONS, FaceReading, fit_pose
from reenact_training.synthetic.crops import Crops
from reenact_training.synthetic.people.acting import sample_acting
from reenact_training.synthetic.people.crops import expression_of, people_crops
from reenact_training.synthetic.people.draw import People, draw_people
from reenact_training.synthetic.people.shadow import lit
from reenact_training.synthetic.people.surface import load_surface
from reenact_training.synthetic.posed import mean_head

SIZE = 96


@pytest.fixture(scope="module")
def people() -> People:
    return draw_people(4, 16, SIZE)


@pytest.fixture(scope="module")
def crops() -> Crops:
    return people_crops(3, 24, SIZE)


def test_the_same_seed_gives_the_same_pictures(people: People) -> None:
    again, other = draw_people(4, 16, SIZE), draw_people(5, 16, SIZE)
    assert torch.equal(people.images, again.images)
    assert torch.equal(people.points, again.points)
    assert float((people.images - other.images).abs().mean()) > 0.05


def test_pictures_are_bright_enough_and_full_of_detail(people: People) -> None:
    grey = people.images.mean(1)
    assert bool(torch.isfinite(people.images).all())
    assert 0.15 < float(grey.mean()) < 0.75
    assert float(grey.flatten(1).std(1).median()) > 0.1


def test_irises_are_where_the_pupils_points_are(people: People) -> None:
    """Around pupils that are seen it is darker than beside them, in most eyes that are open."""
    drawn = draw_people(11, 24, 256)
    names = load_head_model().expression_names
    found = []
    for pupil, inner, blink in ((77, 39, "R"), (78, 42, "L")):
        shut = drawn.acting.expression[:, names.index(f"eyeBlink_{blink}")]
        yaw = drawn.view.rotation[:, 2, 0].abs()
        for row in torch.nonzero(drawn.visible[:, pupil] & (shut < 0.1) & (yaw < 0.5))[
            :, 0
        ].tolist():
            grey = drawn.images[row].mean(0)
            flat = (drawn.points[row, [pupil, inner], :2] + 1) * 128
            at, between = flat[0].long(), torch.lerp(flat[0], flat[1], 0.67).long()
            found.append(float(grey[between[1], between[0]] - grey[at[1], at[0]]))
    assert len(found) >= 8
    assert sum(value > 0 for value in found) >= 0.75 * len(found)


def test_turned_heads_hide_their_far_side() -> None:
    drawn = draw_people(7, 32, SIZE)
    yaw = drawn.view.rotation[:, 2, 0]
    sides = drawn.visible[:, [36, 45]].float()
    turned, front = drawn.shown & (yaw.abs() > 0.8), drawn.shown & (yaw.abs() < 0.25)
    assert bool(turned.any())
    assert bool(front.any())
    near = torch.where(yaw > 0, sides[:, 0], sides[:, 1])
    assert float(sides[front].mean()) > 0.5
    assert abs(float(sides[turned].sum(1).mean())) <= 1.0
    assert 0 <= float(near[turned].mean()) <= 1


def test_rotations_are_those_of_the_face_points(crops: Crops) -> None:
    """The mean head, turned as the truth says, lies on the points that expressions hardly move."""
    shown = crops.face
    reading = FaceReading(crops.points, crops.rotation, crops.expression, crops.expression[:, 0])
    pose = fit_pose(reading, mean_head())
    told = (mean_head() @ pose.rotation.mT * pose.scale[:, None, None])[..., :2] + pose.offset[
        :, None
    ]
    rigid = [27, 33, 36, 39, 42, 45]
    miss = (told - crops.points[..., :2])[:, rigid].norm(dim=-1) / pose.scale[:, None]
    assert float(miss[shown].median()) < 0.12


def test_expressions_are_in_their_bounds(crops: Crops) -> None:
    assert crops.expression.shape[1] == len(EXPRESSIONS)
    assert float(crops.expression.abs().amax()) <= 1
    assert float(crops.expression[:, [0, 4]].amin()) >= 0


def test_blinks_and_gazes_are_told_of_the_side_they_are_on() -> None:
    names = load_head_model().expression_names
    acting = sample_acting(torch.Generator().manual_seed(1), names, 50, 200)
    told = expression_of(acting)
    left = acting.expression[:, names.index("eyeBlink_R")]
    assert torch.allclose(told[:, 8], left.clamp(-0.3, 1))
    assert float((told[:, 10] * acting.gaze[:, 0]).amin()) >= 0
    shut = (acting.expression[:, names.index("eyeBlink_L")] > 0.8).float().mean()
    assert 0.08 < float(shut) < 0.35
    up = acting.expression[:, names.index("browOuterUp_L")] > 0.3
    down = acting.expression[:, names.index("browDown_L")] > 0.3
    assert float(up.float().mean()) > 0.15
    assert float(down.float().mean()) > 0.1


def test_what_lies_behind_is_in_the_shadow() -> None:
    """A square casts a shadow on what is below it and on nothing else."""
    square = torch.tensor([[[-3.0, 0, -3], [3, 0, -3], [3, 0, 3], [-3, 0, 3]]])
    triangles = torch.tensor([[0, 1, 2], [0, 2, 3]])
    places = torch.tensor([[[0.0, 4, 0], [0, -4, 0], [8, 4, 0], [0, 0, 0]]])
    seen = lit(square, triangles, torch.tensor([[0.0, -1, 0]]), places)
    assert seen[0].tolist() == pytest.approx([0, 1, 1, 1], abs=0.01)


def test_hollows_see_less_of_the_sky() -> None:
    surface = load_surface()
    nose, nostrils = surface.static[:, 2].argmin(), surface.in_mouth
    assert float(surface.sky[nose]) > 0.8
    assert float(surface.sky[nostrils].mean()) < 0.3
