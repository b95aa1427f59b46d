"""Where what the source hides of a new face comes from.

In this order: the source itself; other pictures of the same person; the other half of the source's
face, mirrored; inside of mouth and eyes a drawing. All are lit as the source is. What none of them
shows is left to painters, and stretched from the rim of what the source shows.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from reenact_core.head.field import HeadView, at_pixels, view_of
from reenact_core.head.interior.drawn import drawn_inside
from reenact_core.head.interior.look import look_of
from reenact_core.head.model import HeadModel
from reenact_core.head.other_pictures import other_picture, seen_in, useful
from reenact_core.head.ramps import smoothstep
from reenact_core.head.sampling import sample
from reenact_core.head.state import HeadState
from reenact_core.models.carry_over import Chart
from reenact_core.models.compact import FaceSource
from reenact_core.models.flow_prior import blurred

SOFT = 1.2
"""Sigma in pixels (at 256) over which one picture passes into another."""
MIRRORED_BETTER = (0.25, 0.75)
"""By how much more of a place the mirrored half must show to be taken a little, and wholly."""
BESIDE_SHOWN = 0.5
"""How far a source counts as showing what is beside the head."""
MISREAD_CM = 0.5
"""A picture whose landmarks the fitted head misses by more is not used."""


@dataclass(frozen=True, slots=True, eq=False)
class HiddenParts:
    """What the source does not show of new faces.

    Convention:
        layer: (B, 4, S, S), R'G'B' and how far it covers the moved source
        unseen: (B, 1, S, S) in [0, 1], what no picture shows
    """

    layer: Tensor
    unseen: Tensor


def hidden_parts(head: HeadModel, places: Chart, new: HeadView, source: FaceSource) -> HiddenParts:
    """What the source hides of new heads, from wherever it is shown.

    Args:
        places: with the source as the first earlier moment, and its twin
    """
    assert new.raster is not None
    in_source, in_mirror = places.earlier[0], places.earlier[-1]
    others = seen_in(source.others, head, new, source.view)
    relit, mirrors = at_pixels(new.raster, head, source.relit, source.mirrors)
    colour = (sample(source.pixels, in_mirror.told) * relit.movedim(-1, 1)).clamp(0, 1)
    seen = in_mirror.shows
    shows = smoothstep(seen - in_source.shows, *MIRRORED_BETTER) * mirrors[..., 0]
    inside = drawn_inside(head, new.raster, new.vertices, in_source.shows, source.look)
    drawn, over = inside[:, :3], inside[:, 3:]
    hides = 1 - in_source.shows
    for one in reversed(others):
        by = blurred(one.shows[:, None], SOFT).clamp(0, 1)
        hides = torch.maximum(hides, one.shows * one.better)
        shows, seen = (by[:, 0] + less * (1 - by[:, 0]) for less in (shows, seen))
        colour = torch.lerp(colour, one.colour, by / shows[:, None].clamp_min(1e-4))
        drawn = torch.lerp(drawn, one.colour, one.inside[:, None])
    cover = places.covered * (1 - places.inner) * hides * shows
    cover = blurred(cover[:, None], SOFT).clamp(0, 1)
    both = over + cover * (1 - over)
    mixed = (drawn * over + colour * cover * (1 - over)) / both.clamp_min(1e-4)
    unseen = (1 - shown_by_source(places)) * (1 - places.covered * seen)[:, None]
    return HiddenParts(torch.cat([mixed, both], 1), unseen)


def shown_by_source(places: Chart) -> Tensor:
    """How far the source shows what is in the new picture, (B, 1, S, S) in [0, 1]."""
    shows = places.earlier[0].shows
    return torch.where(places.covered > 0, shows, BESIDE_SHOWN)[:, None]


def with_others(
    head: HeadModel, source: FaceSource, pixels: Tensor, states: HeadState
) -> FaceSource:
    """A source, and those of other pictures (N, 3, S, S) of its person that show what it hides.

    Args:
        states: the heads in them; infinite residuals are of pictures that were not read
    """
    read = torch.nonzero(states.residual < MISREAD_CM)[:, 0]
    if len(read) == 0:
        return source
    pixels, states = pixels[read], states[read]
    views = view_of(head, states, None)
    look = look_of(head, pixels, views.vertices)
    chosen = useful(head, source.view, (source.look, look), views)
    others = tuple(
        other_picture(head, pixels[k : k + 1], states[k : k + 1], source.view, source.light)
        for k in chosen
    )
    return replace(source, others=others)
