"""The inside of mouth and eyes where the source does not show it: drawn, as the face is lit.

Light reaches teeth, gums, tongue and the mouth's socket through the parted lips alone, so it
falls off with depth and towards the corners, and closed lips let nothing in. Eyeballs are white
with a soft iris, darker below the upper lid. Their colours are the source's (`Look`).

Convention:
    vertices: (N, V, 3) in network coordinates: x, y in [-1, 1], depth in the same unit
    colours: R'G'B' in [0, 1]
"""

import torch
from torch import Tensor
from torch.nn import functional

from reenact_core.head.interior.lids import shut_lids
from reenact_core.head.interior.look import IRIS_CM, MOUTH, PUPIL_CM, Look
from reenact_core.head.interior.openings import (
    LIDS,
    LIPS,
    UPPER_LID,
    centimetres,
    distance,
    flux,
    from_pole,
    gaps,
    looking,
    rows,
)
from reenact_core.head.interior.teeth import enamel
from reenact_core.head.model import PARTS, HeadModel, vertex_normals
from reenact_core.head.ramps import smoothstep
from reenact_core.head.rasterise import Raster
from reenact_core.head.sampling import averaged, span

EYES = ("sclera", "iris", "pupil")
UPPER_TEETH, LEFT_EYE, RIGHT_EYE, MOUTH_BELOW = 1, 2, 3, 4
"""What a triangle shows; 0 where nothing is drawn. The last one is all else in the mouth."""
DRAWN = ((0.06, 0.2), (0.03, 0.12))
"""From which gap of lips and lids on their inside is drawn, cm: from nothing to all."""
SEEN = ((0.2, 0.5), (0.03, 0.12))
"""From which gap on the source is believed to show it: a fit misses by some millimetres."""
TURNED_CM = (0.1, 0.3)
"""From no to all doubt in the whites that the source shows, by how far the pupils have moved: a
fit misses the lids and the white tears. The iris is believed where it is surely seen."""
SEEN_BELOW, SAME_JAW_CM = (2.0, 3.0), 0.3
"""The same for what lies below the upper teeth. Where the jaw stays as the source has it, all that
the source shows is believed."""
GUMS, BETWEEN_ROWS = 2, 3.45
"""Row of `MOUTH`; height at rest between the gums of both rows, cm."""
AROUND = 0.4
"""How much of the light in the mouth has been thrown to and fro in it, and comes from all sides."""
TEETH_APART = 0.45
"""How much darker it is right between two teeth."""
GAIN, POWER = 1.8, 0.4
"""What is seen of the light: its power in R'G'B', and by how much the nearest is lit fully."""
LIMBUS_CM, RIM, GLINT_CM = 0.14, 0.35, 0.08
"""Over what the iris passes into the white, how much darker its rim is, a highlight's size."""
SHADOW, SHADOW_CM = 0.5, 0.22
"""How much darker an eyeball is below the upper lid, and how far down that fades."""
CORNER, CORNER_CM = 0.25, 0.15
"""The same along both lids."""
SHARPEST, SOFTEST, EDGE = 0.7, 5.0, 1.2
"""Sigmas in pixels: between which what is drawn is softened, as the picture is, and of lips' and
lids' edges in a sharp picture."""
SPECKS = 1.5
"""Sigma in pixels over which it is decided whether the source shows a place: no lone pixels."""
CRACK = 5
"""Gaps in a row of teeth up to one pixel less are closed: the model's teeth lie apart."""


def drawn_inside(head: HeadModel, raster: Raster, new: Tensor, shown: Tensor, look: Look) -> Tensor:
    """The inside of mouth and eyes and how far it covers the face, (N, 4, S, S) in [0, 1].

    Convention:
        raster: of the new heads in the new pictures, S x S
        new: vertices of the new heads in the new pictures
        shown: (N, S, S) in [0, 1], how far the source shows what each pixel shows
        look: of the sources, N or 1 for all
    """
    inside = _inside(head, raster, new, shown, look)
    lids = shut_lids(head, raster, new, look, look.sigma.clamp(SHARPEST, SOFTEST))
    if lids is None:
        return inside
    cover = inside[:, 3:] + (1 - inside[:, 3:]) * lids[:, 3:]
    share = inside[:, 3:] / cover.clamp_min(1e-4)
    return torch.cat([torch.lerp(lids[:, :3], inside[:, :3], share), cover], 1)


def _inside(head: HeadModel, raster: Raster, new: Tensor, shown: Tensor, look: Look) -> Tensor:
    """What lies behind lips and lids, (N, 4, S, S)."""
    size = raster.face.shape[-1]
    out = shown.new_zeros(len(new), 4, size, size)
    opening = _opening(head, raster)
    points, unit = head.landmarks["points68"].places(new), centimetres(head, new)
    drawn = _at_openings(_open(gaps(points, unit), look.eyes), opening)
    believed = _believed_at(head, raster, new, opening, look)
    hidden = drawn * (1 - shown * believed)
    where = torch.nonzero(hidden, as_tuple=True)
    if len(where[0]) == 0:
        return out
    in_eye = (opening[where] == LEFT_EYE) | (opening[where] == RIGHT_EYE)
    colour = shown.new_zeros(len(in_eye), 5)
    colour[:, 3] = 1
    mouth, eyes = (
        _Pixels(head, raster, new, opening, tuple(index[which] for index in where))
        for which in (~in_eye, in_eye)
    )
    colour[~in_eye, :3], colour[~in_eye, 4] = mouth.in_mouth(look, points, unit * size / 2)
    colour[in_eye, :3] = eyes.in_eyes(look, points, unit)
    picture, row, column = where
    sigma = look.sigma.clamp(SHARPEST, SOFTEST)
    rows_, columns = span(row, size, sigma), span(column, size, sigma)
    sigma = sigma.expand(len(new))
    opening, hidden, drawn = (map_[:, rows_, columns] for map_ in (opening, hidden, drawn))
    paint = shown.new_zeros(len(new), 5, *opening.shape[1:])
    place = (picture, slice(None), row - rows_.start, column - columns.start)
    paint[place] = colour
    soft = averaged(_closed_rows(paint), sigma)
    both = torch.stack([hidden, drawn], 1)
    seen, all_ = averaged(both, sigma.clamp_min(SPECKS)).unbind(1)
    edges = torch.stack([(opening > 0).to(hidden), drawn], 1)
    whole, opened_here = averaged(edges, sigma.clamp_min(EDGE)).unbind(1)
    out[:, :3, rows_, columns] = (soft[:, :3] / soft[:, 3:].clamp_min(1e-4)).clamp(0, 1)
    share = (2 * seen / all_.clamp_min(1e-4) - 0.5).clamp(0, 1)
    share = share * (opened_here / whole.clamp_min(1e-4)).clamp(0, 1)
    # To its last pixel and half of the next: what lies below there is no lip's and no lid's colour.
    out[:, 3, rows_, columns] = smoothstep(whole, 0.1, 0.55) * share
    return out


def seen_inside(head: HeadModel, raster: Raster, new: Tensor, shown: Tensor, look: Look) -> Tensor:
    """How far a picture is believed to show what of the inside of mouth and eyes the new heads
    show, (N, S, S) in [0, 1]; as `drawn_inside` takes it."""
    opening = _opening(head, raster)
    seen = shown * _believed_at(head, raster, new, opening, look) * (opening > 0)
    there = torch.stack([seen, (opening > 0).to(seen)], 1)
    share, whole = averaged(there, seen.new_tensor([SPECKS])).unbind(1)
    return (2 * share / whole.clamp_min(1e-4) - 0.5).clamp(0, 1) * (opening > 0)


def _opening(head: HeadModel, raster: Raster) -> Tensor:
    """What of mouth and eyes pixels show, (N, S, S); 0 for nothing of it."""
    return _openings(head)[raster.face.clamp_min(0)] * raster.covered


def _believed_at(
    head: HeadModel, raster: Raster, new: Tensor, opening: Tensor, look: Look
) -> Tensor:
    """How far to believe that a source shows what is in the openings, (N, S, S)."""
    points, unit = head.landmarks["points68"].places(new), centimetres(head, new)
    believed = _at_openings(_believed(look, gaps(points, unit)), opening)
    turned = smoothstep((looking(head, new, points, unit) - look.looking).norm(dim=-1), *TURNED_CM)
    if bool((turned > 0).any()):
        at = torch.nonzero((opening == LEFT_EYE) | (opening == RIGHT_EYE), as_tuple=True)
        side = (opening[at] == RIGHT_EYE).long()
        own = _Pixels(head, raster, new, opening, at).of_own_iris(look)
        believed[at] = believed[at] * torch.lerp(torch.ones_like(own), own, turned[at[0], side])
    return believed


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

    def in_mouth(self, look: Look, points: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
        """The colours (P, 3) of the mouth's inside, and which are a tooth's (P,).

        Args:
            scale: (N,) pixels a centimetre
        """
        inner = self.head.triangles[_openings(self.head) > 0]
        normals = vertex_normals(self.new, inner)
        normal = functional.normalize(self.of(normals[self.picture[:, None], self.corners]), dim=-1)
        direct, around = flux(self.places, normal, rows(points, LIPS)[self.picture])
        light = (GAIN * torch.lerp(direct, around, AROUND)).clamp(1e-4, 1) ** POWER
        at_rest, row = self.of(self.head.mean[self.corners]), _palette(self.head)[self.part]
        lower = (row == 1) | ((row == GUMS) & (at_rest[:, 1] > BETWEEN_ROWS))
        share, outer, dark = enamel(at_rest, lower, 1 / scale[self.picture])
        share = torch.where(row == GUMS, share * outer, torch.maximum(share, 1 - outer))
        share = torch.where(row <= GUMS, share, 0)[:, None]
        base = _of(look.mouth, self.picture, row.clamp_min(GUMS))
        colour = torch.lerp(base, _of(look.mouth, self.picture, lower.long()), share)
        shade = light * (1 - TEETH_APART * dark * share[:, 0])
        return colour * shade[:, None], (share[:, 0] > 0.5).to(share)

    def of_own_iris(self, look: Look) -> Tensor:
        """How far pixels (P,) show what the source shows of its iris, which turns with the eye."""
        picture = self.picture if len(look.eyeballs) > 1 else torch.zeros_like(self.picture)
        seen = self.of(look.eyeballs[picture[:, None], self.corners][..., None])[:, 0]
        return seen * (1 - smoothstep(self.from_pole(), IRIS_CM, IRIS_CM + LIMBUS_CM))

    def from_pole(self) -> Tensor:
        """How far pixels (P,) of eyeballs are from the middle of the pupil, cm."""
        across = self.new.new_zeros(len(self.head.mean), 2)
        for ball in self.head.eyeballs:
            across[ball] = from_pole(self.head, ball)
        return torch.as_tensor(self.of(across[self.corners]).norm(dim=-1))

    def in_eyes(self, look: Look, points: Tensor, unit: Tensor) -> Tensor:
        """The colours (P, 3) of eyeballs."""
        side = (self.opening == RIGHT_EYE).long()
        sclera, iris, glint = (
            _of(values, self.picture, side) for values in (look.sclera, look.iris, look.glint)
        )
        radius = self.from_pole()[:, None]
        colour = iris * (1 - RIM * smoothstep(radius, IRIS_CM - 0.25, IRIS_CM))
        colour = torch.lerp(
            0.15 * iris, colour, smoothstep(radius, PUPIL_CM - 0.05, PUPIL_CM + 0.05)
        )
        limbus = smoothstep(radius, IRIS_CM - LIMBUS_CM / 2, IRIS_CM + LIMBUS_CM / 2)
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


def _open(apart: Tensor, shown: Tensor) -> Tensor:
    """How much of each opening is drawn, (N, 4), by the gaps (N, 3) of lips and lids, and whether
    the source's eyes are where its head has them (N or 1,)."""
    mouth, eyes = smoothstep(apart[:, 2:], *DRAWN[0]), smoothstep(apart[:, :2], *DRAWN[1])
    eyes = eyes * shown[:, None]
    return torch.cat([mouth, eyes, mouth], 1)


def _believed(look: Look, apart: Tensor) -> Tensor:
    """How far to believe that a source shows each opening, (N, 4), by its gaps and the new ones
    (N, 3)."""
    source = look.gaps
    mouth, eyes = smoothstep(source[:, 2:], *SEEN[0]), smoothstep(source[:, :2], *SEEN[1])
    jaw = 1 - ((source - apart)[:, 2:].abs() / SAME_JAW_CM).clamp_max(1)
    below = torch.maximum(smoothstep(source[:, 2:], *SEEN_BELOW), jaw)
    parts = (torch.maximum(mouth, jaw), eyes, below)
    return torch.cat([part.expand(len(apart), -1) for part in parts], 1)


def _at_openings(shares: Tensor, opening: Tensor) -> Tensor:
    """Shares (N, 4) where the openings are (N, S, S), 0 elsewhere."""
    return functional.pad(shares, (1, 0)).gather(1, opening.flatten(1)).view(opening.shape)


def _of(values: Tensor, picture: Tensor, index: Tensor) -> Tensor:
    """What pictures (N or 1, K, C) have at an index, for each pixel."""
    return values[picture if len(values) > 1 else torch.zeros_like(picture), index]


def _openings(head: HeadModel) -> Tensor:
    """By triangle: what it shows, (F,)."""
    kinds = [
        UPPER_TEETH if name == "teeth_upper" else MOUTH_BELOW if name in MOUTH
        else LEFT_EYE if name in EYES else 0
        for name in PARTS
    ]  # fmt: skip
    kind = torch.tensor(kinds, device=head.part.device)[head.part]
    right = head.mean[head.triangles[:, 0], 0] > 0
    return torch.where((kind == LEFT_EYE) & right, RIGHT_EYE, kind)


def _palette(head: HeadModel) -> Tensor:
    """By part: its row in `Look.mouth`; 0 for parts elsewhere."""
    table = [MOUTH.index(name) if name in MOUTH else 0 for name in PARTS]
    return torch.tensor(table, device=head.part.device)


def _closed_rows(paint: Tensor) -> Tensor:
    """Colours, what is painted, and what is a tooth, (N, 5, H, W), without cracks between teeth."""
    tooth, pads = paint[:, 4:], (0, CRACK // 2)
    spread = functional.max_pool2d(tooth, (1, CRACK), 1, pads)
    crack = (-functional.max_pool2d(-spread, (1, CRACK), 1, pads) - tooth) * paint[:, 3:4]
    beside = (
        functional.pad(paint[:, :3] * tooth, (CRACK // 2, CRACK // 2)).unfold(3, CRACK, 1).sum(-1)
    )
    count = functional.pad(tooth, (CRACK // 2, CRACK // 2)).unfold(3, CRACK, 1).sum(-1)
    near = beside / count.clamp_min(1)
    colour = torch.lerp(paint[:, :3], (1 - TEETH_APART / 2) * near, crack)
    return torch.cat([colour * paint[:, 3:4], paint[:, 3:4]], 1)
