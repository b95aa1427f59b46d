"""The openings of a posed head, its mouth and eyes: their edges, how far they are open.

Convention:
    vertices, points: in network coordinates, x, y in [-1, 1] and depth in the same unit; points
        are the 68 of `points68`
    of two eyes, the image-left one comes first
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from reenact_core.head.gaps import PAIRS
from reenact_core.head.model import HeadModel

LIPS = (60, 61, 62, 63, 64, 65, 66, 67)
"""The inner edge of the lips, rows of the 68 points, from the image-left corner over the upper."""
LIDS = ((36, 37, 38, 39, 40, 41), (42, 43, 44, 45, 46, 47))
"""The edges of the lids, from the image-left corner over the upper lid."""
UPPER_LID = 4
"""So many of them are the upper lid's."""
NOSE = (27, 33)
"""Its root and its base: down the face."""


def centimetres(head: HeadModel, vertices: Tensor) -> Tensor:
    """How long a centimetre of the head is, (N,), by the distance of its eyes."""
    apart = head.eye_centres(vertices).diff(dim=1).norm(dim=-1)[:, 0]
    own = head.eye_centres(head.mean[None]).diff(dim=1).norm(dim=-1)[:, 0]
    return torch.as_tensor(apart / own)


def gaps(points: Tensor, unit: Tensor) -> Tensor:
    """How far left and right lids and lips are apart, cm, (N, 3); below 0 where they overlap.

    Convention:
        points: (N, 68, 3); unit: (N,) `centimetres`
    """
    down = _down(points)[:, None]
    found = []
    for pairs in PAIRS["points68"]:
        upper, lower = (points[:, list(which)] for which in zip(*pairs, strict=True))
        found.append(((lower - upper) * down).sum(-1).amax(1) / unit)
    return torch.stack(found, 1)


def looking(head: HeadModel, vertices: Tensor, points: Tensor, unit: Tensor) -> Tensor:
    """Where the pupils stand between the corners of their eyes, cm across and down the face however
    it is turned, (N, 2, 2)."""
    found = []
    for ball, lids in zip(head.eyeballs, LIDS, strict=True):
        left, right = points[:, lids[0]], points[:, lids[UPPER_LID - 1]]
        from_middle = vertices[:, ball[0]] - (left + right) / 2
        axes = torch.stack([functional.normalize(right - left, dim=-1), _down(points)], 1)
        found.append((axes @ from_middle[..., None])[..., 0] / unit[:, None])
    return torch.stack(found, 1)


def _down(points: Tensor) -> Tensor:
    """The direction (N, 3) down the face."""
    return functional.normalize(points[:, NOSE[1]] - points[:, NOSE[0]], dim=-1)


def within(places: Tensor, polygon: Tensor, margin: Tensor) -> Tensor:
    """Which places (N, P, 2) lie in a polygon (N, K, 2) and not near its edges, (N, P) bool.

    Args:
        margin: (N,) how far from the edges
    """
    ends = polygon.roll(-1, 1)
    (ax, ay), (bx, by) = ((p[:, None, :, 0], p[:, None, :, 1]) for p in (polygon, ends))
    x, y = places[..., :1], places[..., 1:]
    crossed = (ay > y) != (by > y)
    along = torch.where(by == ay, 1, by - ay)
    right = x < ax + (y - ay) * (bx - ax) / along
    inside = (crossed & right).sum(-1) % 2 == 1
    return inside & (distance(places, torch.cat([polygon, polygon[:, :1]], 1)) > margin[:, None])


def distance(places: Tensor, line: Tensor) -> Tensor:
    """How far places (N, P, 2) are from a line of points (N, K, 2), (N, P)."""
    start, along = line[:, None, :-1], line.diff(dim=1)[:, None]
    apart = places[:, :, None] - start
    share = (apart * along).sum(-1) / along.square().sum(-1).clamp_min(1e-12)
    nearest = apart - share.clamp(0, 1)[..., None] * along
    return torch.as_tensor(nearest.norm(dim=-1).amin(-1))


def from_pole(head: HeadModel, ball: Tensor) -> Tensor:
    """Where an eyeball's vertices (B,) are against its pole, cm across and down, (B, 2)."""
    return head.mean[ball, :2] - head.mean[ball[0], :2]


def flux(places: Tensor, normals: Tensor, polygon: Tensor) -> tuple[Tensor, Tensor]:
    """The light at places (P, 3) of surfaces from a polygon (P, K, 3) that shines evenly.

    The first: what falls on the surface with its normal (Lambert's formula), the second: what
    would fall on one that faces the polygon; of a whole bright half-space both are 1. Places
    before the polygon are fully lit.

    Convention:
        polygon: clockwise as seen from outside
        Lambert, "Photometria", 1760, in the form of Arvo, "The Irradiance Jacobian for
        Partially Occluded Polyhedral Sources", 1994
    """
    ray = functional.normalize(polygon - places[:, None], dim=-1)
    following = ray.roll(-1, 1)
    across = torch.linalg.cross(ray, following)
    sine = across.norm(dim=-1, keepdim=True)
    angle = torch.atan2(sine, (ray * following).sum(-1, keepdim=True))
    vector = -(across / sine.clamp_min(1e-6) * angle).sum(1) / (2 * torch.pi)
    return (vector * normals).sum(-1).clamp(0, 1), vector.norm(dim=-1).clamp(0, 1)


def rows(points: Tensor, which: Sequence[int]) -> Tensor:
    """Some of the points (N, K, ...)."""
    return points[:, list(which)]
