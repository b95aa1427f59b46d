"""Where heads are in the picture: turned, seen by a lens, cut as a tracker cuts them."""

from dataclasses import dataclass
from functools import cache

import torch
from torch import Generator, Tensor

from reenact_core.head.model import load_head_model
from reenact_core.models.face_points import MOUTH_INNER, MOUTH_OUTER, face_box
from reenact_training.synthetic.chance import chosen, normal, uniform
from reenact_training.synthetic.motion import rotation_matrix
from reenact_training.synthetic.people.batch import Rows
from reenact_training.synthetic.posed import mean_head

EMPTY = 0.05
"""Share of pictures that show no face, or a corner of one."""
CROP = 2.0
"""Sides of a face's box in a crop."""
NEAREST, FARTHEST = 32.0, 300.0
"""Centimetres from the camera to the head."""


@dataclass(frozen=True, slots=True, eq=False)
class Framing(Rows):
    """How N heads are seen."""

    rotation: Tensor
    """(N, 3, 3)"""
    distance: Tensor
    """(N,) cm"""
    side: Tensor
    """(N,) of the crop, in sides of the face's box."""
    shift: Tensor
    """(N, 2) of the face in the crop, in its half sides."""
    away: Tensor
    """(N,): 1 where that puts it out of the picture, or nearly."""


def sample_framing(generator: Generator, count: int) -> Framing:
    """Random poses: most look roughly at the camera, some anywhere."""
    wide = chosen(generator, count, 0.4)
    yaw = torch.where(
        wide > 0,
        uniform(generator, count, low=-1.4, high=1.4),
        normal(generator, count, spread=0.35),
    )
    pitch = normal(generator, count, spread=0.24) + 0.05
    roll = normal(generator, count, spread=0.13)
    nearest, farthest = torch.tensor(NEAREST).log(), torch.tensor(FARTHEST).log()
    away = chosen(generator, count, EMPTY)
    beside = torch.where(uniform(generator, count, 2) < 0.5, -1.0, 1.0) * uniform(
        generator, count, 2, low=1.1, high=2.0
    )
    near_by = normal(generator, count, 2, spread=0.07)
    return Framing(
        rotation_matrix(yaw, pitch, roll),
        torch.exp(torch.lerp(nearest, farthest, uniform(generator, count))),
        CROP * torch.exp(normal(generator, count, spread=0.14)),
        torch.where(away[:, None] > 0, beside, near_by),
        away,
    )


@dataclass(frozen=True, slots=True, eq=False)
class View(Rows):
    """N cameras: from head coordinates to the picture."""

    rotation: Tensor
    """(N, 3, 3)"""
    distance: Tensor
    """(N,)"""
    scale: Tensor
    """(N,) [-1, 1] units a centimetre at the distance of the head's origin."""
    offset: Tensor
    """(N, 2)"""

    def turned(self, vertices: Tensor) -> Tensor:
        """Places (N, V, 3) as the camera sees them, cm."""
        return vertices @ self.rotation.mT

    def placed(self, turned: Tensor) -> Tensor:
        """The same in the picture, [-1, 1], with depth in its unit."""
        nearer = self.distance[:, None] / (self.distance[:, None] + turned[..., 2])
        flat = turned[..., :2] * (nearer * self.scale[:, None])[..., None]
        depth = turned[..., 2:] * self.scale[:, None, None]
        return torch.cat([flat + self.offset[:, None], depth], -1)


def view_of(framing: Framing, points: Tensor) -> View:
    """The cameras that see the points (N, 79, 3) of heads as `framing` says."""
    count, one = len(points), points.new_ones(len(points))
    view = View(framing.rotation, framing.distance, one, points.new_zeros(count, 2))
    box = face_box(view.placed(view.turned(points)))
    side = torch.maximum(box[:, 2] - box[:, 0], box[:, 3] - box[:, 1]) * framing.side
    middle = torch.stack([box[:, 0] + box[:, 2], box[:, 1] + box[:, 3]], 1) / 2
    middle[:, 1] -= 0.03 * side
    scale = 2 / side
    return View(framing.rotation, framing.distance, scale, framing.shift - middle * scale[:, None])


@dataclass(frozen=True, slots=True, eq=False)
class Registration:
    """How the head model lies on the mean head of the face points: theirs = scale R ours + t."""

    scale: float
    rotation: Tensor
    """(3, 3)"""
    origin: Tensor
    """(3,) where their origin is, in ours."""


@cache
def registration() -> Registration:
    """By least squares over all points but the mouth's."""
    head, theirs = load_head_model(), mean_head()
    table = head.landmarks["embedded79"]
    still = ~torch.isin(table.points, torch.tensor([*MOUTH_OUTER, *MOUTH_INNER]))
    a, b = table.places(head.mean)[still], theirs[table.points[still]].to(head.mean)
    share = table.trust[still, None] / table.trust[still].sum()
    a0, b0 = (share * a).sum(0), (share * b).sum(0)
    u, s, v = torch.linalg.svd(((a - a0) * share).mT @ (b - b0))
    rotation = (u @ v).mT
    scale = float(s.sum() / (share * (a - a0).square()).sum())
    origin = a0 - (b0 / scale) @ rotation
    return Registration(scale, rotation, origin)
