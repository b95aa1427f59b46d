"""What every drawn person has in common: where on the head model skin, lips, lashes and beards are.

Convention:
    head coordinates of `reenact_core.head.model`, centimetres
"""

from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from reenact_core.head.model import PARTS, HeadModel, load_head_model, vertex_normals
from reenact_training.synthetic.people.shadow import share_of_sky

SKIN = tuple(PARTS.index(name) for name in PARTS[:7])
MOUTH = tuple(
    PARTS.index(name) for name in ("mouth_socket", "gums", "tongue", "teeth_upper", "teeth_lower")
)
EYES = tuple(PARTS.index(name) for name in ("sclera", "iris", "pupil"))
EYE_SOCKETS = PARTS.index("eye_sockets")
IRIS_RADIUS = 0.5
"""Radians from the pole of an eyeball to the rim of its iris: 29 degrees."""
STATIC = ("x", "y", "z", "lips", "lash", "moustache", "chin", "jaw", "angle", "lids")
"""What `Surface.static` has, in order."""


@dataclass(frozen=True, slots=True, eq=False)
class Surface:
    """The head model and masks on it."""

    head: HeadModel
    static: Tensor
    """(V, len(STATIC)): the place on the mean head; masks from 0 to 1 of lips, edges of upper lids,
    three regions of a beard; radians from the pole on eyeballs; a mask of the lids."""
    sky: Tensor
    """(V,) share of the sky that the mean head sees from there."""
    in_mouth: Tensor
    """(V,) bool: teeth, tongue and what else lies behind the lips."""
    eyeball: Tensor
    """(V,) int64: 0 for the eyeball at the image's left, 1 for the other, else -1."""
    part: Tensor
    """(F,) of the triangles."""

    def to(self, device: torch.device | str) -> "Surface":
        """The same on another device."""
        return Surface(
            self.head.to(str(device)), self.static.to(device), self.sky.to(device),
            self.in_mouth.to(device), self.eyeball.to(device), self.part.to(device),
        )  # fmt: skip


@cache
def load_surface() -> Surface:
    """The one that all drawn people share, on the CPU."""
    head = load_head_model()
    mean = head.mean
    points = head.landmarks["embedded79"].places(mean)
    count = len(mean)
    lips = _of_part(head, ("lips",), count).float()
    lids = _of_part(head, ("eyelids",), count).float()
    edge = _of_part(head, ("eyelids",), count) & _of_part(head, ("eye_sockets",), count)
    corner = points[[36, 39, 42, 45], 1].mean()
    lash = (edge & (mean[:, 1] < corner + 0.05)).float() + 0.35 * (
        edge & (mean[:, 1] >= corner + 0.05)
    ).float()
    skin = _of_part(head, ("face", "outer_face", "neck"), count).float() * (1 - lips)
    above = (points[33] + points[51]) / 2
    beside = points[[48, 54]] + mean.new_tensor([0.0, -0.35, 0.0])
    moustache = _near(mean, torch.cat([_line(above, beside[0]), _line(above, beside[1])]), 0.9)
    under = torch.stack(
        [points[57] + mean.new_tensor([0, 0.7, 0]), points[8], points[7], points[9]]
    )
    chin = _near(mean, under, 1.9)
    jaw = points[1:16]
    low = torch.cat(
        [
            jaw,
            jaw + mean.new_tensor([0, 1.6, 1.0]),
            points[[6, 8, 10]] * 0.5 + points[[48, 57, 54]] * 0.5,
        ]
    )
    beard = _near(mean, low, 2.3)
    angle = mean.new_full((count,), 9.0)
    eyeball = torch.full((count,), -1, dtype=torch.int64)
    centres = head.eye_centres(mean[None])[0]
    for side, ball in enumerate(head.eyeballs):
        spoke = torch.nn.functional.normalize(mean[ball] - centres[side], dim=-1)
        angle[ball] = (spoke @ spoke[0]).clamp(-1, 1).acos()
        eyeball[ball] = side
    columns = [lips, lash, moustache * skin, chin * skin, beard * skin, angle, lids]
    in_mouth = torch.zeros(count, dtype=torch.bool)
    in_mouth[head.triangles[torch.isin(head.part, torch.tensor(MOUTH))].flatten()] = True
    in_mouth &= ~_of_part(head, ("lips", "face"), count)
    sky = share_of_sky(mean, head.triangles, vertex_normals(mean[None], head.triangles)[0])
    return Surface(
        head, torch.cat([mean, torch.stack(columns, 1)], 1), sky, in_mouth, eyeball, head.part
    )


def _of_part(head: HeadModel, names: tuple[str, ...], count: int) -> Tensor:
    wanted = torch.tensor([PARTS.index(name) for name in names])
    inside = torch.zeros(count, dtype=torch.bool)
    inside[head.triangles[torch.isin(head.part, wanted)].flatten()] = True
    return inside


def _line(a: Tensor, b: Tensor, steps: int = 6) -> Tensor:
    return torch.lerp(a, b, torch.linspace(0, 1, steps, device=a.device)[:, None])


def _near(places: Tensor, anchors: Tensor, reach: float) -> Tensor:
    nearest = torch.cdist(places, anchors).amin(1)
    return (1.6 * (1 - nearest / reach)).clamp(0, 1)
