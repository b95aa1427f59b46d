"""What the engine asks of whoever moves faces: takes in, new faces out.

The engine cuts, spools and pastes; a performer knows networks. Tests pass in one that echoes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from reenact_core.engine.diary import Diary
from reenact_core.engine.spool import Spool, from_samples
from reenact_core.head.regions import MOST, RegionStrengths
from reenact_core.motion.transfer import MotionSettings
from reenact_core.timeline.plan import Manner, Scheme, said

Floats = NDArray[np.float32]

Transfer = Literal["relative", "absolute"]


@dataclass(frozen=True, slots=True, eq=False)
class Crops:
    """Face crops on disk, in an order of their own; each is read when it is asked for.

    Convention:
        crops[i]: (256, 256, 3) float32 R'G'B' in [0, 1], or of the spool's own size
    """

    spool: Spool
    numbers: NDArray[np.int64]
    """Record of the spool for each crop; a record may come twice."""
    tilt: NDArray[np.float64] | None = None
    """Radians clockwise by which each crop was turned when it was cut, where that is part of the
    motion to be carried over; None: nothing of it is."""

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, index: int) -> Floats:
        return from_samples(self.spool.read(int(self.numbers[index])))


@dataclass(frozen=True, slots=True, eq=False)
class NewFace:
    """A re-enacted face, y_i.

    Convention:
        pixels: (256, 256, 3) float32 R'G'B' in [0, 1]; of a take with a `large` source, and an
            `Enlarging` performer, as many samples as that has
        points: (N, 2) float32, the points of this face in pixels of a crop of 256
        mask: (256, 256) float32 in [0, 1], how much of the driving crop the face takes, where it is
            pasted over that and the head is known; None: its points tell
    """

    pixels: Floats
    points: Floats
    mask: Floats | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Take:
    """One face that acts through one unbroken stretch of driving frames.

    Convention:
        source: (256, 256, 3) float32 R'G'B' in [0, 1], the face S
    """

    take_id: str
    """Unique among the takes that run together."""
    source: Floats
    driving: Crops
    """D = d_0..d_n, in order of time."""
    scheme: Scheme
    strength: float
    """0 to 1: how much of the motion is carried over."""
    own: Crops | None
    """redirect: the face that the new one goes onto, frame by frame; its head says where the new
    head is before it is moved. None: there is none, or it drives itself."""
    transfer: Transfer
    """How the pose is carried over where it is left open."""
    expression: Manner = "auto"
    pose: Manner = "auto"
    """`auto`: as the settings say."""
    strengths: RegionStrengths = field(default_factory=RegionStrengths)
    """Of each region, on top of `strength` and of the settings' own."""
    large: Crops | None = None
    """A single crop: S with as many samples as the new faces shall have; None: no more than S."""
    source_at: int | None = None
    """Which of `own` the source is."""
    pasted_over: bool = False
    """recast: the new face takes the place of the driving one."""
    others: tuple[Floats, ...] = ()
    """Further pictures of the source's person, as `source`: what the source hides may be taken from
    them."""


def settings_of(motion: MotionSettings, take: Take) -> MotionSettings:
    """How a take's motion is carried over: as it says, where it is silent as the settings do."""
    return replace(
        motion,
        scheme=take.scheme,
        expression=said(take.expression, motion.expression),
        pose=said(take.pose, motion.pose, take.transfer),
        strength=min(MOST, motion.strength * take.strength),
        strengths=motion.strengths.times(take.strengths),
    )


class Performer(Protocol):
    """Moves faces."""

    def choose_source(self, own: Crops, driving: Crops) -> int:
        """The index of that of a face's own crops that is to be S where `driving` acts."""
        ...

    def choose_still(self, stills: Sequence[Floats], driving: Sequence[Crops]) -> int:
        """The index of that of several pictures of a person that is to be S where `driving` acts:
        the one whose pose and expression are nearest to its middling ones."""
        ...

    def perform(self, takes: Sequence[Take]) -> Iterator[tuple[str, int, NewFace]]:
        """Every frame of every take once, in any order: take, index in its driving, new face."""
        ...


@runtime_checkable
class Enlarging(Protocol):
    """A performer whose faces may have the fine detail of a larger source."""

    def enlarges(self, scheme: Scheme) -> bool:
        """Whether takes of that scheme profit from a `large` source."""
        ...


@runtime_checkable
class GoingOn(Protocol):
    """A performer that can go on where an earlier process was stopped."""

    def go_on(
        self, takes: Sequence[Take], diary: Diary | None
    ) -> Iterator[tuple[str, int, NewFace]]:
        """As `Performer.perform`, without what the diary says is done; it is kept up to date."""
        ...
