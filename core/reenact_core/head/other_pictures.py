"""Other pictures of a source's person, which show what the source hides.

A still hides its far cheek, and teeth behind closed lips; another one of the same person may show
them. Its colours are taken from where the place lies in it, in the light of the source.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from reenact_core.head.field import HeadView, at_pixels, shown, view_of, within
from reenact_core.head.interior.drawn import seen_inside
from reenact_core.head.interior.look import Look, look_of
from reenact_core.head.light import bounded, factors, level_of, shading, skin_shown
from reenact_core.head.matte import told_apart
from reenact_core.head.model import NARROW_PARTS, PARTS, HeadModel, vertex_normals
from reenact_core.head.ramps import smoothstep
from reenact_core.head.sampling import sample
from reenact_core.head.seat import as_skin
from reenact_core.head.state import HeadState

MOST = 3
"""So many other pictures are used of one person: each is asked in every frame."""
LEAST_GAIN = 0.02
"""Share of the head's surface that a picture must show newly to be used."""
AN_OPENING = 0.05
"""What an open eye or mouth counts as, where all before show it shut."""
SEEN = (0.1, 0.5)
"""Cosines of the angle of sight from which on a surface is worth seeing, and is seen well."""
BETTER = (0.2, 0.5)
"""By how much a place must face the viewer more than in the source to be taken from elsewhere
although the source shows it: from not at all to wholly."""
OPEN_CM = ((0.15, 0.4), (0.3, 0.8))
"""Gaps of lids and of lips from which on their inside is worth seeing, and is seen well."""


@dataclass(frozen=True, slots=True, eq=False)
class OtherPicture:
    """Another picture of a source's person, one row.

    Convention:
        pixels: (1, 3, S, S) in [0, 1]
        view: the head, fitted to it
        relit: (1, V, 3), by what its R'G'B' is multiplied to be lit as the source is
        usable: (1, V) in [0, 1], what of the head is taken from it: not hair over the face, and not
            neck and scalp, where hair and clothes lie otherwise in every picture
    """

    pixels: Tensor
    view: HeadView
    look: Look
    relit: Tensor
    usable: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class SeenElsewhere:
    """What another picture shows of new heads.

    Convention:
        colour: (N, 3, S, S), lit as the source is
        shows: (N, S, S) in [0, 1], how far it shows skin
        better: (N, S, S) in [0, 1], how much better than the source
        inside: (N, S, S) in [0, 1], how far it shows what lies behind lips and lids
    """

    colour: Tensor
    shows: Tensor
    better: Tensor
    inside: Tensor


def other_picture(
    head: HeadModel, pixels: Tensor, state: HeadState, own: HeadView, own_light: Tensor
) -> OtherPicture:
    """Of a picture (1, 3, S, S), beside a source with that light (1, 9, 3)."""
    view = told_apart(view_of(head, state, pixels.shape[-1]), head, pixels)
    light = shading(head, view.vertices, pixels)
    before, after = (vertex_normals(one.vertices, head.triangles) for one in (view, own))
    skin = _skin(head).to(light)[None]
    level = level_of(own_light, after, skin) / level_of(light, before, skin)
    by = as_skin(head, factors(light * level, before, own_light, after)) * bounded(level)
    usable = _same_in_all(head) * skin_shown(head, view.vertices, pixels, light)
    return OtherPicture(pixels, view, look_of(head, pixels, view.vertices), by, usable)


def seen_in(
    others: Sequence[OtherPicture], head: HeadModel, new: HeadView, own: HeadView
) -> list[SeenElsewhere]:
    """What each picture shows of new heads, N as of the source's own."""
    if not others:
        return []
    if new.raster is None:
        raise ValueError("the new heads must be rasterised")
    raster, count, inner = new.raster, len(new.shape), within(new.raster, head)
    towards = torch.stack([new.facing, own.facing], -1)
    found = []
    for other in others:
        view = other.view
        told = torch.stack([view.facing, other.usable], -1)
        told = torch.cat([view.vertices, told, other.relit], -1)
        told = torch.cat([told.expand(count, -1, -1), towards], -1)
        place, facing, usable, relit, now, before = torch.split(
            at_pixels(raster, head, told)[0], [3, 1, 1, 3, 1, 1], -1
        )
        whole = torch.ones_like(inner)  # faces us: what is hardly seen there is not shown
        shows = shown(view, place, facing[..., 0], inner, whole) * usable[..., 0]
        pixels = other.pixels.expand(count, -1, -1, -1)
        colour = (sample(pixels, place[..., :2]) * relit.movedim(-1, 1)).clamp(0, 1)
        inside = seen_inside(head, raster, new.vertices, shows, other.look)
        # No better than it is seen now.
        better = smoothstep((torch.minimum(facing, now) - before)[..., 0], *BETTER)
        found.append(SeenElsewhere(colour, shows * (1 - inner), better, inside))
    return found


def useful(head: HeadModel, own: HeadView, looks: Sequence[Look], views: HeadView) -> list[int]:
    """Which pictures show most of what a source hides, the most useful one first.

    Convention:
        own: the source's head; views: N heads of other pictures
        looks: of the source, and of the others (N rows)
    """
    known, theirs = _worth(head, own, looks[0]), _worth(head, views, looks[1])
    chosen: list[int] = []
    while len(chosen) < min(MOST, len(theirs)):
        gain = (theirs - known).clamp_min(0).sum(1)
        best = int(gain.argmax())
        if float(gain[best]) < LEAST_GAIN:
            break
        chosen.append(best)
        known = torch.maximum(known, theirs[best])
    return chosen


def _worth(head: HeadModel, views: HeadView, look: Look) -> Tensor:
    """What pictures show, (N, P + 3): skin by vertex, both eyes and the mouth; in all of a head 1
    for the skin."""
    skin = _skin(head)
    seen = smoothstep(views.facing[:, skin], *SEEN) / skin.sum()
    eyes = smoothstep(look.gaps[:, :2], *OPEN_CM[0])
    mouth = smoothstep(look.gaps[:, 2:], *OPEN_CM[1])
    return torch.cat([seen, AN_OPENING * eyes, AN_OPENING * mouth], 1)


def _same_in_all(head: HeadModel) -> Tensor:
    """Which vertices look alike in all pictures of a person, (V,) in {0, 1}."""
    other = head.part.new_tensor([PARTS.index("neck"), PARTS.index("scalp")])
    alike = torch.ones_like(head.mean[:, 0])
    alike[torch.unique(head.triangles[torch.isin(head.part, other)])] = 0
    return alike


def _skin(head: HeadModel) -> Tensor:
    """Which vertices are the face's skin, (V,) bool."""
    wanted = head.part.new_tensor([*NARROW_PARTS, PARTS.index("outer_face")])
    skin = torch.zeros(len(head.mean), dtype=torch.bool, device=head.part.device)
    skin[torch.unique(head.triangles[torch.isin(head.part, wanted)])] = True
    return skin
