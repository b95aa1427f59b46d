"""Which frame of a clip stands for its face: of middling turn and expression, with open eyes.

Only changes are added to the source, so that a blink or a shout in it would stay in every frame.
"""

from dataclasses import replace

import torch
from torch import Tensor

from reenact_core.head.pose import Pose
from reenact_core.head.sampling import sample
from reenact_core.head.state import HeadState
from reenact_core.models.flow_prior import grey
from reenact_core.motion.transfer import nearest_frame

EYES = ((36, 39), (42, 45))
"""Landmarks of the corners of either eye (`face_points`)."""
PATCH = (24, 40)
"""Rows and columns of the patch that is cut around an eye."""
AROUND = 1.25
"""Width of a patch in widths of the eye."""
INNER = (slice(4, -4), slice(6, -6))
"""The part of a patch that iris and lids lie in, without brow, corners and shadow of the nose."""
FAINT = 1e-4
"""Change from pixel to pixel that is nothing."""


def choose_source_frame(states: HeadState, openness: Tensor) -> int:
    """The frame nearest to the middling face among the half with the widest eyes.

    Convention:
        states: T faces; openness: (T,), `eye_openness`
    """
    open_ones = torch.nonzero(openness >= openness.median()).flatten()
    return int(open_ones[nearest_frame(states[open_ones], middle(states))])


def eye_openness(crops: Tensor, points: Tensor) -> Tensor:
    """How open the eyes are, to compare frames of one face: (B,), no unit.

    Closed lids are level lines: along the eye nothing changes. Iris and white change along it. So
    the change along the eye is taken against that across it, on the mean of both eyes.

    Convention:
        crops: (B, 3, S, S) in [0, 1]; points: (B, N, 2 or more) in [-1, 1]
    """
    eyes = [_eye_openness(crops, points[:, one, :2], points[:, two, :2]) for one, two in EYES]
    return torch.stack(eyes).mean(0)


def _eye_openness(crops: Tensor, left: Tensor, right: Tensor) -> Tensor:
    luma = grey(sample(crops, _patch(left, right)))[:, 0][:, *INNER]
    along, across = luma.diff(dim=2).abs().mean((1, 2)), luma.diff(dim=1).abs().mean((1, 2))
    return along / (across + FAINT)


def _patch(left: Tensor, right: Tensor) -> Tensor:
    """Where the pixels of a level patch around an eye lie, (B, rows, columns, 2)."""
    rows, columns = PATCH
    along = (right - left) / 2 * AROUND
    down = torch.stack([-along[:, 1], along[:, 0]], -1) * (rows / columns)
    x = torch.linspace(-1, 1, columns, device=left.device)[:, None]
    y = torch.linspace(-1, 1, rows, device=left.device)[:, None, None]
    middles = ((left + right) / 2)[:, None, None]
    return middles + x * along[:, None, None] + y * down[:, None, None]


def middle(states: HeadState) -> HeadState:
    """The middling pose and expression of several moments of a face, as one."""
    left, _, right = torch.linalg.svd(states.pose.rotation.float().mean(0, keepdim=True))
    rotation = (left @ right).to(states.expression)
    pose = Pose(
        rotation, states.pose.scale.median()[None], states.pose.offset.median(0).values[None]
    )
    return replace(states[:1], pose=pose, expression=states.expression.median(0).values[None])
