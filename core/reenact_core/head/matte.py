"""What of a picture lies behind a head, told by its colours.

Colours far from the head, beside and above it, are those of what is behind it; colours well within
its outline are its own, skin or hair. A colour that is by far likelier there than here is no head,
though the fitted head lies over it: fits are a few pixels wrong, and nobody's hair is known.
Hair, or clothes, of the colour of a wall stay with the head.
"""

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional

from reenact_core.head.field import HeadView, Outline
from reenact_core.head.model import HeadModel
from reenact_core.head.ramps import ramp

WITHIN, FAR = 0.88, 1.45
"""Shares of the way from the middle to the outline up to which pixels show the head, and from which
on they show what is behind it."""
NOT_BEFORE = 0.8
"""The same, up to which nothing is taken for background whatever its colour."""
LEVEL = 0.35
"""How far below the middle of the head pixels still count as beside it and not as shoulders, as a
share of their distance from it."""
COLOURS = 16
"""Steps of each of R', G', B'."""
NEIGHBOURS = 0.8
"""Sigma in such steps, by which a colour stands for those next to it."""
RARE = 2e-4
"""Share of pixels that every colour may have by chance."""
SURE = (2.0, 4.0)
"""Natural logarithms of how much likelier a colour is behind the head, between which it begins to
be believed and is."""
AVERAGED = 3, 5
"""Sides of the squares of pixels (at 256) over which colours, and what they say, are averaged."""


def told_apart(view: HeadView, head: HeadModel, pictures: Tensor) -> HeadView:
    """Heads in the pictures (N, 3, S, S) that they were fitted to, told from what is behind them.

    Nothing changes for a view without a raster.
    """
    if view.front is None:
        return view
    no_head = behind(Outline.of(view, head), pictures)
    return replace(view, front=torch.cat([view.front[:, :2], no_head], 1))


def behind(outline: Outline, pictures: Tensor) -> Tensor:
    """How surely pixels show what is behind the heads, (N, 1, S, S) in [0, 1].

    Convention:
        outline: of N heads; pictures: (N, 3, S, S), R'G'B' in [0, 1]
    """
    size = pictures.shape[-1]
    share, below = outline.around(size)
    few, more = (2 * (side * size // 512) + 1 for side in AVERAGED)
    level = (_mean(pictures, few).clamp(0, 1) * COLOURS).long().clamp(max=COLOURS - 1)
    colour = ((level[:, 0] * COLOURS + level[:, 1]) * COLOURS + level[:, 2]).flatten(1)
    own = _likely(colour, share < WITHIN)
    other = _likely(colour, (share > FAR) & (below < LEVEL))
    told = ((other + RARE) / (own + RARE)).log().gather(1, colour).view_as(share)
    return ramp(_mean(told[:, None], more), *SURE) * (share > NOT_BEFORE)[:, None]


def _mean(values: Tensor, side: int) -> Tensor:
    return functional.avg_pool2d(values, side, 1, side // 2, count_include_pad=False)


def _likely(colour: Tensor, where: Tensor) -> Tensor:
    """How likely each colour is in a part of pictures, (N, COLOURS ** 3); 0 where there is none.

    Convention:
        colour: (N, P) int64; where: (N, S, S) bool
    """
    found = where.flatten(1).to(torch.float32)
    total = found.sum(1, keepdim=True).clamp(min=1)
    seen = found.new_zeros(len(colour), COLOURS**3).scatter_add(1, colour, found)
    near = torch.arange(COLOURS, device=colour.device, dtype=torch.float32)
    near = torch.exp(-0.5 * ((near[:, None] - near) / NEIGHBOURS).square())
    near = near / near.sum(0)
    cube = seen.view(-1, COLOURS, COLOURS, COLOURS)
    cube = torch.einsum("nrgb,ri,gj,bk->nijk", cube, near, near, near)
    return cube.flatten(1) / total
