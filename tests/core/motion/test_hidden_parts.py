"""What a source hides comes from other pictures, before its mirror image and a drawing."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from reenact_core.head.field import HeadView, at_pixels, mirrored, view_of, within
from reenact_core.head.light import GAMMA, irradiance
from reenact_core.head.model import PARTS, load_head_model, vertex_normals
from reenact_core.head.sampling import sample
from reenact_core.head.state import HeadState
from reenact_core.models.carry_over import Chart, chart
from reenact_core.models.compact import Compact, FaceSource
from reenact_core.models.compact_settings import CompactSettings
from reenact_core.motion.batched import prepare_source
from reenact_core.motion.hidden_parts import HiddenParts, hidden_parts
from tests.core.heads import state

SIZE = 128
HEAD = load_head_model()
EVEN, SIDE, DIM = ((0.8, 0.0), (0.8, 0.25), (0.35, -0.1))
"""Level of a light, and how much of it comes from the right."""


@pytest.fixture(scope="module")
def network() -> Compact:
    torch.manual_seed(0)
    return Compact(CompactSettings(size=SIZE, paints=False)).eval()


def albedo() -> Tensor:
    """A person whose halves differ, and whose mouth and eyes have colours of their own, (V, 3)."""
    x, y, _ = HEAD.mean.unbind(-1)
    skin = torch.stack([0.55 + 0.02 * x, 0.35 + 0.015 * x + 0.01 * y, 0.27 - 0.012 * x], -1)
    colours = {"teeth_upper": (0.7, 0.9, 0.7), "teeth_lower": (0.7, 0.9, 0.7)}
    colours |= {"mouth_socket": (0.1, 0.3, 0.1), "gums": (0.1, 0.5, 0.2), "tongue": (0.2, 0.6, 0.2)}
    colours |= {"sclera": (0.8, 0.8, 0.5), "iris": (0.3, 0.6, 0.2)}
    for name, colour in colours.items():
        at = torch.unique(HEAD.triangles[HEAD.part == PARTS.index(name)])
        skin[at] = torch.tensor(colour)
    return skin.clamp(0.02, 1)


def photograph(of: HeadState, light: tuple[float, float]) -> Tensor:
    """The person's head in a light, (1, 3, SIZE, SIZE)."""
    level, side = light
    lit = torch.zeros(1, 9, 3)
    lit[:, 0], lit[:, 1], lit[:, 3] = 0.9, side, -0.1
    view = view_of(HEAD, of, SIZE)
    assert view.raster is not None
    normals = vertex_normals(view.vertices, HEAD.triangles)
    seen = irradiance(lit * level, normals).clamp_min(0.01) * albedo()
    (shown,) = at_pixels(view.raster, HEAD, seen.clamp(0, 1) ** (1 / GAMMA))
    shown = torch.where(view.raster.covered[..., None], shown, torch.tensor(0.4))
    return shown.permute(0, 3, 1, 2)


def source_of(
    network: Compact, own: HeadState, light: tuple[float, float], *others: HeadState,
    other_light: tuple[float, float] = EVEN,
) -> FaceSource:  # fmt: skip
    further = None
    if others:
        pictures = torch.cat([photograph(one, other_light) for one in others])
        further = pictures, HeadState.cat(list(others))
    return prepare_source(network, photograph(own, light)[0], own, others=further)


def parts_of(source: FaceSource, new: HeadState) -> tuple[HiddenParts, HeadView]:
    """Both views are as large as the pictures."""
    view = view_of(HEAD, new, SIZE)
    return hidden_parts(HEAD, charted(source, view), view, source), view


def charted(source: FaceSource, view: HeadView) -> Chart:
    return chart(HEAD, view, None, [source.view], mirrored(source.view, HEAD))


def face_of(source: FaceSource, new: HeadState) -> Tensor:
    """The new face, (1, 3, SIZE, SIZE): the moved source under what it hides."""
    parts, view = parts_of(source, new)
    moved = sample(source.pixels, charted(source, view).earlier[0].told)
    return torch.lerp(moved, parts.layer[:, :3], parts.layer[:, 3:])


def missed(face: Tensor, where: Tensor, truth: Tensor) -> float:
    """Mean difference of a face from the truth at pixels (1, S, S)."""
    assert int(where.sum()) > 30
    return float((face[:, :3] - truth).abs().mean(1)[where].mean())


def on_face(view: HeadView) -> Tensor:
    assert view.raster is not None
    part = HEAD.part[view.raster.face.clamp_min(0)]
    return view.raster.covered & (part == PARTS.index("face"))


TURNED, AHEAD, OTHERWISE = state(40, seed=1), state(0, seed=1), state(-35, seed=1)


@pytest.mark.parametrize("other_light", [EVEN, DIM])
def test_a_hidden_cheek_is_taken_from_another_still(
    network: Compact, other_light: tuple[float, float]
) -> None:
    alone = source_of(network, TURNED, SIDE)
    with_other = source_of(network, TURNED, SIDE, OTHERWISE, other_light=other_light)
    truth, (parts, view) = photograph(AHEAD, SIDE), parts_of(with_other, AHEAD)
    where = (parts.layer[:, 3] > 0.9) & on_face(view)
    errors = [missed(face_of(source, AHEAD), where, truth) for source in (with_other, alone)]
    assert errors[0] < 0.5 * errors[1], errors


def test_another_still_is_lit_as_the_source_is(network: Compact) -> None:
    lit = source_of(network, TURNED, EVEN, OTHERWISE, other_light=DIM)
    (other,) = lit.others
    plain = replace(lit, others=(replace(other, relit=torch.ones_like(other.relit)),))
    truth = photograph(AHEAD, EVEN)
    (found, view), (unlit, _) = parts_of(lit, AHEAD), parts_of(plain, AHEAD)
    where = (found.layer[:, 3] > 0.9) & on_face(view)
    assert missed(found.layer, where, truth) < 0.25 * missed(unlit.layer, where, truth)


@pytest.mark.parametrize(
    ("own", "new"),
    [
        (state(seed=1), state(10, seed=1, jawOpen=0.8, mouthUpperUp_L=0.6, mouthUpperUp_R=0.6)),
        (state(seed=1, eyeBlink_L=1, eyeBlink_R=1), state(8, seed=1)),
    ],
    ids=["teeth", "eyes"],
)  # fmt: skip
def test_what_shut_lips_and_lids_hide_is_taken_from_another_still(
    network: Compact, own: HeadState, new: HeadState
) -> None:
    shown = replace(new, pose=AHEAD.pose)
    drawn, view = parts_of(source_of(network, own, EVEN), new)
    seen, _ = parts_of(source_of(network, own, EVEN, shown), new)
    assert view.raster is not None
    where = (within(view.raster, HEAD) > 0) & (drawn.layer[:, 3] > 0.9)
    truth = photograph(new, EVEN)
    errors = missed(seen.layer, where, truth), missed(drawn.layer, where, truth)
    assert errors[0] < 0.5 * errors[1], errors


def test_the_source_itself_comes_first(network: Compact) -> None:
    source = source_of(network, AHEAD, EVEN, OTHERWISE)
    parts, view = parts_of(source, AHEAD)
    assert len(source.others) == 1 and view.raster is not None
    assert float(parts.layer[:, 3][on_face(view)].max()) < 0.01
    (facing,) = at_pixels(view.raster, HEAD, view.facing[..., None])
    turned, there = parts_of(source, state(4, seed=1))
    assert float(turned.layer[:, 3][on_face(there) & (facing[..., 0] > 0.5)].mean()) < 0.01


def test_a_still_that_shows_nothing_new_or_was_not_read_is_not_used(network: Compact) -> None:
    assert source_of(network, AHEAD, EVEN, state(1, seed=1)).others == ()
    unread = replace(OTHERWISE, residual=torch.full((1,), torch.inf))
    assert source_of(network, TURNED, EVEN, unread).others == ()


def test_the_most_useful_stills_are_used_and_no_more(network: Compact) -> None:
    turns = [state(turn, seed=1) for turn in (38.0, -20.0, -40.0, 5.0, -60.0, 42.0)]
    source = source_of(network, state(45, seed=1), EVEN, *turns)
    assert 1 <= len(source.others) <= 3
    first = source.others[0].view.state.pose.rotation
    assert not torch.allclose(first, turns[0].pose.rotation)
    assert not torch.allclose(first, turns[-1].pose.rotation)


def test_other_stills_change_nothing_of_what_no_picture_needs(network: Compact) -> None:
    """Unseen is what neither the source, its mirror image nor another picture shows."""
    alone, _ = parts_of(source_of(network, TURNED, EVEN), AHEAD)
    both, _ = parts_of(source_of(network, TURNED, EVEN, OTHERWISE), AHEAD)
    assert bool((both.unseen <= alone.unseen + 1e-6).all())
    assert float(both.unseen.sum()) < float(alone.unseen.sum())
