"""Which place of a picture shows what another shows of a head."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from reenact_core.head.field import (
    GRAZING,
    HeadView,
    Outline,
    at_pixels,
    inside_outline,
    mirrored,
    on_part,
    shown,
    view_of,
    within,
)
from reenact_core.head.model import load_head_model
from reenact_core.head.pose import Pose
from reenact_core.head.sampling import pixel_grid, sample
from tests.core.heads import state

HEAD, SIZE = load_head_model(), 96


def test_a_picture_shows_all_of_itself() -> None:
    view = view_of(HEAD, state(15, jawOpen=0.5), SIZE)
    assert view.raster is not None
    places, facing = at_pixels(view.raster, HEAD, view.vertices, view.facing[..., None])
    grid = pixel_grid(SIZE, places)[None]
    covered = view.raster.covered
    assert (places[..., :2] - grid)[covered].abs().max() < 0.02
    towards, inner = facing[..., 0], within(view.raster, HEAD)
    seen = shown(view, places, towards, inner, towards)[covered]
    assert (seen > 0.9).float().mean() > 0.95
    turned_hither = shown(view, places, towards, inner, torch.ones_like(towards))[covered]
    facing_us = towards[covered]
    assert (turned_hither[facing_us > GRAZING[1]] > 0.9).float().mean() > 0.95
    assert turned_hither[(facing_us < GRAZING[0]) & (inner[covered] == 0)].max() < 0.1  # its rim
    assert turned_hither[towards[covered] > 0.4].quantile(0.05) > 0.8


def test_what_is_turned_away_is_hidden_and_its_mirror_twin_is_not() -> None:
    ahead, turned = view_of(HEAD, state(), SIZE), view_of(HEAD, state(45), SIZE)
    assert ahead.raster is not None
    inner = within(ahead.raster, HEAD)
    asked = (turned, mirrored(turned, HEAD))
    (now,) = at_pixels(ahead.raster, HEAD, ahead.facing[..., None])
    seen = []
    for view in asked:
        places, facing = at_pixels(ahead.raster, HEAD, view.vertices, view.facing[..., None])
        seen.append(shown(view, places, facing[..., 0], inner, now[..., 0])[0])
    middle = SIZE // 2 + int(0.05 * SIZE / 2)
    cheeks = slice(SIZE // 2, SIZE // 2 + 10)
    right = seen[0][cheeks, middle + 11 : middle + 15]  # a head that looks right hides its right
    assert right.mean() < 0.4
    assert seen[1][cheeks, middle + 11 : middle + 15].mean() > 0.7


def test_a_shut_mouth_shows_nothing_of_an_open_one_s_inside() -> None:
    wide, shut = view_of(HEAD, state(jawOpen=0.8), SIZE), view_of(HEAD, state(), SIZE)
    assert wide.raster is not None
    inner = within(wide.raster, HEAD)
    assert inner.sum() > 20
    places, facing = at_pixels(wide.raster, HEAD, shut.vertices, shut.facing[..., None])
    mouth = inner > 0
    mouth[:, : SIZE // 2] = False  # the eyes' halves
    own = at_pixels(wide.raster, HEAD, wide.vertices, wide.facing[..., None])
    now = own[1][..., 0]
    assert shown(shut, places, facing[..., 0], inner, now)[mouth].mean() < 0.25
    assert shown(wide, own[0], now, inner, now)[mouth].mean() > 0.5


def test_inside_is_one_in_the_middle_and_falls_beyond_the_outline() -> None:
    view = view_of(HEAD, state(), SIZE)
    assert view.raster is not None
    inside = inside_outline(view, HEAD, SIZE)
    assert inside.max() > 0.99
    face = torch.isin(HEAD.part[view.raster.face.clamp_min(0)], torch.tensor([0, 1]))
    assert inside[face & view.raster.covered].min() > -0.01
    assert inside[0, 0, 0] < -0.3


def skull(view: HeadView) -> Tensor:
    """Where a head without its neck is seen, (N, 1, S, S)."""
    assert view.raster is not None
    return (view.raster.covered * (1 - on_part(view.raster, HEAD, "neck")))[:, None]


@pytest.mark.parametrize(("yaw", "pitch"), [(35, 0), (-35, 10), (10, -20)])
def test_a_head_that_turns_does_not_show_beside_itself(yaw: float, pitch: float) -> None:
    source, new = view_of(HEAD, state(), SIZE), view_of(HEAD, state(yaw, pitch), SIZE)
    (there,) = Outline.of(new, HEAD).seen([Outline.of(source, HEAD)], SIZE)
    assert new.raster is not None
    near = functional.max_pool2d(skull(new), 5, 1, 2) * ~new.raster.covered[:, None]
    beside = sample(1 - skull(source), there.movedim(1, -1))
    around = sample(functional.max_pool2d(skull(source), 9, 1, 4), there.movedim(1, -1))
    assert near.sum() > 100
    assert beside[near > 0].mean() > 0.88
    assert around[near > 0].mean() > 0.95  # and right beside the source's head


def test_what_is_beside_a_head_rolls_and_grows_with_it() -> None:
    source = view_of(HEAD, state(), SIZE)
    turn = torch.deg2rad(torch.tensor(20.0))
    rolling = torch.tensor([[turn.cos(), -turn.sin(), 0], [turn.sin(), turn.cos(), 0], [0, 0, 1]])
    pose = source.state.pose
    offset = torch.tensor([[0.1, -0.05]])
    moved = Pose(rolling @ pose.rotation, pose.scale * 0.8, offset)
    new = view_of(HEAD, replace(source.state, pose=moved), SIZE)
    (there,) = Outline.of(new, HEAD).seen([Outline.of(source, HEAD)], SIZE)
    back = rolling[:2, :2].T / 0.8
    expected = (pixel_grid(SIZE, there) - offset) @ back.T + pose.offset
    outside = skull(new)[0, 0] == 0
    assert (there[0].movedim(0, -1) - expected)[outside].norm(dim=-1).quantile(0.9) < 2 * 2 / SIZE


def test_what_is_no_head_in_a_picture_is_shown_only_where_nothing_turned() -> None:
    source = view_of(HEAD, state(), SIZE)
    assert source.front is not None
    walled = source.front.clone()
    walled[:, 2, :, : SIZE // 2] = 1
    shares = []
    for now in (source, view_of(HEAD, state(25), SIZE)):
        assert now.raster is not None
        own, places, facing = at_pixels(
            now.raster, HEAD, now.facing[..., None], source.vertices, source.facing[..., None]
        )
        seen = shown(
            replace(source, front=walled), places, facing[..., 0], within(now.raster, HEAD),
            own[..., 0],
        )  # fmt: skip
        turned_hither = (facing < own - 0.2)[..., 0] if now is not source else True
        asked = now.raster.covered & (places[..., 0] < -0.05) & turned_hither
        assert asked.sum() > 30
        shares.append(float(seen[asked].mean()))
    assert shares[0] > 0.9
    assert shares[1] < 0.3
