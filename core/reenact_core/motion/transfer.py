"""Whose motion becomes whose: relative and absolute transfer, and the frame to start from."""

from dataclasses import dataclass, field

import torch

from reenact_core.errors import SettingsError
from reenact_core.head.regions import REGIONS, RegionStrengths
from reenact_core.head.state import HeadState
from reenact_core.head.transfer import Carrying
from reenact_core.models.readers.reader import ReaderChoice
from reenact_core.timeline.plan import Manner, Scheme

UNLIKE = 0.2
"""What a whole expression counts beside a head turn, when pictures are compared."""


@dataclass(frozen=True, slots=True)
class MotionSettings:
    """How the driving face's motion is given to the source's face."""

    scheme: Scheme = "subtle"
    """`subtle` is the full method, `global` G alone (scheme (b)), `local` L alone (scheme (c))."""
    reader: ReaderChoice = "auto"
    """Who reads the landmarks that motion is told by: `embedded` comes with reenact, `mesh` is
    MediaPipe's (`reenact models fetch face-mesh`), `facexlib` needs its weights; `auto` is the best
    that is installed."""
    expression: Manner = "auto"
    """`relative` adds the driving face's change since its start to the source's own expression;
    `absolute`, which `auto` is, gives the source the driving face's expression."""
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
    """Sigma in frames, up to 100, that poses are smoothed by, without lag; 0 leaves them."""

    def __post_init__(self) -> None:
        if not 0 <= self.strength <= 1.5:
            raise ValueError(f"strength must lie in [0, 1.5], got {self.strength}")
        if not 0 <= self.smoothing <= 100:
            raise ValueError(f"smoothing must lie in [0, 100], got {self.smoothing}")

    def carrying(self, same: bool = False) -> Carrying:
        """The same as the head model takes it; `same`: the driver is the source."""
        whole = RegionStrengths(*(self.strength for _ in REGIONS))
        return Carrying(
            absolute_pose=self.pose == "absolute",
            absolute_expression=self.expression != "relative",
            adapt_scale=self.adapt_scale,
            strengths=self.strengths.times(whole),
            same=same,
        )


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


def nearest_frame(states: HeadState, source: HeadState) -> int:
    """The driving frame that looks most as the source does, by head turn and expression."""
    turn = torch.linalg.matrix_norm(states.pose.rotation - source.pose.rotation)
    unlike = (states.expression - source.expression).norm(dim=1)
    return int((turn + UNLIKE * unlike).argmin())
