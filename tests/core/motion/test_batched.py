"""How new faces are finished: the light they get, and how much of a plate they take."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from reenact_core.head.field import at_pixels, mirrored, view_of
from reenact_core.head.light import GAMMA, irradiance, shading
from reenact_core.head.model import PARTS, load_head_model, vertex_normals
from reenact_core.head.state import HeadState, placed
from reenact_core.models.carry_over import chart
from reenact_core.models.compact import Compact
from reenact_core.models.compact_settings import CompactSettings
from reenact_core.motion.batched import Scene, finish, prepare_source, step_inputs
from reenact_core.motion.hidden_parts import hidden_parts
from reenact_core.motion.recurrent import Reenacted
from reenact_core.motion.transfer import MotionSettings
from reenact_training.flow import lucas_kanade
from tests.core.heads import state

SIZE = 128
HEAD = load_head_model()
SETTINGS = MotionSettings(pose="absolute", best_start=False, smoothing=0)
GREEN, GREY = (0.0, 0.9, 0.1), (0.4, 0.4, 0.4)


@pytest.fixture(scope="module")
def network() -> Compact:
    torch.manual_seed(0)
    return Compact(CompactSettings(size=SIZE, paints=False)).eval()


def light(side: float, level: float = 0.8) -> Tensor:
    """White light from the right, more or less."""
    lit = torch.zeros(1, 9, 3)
    lit[:, 0], lit[:, 1], lit[:, 3] = 0.8, side, -0.1
    return lit * level


def photograph(of: HeadState, lit: Tensor, wall: tuple[float, float, float]) -> Tensor:
    """A head of skin in a light, before a wall, (1, 3, SIZE, SIZE)."""
    view = view_of(HEAD, of, SIZE)
    assert view.raster is not None
    (normals,) = at_pixels(view.raster, HEAD, vertex_normals(view.vertices, HEAD.triangles))
    skin = irradiance(lit, normals).clamp_min(0.01) * torch.tensor([0.55, 0.33, 0.25])
    shown = torch.where(view.raster.covered[..., None], skin ** (1 / GAMMA), torch.tensor(wall))
    return shown.permute(0, 3, 1, 2).clamp(0, 1)


def turned() -> list[HeadState]:
    return [state(yaw, seed=12) for yaw in (30.0, 50.0, 75.0)]


@pytest.fixture(scope="module")
def composites(network: Compact) -> list[tuple[Tensor, Tensor, Tensor]]:
    """A still before a green wall in turning plates before a grey one: plate, mask, result."""

    def run() -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        own = state(seed=1)
        # The fit is a little wrong, so that the wall shows beside the outline.
        wrong = replace(own, pose=replace(own.pose, offset=own.pose.offset + 0.02))
        source = prepare_source(network, photograph(own, light(0.1), GREEN)[0], wrong)
        driving = HeadState.cat(turned())
        plates = torch.cat([photograph(one, light(-0.1), GREY) for one in turned()])
        places = placed(driving.vertices(HEAD), driving.pose)
        shot = shading(HEAD, places, plates)
        scene = Scene.of(HEAD, source, driving[:1], shot)
        steps = step_inputs(network, source, [plates], driving, SETTINGS, lucas_kanade, scene=scene)
        for plate, step in zip(torch.split(plates, 1), steps, strict=True):
            face = step.global_face
            made = Reenacted(face, step.points, step.global_field, step.mask, step.light, step.mask)
            yield plate, step.mask, torch.lerp(plate, made.lit(face), step.mask)

    with torch.inference_mode():
        return list(run())


def test_outside_of_the_narrow_face_the_plate_is_as_it_was(
    composites: list[tuple[Tensor, Tensor, Tensor]],
) -> None:
    for (plate, mask, made), one in zip(composites, turned(), strict=True):
        raster = view_of(HEAD, one, SIZE).raster
        assert raster is not None
        parts = [PARTS.index(name) for name in ("neck", "ears", "scalp", "outer_face")]
        other = ~raster.covered | torch.isin(HEAD.part[raster.face], torch.tensor(parts))
        deep = torch.nn.functional.max_pool2d((~other).float()[:, None], 7, 1, 3) == 0
        assert mask[deep].max() == 0
        assert torch.equal(plate[(mask == 0).expand_as(plate)], made[(mask == 0).expand_as(plate)])
        assert mask.max() > 0.99


def test_nothing_of_a_green_wall_comes_onto_the_plate(
    composites: list[tuple[Tensor, Tensor, Tensor]],
) -> None:
    for _, mask, made in composites:
        green = (made[:, 1] - made[:, 0])[mask[:, 0] > 0.1]
        assert green.max() < -0.02  # skin has -0.12 and less, the whites of eyes -0.04


def finished(network: Compact, own: Tensor, shot: Tensor, *, same: bool = False) -> Tensor:
    one = state(seed=1)
    source = prepare_source(network, photograph(one, own, GREY)[0], one)
    scene = replace(Scene.of(HEAD, source, one, shot), own=own)
    return finish(HEAD, source.view, source.view, scene, same=same)[0]


def test_the_same_light_changes_nothing(network: Compact) -> None:
    assert torch.allclose(finished(network, light(0.2), light(0.2)), torch.ones(1), atol=1e-4)
    assert torch.equal(
        finished(network, light(0.2), light(-0.2), same=True),
        torch.ones(1, 3, SIZE // 4, SIZE // 4),
    )


def test_a_face_is_lit_from_the_side_that_the_shot_is(network: Compact) -> None:
    by = finished(network, light(-0.2), light(0.2))
    half = by.shape[-1] // 2
    assert by[..., half + 4].mean() > 1.1 > 0.9 > by[..., half - 4].mean()


def test_a_dark_shot_makes_a_dark_face(network: Compact) -> None:
    by = finished(network, light(0.1), light(0.1, level=0.3))
    half = by.shape[-1] // 2
    assert abs(float(by[..., half, half].mean()) - (0.3 / 0.8) ** (1 / GAMMA)) < 0.05


def test_without_a_plate_a_face_is_whole_and_as_it_is(network: Compact) -> None:
    one = state(seed=1)
    view = view_of(HEAD, one, SIZE)
    by, mask = finish(HEAD, view, view, None, same=False)
    assert torch.equal(by, torch.ones(1, 3, SIZE // 4, SIZE // 4))
    assert torch.equal(mask, torch.ones(1, 1, SIZE, SIZE))


def mirrored_half(network: Compact, lit: Tensor, *, relit: bool) -> tuple[Tensor, Tensor]:
    """The half that a turned still hides, drawn for a head that looks ahead, and what it should be;
    (P, 3) each."""
    turned_away = state(40, seed=1)
    source = prepare_source(network, photograph(turned_away, lit, GREY)[0], turned_away)
    if not relit:
        source = replace(source, relit=torch.ones_like(source.relit))
    own, new = source.view, view_of(HEAD, state(seed=1), SIZE)
    assert new.raster is not None
    with torch.inference_mode():
        places = chart(HEAD, new, None, [own], mirrored(own, HEAD))
        layer = hidden_parts(HEAD, places, new, source).layer
        (normals,) = at_pixels(new.raster, HEAD, vertex_normals(own.vertices, HEAD.triangles))
    skin = irradiance(lit, normals).clamp_min(0.01) * torch.tensor([0.55, 0.33, 0.25])
    on_face = new.raster.covered & (HEAD.part[new.raster.face.clamp_min(0)] == PARTS.index("face"))
    hidden = (layer[:, 3] > 0.9) & on_face
    assert hidden.sum() > 100
    return layer[:, :3].movedim(1, -1)[hidden], skin[hidden] ** (1 / GAMMA)


def test_the_mirrored_half_is_lit_as_it_would_be_itself(network: Compact) -> None:
    errors = []
    for relit in (True, False):
        found, true = mirrored_half(network, light(0.2), relit=relit)
        errors.append(float((found - true).abs().mean()))
    assert errors[0] < 0.5 * errors[1], errors


def test_the_mirrored_half_stays_as_it_is_in_even_light(network: Compact) -> None:
    even = light(0.0) * torch.eye(9)[0, :, None]
    found, _ = mirrored_half(network, even, relit=True)
    plain, _ = mirrored_half(network, even, relit=False)
    assert float((found - plain).abs().max()) < 0.02
