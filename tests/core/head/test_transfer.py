"""Relative and absolute motion, parts of a turn, regions, eyes."""

import torch

from reenact_core.head.model import load_head_model
from reenact_core.head.regions import REGIONS, RegionStrengths
from reenact_core.head.state import HeadState
from reenact_core.head.transfer import Carrying, new_head, regions_of, rotation_power
from tests.core.heads import pose, state

HEAD = load_head_model()
RELATIVE = Carrying(absolute_expression=False)


def given(
    source: HeadState,
    start: HeadState,
    driving: HeadState,
    how: Carrying,
    rest: HeadState | None = None,
) -> HeadState:
    return new_head(HEAD, source, (rest or source).pose, start, driving, how)


def value(head: HeadState, name: str) -> float:
    return float(head.expression[0, HEAD.expression_names.index(name)])


def test_the_start_leaves_the_source_as_it_is() -> None:
    source, start = state(20, scale=0.07, seed=1, jawOpen=0.3), state(-5, seed=2)
    new = given(source, start, start, RELATIVE)
    assert torch.allclose(new.pose.rotation, source.pose.rotation, atol=1e-6)
    assert torch.allclose(new.pose.offset, source.pose.offset)
    assert torch.allclose(new.vertices(HEAD), source.vertices(HEAD), atol=1e-3)


def test_relative_motion_adds_the_driver_s_turn_to_where_the_head_rests() -> None:
    new = given(state(20), state(0), state(15), RELATIVE)
    assert torch.allclose(new.pose.rotation, pose(35).rotation, atol=1e-5)
    new = given(state(20), state(0), state(15), RELATIVE, rest=state(-30))
    assert torch.allclose(new.pose.rotation, pose(-15).rotation, atol=1e-5)


def test_roll_that_the_crop_took_away_comes_back() -> None:
    start, rolled = state(), state()
    rolled.tilt.fill_(torch.pi / 2)
    new = given(state(), start, rolled, RELATIVE)
    quarter = torch.tensor([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    assert torch.allclose(new.pose.rotation[0], quarter, atol=1e-6)


def test_absolute_motion_takes_the_driver_s_place() -> None:
    new = given(state(20), state(0), state(15, scale=0.08), Carrying(absolute_pose=True))
    assert torch.allclose(new.pose.rotation, pose(15).rotation, atol=1e-6)
    assert torch.allclose(new.pose.scale, torch.tensor([0.08]))


def test_an_absolute_expression_takes_a_smile_off_a_source() -> None:
    laughing, still = state(seed=1, mouthSmile_L=0.8), state(seed=2)
    assert value(given(laughing, still, still, Carrying()), "mouthSmile_L") == 0
    assert value(given(laughing, still, still, RELATIVE), "mouthSmile_L") > 0.7


def test_half_the_strength_of_a_region_is_half_of_its_change_and_of_no_other() -> None:
    source, start = state(), state()
    driving = state(10, jawOpen=0.6, browDown_L=0.8)
    new = given(source, start, driving, Carrying(strengths=RegionStrengths(jaw=0.5, pose=0.0)))
    assert abs(value(new, "jawOpen") - 0.3) < 1e-6 and abs(value(new, "browDown_L") - 0.8) < 1e-6
    assert torch.allclose(new.pose.rotation, source.pose.rotation, atol=1e-3)


def test_every_expression_has_a_region() -> None:
    found = dict(zip(HEAD.expression_names, regions_of(HEAD.expression_names), strict=True))
    assert found["jawOpen"] == "jaw" and found["mouthPucker"] == "mouth"
    assert found["eyeBlink_L"] == "eyes" and found["eyeLookIn_L"] == "gaze"
    assert found["browInnerUp_L"] == "brows" and set(found.values()) | {"pose"} == set(REGIONS)


def test_a_blink_shuts_narrow_and_wide_eyes_and_half_a_blink_halves_them() -> None:
    for seed in (1, 2, 3):
        source = state(seed=seed)
        for shut in (0.0, 0.5, 1.0):
            driving = state(seed=4, eyeBlink_L=shut, eyeBlink_R=shut)
            new = given(source, driving, driving, Carrying())
            gaps = new.gaps(HEAD)[:, :2] / source.open_eyes
            assert torch.allclose(gaps, driving.eyes.clamp_min(0), atol=0.02)


def test_half_a_turn_twice_is_the_turn() -> None:
    turn = pose(50, 20).rotation
    half = rotation_power(turn, 0.5)
    assert torch.allclose(half @ half, turn, atol=1e-4)
    assert torch.allclose(rotation_power(turn, 1.0), turn)


def test_no_turn_has_parts_too() -> None:
    assert torch.allclose(rotation_power(torch.eye(3)[None], 0.3), torch.eye(3)[None], atol=1e-3)


def test_lips_part_and_shut_as_the_driver_s_do() -> None:
    for seed, opened in ((1, 0.0), (2, 0.4), (3, 0.9)):
        source, driving = state(seed=seed, jawOpen=0.5), state(seed=4, jawOpen=opened)
        new = given(source, driving, driving, Carrying())
        parted = new.gaps(HEAD)[:, 2] - source.shut_lips
        assert torch.allclose(parted, driving.lips, atol=0.02)
