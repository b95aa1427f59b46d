"""Whose pose and whose expression a new head has.

Identity and expression are apart, so that an expression can be given as it is (absolute), or what
changed in it be added (relative).
"""

from dataclasses import dataclass, field, replace
from functools import cache

import torch
from torch import Tensor

from reenact_core.head.model import HeadModel
from reenact_core.head.pose import Pose
from reenact_core.head.regions import Region, RegionStrengths
from reenact_core.head.seat import Seat
from reenact_core.head.state import HeadState, with_gaps

GAZE_GAIN = 1.4
"""By how much farther the new eyes turn than the driver's are read to: so far they are seen to."""
_BEGINNINGS: tuple[tuple[str, Region], ...] = (
    ("jaw", "jaw"), ("brow", "brows"), ("eyeLook", "gaze"), ("pupil", "gaze"), ("eye", "eyes"),
    ("cheekSquint", "eyes"), ("", "mouth"),
)  # fmt: skip
"""How the names of expressions begin, and the region that they belong to; the first that fits."""


@dataclass(frozen=True, slots=True)
class Carrying:
    """What of a driver's performance is given to a new head, and how."""

    absolute_pose: bool = False
    absolute_expression: bool = True
    adapt_scale: bool = True
    """Scale movements by the size of the source's head against the driver's (relative pose)."""
    strengths: RegionStrengths = field(default_factory=RegionStrengths)
    """How much of each region's change is carried over."""
    same: bool = False
    """The driver is the source: eyes and lips are as they are read, and not adapted."""


def new_head(
    head: HeadModel,
    source: HeadState,
    rest: Pose,
    start: HeadState,
    driving: HeadState,
    how: Carrying,
    seat: Seat | None = None,
) -> HeadState:
    """The source's head as it shall be in N moments of a driver.

    Convention:
        source, start: N heads, S and the driver in d_0
        rest: N poses that the new head has where no motion is added
        seat: where the new head takes the place of the driver's, as absolute poses do
    """
    expressions = _expressions(head, source, start, driving, how)
    gazing = how.strengths.of("gaze") * (1 if how.same else GAZE_GAIN)
    moved = replace(
        source, pose=_pose(source, rest, start, driving, how, seat), expression=expressions,
        gaze=_gaze(source, start, driving, gazing, how),
    )  # fmt: skip
    if how.same:
        return moved
    wanted = _gaps(source, start, driving, how)
    if how.strengths.of("jaw") != how.strengths.of("mouth"):  # then lips part as they may
        wanted[:, 2] = moved.gaps(head)[:, 2]
    return with_gaps(head, moved, wanted)


def _expressions(
    head: HeadModel, source: HeadState, start: HeadState, driving: HeadState, how: Carrying
) -> Tensor:
    shares = [how.strengths.of(region) for region in regions_of(head.expression_names)]
    share = source.expression.new_tensor(shares)
    return _toward(source.expression, start.expression, driving.expression, share, how).clamp(
        0, 1.2
    )


def _gaze(
    source: HeadState, start: HeadState, driving: HeadState, share: float, how: Carrying
) -> Tensor:
    """The driver's gaze: the mean of both eyes, beside which each keeps what it has in the source;
    its own where the driver is the source."""
    if how.same:
        return _toward(source.gaze, start.gaze, driving.gaze, share, how)
    mean, before, after = (s.gaze.mean(1, keepdim=True) for s in (source, start, driving))
    return source.gaze + _toward(mean, before, after, share, how) - mean


def _toward(
    source: Tensor, start: Tensor, driving: Tensor, share: Tensor | float, how: Carrying
) -> Tensor:
    """The source's values led towards the driver's, or changed as the driver's have."""
    before = source if how.absolute_expression else start
    return source + share * (driving - before)


def _gaps(source: HeadState, start: HeadState, driving: HeadState, how: Carrying) -> Tensor:
    """How far the new lids and lips are apart, (N, 3) cm.

    Lids are as open as the driver's, in each one's own extremes; lips are as far apart.
    """
    eyes = _toward(source.eyes, start.eyes, driving.eyes, how.strengths.of("eyes"), how)
    parting = how.strengths.of("jaw")
    lips = _toward(source.lips, start.lips, driving.lips, parting, how).clamp_min(0)
    lids = eyes.clamp_min(0) * source.open_eyes
    return torch.cat([lids, (source.shut_lips + lips)[:, None]], 1)


def _pose(
    source: HeadState,
    rest: Pose,
    start: HeadState,
    driving: HeadState,
    how: Carrying,
    seat: Seat | None,
) -> Pose:
    share = how.strengths.of("pose")
    after = driving.pose if seat is None else seat.pose(driving.pose)
    if how.absolute_pose and share == 1:
        return after
    if how.absolute_pose:
        before = rest
        turned = rotation_power(after.rotation @ before.rotation.mT, share) @ before.rotation
        scale = before.scale * (after.scale / before.scale) ** share
        return Pose(turned, scale, torch.lerp(before.offset, after.offset, share))
    turn = driving.pose.rotation @ start.pose.rotation.mT
    turn = _roll(driving.tilt - start.tilt) @ turn
    grow = (driving.pose.scale / start.pose.scale) ** share
    travel = (driving.pose.offset - start.pose.offset) * share
    if how.adapt_scale:
        travel = travel * (source.pose.scale / start.pose.scale)[:, None]
    return Pose(
        rotation_power(turn, share) @ rest.rotation, rest.scale * grow, rest.offset + travel
    )


def _roll(angle: Tensor) -> Tensor:
    """Rotations (N, 3, 3) clockwise in the picture."""
    cos, sin, zero, one = angle.cos(), angle.sin(), torch.zeros_like(angle), torch.ones_like(angle)
    rows = [cos, -sin, zero, sin, cos, zero, zero, zero, one]
    return torch.stack(rows, -1).view(-1, 3, 3)


def rotation_power(rotation: Tensor, power: float) -> Tensor:
    """A part of a rotation (B, 3, 3) about its own axis; power 1 gives the rotation itself."""
    if power == 1.0:
        return rotation
    trace = rotation.diagonal(dim1=-2, dim2=-1).sum(-1)
    angle = torch.acos(((trace - 1) / 2).clamp(-1 + 1e-6, 1 - 1e-6))
    axis = (rotation - rotation.mT) / (2 * torch.sin(angle))[:, None, None]
    part: Tensor = torch.linalg.matrix_exp(axis * (angle * power)[:, None, None])
    return part


@cache
def regions_of(names: tuple[str, ...]) -> tuple[Region, ...]:
    """The region of each expression."""
    return tuple(
        next(region for beginning, region in _BEGINNINGS if name.startswith(beginning))
        for name in names
    )
