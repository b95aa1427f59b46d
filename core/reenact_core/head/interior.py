"""The inside of mouth and eyes where the source does not show it: drawn, as the face is lit.

Light reaches teeth, gums, tongue and the mouth's socket through the parted lips alone, so it
falls off with depth and towards the corners, and closed lips let nothing in. Eyeballs are white
with a soft iris, darker below the upper lid. Their colours are the source's (`Look`).

Convention:
    vertices: (N, V, 3) in network coordinates: x, y in [-1, 1], depth in the same unit
    colours: R'G'B' in [0, 1]
"""

from functools import reduce

import torch
from torch import Tensor
from torch.nn import functional

from reenact_core.head.look import IRIS_CM, MOUTH, PUPIL_CM, Look, look_of
from reenact_core.head.model import PARTS, HeadModel
from reenact_core.head.normals import vertex_normals
from reenact_core.head.openings import (
    LIDS,
    LIPS,
    UPPER_LID,
    Gaps,
    centimetres,
    distance,
    flux,
    from_pole,
    parted,
    rows,
)
from reenact_core.head.rasterise import Raster

EYES = ("sclera", "iris", "pupil")
DRAWN: Gaps = ((0.06, 0.2), (0.03, 0.12))
"""From which gap of lips and lids on their inside is drawn."""
AROUND = 0.4
"""How much of the light in the mouth has been thrown to and fro in it, and comes from all sides."""
GAIN, POWER = 1.8, 0.4
"""What is seen of the light: its power in R'G'B', and by how much the nearest is lit fully."""
LIMBUS_CM, RIM, GLINT_CM = 0.14, 0.35, 0.08
"""Over what the iris passes into the white, how much darker its rim is, a highlight's size."""
SHADOW, SHADOW_CM = 0.5, 0.22
"""How much darker an eyeball is below the upper lid, and how far down that fades."""
CORNER, CORNER_CM = 0.25, 0.15
"""The same along both lids."""
SHARPEST, SOFTEST, EDGE = 0.7, 1.6, 1.0
"""Sigmas in pixels: between which what is drawn is softened, and the most at lips and lids."""
SPECKS = 1.5
"""Sigma in pixels over which it is decided whether the source shows a place: no lone pixels."""
REACH = 4
"""Pixels that a blur looks to either side."""


def inside_of_mouth_and_eyes(
    head: HeadModel, raster: Raster, new: Tensor, shown: Tensor, source: Tensor, placed: Tensor
) -> Tensor:
    """The inside of mouth and eyes and how far it covers the face, (N, 4, S, S) in [0, 1].

    Convention:
        raster: of the new heads in the new pictures, S x S
        new: vertices of the new heads in the new pictures
        shown: (N, S, S) in [0, 1], how far the source shows what each pixel shows
        source: (N, 3, S, S), or (1, 3, S, S) for all
        placed: vertices of the fitted heads in the sources, as many
    """
    return drawn_inside(head, raster, new, shown, look_of(head, source, placed))


def drawn_inside(head: HeadModel, raster: Raster, new: Tensor, shown: Tensor, look: Look) -> Tensor:
    """The same by a look that is known already, that of all pictures or of each."""
    size = raster.face.shape[-1]
    out = shown.new_zeros(len(new), 4, size, size)
    opening = _openings(head)[raster.face.clamp_min(0)] * raster.covered
    points, unit = head.landmarks["points68"].places(new), centimetres(head, new)
    drawn = _at_openings(parted(points, unit, DRAWN), opening)
    hidden = drawn * (1 - shown * _at_openings(look.parted.expand(len(new), -1), opening))
    where = torch.nonzero(hidden > 0, as_tuple=True)
    if len(where[0]) == 0:
        return out
    at = _Pixels(head, raster, new, opening, where)
    mouth = (at.opening == 1)[:, None]
    colour = torch.where(mouth, at.in_mouth(look, points), at.in_eyes(look, points, unit))
    picture, row, column = where
    paint = shown.new_zeros(len(new), 4, size, size)
    paint[picture, :, row, column] = functional.pad(colour, (0, 1), value=1.0)
    masks = torch.stack([hidden, drawn, (opening > 0).to(hidden)], 1)
    box = (slice(None), slice(None), _span(row, size), _span(column, size))
    sigma = look.sigma.clamp(SHARPEST, SOFTEST).expand(len(new))
    soft = _blurred(paint[box], sigma)
    hidden, drawn = _blurred(masks[box][:, :2], torch.full_like(sigma, SPECKS)).unbind(1)
    whole = _blurred(masks[box][:, 2:], sigma.clamp_max(EDGE))[:, 0]
    out[box][:, :3] = (soft[:, :3] / soft[:, 3:].clamp_min(1e-4)).clamp(0, 1)
    share = (2 * hidden / drawn.clamp_min(1e-4) - 0.5).clamp(0, 1)
    # To its last pixel and half of the next: what lies below there is no lip's and no lid's colour.
    edge = torch.maximum(2 * whole, masks[box][:, 2]).clamp(0, 1)
    out[box][:, 3] = edge * share * _spread(masks[box][:, 1])
    return out


class _Pixels:
    """The pixels (P,) that are drawn, and what of the head they show."""

    def __init__(
        self, head: HeadModel, raster: Raster, new: Tensor, opening: Tensor,
        at: tuple[Tensor, ...],
    ) -> None:  # fmt: skip
        self.head, self.new, self.picture = head, new, at[0]
        self.opening, face = opening[at], raster.face[at]
        self.part = head.part[face]
        self.corners, self.weights = head.triangles[face], raster.weights[at][..., None]
        self.places = self.of(new[self.picture[:, None], self.corners])
        """(P, 3), network coordinates."""

    def of(self, at_corners: Tensor) -> Tensor:
        """What the corners (P, 3, C) have, at the pixels (P, C)."""
        return (at_corners * self.weights).sum(1)

    def in_mouth(self, look: Look, points: Tensor) -> Tensor:
        """The colours (P, 3) of the mouth's inside."""
        inner = self.head.triangles[_openings(self.head) == 1]
        normals = vertex_normals(self.new, inner)
        normal = functional.normalize(self.of(normals[self.picture[:, None], self.corners]), dim=-1)
        direct, around = flux(self.places, normal, rows(points, LIPS)[self.picture])
        light = (GAIN * torch.lerp(direct, around, AROUND)).clamp(1e-4, 1) ** POWER
        return _of(look.mouth, self.picture, _palette(self.head)[self.part]) * light[:, None]

    def in_eyes(self, look: Look, points: Tensor, unit: Tensor) -> Tensor:
        """The colours (P, 3) of eyeballs."""
        side = (self.opening == 3).long()
        sclera, iris, glint = (
            _of(values, self.picture, side) for values in (look.sclera, look.iris, look.glint)
        )
        across = self.new.new_zeros(len(self.head.mean), 2)
        for ball in self.head.eyeballs:
            across[ball] = from_pole(self.head, ball)
        radius = self.of(across[self.corners]).norm(dim=-1, keepdim=True)
        colour = iris * (1 - RIM * _step(radius, IRIS_CM - 0.25, IRIS_CM))
        colour = torch.lerp(0.15 * iris, colour, _step(radius, PUPIL_CM - 0.05, PUPIL_CM + 0.05))
        limbus = _step(radius, IRIS_CM - LIMBUS_CM / 2, IRIS_CM + LIMBUS_CM / 2)
        colour = torch.lerp(colour, sclera, limbus)
        cm = unit[self.picture]
        lids = torch.tensor(LIDS, device=side.device)[side]
        edge = points[self.picture[:, None], lids, :2]
        around, place = torch.cat([edge, edge[:, :1]], 1), self.places[:, None, :2]
        below = distance(place, edge[:, :UPPER_LID])[:, 0] / cm
        beside = distance(place, around)[:, 0] / cm
        shadow = 1 - SHADOW * torch.exp(-below / SHADOW_CM)
        colour = colour * (shadow * (1 - CORNER * torch.exp(-beside / CORNER_CM)))[:, None]
        poles = torch.stack([ball[0] for ball in self.head.eyeballs])[side]
        apart = (self.places - self.new[self.picture, poles])[:, :2] / cm[:, None] - glint[:, :2]
        bright = torch.exp(-0.5 * apart.square().sum(-1, keepdim=True) / GLINT_CM**2)
        return torch.lerp(colour, torch.maximum(colour, glint[:, 2:]), bright)


def _at_openings(shares: Tensor, opening: Tensor) -> Tensor:
    """Shares (N, 3) of mouth, left and right eye where these are (N, S, S), else 0."""
    return functional.pad(shares, (1, 0)).gather(1, opening.flatten(1)).view(opening.shape)


def _of(values: Tensor, picture: Tensor, index: Tensor) -> Tensor:
    """What pictures (N or 1, K, C) have at an index, for each pixel."""
    return values[picture if len(values) > 1 else torch.zeros_like(picture), index]


def _openings(head: HeadModel) -> Tensor:
    """By triangle: 1 in the mouth, 2 and 3 for the eyeballs, 0 where nothing is drawn, (F,)."""
    kinds = [1 if name in MOUTH else 2 if name in EYES else 0 for name in PARTS]
    kind = torch.tensor(kinds, device=head.part.device)[head.part]
    right = head.mean[head.triangles[:, 0], 0] > 0
    return torch.where((kind == 2) & right, 3, kind)


def _palette(head: HeadModel) -> Tensor:
    """By part: its row in `Look.mouth`; 0 for parts elsewhere."""
    table = [MOUTH.index(name) if name in MOUTH else 0 for name in PARTS]
    return torch.tensor(table, device=head.part.device)


def _step(value: Tensor, low: float, high: float) -> Tensor:
    share = ((value - low) / (high - low)).clamp(0, 1)
    return share * share * (3 - 2 * share)


def _span(places: Tensor, size: int) -> slice:
    """From the first to the last of some rows or columns, and what blurring adds."""
    first, last = int(places.min()), int(places.max())
    return slice(max(0, first - REACH), min(size, last + REACH + 1))


def _spread(share: Tensor) -> Tensor:
    """A map (N, H, W) with what is most among the eight pixels around."""
    return functional.max_pool2d(share[:, None], 3, 1, 1)[:, 0]


def _blurred(values: Tensor, sigma: Tensor) -> Tensor:
    """Values (N, C, H, W), 0 outside, each picture averaged by a Gaussian of its own (N,)."""
    step = torch.arange(-REACH, REACH + 1, device=sigma.device)
    kernel = torch.exp(-0.5 * (step / sigma[:, None]) ** 2)
    kernel = (kernel / kernel.sum(1, keepdim=True))[..., None, None, None]
    for axis, pads in ((2, (0, 0, REACH, REACH)), (3, (REACH, REACH, 0, 0))):
        padded, length = functional.pad(values, pads), values.shape[axis]
        parts = (kernel[:, k] * padded.narrow(axis, k, length) for k in range(2 * REACH + 1))
        values = reduce(torch.add, parts)
    return values
