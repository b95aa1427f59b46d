"""The drawn inside of mouth and eyes, on the head model itself."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from reenact_core.head.interior.drawn import drawn_inside
from reenact_core.head.interior.look import look_of
from reenact_core.head.model import PARTS, HeadModel, load_head_model
from reenact_core.head.rasterise import Raster, rasterise
from reenact_core.models.flow_prior import blurred

SIZE, SCALE = 256, 1 / 14
"""Of the picture, and of a centimetre in network coordinates."""
SKIN = (0.80, 0.60, 0.50)


@pytest.fixture(scope="module")
def head() -> HeadModel:
    return load_head_model()


def posed(head: HeadModel, gaze: float = 0.0, **expression: float) -> Tensor:
    """A head (1, V, 3) that faces the camera."""
    acted = torch.zeros(1, len(head.expression))
    for name, value in expression.items():
        for k, known in enumerate(head.expression_names):
            if known.removesuffix("_L").removesuffix("_R") == name:
                acted[:, k] = value
    nobody = torch.zeros(1, len(head.identity))
    return head.vertices(nobody, acted, torch.tensor([[gaze, 0.0]])) * SCALE


def seen(head: HeadModel, vertices: Tensor) -> Raster:
    pixels = vertices * SIZE / 2
    pixels[..., :2] += SIZE / 2
    return rasterise(pixels, head.triangles, (SIZE, SIZE))


def flat(colour: tuple[float, float, float] = SKIN) -> Tensor:
    return torch.tensor(colour).view(1, 3, 1, 1).expand(-1, -1, SIZE, SIZE).clone()


def part(head: HeadModel, raster: Raster, *names: str) -> Tensor:
    """Where parts are seen, (N, S, S) bool."""
    rows = torch.tensor([PARTS.index(name) for name in names])
    return torch.isin(head.part[raster.face.clamp_min(0)], rows) & raster.covered


def drawn_from(
    head: HeadModel, raster: Raster, new: Tensor, shown: Tensor, source: Tensor, placed: Tensor
) -> Tensor:
    """What is drawn by the look of a source and the head in it."""
    return drawn_inside(head, raster, new, shown, look_of(head, source, placed))


def drawn(
    head: HeadModel, new: Tensor, source: Tensor, *, shown: float = 0.0
) -> tuple[Tensor, Raster]:
    raster = seen(head, new)
    share = torch.full((len(new), SIZE, SIZE), shown)
    placed = posed(head, eyeBlink=1.0).expand(len(source), -1, -1)
    return drawn_from(head, raster, new, share, source, placed), raster


@pytest.mark.parametrize("pressed", [0.0, 1.0])
def test_shut_lips_and_lids_show_nothing_of_it(head: HeadModel, pressed: float) -> None:
    inside, _ = drawn(head, posed(head, eyeBlink=1.0, mouthPress=pressed), flat())
    assert inside.abs().max() == 0


def test_an_open_mouth_is_covered_whole_and_nothing_far_from_it(head: HeadModel) -> None:
    inside, raster = drawn(head, posed(head, jawOpen=0.6, eyeBlink=1.0), flat())
    mouth = part(head, raster, "mouth_socket", "tongue", "gums", "teeth_upper", "teeth_lower")
    assert inside[:, 3][mouth].min() > 0.9
    near = torch.nn.functional.max_pool2d(mouth[:, None].float(), 5, 1, 2)[:, 0] > 0
    assert inside[:, 3][~near].max() == 0


def test_what_the_source_shows_is_not_drawn(head: HeadModel) -> None:
    new = posed(head, jawOpen=0.6)
    raster = seen(head, new)
    shown = torch.ones(1, SIZE, SIZE)
    inside = drawn_from(head, raster, new, shown, flat(), new)
    assert inside[:, 3].max() == 0


def test_lone_pixels_that_count_as_shown_leave_no_specks(head: HeadModel) -> None:
    new = posed(head, jawOpen=0.6)
    raster = seen(head, new)
    shown = torch.zeros(1, SIZE, SIZE)
    shown[:, ::8, ::8] = 1
    inside = drawn_from(head, raster, new, shown, flat(), new)
    assert inside[:, 3][part(head, raster, "tongue")].min() > 0.9


def test_teeth_are_brighter_than_the_tongue_behind_and_the_gap_is_dark(head: HeadModel) -> None:
    inside, raster = drawn(head, posed(head, jawOpen=0.6, mouthUpperUp=0.8), flat())
    luma = inside[:, :3].mean(1)
    teeth = luma[part(head, raster, "teeth_upper")].quantile(0.7)
    tongue = luma[part(head, raster, "tongue")].median()
    assert 0.45 < teeth < 0.85
    assert 0.1 < tongue < 0.6 * teeth


def test_a_mouth_that_opens_is_lit_the_more(head: HeadModel) -> None:
    lit = []
    for opening in (0.15, 0.4, 0.9):
        inside, raster = drawn(head, posed(head, jawOpen=opening), flat())
        lit.append(inside[:, :3].mean(1)[part(head, raster, "tongue")].median())
    assert lit[0] < lit[1] < lit[2]


def test_a_darker_picture_has_darker_teeth(head: HeadModel) -> None:
    new = posed(head, jawOpen=0.4, mouthUpperUp=0.8)
    bright, raster = drawn(head, new, flat())
    dark, _ = drawn(head, new, flat(SKIN) * 0.4)
    where = part(head, raster, "teeth_upper")[:, None].expand(-1, 3, -1, -1)
    assert torch.allclose(dark[:, :3][where], 0.4 * bright[:, :3][where], atol=0.03)


def test_grey_sources_stay_grey(head: HeadModel) -> None:
    new = posed(head, jawOpen=0.6, mouthUpperUp=0.8)
    inside, _ = drawn(head, new, flat((0.6, 0.6, 0.6)))
    assert inside[:, 3].max() == 1
    assert (inside[:, :3].amax(1) - inside[:, :3].amin(1)).max() < 1e-4


def with_eyes(head: HeadModel, iris: tuple[float, float, float]) -> tuple[Tensor, Tensor]:
    """A picture of wide open eyes, and the head in it."""
    placed = posed(head, eyeWide=1.0)
    raster, source = seen(head, placed), flat()
    for names, colour in (
        (("sclera",), (0.7, 0.7, 0.72)),
        (("iris",), iris),
        (("pupil",), (0.0,) * 3),
    ):
        where = part(head, raster, *names)[:, None].expand(-1, 3, -1, -1)
        painted = torch.tensor(colour).view(1, 3, 1, 1).expand_as(source)
        source = torch.where(where, painted, source)
    return source, placed


def test_sclera_and_iris_are_the_sources_own(head: HeadModel) -> None:
    source, placed = with_eyes(head, (0.2, 0.4, 0.6))
    look = look_of(head, source, placed)
    assert (look.iris - torch.tensor([0.2, 0.4, 0.6])).abs().max() < 0.08
    assert (look.sclera - torch.tensor([0.7, 0.7, 0.72])).abs().max() < 0.05


def test_shut_eyes_tell_nothing_and_are_brown(head: HeadModel) -> None:
    look = look_of(head, flat(), posed(head, eyeBlink=1.0))
    red, green, blue = look.iris[0].mean(0)
    assert red > green > blue
    assert (look.sclera.mean(2) > 0.4).all()


def test_the_highlight_stays_where_the_source_has_it(head: HeadModel) -> None:
    source, placed = with_eyes(head, (0.2, 0.2, 0.2))
    pole = placed[0, [ball[0] for ball in head.eyeballs], :2]
    spot = pole + torch.tensor([0.2, -0.2]) * SCALE
    for x, y in ((spot + 1) * SIZE / 2).long().tolist():
        source[:, :, y - 1 : y + 2, x - 1 : x + 2] = 1
    glint = look_of(head, source, placed).glint[0]
    assert (glint[:, :2] - torch.tensor([0.2, -0.2])).abs().max() < 0.1
    assert glint[:, 2].min() > 0.9


def test_lids_below_dark_rims_are_of_the_cheeks_colour(head: HeadModel) -> None:
    """Makeup, brows and the rims of glasses are no skin."""
    placed = posed(head, eyeWide=1.0)
    source = flat()
    eyes = head.landmarks["points68"].places(placed)[0, 36:48, 1]
    top, bottom = ((eyes.amin() - 0.25 + 1) * SIZE / 2, (eyes.amax() + 1) * SIZE / 2)
    source[:, :, int(top) : int(bottom)] = 0.05
    lids = look_of(head, source, placed).lids
    assert (lids / lids.new_tensor(SKIN) - 0.8).abs().max() < 0.1


def test_turned_eyes_turn_their_irises(head: HeadModel) -> None:
    source, placed = with_eyes(head, (0.1, 0.1, 0.1))
    places = []
    for gaze in (-20.0, 20.0):
        new = posed(head, gaze, eyeWide=1.0)
        inside = drawn_from(head, seen(head, new), new, torch.zeros(1, SIZE, SIZE), source, placed)
        left = inside[0, :, :, : SIZE // 2]
        dark = (left[:3].mean(0) < 0.2) & (left[3] > 0.9)
        places.append(torch.nonzero(dark)[:, 1].float().mean())
    assert places[1] - places[0] > 6


def test_eyes_are_the_sources_own_until_they_look_elsewhere(head: HeadModel) -> None:
    source, placed = with_eyes(head, (0.2, 0.4, 0.6))
    covers = []
    angle = torch.deg2rad(torch.tensor(15.0))
    turn = torch.eye(3)
    turn[0, 0] = turn[2, 2] = angle.cos()
    turn[2, 0], turn[0, 2] = angle.sin(), -angle.sin()
    for new in (posed(head, 0.0, eyeWide=1.0) @ turn.T, posed(head, 20.0, eyeWide=1.0)):
        shown = torch.ones(1, SIZE, SIZE)
        inside = drawn_from(head, seen(head, new), new, shown, source, placed)
        covers.append(inside[:, 3].max())
    assert covers[0] == 0
    assert covers[1] > 0.9


def test_the_iris_of_an_eye_that_turns_is_the_sources_own(head: HeadModel) -> None:
    """Its white is drawn, and of the iris what the source's lids hide."""
    source, placed = with_eyes(head, (0.2, 0.4, 0.6))
    new = posed(head, 20.0, eyeWide=1.0)
    raster = seen(head, new)
    inside = drawn_from(head, raster, new, torch.ones(1, SIZE, SIZE), source, placed)
    cover = inside[:, 3]
    assert cover[part(head, raster, "pupil")].median() < 0.1
    assert cover[part(head, raster, "sclera")].median() > 0.9


def test_an_eyeball_is_darker_below_the_upper_lid(head: HeadModel) -> None:
    inside, raster = drawn(head, posed(head, eyeWide=1.0), flat())
    white = part(head, raster, "sclera")[0]
    row = torch.nonzero(white)[:, 0].float()
    luma = inside[0, :3].mean(0)[white]
    assert luma[row < row.quantile(0.15)].mean() < 0.85 * luma[row > row.quantile(0.4)].mean()


def test_a_soft_picture_has_a_soft_mouth(head: HeadModel) -> None:
    chance = torch.Generator().manual_seed(0)
    blocks = torch.rand(1, 1, SIZE // 8, SIZE // 8, generator=chance)
    sharp = torch.nn.functional.interpolate(blocks, scale_factor=8.0).expand(-1, 3, -1, -1)
    soft = blurred(sharp.transpose(0, 1), 2.0).transpose(0, 1)
    placed = posed(head)
    assert look_of(head, sharp, placed).sigma < 0.3
    assert look_of(head, soft, placed).sigma > 1.2


def test_what_is_drawn_into_a_soft_picture_is_as_soft(head: HeadModel) -> None:
    """Blurred stills had sharp mouths: the steepest edge of what a mouth adds shrinks with it."""
    new, placed = posed(head, jawOpen=0.6), posed(head)
    steepest = []
    for sigma in (0.5, 3.0, 5.0):
        look = replace(look_of(head, flat(), placed), sigma=torch.tensor([sigma]))
        inside = drawn_inside(head, seen(head, new), new, torch.zeros(1, SIZE, SIZE), look)
        mouth = torch.lerp(flat(), inside[:, :3], inside[:, 3:])[:, :, SIZE // 2 :]
        steepest.append(float(mouth.diff(dim=2).abs().max()))
    assert steepest[1] < 0.6 * steepest[0]
    assert steepest[2] < 0.75 * steepest[1]


def test_no_eyes_are_drawn_where_a_picture_has_none(head: HeadModel) -> None:
    """Glasses make the reader miss the eyes: bars stood on the cheeks below them."""
    source, placed = with_eyes(head, (0.1, 0.1, 0.1))
    shown = torch.ones(1, SIZE, SIZE)
    for new in (posed(head, 20.0, eyeWide=1.0), posed(head, eyeBlink=1.0)):
        raster = seen(head, new)
        own, none = (
            drawn_from(head, raster, new, shown, picture, placed)[:, 3]
            for picture in (source, flat())
        )
        assert own.max() > 0.9
        assert none.max() < 0.05


@pytest.mark.parametrize("iris", [0.05, 0.2, 0.4])
@pytest.mark.parametrize("light", [0.2, 1.0])
def test_eyes_that_a_picture_shows_are_known(head: HeadModel, iris: float, light: float) -> None:
    source, placed = with_eyes(head, (iris, iris, iris))
    assert look_of(head, source * light, placed).eyes > 0.9
    assert look_of(head, flat() * light, posed(head, eyeBlink=1.0)).eyes == 1


def test_a_batch_is_drawn_as_each_alone(head: HeadModel) -> None:
    new = torch.cat([posed(head, jawOpen=0.5), posed(head, eyeBlink=1.0), posed(head, 10.0)])
    sources = torch.cat([flat(), flat((0.3, 0.2, 0.2)), flat((0.5, 0.5, 0.5))])
    together, _ = drawn(head, new, sources)
    for k in range(3):
        alone, _ = drawn(head, new[k : k + 1], sources[k : k + 1])
        assert torch.allclose(together[k : k + 1, 3], alone[:, 3], atol=1e-6)
        where = alone[:, 3:] > 0
        assert ((together[k : k + 1, :3] - alone[:, :3]) * where).abs().max() < 1e-5
    one_source, _ = drawn(head, new, sources[:1])
    assert torch.allclose(one_source[:1], together[:1], atol=1e-6)


def test_a_lid_that_shuts_is_skin_with_a_dark_edge(head: HeadModel) -> None:
    source, placed = with_eyes(head, (0.1, 0.1, 0.1))
    new = posed(head, eyeBlink=1.0)
    raster = seen(head, new)
    inside = drawn_from(head, raster, new, torch.ones(1, SIZE, SIZE), source, placed)
    places = (head.landmarks["points68"].places(new)[0, [37, 38, 43, 44], :2] + 1) * SIZE / 2
    for column, row in places.long().tolist():
        lid, edge = inside[0, :, row - 5, column], inside[0, :, row, column]
        assert lid[3] > 0.6
        assert (lid[:3] - torch.tensor(SKIN)).abs().max() < 0.1
        assert edge[3] > 0.9
        assert edge[:3].mean() < 0.9 * lid[:3].mean()


def test_lids_that_are_shut_in_the_source_stay_its_own(head: HeadModel) -> None:
    new = posed(head, eyeBlink=1.0)
    inside = drawn_from(head, seen(head, new), new, torch.ones(1, SIZE, SIZE), flat(), new)
    assert inside[:, 3].max() == 0


@pytest.mark.gpu
def test_cuda_draws_what_the_cpu_draws(head: HeadModel) -> None:
    new, source, there = posed(head, jawOpen=0.5), flat(), head.to("cuda")
    here, _ = drawn(head, new, source)
    shown = torch.zeros(1, SIZE, SIZE).cuda()
    placed = posed(head, eyeBlink=1.0).cuda()
    raster = seen(there, new.cuda())
    inside = drawn_from(there, raster, new.cuda(), shown, source.cuda(), placed)
    assert (inside.cpu() - here).abs().max() < 1e-3
