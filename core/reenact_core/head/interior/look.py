"""What a picture tells about the colours inside its person's mouth and eyes.

Teeth, sclera, iris and a highlight of the eyes are taken from it where it shows them between lips
and lids; what it does not show is told by how bright and of which tint its skin is. A grey picture
has grey mouths.
"""

from dataclasses import dataclass, fields

import torch
from torch import Tensor
from torch.nn import functional

from reenact_core.head.interior.colourfulness import within_colours
from reenact_core.head.interior.openings import (
    LIDS,
    LIPS,
    centimetres,
    distance,
    from_pole,
    gaps,
    looking,
    rows,
    within,
)
from reenact_core.head.light import LUMA
from reenact_core.head.model import PARTS, HeadModel, vertex_normals
from reenact_core.head.ramps import smoothstep
from reenact_core.head.softness import softness

MOUTH = ("teeth_upper", "teeth_lower", "gums", "tongue", "mouth_socket")
ALBEDO = (
    (1.0, 0.95, 0.84), (0.95, 0.90, 0.78), (0.74, 0.42, 0.40), (0.76, 0.43, 0.41),
    (0.50, 0.20, 0.18),
)  # fmt: skip
"""Colours of the parts of `MOUTH` in white light, against that of its teeth."""
SKIN = (1.18, 0.96, 0.86)
"""Colour of skin in white light, against its luma: what tint a light has is told against it."""
COLOURFUL = 0.3
"""(Most - least) / most of R'G'B' of skin in pictures of usual colours; paler ones have paler
mouths."""
BROWN = (0.32, 0.22, 0.16)
"""An iris whose colour nobody knows, against teeth."""
SCLERA = 0.85
"""How bright the white of an eye is against the skin around, where nothing else is known."""
PUPIL_CM, IRIS_CM = 0.19, 0.56
"""Radii of pupil and iris."""
SURELY_CM = (0.02, 0.1)
"""From how far between the lids on a place of an eyeball is surely seen, and from where not."""
MARGIN_CM = 0.06
"""What lies nearer to lips or lids is not asked for its colour."""
LIDS_LIT = 0.8
"""How bright lids are at least, against the skin of the cheek."""
LIDS_SKIN = (0.5, 0.7)
"""From which brightness against the skin of the cheek on what lies above an eye is skin at all."""
FACING = -0.3
"""Depth of the normals of what is surely seen, at most."""
LIKE_SKIN, OPEN_CM = (0.62, 0.72), (0.15, 0.35)
"""Where a head has open eyes (from which gap on), and the irises of both are as bright as that
against the cheeks, from some doubt to all, the picture shows its eyes elsewhere, or none."""
ENOUGH = 6.0
"""Vertices that must be seen until their colour is believed."""
SHADOWED, TEETH, PALE = 0.5, 0.7, 0.85
"""Whites of eyes and teeth that are darker against the skin are not believed (lashes, gaps), nor
teeth that are more colourful."""
GRID, GLINT = 9, 0.17
"""Places a side at which an iris is searched for a highlight, and by how much that is brighter."""


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """The colours inside mouth and eyes, and how soft a picture is; R'G'B' in [0, 1]."""

    mouth: Tensor
    """(N, 5, 3): of the parts of `MOUTH`, fully lit."""
    sclera: Tensor
    """(N, 2, 3), image-left eye first, as below."""
    iris: Tensor
    """(N, 2, 3)"""
    glint: Tensor
    """(N, 2, 3): the highlight's place against the pupil, cm right and down, and its brightness."""
    lids: Tensor
    """(N, 2, 3): the skin between lids and brows."""
    gaps: Tensor
    """(N, 3): how far left and right lids and lips are apart in the picture, cm."""
    looking: Tensor
    """(N, 2, 2): where the pupils stand between the corners of their eyes, cm across and down."""
    eyeballs: Tensor
    """(N, V) in [0, 1]: which vertices of eyeballs the picture surely shows; 0 for others."""
    eyes: Tensor
    """(N,) in [0, 1]: 0 where the head has open eyes and the picture shows skin there: glasses, or
    a blur, have misled the reader. What is drawn there would stand beside the real ones."""
    sigma: Tensor
    """(N,): of the Gaussian that would make a sharp picture as soft as this one, pixels."""

    def __getitem__(self, rows: Tensor) -> "Look":
        return Look(*(getattr(self, field.name)[rows] for field in fields(self)))


def look_of(head: HeadModel, source: Tensor, placed: Tensor) -> Look:
    """The look of the faces in pictures; the same for all frames that show a picture's person.

    Convention:
        source: (N, 3, S, S), R'G'B' in [0, 1]
        placed: (N, V, 3), vertices of the fitted heads in network coordinates
    """
    view = _View(head, source, placed)
    skins = [view.typical(part, 0.5, 0.9)[0] for part in _cheeks(head)]
    whole, _ = view.typical(_cheeks(head).any(0), 0.5, 0.9)
    light = _luma(whole)
    colourful = (_colourful(whole) / COLOURFUL).clamp(0, 1)[:, None]
    # Half of what sets the skin apart from usual skin is the person's, half the light's.
    tint = (whole / light[:, None].clamp_min(1e-3)) / _greyed(whole.new_tensor(SKIN), colourful)
    tint = tint.clamp(0.5, 2).sqrt()
    tint = tint / _luma(tint)[:, None]
    eyes = [_eye(view, side, skins[side], light, tint) for side in range(2)]
    sclera, iris, glint = (torch.stack([eye[k] for eye in eyes], 1) for k in range(3))
    pale = torch.stack([eye[4] for eye in eyes], 1).amin(1)
    known = torch.stack([eye[3] for eye in eyes], 1).amax(1)
    bright = (1.15 * _luma(sclera).amax(1)).clamp(min=1.1 * light, max=2 * light)
    bright = torch.lerp(1.1 * light, bright, known).clamp_max(0.95)
    mouth = (
        _greyed(whole.new_tensor(ALBEDO), colourful[:, None]) * (bright[:, None] * tint)[:, None]
    )
    teeth, seen = _teeth(view, whole)
    mouth[:, :2] = torch.lerp(mouth[:, :2], teeth[:, None], seen[:, None, None])
    lids = torch.stack([view.typical(part, 0.5, 0.95)[0] for part in _above_eyes(head)], 1)
    cheeks = torch.stack(skins, 1)
    # As dark as lashes, brows and the rims of glasses no skin is.
    bright = (_luma(lids) / _luma(cheeks).clamp_min(1e-3))[..., None]
    lids = lids * (LIDS_LIT / bright.clamp_min(1e-3)).clamp(1, 1.5)
    lids = torch.lerp(LIDS_LIT * cheeks, lids, smoothstep(bright, *LIDS_SKIN))
    paint = torch.cat([mouth, sclera, iris], 1).clamp(0, 1).transpose(1, 2)[..., None]
    paint = within_colours(paint, source)[..., 0].transpose(1, 2)
    solid = head.landmarks["points68"].places(placed)
    apart = gaps(solid, view.unit)
    eyeless = smoothstep(apart[:, :2].amin(1), *OPEN_CM) * smoothstep(pale, *LIKE_SKIN)
    return Look(
        paint[:, :5], paint[:, 5:7], paint[:, 7:], glint, lids,
        apart, looking(head, placed, solid, view.unit), _eyeballs(view), 1 - eyeless,
        softness(source, view.points.mean(1), 5 * view.unit[:, None]),
    )  # fmt: skip


class _View:
    """A picture, the head in it, and the colours at its vertices."""

    def __init__(self, head: HeadModel, source: Tensor, placed: Tensor) -> None:
        self.head, self.source, self.placed = head, source, placed
        self.unit = centimetres(head, placed)
        self.facing = vertex_normals(placed, head.triangles)[..., 2] < FACING
        self.colours = self.at(placed[..., :2])
        self.points = head.landmarks["points68"].places(placed)[..., :2]

    def at(self, places: Tensor) -> Tensor:
        """The colours (N, P, 3) at places (N, P, 2)."""
        found = functional.grid_sample(
            self.source, places[:, None], padding_mode="border", align_corners=False
        )
        return found[:, :, 0].transpose(1, 2)

    def between(self, edge: tuple[int, ...], vertices: Tensor) -> Tensor:
        """Which of some vertices are seen between lips or lids, (N, P) bool."""
        inside = within(
            self.placed[:, vertices, :2], rows(self.points, edge), MARGIN_CM * self.unit
        )
        return inside & self.facing[:, vertices]

    def typical(self, which: Tensor, low: float, high: float) -> tuple[Tensor, Tensor]:
        return typical(self.colours, which & self.facing, low, high)


def typical(colours: Tensor, which: Tensor, low: float, high: float) -> tuple[Tensor, Tensor]:
    """The mean colour (N, 3) of those between two quantiles of luma, and how many there were (N,).

    Convention:
        colours: (N, P, 3); which: (N, P) bool
    """
    luma = _luma(colours)
    rank = luma.masked_fill(~which, torch.inf).argsort(1).argsort(1)
    count = which.sum(1, keepdim=True)
    chosen = (which & (rank >= (low * count).floor()) & (rank <= (high * count).ceil())).float()
    total = chosen.sum(1, keepdim=True).clamp_min(1)
    return (colours * chosen[..., None]).sum(1) / total, count[:, 0].float()


def _eye(
    view: _View, side: int, skin: Tensor, light: Tensor, tint: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Sclera, iris, highlight, how far the first is known, and how bright the picture has the
    second against the skin; 0 where it shows hardly any."""
    ball, lids = view.head.eyeballs[side], LIDS[side]
    seen, colours = view.between(lids, ball), view.colours[:, ball]
    radius = from_pole(view.head, ball).norm(dim=-1)
    white, count = typical(colours, seen & (radius > IRIS_CM + 0.1), 0.4, 0.9)
    known = (count / ENOUGH).clamp(0, 1) * (_luma(white) > SHADOWED * _luma(skin))
    usual = SCLERA * _luma(skin)[:, None] * tint
    sclera = torch.lerp(usual, white, known[:, None])
    own = seen & (radius > PUPIL_CM + 0.05) & (radius < IRIS_CM - 0.08)
    iris, count = typical(colours, own, 0.2, 0.7)
    pale = _luma(iris) / _luma(skin).clamp_min(1e-3) * (count >= ENOUGH)
    brown = iris.new_tensor(BROWN) * light[:, None] * tint
    iris = torch.lerp(brown, iris, (count / ENOUGH).clamp(0, 1)[:, None])
    return sclera, iris, _glint(view, ball, lids, iris, light), known, pale


def _eyeballs(view: _View) -> Tensor:
    """Which vertices of eyeballs the picture surely shows, (N, V) in [0, 1]."""
    out = torch.zeros_like(view.placed[..., 0])
    nothing = torch.zeros_like(view.unit)
    for ball, lids in zip(view.head.eyeballs, LIDS, strict=True):
        edge, places = rows(view.points, lids), view.placed[:, ball, :2]
        inside = within(places, edge, nothing) & view.facing[:, ball]
        apart = distance(places, torch.cat([edge, edge[:, :1]], 1)) / view.unit[:, None]
        out[:, ball] = inside * smoothstep(apart, *SURELY_CM)
    return out


def _glint(view: _View, ball: Tensor, lids: tuple[int, ...], iris: Tensor, light: Tensor) -> Tensor:
    """Where an eye has its highlight, and how bright that is, (N, 3)."""
    line = torch.linspace(-1, 1, GRID, device=iris.device) * (IRIS_CM - 0.1)
    offsets = torch.cartesian_prod(line, line)
    places = view.placed[:, ball[0], None, :2] + offsets * view.unit[:, None, None]
    open_here = within(places, rows(view.points, lids), 0.5 * MARGIN_CM * view.unit)
    open_here &= offsets.norm(dim=1) < IRIS_CM - 0.1
    luma = _luma(view.at(places)).masked_fill(~open_here, 0)
    most, where = luma.max(1)
    found = most > _luma(iris) + GLINT
    usual = offsets.new_tensor([0.0, -0.16])
    place = torch.where(found[:, None], offsets[where], usual)
    return torch.cat([place, torch.where(found, most, 0.9 * light)[:, None]], 1)


def _teeth(view: _View, skin: Tensor) -> tuple[Tensor, Tensor]:
    """The colour of teeth that the source shows, and how far to believe it."""
    head = view.head
    teeth = torch.isin(head.part, _numbers(head, "teeth_upper", "teeth_lower"))
    vertices = torch.unique(head.triangles[teeth])
    colour, count = typical(view.colours[:, vertices], view.between(LIPS, vertices), 0.5, 0.95)
    # Lips that a fit took for teeth are more colourful than the skin.
    sure = (_luma(colour) > TEETH * _luma(skin)) & (
        _colourful(colour) < PALE * _colourful(skin) + 0.03
    )
    return colour, (count / ENOUGH).clamp(0, 1) * sure


def _cheeks(head: HeadModel) -> Tensor:
    """The vertices of either side of the face whose skin tells the light, (2, V) bool."""
    face = torch.zeros(len(head.mean), dtype=torch.bool, device=head.mean.device)
    face[head.triangles[head.part == PARTS.index("face")]] = True
    x, y, z = head.mean.unbind(-1)
    face &= (y > -2) & (y < 4) & (z < -6) & (x.abs() > 0.5)
    return torch.stack([face & (x < 0), face & (x > 0)])


def _above_eyes(head: HeadModel) -> Tensor:
    """The vertices of the skin between either eye's lids and its brow, (2, V) bool."""
    near = torch.zeros(2, len(head.mean), dtype=torch.bool, device=head.mean.device)
    skin = torch.isin(head.part, _numbers(head, "face", "eyelids"))
    face = torch.zeros_like(near[0])
    face[torch.unique(head.triangles[skin])] = True
    points = head.landmarks["points68"].places(head.mean)
    for side, (lids, brow) in enumerate(zip(LIDS, (slice(17, 22), slice(22, 27)), strict=True)):
        upper = points[list(lids[1:3])]
        low, high = upper[:, 1].mean() - 0.2, points[brow, 1].mean() + 0.5
        x, y = head.mean[:, 0], head.mean[:, 1]
        beside = (x - upper[:, 0].mean()).abs() < 1.4
        near[side] = face & beside & (y < low) & (y > high)
    return near


def _numbers(head: HeadModel, *parts: str) -> Tensor:
    return torch.tensor([PARTS.index(part) for part in parts], device=head.part.device)


def _greyed(colour: Tensor, colourful: Tensor) -> Tensor:
    """Colours (..., 3) of which only a share is left."""
    grey = _luma(colour)[..., None]
    return grey + (colour - grey) * colourful


def _colourful(colour: Tensor) -> Tensor:
    """(Most - least) / most of colours (..., 3)."""
    return (colour.amax(-1) - colour.amin(-1)) / colour.amax(-1).clamp_min(1e-3)


def _luma(colour: Tensor) -> Tensor:
    return colour @ colour.new_tensor(LUMA)
