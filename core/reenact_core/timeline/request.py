"""What the command line asks of a timeline."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from reenact_core.timeline.plan import FaceChoice, Manner, Mode, Scheme


@dataclass(frozen=True, slots=True)
class Request:
    """Which clips, and what is done to them.

    For clips that are named in `clips` these values come before what their effects say; for all
    others they only fill in what the effects leave open.
    """

    clips: tuple[str, ...] = ()
    """Names of clips; empty: those with an effect `reenact`, or all where no clip has one."""
    source: Path | None = None
    """recast: the file that shows the new identity."""
    source_time: Fraction | None = None
    """Seconds into `source` where that is a video."""
    driving: Path | None = None
    """redirect: the video that acts."""
    mode: Mode | None = None
    """None: recast with a source, redirect with a driving video."""
    face: FaceChoice | None = None
    """None: the largest."""
    scheme: Scheme | None = None
    """None: `subtle`."""
    strength: float | None = None
    """In [0, 1]; None: 1."""
    expression: Manner = "auto"
    pose: Manner = "auto"
    """`auto`: as the settings say."""
    handles: int = 8
    """Frames rendered before and after what the edit shows, as far as the media reach."""
    roots: tuple[Path, ...] = ()
    """Folders that relative paths of the timeline may lead to, besides its own."""
    search: tuple[Path, ...] | None = None
    """Folders where media that are not at their place are looked for by name, besides the
    timeline's; None: `roots`."""

    def __post_init__(self) -> None:
        if self.handles < 0:
            raise ValueError(f"handles must be 0 or more, got {self.handles}")
        if self.strength is not None and not 0 <= self.strength <= 1:
            raise ValueError(f"strength must be in [0, 1], got {self.strength}")
