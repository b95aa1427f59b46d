"""A head put in the place of another person's: on their skull, within their outline, and how much
of a picture its face may take there.

Convention:
    rest: (N, V, 3) cm, head coordinates: people's heads without an expression
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional

from reenact_core.head.field import GRAZING
from reenact_core.head.model import NARROW_PARTS, PARTS, HeadModel, vertex_normals
from reenact_core.head.pose import Pose
from reenact_core.head.ramps import smoothstep
from reenact_core.head.state import HeadState, spread

OWN_CM = 3.0
"""So far from the border of the narrow face a head has its own form; at the border, the other's."""
OUTLINE = (0.1, 0.55)
"""Cosines of the angle of sight up to which a place is on the outline, and from which on it is
not: there too a head has the other's form, or two noses would be seen in profile."""
EVEN_CM = 1.2
"""Normals are averaged over so much, for a form that bends from place to place would crease."""
AROUND_CM = 0.8
"""What is no skin in a source is none so far around."""
THROAT = 0.85
"""From this cosine to the vertical on, what looks down is the throat and no face."""
NECK_CM = (-0.8, 2.0)
"""What lies so far below and behind the chin is none either."""
RAY_DEGREES = 7.0
"""Half the width of what counts as lying in one direction from the nose."""
ENDS_CM, SOFT_CM, SHARP_CM = 0.2, 1.8, 0.9
"""A mask begins so far from the border of the narrow face, and is whole so much farther: above the
mouth, and at jaw and chin, where the other's beard would be seen."""
MOUTH, CHIN = slice(48, 60), 8
"""The outer lips, and the chin, in the 68 points."""
MIRRORED = (0.05, 0.3)
"""Cosines up to which the other half of a face stands in, and from which on it does not."""


@dataclass(frozen=True, slots=True, eq=False)
class Seat:
    """Where heads lie on other heads: place there = scale * place + shift.

    Convention:
        scale: (N,); shift: (N, 3) cm
        apart: (N, V, 3) cm, head coordinates of the new head: from its form to the other's
    """

    scale: Tensor
    shift: Tensor
    apart: Tensor

    @classmethod
    def on(cls, head: HeadModel, new: HeadState, other: HeadState) -> "Seat":
        """The skulls laid on each other, by least squares over their narrow faces at rest."""
        ours, theirs = rest(head, new), rest(head, other)
        skin = _narrow(head).skin
        a, b = ours[:, skin], theirs[:, skin]
        middle, goal = a.mean(1, keepdim=True), b.mean(1, keepdim=True)
        along = ((a - middle) * (b - goal)).sum((1, 2))
        scale = along / (a - middle).square().sum((1, 2))
        shift = goal - scale[:, None, None] * middle
        apart = (theirs - shift) / scale[:, None, None] - ours
        return cls(scale, shift[:, 0], apart)

    def pose(self, other: Pose) -> Pose:
        """The new heads' poses where the other heads have these."""
        moved = (other.rotation @ self.shift[..., None])[:, :2, 0]
        offset = other.offset + other.scale[:, None] * moved
        return Pose(other.rotation, other.scale * self.scale, offset)

    def moulded(self, head: HeadModel, rotation: Tensor) -> Tensor:
        """What brings the new heads (N, V, 3) cm to the others' form along border and outline.

        Convention:
            rotation: (N, 3, 3), of their poses
        """
        narrow = _narrow(head)
        facing = -(narrow.normals @ rotation[:, 2].T).T
        beside = 1 - smoothstep(facing, *OUTLINE)
        share = torch.maximum(beside, 1 - smoothstep(narrow.inside, 0, OWN_CM))
        return (share[..., None] * self.apart)[:, narrow.anchor]


def rest(head: HeadModel, state: HeadState) -> Tensor:
    """The heads (N, V, 3) of people at rest."""
    still = torch.zeros_like(state.expression)
    return head.vertices(state.identity, still) + spread(head, state.scheme, state.beside)


def cover(head: HeadModel, facing: Tensor, skin: Tensor) -> Tensor:
    """How much of every vertex a mask takes, (N, V) in [0, 1]: nothing at the border of the narrow
    face, and nothing that the source shows neither here nor on the other half of the face.

    Convention:
        facing: (N, V) in [-1, 1], see `HeadView`, in the source
        skin: (N, V) in [0, 1], see `light.skin_shown`, in the source
    """
    narrow = _narrow(head)
    facing = facing[:, narrow.skin] @ narrow.near.T  # or the edges of lids and lips were outlines
    seen, used = (smoothstep(facing, *edges) for edges in (GRAZING, MIRRORED))
    # What is hair there is hair a little way around, too.
    shown = seen * (2 * skin[:, narrow.skin] @ narrow.near.T - 1).clamp(0, 1)
    shown = torch.maximum(shown, (1 - used) * shown[:, head.mirror])[:, narrow.skin]
    # No holes: what lies further in than something that is taken is taken too.
    whole, border = torch.zeros_like(facing), narrow.border[narrow.skin]
    filled = ((shown * border)[:, None] * narrow.outwards).amax(2)
    whole[:, narrow.skin] = torch.minimum(filled, border)
    return whole[:, narrow.anchor]


def as_skin(head: HeadModel, values: Tensor) -> Tensor:
    """Values of vertices (N, V, C), those behind lips and lids taken from the skin next to them."""
    return values[:, _narrow(head).anchor]


@dataclass(frozen=True, slots=True, eq=False)
class _Narrow:
    skin: Tensor
    """(P,) vertices of the narrow face."""
    inside: Tensor
    """(V,) cm from its border, of the mean head; 0 outside."""
    border: Tensor
    """(V,) in [0, 1], how much of it a mask takes at most."""
    anchor: Tensor
    """(V,) the vertex itself, or of what is behind lips and lids the skin next to it; a whole
    eyeball has one."""
    normals: Tensor
    """(V, 3) of the mean head, averaged over `EVEN_CM`."""
    near: Tensor
    """(V, P) shares of the narrow face's vertices around each, within `AROUND_CM`."""
    outwards: Tensor
    """(P, P) in {0, 1}: for each vertex of it itself, and those that lie between it and the border
    as seen from the nose."""


@lru_cache(maxsize=4)
def _narrow(head: HeadModel) -> _Narrow:
    with torch.inference_mode(False):
        outer = [PARTS.index(name) for name in ("outer_face", "scalp", "neck", "ears")]
        skin, around = (
            torch.unique(head.triangles[torch.isin(head.part, head.part.new_tensor(parts))])
            for parts in (NARROW_PARTS, outer)
        )
        whole = torch.unique(torch.cat([skin, around]))
        near = torch.exp(-(torch.cdist(head.mean, head.mean[whole]) / EVEN_CM).square())
        normals = functional.normalize(
            near @ vertex_normals(head.mean[None], head.triangles)[0, whole], dim=-1
        )
        points = head.landmarks["points68"].places(head.mean)
        low = head.mean[:, 1] > points[MOUTH, 1].amax()
        neck = (head.mean[:, 1:] > points[CHIN, 1:] + points.new_tensor(NECK_CM)).all(1)
        out = torch.isin(skin, around) | (neck | low & (normals[:, 1] > THROAT))[skin]
        inside = head.mean.new_zeros(len(head.mean))
        inside[skin] = torch.cdist(head.mean[skin], head.mean[skin[out]]).amin(1)
        anchor = torch.arange(len(head.mean), device=skin.device)
        behind = torch.ones_like(anchor, dtype=torch.bool)
        behind[whole] = False
        places = head.mean.clone()
        for ball in head.eyeballs:
            places[ball] = places[ball].mean(0)
        rims = head.part.new_tensor([PARTS.index("lips"), PARTS.index("eyelids")])
        rim = torch.unique(head.triangles[torch.isin(head.part, rims)])
        anchor[behind] = rim[torch.cdist(places[behind], head.mean[rim]).argmin(1)]
        close = -(torch.cdist(head.mean, head.mean[skin]) / AROUND_CM).square()
        towards = functional.normalize(head.mean[skin, :2], dim=-1)
        ray = towards @ towards.T > math.cos(math.radians(RAY_DEGREES))
        away = torch.atan2(head.mean[skin, :2].norm(dim=-1), -head.mean[skin, 2])
        outwards = ray & (away >= away[:, None])
        return _Narrow(
            skin,
            inside,
            smoothstep(inside, ENDS_CM, ENDS_CM + torch.where(low, SHARP_CM, SOFT_CM)),
            anchor,
            normals,
            close.softmax(1),
            outwards.float(),
        )
