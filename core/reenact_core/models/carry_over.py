"""Motion measured on the driving face, carried over to the source's face through the head's chart.

Pose and landmarks tell, in three dimensions, where a place on the head was at an earlier moment,
for the new face and for the driving face alike (`told`). What flow measured on the driving face
beside that is small; it is taken from the same place on the driving face, turned and scaled as the
two faces are, and added. Where source and first driving frame are the same picture, what is told
cancels and the flow itself remains.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from reenact_core.models.flow_prior import blurred, folding, settled
from reenact_core.models.head_chart import (
    Pose,
    facing,
    head_ellipsoid,
    pixel_grid,
    project,
    unproject,
)
from reenact_core.models.head_surface import radii_in_view
from reenact_core.models.slits import SLITS, find

TOLD_CONFINED = (1.1, 2.4)
"""Distances from the head's middle, in units of its outline, up to which the motion that keypoints
tell is whole and from which on there is none."""
FLOW_CONFINED = (1.2, 2.0)
"""The same for what flow adds to it, which knows hair and neck."""
BELIEVED = 15 / 255
"""Error at which a flow is believed by 1/e."""
BESIDE = 0.03
"""Motion beside the told one, in [-1, 1] units, that is believed by 1/e on another face: an
expression's remainder is small, and what is larger is hair or background mistaken for a face."""
UNFOLDED = 6.0
"""Sigma in pixels (at 256) around a fold within which a flow is given up."""
RIM = 1.0
"""Distance at which a head's rim still shows the head."""
EDGE = 0.1
"""Distance in which a head's outline passes into what is beside it."""
SHAPE_REACH = 0.25
"""Sigma, head units, over which a difference of face shape between two people spreads."""

FEATURE_REACH = 0.1
"""Sigma, head units, over which what moves a feature alone spreads: a lip, a lid, a brow."""
FEATURES = (*range(17, 27), *range(36, 68), 77, 78)
"""Brows, eyes, mouth and pupils."""
STIFF = 0.1
"""How far their landmarks may be missed, so that small errors of them make no large motion."""

RADII_SHRINK = 4
"""A head's radii are computed on a grid so many times coarser than the picture."""


@dataclass(frozen=True, slots=True, eq=False)
class FaceState:
    """Pose and shape of one face at one moment, batched.

    Convention:
        pose: B poses
        shape: (B, N, 3), landmarks in head coordinates
    """

    pose: Pose
    shape: Tensor

    def __getitem__(self, index: slice) -> "FaceState":
        return FaceState(self.pose[index], self.shape[index])

    @classmethod
    def cat(cls, states: "list[FaceState]") -> "FaceState":
        """Several batches of faces as one."""
        pose = Pose.stack([state.pose for state in states])
        return cls(pose, torch.cat([state.shape for state in states]))

    def repeat(self, count: int) -> "FaceState":
        """One face `count` times."""
        if len(self.pose) != 1:
            raise ValueError(f"one face can be repeated, got {len(self.pose)}")
        return FaceState.cat([self] * count)

    def to(self, device: str) -> "FaceState":
        """The same faces on another device."""
        return FaceState(self.pose.to(device), self.shape.to(device))

    def points(self) -> Tensor:
        """The landmarks in the picture, (B, N, 2) in [-1, 1]."""
        return project(self.shape, self.pose)


@dataclass(frozen=True, slots=True, eq=False)
class Chart:
    """The pixels of the new picture on the head, and on the driving face of the same moment.

    Convention:
        head: (B, H, W, 3), head coordinates of the new picture's pixels
        inside: (B, H, W), 1 in the middle of the head, 0 on its outline, negative beside it
        driving: (B, H, W, 2), the same places in the driving frame, [-1, 1]
        known: (B, H, W) in [0, 1], whether the driving frame shows the place
    """

    head: Tensor
    inside: Tensor
    driving: Tensor
    known: Tensor


def chart(new: FaceState, driving: FaceState, size: int) -> Chart:
    """Where every pixel of the new picture lies on the head and in the driving frame."""
    batch = len(new.pose)
    grid = pixel_grid(size, new.shape).expand(batch, size, size, 2)
    head, inside = lift(grid, new, radii_of(new, size))
    other = head + shape_difference(head, new.shape, driving.shape)
    seen = project(other, driving.pose)
    known = (_shown(head, driving.pose) / _shown(head, new.pose)).clamp(max=1)
    return Chart(head, inside, seen, known)


def _shown(head: Tensor, pose: Pose) -> Tensor:
    """How far a pose shows places on the head: near 1 in front, near 0 behind."""
    return torch.sigmoid((facing(head, pose) + 0.05) * 20).clamp(min=1e-3)


def lift(points: Tensor, face: FaceState, radii: Tensor) -> tuple[Tensor, Tensor]:
    """`unproject` onto the face itself, whose `radii_in_view` are known."""
    radius, outline = sample(radii, points).unbind(1)
    return unproject(points, face.pose, radius, outline)


def radii_of(face: FaceState, size: int) -> Tensor:
    """`radii_in_view` of a face in a picture of that size, coarser than it."""
    return radii_in_view(face.shape, face.pose, size // RADII_SHRINK)


def shape_difference(head: Tensor, of: Tensor, to: Tensor) -> Tensor:
    """What leads from places on one person's head to those on another's, (B, H, W, 3).

    The difference of the landmarks (B, N, 3), spread by normalised Gaussians around them and gone
    three sigmas from the nearest. Computed at a quarter of the resolution, for it is smooth.
    """
    coarse = head[:, 2::4, 2::4]
    spread = _spread_at(coarse.flatten(1, 2), of, to - of, SHAPE_REACH)
    spread = spread.view(*coarse.shape).permute(0, 3, 1, 2)
    fine = functional.interpolate(spread, head.shape[1:3], mode="bilinear", align_corners=False)
    return fine.permute(0, 2, 3, 1)


def expression_difference(head: Tensor, of: Tensor, to: Tensor) -> Tensor:
    """What leads from places on a face to those in another moment of it, (B, H, W, 3).

    `shape_difference`, and near brows, eyes and mouth what that smooth field misses of their
    landmarks: Gaussians about them, fitted so that the landmarks are met, whose reach is narrow
    and ends at a slit. Lips part.
    """
    features = of[:, FEATURES]
    missed = to[:, FEATURES] - features - _spread_at(features, of, to - of, SHAPE_REACH)
    table, met = _sides(of)
    kernel = _gaussians(features, features) * met + STIFF * torch.eye(len(FEATURES)).to(of)
    heights = torch.linalg.solve(kernel, missed)
    coarse = head[:, 2::4, 2::4]
    groups = (heights[:, :, None] * table[None, :, :, None]).flatten(2)
    sums = (_gaussians(coarse.flatten(1, 2), features) @ groups).view(*coarse.shape[:3], -1)
    sums = sums.permute(0, 3, 1, 2)
    fine = functional.interpolate(sums, head.shape[1:3], mode="bilinear", align_corners=False)
    moved = shape_difference(head, of, to).permute(0, 3, 1, 2)
    for group, where in zip(torch.split(fine, 3, 1), _where(head, of), strict=True):
        moved = torch.addcmul(moved, group, where[:, None])
    return moved.permute(0, 2, 3, 1)


def _sides(like: Tensor) -> tuple[Tensor, Tensor]:
    """Which of `FEATURES` are in which group (N, G), and how far each (column) reaches each (row).

    The groups are `above`, `below` and `between` of every slit, and the rest. What is above does
    not reach what is below; at a corner both reach half.
    """
    groups = [group for slit in SLITS for group in (slit.above, slit.below, slit.between)]
    taken = {point for group in groups for point in group}
    groups.append(tuple(point for point in FEATURES if point not in taken))
    table = like.new_tensor([[float(point in group) for group in groups] for point in FEATURES])
    across = torch.eye(len(groups)).to(like)
    across[:, -1] = 1
    across[-1, :-1] = across.new_tensor([0.5, 0.5, 0.0] * len(SLITS))
    return table, table @ across @ table.mT


def _where(head: Tensor, shape: Tensor) -> list[Tensor]:
    """How far each group of `_sides` counts at places of a head, each (B, H, W)."""
    maps: list[Tensor] = []
    for slit in SLITS:
        found = find(slit, head, shape)
        maps += [1 - found.side, found.side, found.inside]
    return [*maps, torch.ones_like(maps[0])]


def _gaussians(places: Tensor, of: Tensor) -> Tensor:
    """How far landmarks (B, N, 3) reach places (B, P, 3), (B, P, N)."""
    return torch.exp(-0.5 * (torch.cdist(places, of) / FEATURE_REACH) ** 2)


def _spread_at(places: Tensor, of: Tensor, values: Tensor, reach: float) -> Tensor:
    """Values (B, N, 3) at landmarks `of` (B, N, 3) as their normalised Gaussians give them."""
    weight = torch.exp(-0.5 * (torch.cdist(places, of) / reach) ** 2)
    return (weight @ values) / (weight.sum(-1, keepdim=True) + 0.05)


@dataclass(frozen=True, slots=True, eq=False)
class Transport:
    """How motion between two moments gets from the driving face to the new one.

    Convention:
        told: (B, H, W, 2), where the new picture's pixels come from as the keypoints tell it
        driving_told: (B, 2, H, W), the same motion of the driving face, a field in its picture
        turn: (B, 2, 2), scaled rotation from the driving face to the target
        alike: (B, 1, H, W) in [0, 1], where source and d_0 show the same surroundings, so that
            motion beside the head is the source's too
    """

    chart: Chart
    told: Tensor
    driving_told: Tensor
    turn: Tensor
    alike: Tensor


def transport(
    chart: Chart,
    new: FaceState,
    target: FaceState,
    earlier: FaceState,
    driving_told: Tensor,
    alike: Tensor,
) -> Transport:
    """From the driving face's motion to the new face's.

    Convention:
        new, target: the new face now and at the earlier moment
        earlier: the driving face at the earlier moment
        driving_told: `told_motion` between the driving face's two moments
        alike: see `Transport`
    """
    told = _told(chart, new, target)
    return Transport(chart, told, driving_told, _between(earlier.pose, target.pose), alike)


def carry_over(flow: Tensor, error: Tensor, by: Transport) -> Tensor:
    """Where every pixel of the new picture comes from, (B, H, W, 2) in [-1, 1].

    What flow found beside what keypoints tell is carried over as it is where source and d_0 are
    alike. Elsewhere it is settled, and given up where the motion would fold: on another face its
    fine noise would tear.

    Convention:
        flow: (B, 2, H, W), driving frame to the earlier driving frame, [-1, 1] units
        error: (B, 1, H, W) in [0, 1], of that flow on the driving frames
    """
    found = flow - by.driving_told
    calm = settled(found, torch.exp(-error / BELIEVED) * (1 - folding(flow)))
    left = sample(torch.cat([found, calm], 1), by.chart.driving)
    left = by.alike * left[:, :2] + (1 - by.alike) * _small(left[:, 2:])
    left = torch.einsum("bij,bjhw->bhwi", by.turn, left) * by.chart.known[..., None]
    held = torch.maximum(confinement(by.chart.inside, *FLOW_CONFINED), by.alike[:, 0])
    return by.told + unfolded(by.told, held[..., None] * left, by.alike)


def _small(motion: Tensor) -> Tensor:
    """A field (B, 2, H, W) without what is too large to be believed."""
    return motion * torch.exp(-((motion.norm(dim=1, keepdim=True) / BESIDE) ** 2))


def unfolded(told: Tensor, left: Tensor, alike: Tensor) -> Tensor:
    """What flow adds to a told motion, without that which makes it fold; fields (B, H, W, 2)."""
    grid = pixel_grid(told.shape[1], told)
    for _ in range(3):
        folds = folding((told + left - grid).permute(0, 3, 1, 2))
        kept = (1 - 6 * blurred(folds, UNFOLDED)).clamp(0, 1)
        left = left * torch.maximum(kept, alike).permute(0, 2, 3, 1)
    return left


def told_motion(places: Chart, now: FaceState, earlier: FaceState) -> Tensor:
    """The field between two moments of one face as its keypoints tell it, (B, 2, H, W).

    Convention:
        places: `chart(now, now, size)`
    """
    moved = _told(places, now, earlier) - pixel_grid(places.head.shape[1], now.shape)
    return moved.permute(0, 3, 1, 2)


def _told(places: Chart, now: FaceState, earlier: FaceState) -> Tensor:
    """Where the pixels of a face come from in an earlier moment of it, as its keypoints tell."""
    then = places.head + expression_difference(places.head, now.shape, earlier.shape)
    found = project(then, earlier.pose)
    found = outward(found, facing(then, earlier.pose), places.inside, earlier)
    grid = pixel_grid(found.shape[1], found)
    return grid + confinement(places.inside, *TOLD_CONFINED)[..., None] * (found - grid)


def outward(points: Tensor, towards: Tensor, inside: Tensor, face: FaceState) -> Tensor:
    """Points moved out to where a face in its earlier moment can show what they stand for.

    What is on the far side of the head goes to its outline, so that its rim is stretched there;
    what is beside the head now comes from as far beside it then. Without this, what a turned head
    hides would show features of the side that it shows.

    Convention:
        points: (B, H, W, 2) in [-1, 1]; towards: (B, H, W), `facing` of the places they show
        inside: (B, H, W), of the picture that is made, see `Chart`
    """
    _, then = lift(points, face, radii_of(face, points.shape[1]))
    distance = (1 - then).clamp(min=1e-4).sqrt()
    now = (1 - inside).clamp(min=0).sqrt()
    least = torch.lerp((-towards * 8).clamp(0, 1) * RIM, now, ((now - 1) / EDGE).clamp(0, 1))
    middle = project(head_ellipsoid(points)[0].expand(len(points), 1, 1, 3), face.pose)
    return middle + (points - middle) * (least / distance).clamp(min=1)[..., None]


def _between(one: Pose, other: Pose) -> Tensor:
    """The scaled rotation in the picture from one pose to another, (B, 2, 2)."""
    turn = other.rotation @ one.rotation.mT
    roll = torch.atan2(turn[:, 1, 0] - turn[:, 0, 1], turn[:, 0, 0] + turn[:, 1, 1])
    cos, sin = roll.cos(), roll.sin()
    matrix = torch.stack([torch.stack([cos, -sin], -1), torch.stack([sin, cos], -1)], -2)
    return matrix * (other.scale / one.scale)[:, None, None]


def confinement(inside: Tensor, whole: float, none: float) -> Tensor:
    """How much of a motion a pixel takes part in: 1 up to a distance, 0 from another on."""
    distance = (1 - inside).clamp(min=0).sqrt()
    ramp = ((none - distance) / (none - whole)).clamp(0, 1)
    return ramp * ramp * (3 - 2 * ramp)


def sample(picture: Tensor, places: Tensor) -> Tensor:
    """A picture (B, C, H, W) at places (B, h, w, 2) in [-1, 1]; edges are replicated."""
    return functional.grid_sample(picture, places, padding_mode="border", align_corners=False)
