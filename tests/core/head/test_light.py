"""The light on a face, on the head model lit by known lights."""

import pytest
import torch
from torch import Tensor

from reenact_core.head.light import (
    GAMMA,
    Limits,
    bounded,
    factors,
    irradiance,
    level_of,
    mirrored,
    mirrored_well,
    shading,
    skin_shown,
    steadied,
)
from reenact_core.head.model import PARTS, HeadModel, load_head_model, vertex_normals
from reenact_core.head.rasterise import interpolate, rasterise

SIZE, SCALE = 128, 1 / 14
SKIN = (0.55, 0.33, 0.25)
"""Albedo, linear."""


def relight(
    pixels: Tensor, normals: Tensor, before: Tensor, after: Tensor, limits: Limits | None = None
) -> Tensor:
    """Pixels (N, 3, H, W), of surfaces (N, H, W, 3), in another light."""
    by = factors(before, normals, after, normals, limits).permute(0, 3, 1, 2)
    return (pixels * by).clamp(0, 1)


@pytest.fixture(scope="module")
def head() -> HeadModel:
    return load_head_model()


def placed(head: HeadModel, yaw: float = 0.0) -> Tensor:
    angle = torch.deg2rad(torch.tensor(yaw))
    turn = torch.eye(3)
    turn[0, 0] = turn[2, 2] = angle.cos()
    turn[2, 0], turn[0, 2] = angle.sin(), -angle.sin()
    return (head.mean @ turn.T)[None] * SCALE


def light(*first: float) -> Tensor:
    """Level 0.7 of white light that comes more from some side: right, down, away."""
    out = torch.zeros(1, 9, 3)
    out[:, 0], out[:, 1:4] = 0.7, torch.tensor(first)[None, :, None]
    return out


def picture(head: HeadModel, at: Tensor, lit: Tensor, grain: float = 0.0) -> tuple[Tensor, Tensor]:
    """A skin-coloured head in some light before green, and its normals."""
    pixels = at * SIZE / 2
    pixels[..., :2] += SIZE / 2
    raster = rasterise(pixels, head.triangles, (SIZE, SIZE))
    normals = interpolate(raster, vertex_normals(at, head.triangles), head.triangles)
    shown = irradiance(lit, normals).clamp_min(0) * torch.tensor(SKIN)
    shown = shown ** (1 / GAMMA) * raster.covered[..., None]
    shown[~raster.covered] = torch.tensor([0.0, 1.0, 0.0])
    shown = shown + grain * torch.randn(shown.shape, generator=torch.Generator().manual_seed(1))
    return shown.permute(0, 3, 1, 2).clamp(0, 1), normals


def skin(head: HeadModel, at: Tensor) -> Tensor:
    """Normals (1, P, 3) of the face's skin that the camera sees."""
    face = torch.unique(head.triangles[head.part == PARTS.index("face")])
    normals = vertex_normals(at, head.triangles)[:, face]
    return normals[:, normals[0, :, 2] < -0.3]


SIDES = [(0.0, 0.0, 0.0), (0.2, 0.0, -0.1), (-0.2, -0.1, -0.1), (0.0, -0.2, -0.2)]


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("yaw", [0.0, 25.0])
def test_a_known_light_is_found_back(
    head: HeadModel, side: tuple[float, float, float], yaw: float
) -> None:
    at, lit = placed(head, yaw), light(*side)
    found = shading(head, at, picture(head, at, lit, grain=0.01)[0])
    normals = skin(head, at)
    ours = irradiance(found, normals)
    theirs = irradiance(lit, normals) * torch.tensor(SKIN)
    apart = (ours - theirs).abs() / theirs.mean()
    assert apart.mean() < 0.03
    assert apart.quantile(0.95) < 0.1


def test_highlights_and_hair_change_little(head: HeadModel) -> None:
    at, lit = placed(head), light(0.2, 0.0, -0.1)
    clean, _ = picture(head, at, lit)
    spoiled = clean.clone()
    middle = SIZE // 2
    spoiled[:, :, middle - 30 : middle - 12, middle - 24 : middle + 4] = 0.02  # a lock of hair
    spoiled[:, :, middle + 2 : middle + 6, middle + 14 : middle + 20] = 1.0
    a, b = (irradiance(shading(head, at, p), skin(head, at)) for p in (clean, spoiled))
    assert ((a - b).abs() / a.mean()).mean() < 0.03


def test_the_same_light_in_and_out_changes_nothing(head: HeadModel) -> None:
    at = placed(head, 10.0)
    pixels, normals = picture(head, at, light(0.3, -0.1, -0.2))
    own = shading(head, at, pixels)
    assert torch.allclose(relight(pixels, normals, own, own), pixels, atol=1e-6)


def test_a_face_takes_the_other_light(head: HeadModel) -> None:
    at = placed(head)
    from_left, normals = picture(head, at, light(-0.2, 0.0, -0.15))
    from_right, _ = picture(head, at, light(0.2, 0.0, -0.15))
    before_light, after_light = (shading(head, at, p) for p in (from_left, from_right))
    relit = relight(from_left, normals, before_light, after_light, Limits(0.3, 3.0))
    facing = (normals[..., 2] < -0.5)[:, None].expand_as(relit)
    before = (from_left - from_right)[facing].abs().mean()
    after = (relit - from_right)[facing].abs().mean()
    assert after < 0.2 * before


def test_a_turned_face_is_lit_where_it_now_stands(head: HeadModel) -> None:
    lit = light(0.3, 0.0, -0.1)
    straight, turned = placed(head), placed(head, 25.0)
    own = vertex_normals(straight, head.triangles)
    new = vertex_normals(turned, head.triangles)
    by = factors(lit, own, lit, new, Limits(0.1, 10.0))
    # Deep shadows are filled a little.
    both = (own[..., 2] < -0.3) & (new[..., 2] < -0.3)
    both &= (irradiance(lit, own) > 0.35).all(-1) & (irradiance(lit, new) > 0.35).all(-1)
    wanted = (irradiance(lit, new) / irradiance(lit, own))[both] ** (1 / GAMMA)
    assert torch.allclose(by[both], wanted, atol=0.02)


def test_the_change_stays_within_its_limits(head: HeadModel) -> None:
    at = placed(head)
    lights = [light(*side) for side in ((0.0, 0.0, 0.6), (2.0, -2.0, -2.0))]
    lights[1][:, :, 0] *= 30
    normals = picture(head, at, lights[0])[1]
    for limits in (Limits(), Limits(0.8, 1.2, 1.05)):
        for a, b in (lights, lights[::-1]):
            by = factors(a, normals, b, normals, limits)
            assert by.min() >= limits.darkest / limits.tint - 1e-5
            assert by.max() <= limits.brightest * limits.tint + 1e-5


@pytest.mark.parametrize("level", [0.0, 0.02, 1.0])
def test_black_and_white_pictures_explode_nothing(head: HeadModel, level: float) -> None:
    at = placed(head)
    flat = torch.full((1, 3, SIZE, SIZE), level)
    own = shading(head, at, flat)
    assert torch.isfinite(own).all()
    assert (own[:, 1:].abs() <= 0.02 * own[:, :1].abs() + 1e-4).all()


def test_grey_pictures_have_grey_light(head: HeadModel) -> None:
    at = placed(head)
    pixels, normals = picture(head, at, light(0.2, -0.1, -0.2))
    grey = pixels.mean(1, keepdim=True).expand_as(pixels)
    own = shading(head, at, grey)
    assert (own.amax(2) - own.amin(2)).max() < 1e-5
    relit = relight(grey, normals, own, own * 0.7)
    assert (relit.amax(1) - relit.amin(1)).max() < 1e-5


def test_green_behind_the_face_does_not_tint_the_light(head: HeadModel) -> None:
    at, lit = placed(head, 20.0), light(0.2, 0.0, -0.2)
    green, _ = picture(head, at, lit)
    black = torch.where(
        (green == torch.tensor([0.0, 1, 0]).view(1, 3, 1, 1)).all(1)[:, None], 0, green
    )
    a, b = (irradiance(shading(head, at, p), skin(head, at)) for p in (green, black))
    assert ((a - b).abs() / a.mean()).mean() < 0.01


def test_the_mirrored_half_is_lit_as_the_other_side(head: HeadModel) -> None:
    at, lit = placed(head), light(0.3, 0.0, -0.2)
    normals = vertex_normals(at, head.triangles)
    by = mirrored(head, lit, at, Limits(0.1, 10.0))
    colour = irradiance(lit, normals).clamp_min(0) ** (1 / GAMMA)
    seen = (normals[0, :, 2] < -0.4) & (head.mean[:, 2] < -8)
    apart = (colour[:, head.mirror] * by - colour)[:, seen].abs()
    assert apart.max() < 0.02
    there_and_back = by * by[:, head.mirror]
    assert torch.allclose(there_and_back, torch.ones_like(by), atol=1e-4)


def test_the_mirrored_half_stands_in_for_what_is_turned_away_but_not_as_hair(
    head: HeadModel,
) -> None:
    weights = {}
    for yaw in (0.0, 35.0):
        at, lit = placed(head, yaw), light(0.0, 0.0, -0.3)
        pixels, _ = picture(head, at, lit)
        weights[yaw] = mirrored_well(head, at, pixels, lit)[0, :, 0]
        facing = -vertex_normals(at, head.triangles)[0, :, 2]
        cheeks = torch.unique(head.triangles[head.part == PARTS.index("face")])
        away = cheeks[(facing[cheeks] < 0.1) & (facing[head.mirror[cheeks]] > 0.5)]
        if yaw:
            assert len(away) > 30
            assert weights[yaw][away].median() > 0.95  # the green around takes its rim
            border = away[(weights[yaw][away] > 0.2) & (weights[yaw][away] < 0.9)]
            assert len(border) > 5
            hair = pixels.clone()
            there = (at[0, head.mirror[border], :2] + 1) * SIZE / 2
            for x, y in there.long().tolist():
                hair[:, :, y - 3 : y + 4, x - 3 : x + 4] = 0.02
            covered = mirrored_well(head, at, hair, lit)[0, border, 0]
            assert covered.mean() < 0.3 * weights[yaw][border].mean()
    assert weights[0.0].max() < 0.01  # from the front both halves show the same


def test_a_batch_is_lit_as_each_alone(head: HeadModel) -> None:
    at = torch.cat([placed(head, yaw) for yaw in (0.0, 15.0)])
    pixels = torch.cat(
        [picture(head, at[k : k + 1], light(0.2 * k, 0.1, -0.1))[0] for k in range(2)]
    )
    together = shading(head, at, pixels)
    for k in range(2):
        alone = shading(head, at[k : k + 1], pixels[k : k + 1])
        assert torch.allclose(together[k : k + 1], alone, atol=1e-4)


def test_hair_and_what_is_behind_an_outline_do_not_look_like_skin(head: HeadModel) -> None:
    at, lit = placed(head), light(0.2, 0.0, -0.2)
    pixels, _ = picture(head, at, lit, grain=0.01)
    edge = 0.44
    column = int((edge + 1) * SIZE / 2)
    pixels[..., column:] = torch.tensor([0.0, 1, 0]).view(3, 1, 1)
    brow = head.landmarks["points68"].places(at)[0, 19, 1]
    row = int((float(brow) + 1) * SIZE / 2) - 10
    pixels[:, :, :row] *= 0.3
    shown = skin_shown(head, at, pixels, shading(head, at, pixels))[0]
    face = torch.unique(head.triangles[head.part == PARTS.index("face")])
    normals = vertex_normals(at, head.triangles)[0, face]
    places, shown = at[0, face], shown[face]
    front = (normals[:, 2] < -0.6) & (places[:, 0] < edge - 0.1)
    assert shown[front & (places[:, 1] > brow + 0.1)].quantile(0.02) > 0.9
    assert shown[front & (places[:, 1] < brow - 25 / SIZE)].max() < 0.1
    assert shown[places[:, 0] > edge + 6 / SIZE].max() < 0.1


def test_a_beard_counts_as_skin(head: HeadModel) -> None:
    at = placed(head)
    pixels, _ = picture(head, at, light(0.0, 0.0, -0.2))
    lips = head.landmarks["points68"].places(at)[0, 51, 1]
    pixels[:, :, int((float(lips) + 1) * SIZE / 2) - 4 :] *= 0.5
    shown = skin_shown(head, at, pixels, shading(head, at, pixels))[0]
    face = torch.unique(head.triangles[head.part == PARTS.index("face")])
    front = vertex_normals(at, head.triangles)[0, face, 2] < -0.6
    assert shown[face][front & (at[0, face, 1] > lips)].mean() > 0.9


def test_an_even_plate_has_an_even_light_and_a_flickering_one_hardly_flickers() -> None:
    even = light(0.2, 0.0, -0.1).expand(10, -1, -1)
    assert torch.allclose(steadied(even, 4, 37), even[:1].expand(37, -1, -1), atol=1e-6)
    flickering = even * torch.tensor([0.9, 1.1] * 5).view(-1, 1, 1)
    steady = steadied(flickering, 1, 10)
    before, after = (lights[:, 0, 0].diff().abs().max() for lights in (flickering, steady))
    assert after < 0.05 * before
    assert torch.allclose(steadied(even[:1], 4, 3), even[:3])


def test_a_whole_light_is_a_ratio_within_reason(head: HeadModel) -> None:
    normals = vertex_normals(placed(head), head.triangles)
    count = torch.ones_like(normals[..., 0])
    one, half = (level_of(light(0.1, 0.0, -0.1) * level, normals, count) for level in (1.0, 0.5))
    assert torch.allclose(bounded(one / one), torch.ones(1, 1, 3))
    assert torch.allclose(bounded(half / one), torch.full((1, 1, 3), 0.5 ** (1 / GAMMA)), atol=0.01)
    assert bounded(one / (1e-4 * one)).max() < 3
