"""Whose motion becomes whose: relative and absolute transfer, and the frame to start from."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from reenact_core.errors import SettingsError
from reenact_core.head.regions import RegionStrengths
from reenact_core.models.carry_over import FaceState
from reenact_core.models.head_chart import Pose
from reenact_core.models.readers.reader import ReaderChoice
from reenact_core.models.slits import (
    closed_at_most,
    eye_openings,
    mouth_width,
    open_mouth,
    with_eye_openings,
)
from reenact_core.timeline.plan import Manner, Scheme

LEAST_OPEN = 0.04
"""Opening of the driving eyes at the start, head units, below which they count as this open."""
WIDEST = 1.3
"""How far the driving eyes may widen the source's."""


@dataclass(frozen=True, slots=True)
class MotionSettings:
    """How the driving face's motion is given to the source's face."""

    scheme: Scheme = "subtle"
    """`subtle` is the full method, `global` G alone (scheme (b)), `local` L alone (scheme (c))."""
    reader: ReaderChoice = "embedded"
    """Who reads the landmarks that motion is told by: `embedded` comes with reenact, `mesh` is
    MediaPipe's (`reenact models fetch face-mesh`), `facexlib` needs its weights; `auto` is the best
    that is installed."""
    expression: Manner = "auto"
    """`relative` adds the driving face's change since its start to the source's own expression;
    `absolute` gives the source the driving face's expression; `auto` is relative."""
    pose: Manner = "auto"
    """`relative` adds the driving head's change since its start to the source's own pose;
    `absolute` puts the source's head where the driving head is; `auto` is absolute for a recast
    and relative for everything else. Its former name, `transfer`, is understood too."""
    adapt_scale: bool = True
    """Scale movements by the size of the source's face against the driving one (relative only)."""
    best_start: bool = True
    """Start from the driving frame nearest to the source's pose, forwards and backwards."""
    strength: float = 1.0
    """0 to 1.5: how much of the driving face's change is taken over."""
    strengths: RegionStrengths = field(default_factory=RegionStrengths)
    """Of each region, on top of the whole strength."""
    smoothing: float = 1.0
    """Sigma in frames, up to 100, that poses and landmarks are smoothed by, without lag; 0 leaves
    them."""

    def __post_init__(self) -> None:
        if not 0 <= self.strength <= 1.5:
            raise ValueError(f"strength must lie in [0, 1.5], got {self.strength}")
        if not 0 <= self.smoothing <= 100:
            raise ValueError(f"smoothing must lie in [0, 100], got {self.smoothing}")


def check_known(settings: MotionSettings) -> None:
    """See that nothing is asked for that these networks cannot do yet.

    Raises:
        SettingsError: absolute expressions, a region's own strength, another reader.
    """
    if settings.expression == "absolute":
        raise SettingsError("expression absolute is not there yet; leave it at auto or relative")
    if changed := settings.strengths.changed:
        raise SettingsError(f"a strength of {changed[0]} alone is not there yet; leave it at 1")
    if settings.reader not in ("auto", "embedded"):
        raise SettingsError(f"reader {settings.reader} moves no faces yet; take embedded")


def check_whole(settings: MotionSettings, pose: Manner, who: str) -> None:
    """See that a method which carries over pose and expression together is asked for no parts.

    Args:
        pose: as it is carried over
        who: the method, as messages name it

    Raises:
        SettingsError: a region's own strength, or an expression unlike the pose.
    """
    if changed := settings.strengths.changed:
        asked = f"{changed[0]}={settings.strengths.of(changed[0]):g}"
        raise SettingsError(
            f"{who} carries over the whole face together, and strength {asked} asks for a part: "
            "leave it at 1, or take the checkpoint that comes with reenact"
        )
    if settings.expression not in ("auto", pose):
        raise SettingsError(
            f"{who} carries over pose and expression together, here {pose}: leave expression "
            f"{settings.expression} away, or give pose the same value"
        )


def new_state(
    source: FaceState, start: FaceState, driving: FaceState, settings: MotionSettings
) -> FaceState:
    """The source's face as it shall look in N driving frames; source and start: one face, or N."""
    shape = source.shape + settings.strength * (driving.shape - start.shape)
    shape = _opened(shape, source, start, settings.strength)
    eyes = _eyes(source, start, driving, settings.strength)
    shape = closed_at_most(with_eye_openings(shape, eyes))
    if settings.pose == "absolute":
        return FaceState(driving.pose, shape)
    turn = driving.pose.rotation @ start.pose.rotation.mT
    turn = rotation_power(turn, settings.strength)
    grow = (driving.pose.scale / start.pose.scale) ** settings.strength
    travel = (driving.pose.offset - start.pose.offset) * settings.strength
    if settings.adapt_scale:
        travel = travel * (source.pose.scale / start.pose.scale)[:, None]
    pose = Pose(
        turn @ source.pose.rotation,
        source.pose.scale * grow,
        source.pose.offset + travel,
    )
    return FaceState(pose, shape)


def _opened(shape: Tensor, source: FaceState, start: FaceState, strength: float) -> Tensor:
    """The new face's landmarks, opened by what the driving mouth was open at the start already.

    Otherwise a driver who starts with an open mouth could only close a closed one further.
    """
    before = (mouth_width(start.shape) - mouth_width(source.shape).clamp_min(0)).clamp_min(0)
    return open_mouth(shape, (strength * before).expand(len(shape)))


def _eyes(source: FaceState, start: FaceState, driving: FaceState, strength: float) -> Tensor:
    """Openings of the new face's eyes: the source's own, in the driving eyes' proportion.

    Differences would close narrow eyes while wide ones only narrow.
    """
    resting = eye_openings(start.shape).clamp_min(LEAST_OPEN)
    share = (eye_openings(driving.shape).clamp_min(0) / resting).clamp(max=WIDEST)
    return eye_openings(source.shape) * (1 + strength * (share - 1)).clamp_min(0)


def rotation_power(rotation: Tensor, power: float) -> Tensor:
    """A part of a rotation (B, 3, 3) about its own axis; power 1 gives the rotation itself."""
    if power == 1.0:
        return rotation
    trace = rotation.diagonal(dim1=-2, dim2=-1).sum(-1)
    angle = torch.acos(((trace - 1) / 2).clamp(-1 + 1e-6, 1 - 1e-6))
    axis = (rotation - rotation.mT) / (2 * torch.sin(angle))[:, None, None]
    part: Tensor = torch.linalg.matrix_exp(axis * (angle * power)[:, None, None])
    return part


def smooth(states: FaceState, sigma: float) -> FaceState:
    """Poses and shapes of consecutive frames smoothed by a Gaussian over time, ends replicated."""
    if sigma <= 0 or len(states.pose) < 3:
        return states
    rotation = _over_time(states.pose.rotation.flatten(1), sigma).view(-1, 3, 3)
    left, _, right = torch.linalg.svd(rotation)
    pose = Pose(
        left @ right,
        _over_time(states.pose.scale[:, None], sigma)[:, 0],
        _over_time(states.pose.offset, sigma),
    )
    return FaceState(pose, _over_time(states.shape.flatten(1), sigma).view_as(states.shape))


def nearest_frame(states: FaceState, source: FaceState) -> int:
    """The driving frame that looks most as the source does, by head turn and expression."""
    turn = torch.linalg.matrix_norm(states.pose.rotation - source.pose.rotation)
    relative = states.shape - states.shape.mean(0, keepdim=True)
    unlike = (relative - (source.shape - states.shape.mean(0, keepdim=True))).norm(dim=-1)
    return int((turn + unlike.mean(-1)).argmin())


def _over_time(values: Tensor, sigma: float) -> Tensor:
    reach = max(1, round(3 * sigma))
    offsets = torch.arange(-reach, reach + 1, dtype=values.dtype, device=values.device)
    kernel = torch.exp(-0.5 * (offsets / sigma) ** 2)
    kernel = (kernel / kernel.sum()).view(1, 1, -1)
    series = values.T[:, None]
    padded = torch.nn.functional.pad(series, (reach, reach), mode="replicate")
    return torch.nn.functional.conv1d(padded, kernel)[:, 0].T
