"""The edit reduced to what the engine needs: which frames of which file get which face."""

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Literal

from reenact_core.head.regions import RegionStrengths
from reenact_core.media.sequence import MissingFrames
from reenact_core.timing import FrameRange

Mode = Literal["recast", "redirect"]
Manner = Literal["auto", "absolute", "relative"]
"""A performance is carried over as it is, or by what changes in it; `auto` leaves it open."""
Scheme = Literal["subtle", "global", "local"]


def said(*manners: Manner) -> Manner:
    """The first that is not left open."""
    for manner in manners:
        if manner != "auto":
            return manner
    return "auto"


@dataclass(frozen=True, slots=True)
class FaceChoice:
    """Which face of a clip is meant; exactly one way of saying it is filled in."""

    select: Literal["largest", "left", "right"] | None = "largest"
    track_id: int | None = None
    """Id in the tracks file."""
    point: tuple[float, float] | None = None
    """A point inside the face, pixels of the displayed frame, at `frame`."""
    frame: int | None = None
    """Frame of the media file that `point` belongs to."""
    reference: Path | None = None
    """A picture of the face."""


@dataclass(frozen=True, slots=True)
class Source:
    """Frames of one media file."""

    path: Path
    """A file, or for an image sequence a printf pattern as `sh010.%04d.png`."""
    frames: FrameRange
    """Numbered from the file's first frame; a still picture has one."""
    first_number: int | None = None
    """Number in the name of an image sequence's frame 0; None for anything else."""
    number_step: int = 1
    """Step between the numbers of an image sequence."""
    missing: MissingFrames = "error"
    """What stands for images of a sequence that are not there."""


@dataclass(frozen=True, slots=True)
class Cast:
    """One face of a shot, and who acts."""

    face: FaceChoice
    mode: Mode
    picture: Path | None
    """recast: the file that shows the new identity S (a picture or a video); of a folder of
    pictures the first one by name."""
    picture_time: Fraction | None
    """Seconds into `picture` where that is a video; None: its first usable face."""
    driving: Path | None
    """redirect: the video D that acts."""
    scheme: Scheme = "subtle"
    strength: float = 1.0
    """0 leaves the clip as it is, 1 is the whole effect; between, motion is scaled."""
    expression: Manner = "auto"
    pose: Manner = "auto"
    """`auto`: as the settings say."""
    strengths: RegionStrengths = field(default_factory=RegionStrengths)
    """Of each region, on top of `strength` and of the settings' own."""
    stills: tuple[Path, ...] = ()
    """The other pictures of that folder, which show the same person."""

    @property
    def source(self) -> Path | None:
        """What shows S as a user names it: a file, or the folder of several pictures."""
        return self.picture.parent if self.picture is not None and self.stills else self.picture

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file that is named."""
        named = (self.picture, *self.stills, self.driving, self.face.reference)
        return tuple(path for path in named if path is not None)


@dataclass(frozen=True, slots=True)
class Shot:
    """A clip that is re-rendered."""

    shot_id: str
    """Unique in the plan and safe as a file name."""
    clip_name: str
    """As in the timeline, for messages."""
    clip_path: tuple[int, ...]
    """Where the clip is: indices from the top stack down through tracks and nested stacks."""
    target: Source
    """The frames that are rendered: what the edit shows, handles included."""
    shown: FrameRange
    """The frames that the edit shows, inside `target.frames`."""
    start_time: Fraction
    """Time of the media's frame 0 in the clock of the clip's source range (its start timecode,
    unless the timeline counts from 0), in frames of `clock`."""
    casts: tuple[Cast, ...]
    still: bool = False
    """The media is one picture, shown for the length of `target.frames`, which are then frames of
    the edit: every one of them is frame 0 of the file."""
    track_name: str = ""
    """As in the timeline, for messages."""
    clock: Fraction | None = None
    """Rate that the timeline counts the media's frames in, as 24 for 23.976; None: its own."""
    uneven: tuple[Fraction, Fraction] | None = None
    """Where frames are not evenly spaced: start and end of `target.frames` in the clock of the
    clip's source range, in seconds."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A clip that was asked for and cannot be rendered, with the sentence that says why."""

    clip_name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """A timeline's work."""

    timeline: Path
    shots: tuple[Shot, ...]
    refused: tuple[Refused, ...] = ()
    notes: tuple[str, ...] = ()
    """What a user should know, a sentence each (a name that two clips bear, a clock that was
    shifted)."""


@dataclass(frozen=True, slots=True)
class RenderedShot:
    """A shot and the file that now shows it."""

    shot: Shot
    output: Source
    """The new file; its frame 0 is `shot.target.frames.start` of the original."""
    seconds: float = 0.0
    """Wall-clock time it took, for the report."""
    faces: int = 0
    """Faces that were re-rendered."""
    notes: tuple[str, ...] = ()
    """What a user should know, a sentence each (fallback codec, face lost in frames 12-20)."""
    marks: tuple[str, ...] = ()
    """How the file says that it is synthetic: `c2pa`, `c2pa sidecar`, `xmp`, `comment`."""
