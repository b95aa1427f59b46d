"""Lids that shut over eyes which the source has open: skin that it hides in the fold, and lashes.

A source with open eyes shows an upper lid as a narrow fold with lashes; drawn out over the eye it
is a dark smear. What slides down there takes the colour of the skin between lid and brow; along
the edge of a shut lid runs the shadow of lashes.
"""

import torch
from torch import Tensor

from reenact_core.head.interior.look import Look
from reenact_core.head.interior.openings import LIDS, UPPER_LID, centimetres, distance, gaps
from reenact_core.head.model import BLINKS, PARTS, HeadModel
from reenact_core.head.ramps import smoothstep
from reenact_core.head.rasterise import Raster
from reenact_core.head.sampling import averaged, span

CLOSING_CM = (0.1, 0.35)
"""From nothing to all of it, by how much less open an eye is than in the source."""
SHUT_CM = (0.08, 0.3)
"""From which gap of the lids down the lashes are drawn."""
SLID_CM = (0.02, 0.2)
"""From none to all of its own texture given up, by how far a blink takes a place down."""
MOST = 0.9
"""How far a lid is covered at most; the rest is its own texture."""
LASHES, LASHES_CM, EDGE_CM = 0.45, 0.09, 0.19
"""How dark and how broad the shadow of lashes is, and how far it hides what lies below."""
UNDER = ("eyelids", "eye_sockets", "sclera", "iris", "pupil")


def shut_lids(
    head: HeadModel, raster: Raster, new: Tensor, look: Look, edge: Tensor
) -> Tensor | None:
    """The lids where they are drawn, and how far they cover the face, (N, 4, S, S) in [0, 1]; None
    where no lid shuts.

    Convention:
        raster: of heads with vertices `new`, (N, V, 3) in network coordinates
        edge: (N,) or (1,), sigma in pixels of the cover
    """
    size = raster.face.shape[-1]
    points, unit = head.landmarks["points68"].places(new), centimetres(head, new)
    apart = gaps(points, unit)[:, :2]
    closing = smoothstep(look.gaps[:, :2] - apart, *CLOSING_CM) * look.eyes[:, None]
    if not bool((closing > 0).any()):
        return None
    slid = _shutting(head)
    names = torch.tensor([PARTS.index(name) for name in UNDER], device=slid.device)
    concerned = torch.isin(head.part, names) | (slid[head.triangles] > 0).any(1)
    where = torch.nonzero(concerned[raster.face.clamp_min(0)] & raster.covered, as_tuple=True)
    if len(where[0]) == 0:
        return None
    picture, row, column = where
    corners = head.triangles[raster.face[where]]
    side = (head.mean[corners[:, 0], 0] > 0).long()
    share = (slid[corners] * raster.weights[where]).sum(1)
    place = torch.stack([column, row], 1).to(new) * 2 / size + 1 / size - 1
    lid = torch.tensor([lids[:UPPER_LID] for lids in LIDS], device=side.device)[side]
    line = points[picture[:, None], lid, :2]
    away = distance(place[:, None], line)[:, 0] / unit[picture]
    shut = 1 - smoothstep(apart, *SHUT_CM)[picture, side]
    dark = LASHES * shut * torch.exp(-((away / LASHES_CM) ** 2))
    skin = look.lids[picture if len(look.lids) > 1 else torch.zeros_like(picture), side]
    cover = torch.maximum(MOST * share, shut * torch.exp(-((away / EDGE_CM) ** 4)))
    cover = cover * closing[picture, side]
    rows, columns = span(row, size, edge), span(column, size, edge)
    shape = (len(new), 5, rows.stop - rows.start, columns.stop - columns.start)
    paint = new.new_zeros(shape)
    painted = torch.cat(
        [skin * (1 - dark)[:, None], torch.ones_like(dark)[:, None], cover[:, None]], 1
    )
    paint[picture, :, row - rows.start, column - columns.start] = painted
    soft = averaged(paint, edge.expand(len(new)))
    out = new.new_zeros(len(new), 4, size, size)
    out[:, :3, rows, columns] = (soft[:, :3] / soft[:, 3:4].clamp_min(1e-4)).clamp(0, 1)
    out[:, 3, rows, columns] = soft[:, 4].clamp(0, 1)
    return out


def _shutting(head: HeadModel) -> Tensor:
    """How far a blink moves the skin at the vertices, from 0 to 1 at the lids' edges, (V,)."""
    down = torch.zeros_like(head.mean[:, 1])
    for name in BLINKS:
        down = torch.maximum(down, head.expression[head.expression_names.index(name), :, 1])
    return smoothstep(down, *SLID_CM)
