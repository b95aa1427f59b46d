"""Which driving crop belongs to which frame of a clip.

recast: the clip's own face drives, frame by frame. redirect: another file drives, matched by time:
its first frame stands at the first frame that the edit shows, frames before it hold that one, and
where it is shorter than the shot the face goes back to the clip's own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from reenact_core.crop.fade import FadeSettings, fade, trust
from reenact_core.engine.cut_face import CutFace
from reenact_core.engine.stretches import true_stretches

Flags = NDArray[np.bool_]

NONE = -1


@dataclass(frozen=True, slots=True, eq=False)
class Drive:
    """What drives a face in each frame of its track.

    Convention:
        actor: (T,) which of the driving faces, `NONE` where nothing drives
        crop: (T,) record of that face's spool
    """

    actor: NDArray[np.int64]
    crop: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Performance:
    """What a face does through its track.

    Convention:
        weight: (T,) in [0, 1], how strongly the new face is pasted
        drive: as above, complete wherever the weight is above 0
        stretches: unbroken runs with one actor, that together are all frames with a weight
    """

    weight: NDArray[np.float64]
    drive: Drive
    stretches: tuple[range, ...]
    dropped: tuple[range, ...]
    """Stretches too short to be worth a new face; the clip is left as it is there."""
    undriven: tuple[range, ...]
    """Frames that show the face and that nothing drives."""
    withheld: tuple[range, ...] = ()
    """Frames in which the face is hidden, or too unsure, for a new one to show."""
    small: tuple[range, ...] = ()
    """Frames in which the face is too small for a new one."""


def drive_by_itself(face: CutFace) -> Drive:
    """recast: every frame of the face is its own driving frame."""
    count = len(face.track.frames)
    actor = np.where(face.usable, 0, NONE)
    return Drive(actor.astype(np.int64), np.arange(count))


def drive_by_time(
    face: CutFace,
    since: NDArray[np.float64],
    actors: Sequence[CutFace],
    times: NDArray[np.float64],
    rate: Fraction,
) -> Drive:
    """redirect: the driving frame nearest in time.

    Convention:
        since: (T,) seconds since the first frame that the edit shows; below 0 in the handles
        actors: the driving faces, in order of time and not overlapping
        times: of all frames of the driving file that are used, seconds by its own clock
        rate: of the driving file
    """
    step = float(1 / rate)
    wanted = np.maximum(since, 0.0) + times[0]
    known = np.concatenate([actor.seconds for actor in actors])
    owner = np.concatenate([np.full(len(actor.seconds), n) for n, actor in enumerate(actors)])
    record = np.concatenate([np.arange(len(actor.seconds)) for actor in actors])
    usable = np.concatenate([actor.usable for actor in actors])
    nearest = nearest_index(known, wanted)
    # Between two driving faces there may be nobody: the nearest frame must be near indeed.
    near = np.abs(known[nearest] - wanted) <= 1.5 * step
    driven = face.usable & usable[nearest] & near & (wanted < times[-1] + step)
    return Drive(np.where(driven, owner[nearest], NONE), np.where(driven, record[nearest], 0))


def perform(face: CutFace, drive: Drive, settings: FadeSettings, least: int) -> Performance:
    """The stretches of a face that are worth a new one, and how it comes and goes around them."""
    driven = drive.actor != NONE
    kept: list[range] = []
    dropped: list[range] = []
    for part in _by_actor(drive):
        (kept if len(part) >= min(least, len(driven)) else dropped).append(part)
    confidence, sure = (
        np.zeros(len(driven)),
        trust(face.track.confidence, face.track.boxes, settings),
    )
    for part in kept:
        confidence[part.start : part.stop] = sure[part.start : part.stop]
    rate, edges = face.track.frames.rate, face.edges
    weight = fade(confidence, rate, settings, before=edges.before, after=edges.after)
    weight = np.where(face.usable, weight, 0.0)
    whole = _without_holes(drive, weight > 0)
    return Performance(
        weight,
        whole,
        tuple(_by_actor(Drive(np.where(weight > 0, whole.actor, NONE), whole.crop))),
        tuple(dropped),
        tuple(true_stretches(face.usable & ~driven)),
        tuple(true_stretches(_withheld(face, weight, sure))),
        tuple(true_stretches(face.track.confidence > sure)),
    )


def _withheld(face: CutFace, weight: NDArray[np.float64], sure: NDArray[np.float64]) -> Flags:
    """Where the new face is mostly not shown although it is not too small."""
    return np.asarray((weight < 0.5) & (face.track.confidence <= sure))


def _by_actor(drive: Drive) -> list[range]:
    """Unbroken runs of one actor."""
    parts: list[range] = []
    for actor in np.unique(drive.actor[drive.actor != NONE]):
        parts += true_stretches(drive.actor == actor)
    return sorted(parts, key=lambda part: part.start)


def _without_holes(drive: Drive, needed: NDArray[np.bool_]) -> Drive:
    """The drive with frames that are bridged over held from the frame nearest to them."""
    actor, crop = drive.actor.copy(), drive.crop.copy()
    holes, known = np.flatnonzero(needed & (actor == NONE)), np.flatnonzero(actor != NONE)
    if len(holes):
        nearest = known[nearest_index(known.astype(np.float64), holes.astype(np.float64))]
        actor[holes], crop[holes] = drive.actor[nearest], drive.crop[nearest]
    return Drive(actor, crop)


def nearest_index(times: NDArray[np.float64], wanted: NDArray[np.float64]) -> NDArray[np.int64]:
    """The index of the time nearest to each wanted one; times rise."""
    after = np.clip(np.searchsorted(times, wanted), 1, max(1, len(times) - 1))
    before = after - 1
    after = np.minimum(after, len(times) - 1)
    closer = np.abs(times[before] - wanted) <= np.abs(times[after] - wanted)
    return np.asarray(np.where(closer, before, after), dtype=np.int64)
