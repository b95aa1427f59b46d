"""One person a track: a track that came back from behind something as somebody else is parted.

A follower that loses its face takes the next one that turns up in its place. So wherever a track
does not show its face for a while, what it shows before and after is compared, and the track goes
on only if that is one person beyond doubt; `choose` joins parts by the same rule.
"""

from collections.abc import Callable, Sequence

import numpy as np

from reenact_core.timing import runs_of
from reenact_core.tracking.choose import part_of
from reenact_core.tracking.detect import Pixels
from reenact_core.tracking.likeness import Describer, looks_of
from reenact_core.tracking.track import FaceTrack

LOOKS = 6
"""Frames on each side of a gap that are compared,"""
REACH_SECONDS = 1.0
"""taken from so much of the track."""
LEAST_FRAMES = 3
"""A part that shows its face in fewer is left out."""
SURE = 0.5
"""Frames less sure than this are compared only where there are no others."""


def one_person_each(
    track: FaceTrack, frame_pixels: Callable[[int], Pixels], describer: Describer
) -> list[FaceTrack]:
    """The track, parted where another person may have taken the place of the first.

    `frame_pixels` gives the displayed frame of a number of the track's file, (h, w, 3) uint8.
    """
    shown = runs_of((track.frames.start + np.flatnonzero(track.confidence > 0)).tolist())
    parts: list[list[range]] = []
    for run in shown:
        if parts and _is_same(track, parts[-1], run, frame_pixels, describer):
            parts[-1].append(run)
        else:
            parts.append([run])
    whole = [part for part in parts if len(parts) == 1 or sum(map(len, part)) >= LEAST_FRAMES]
    return [part_of(track, part[0].start, part[-1].stop) for part in whole]


def _is_same(
    track: FaceTrack,
    before: Sequence[range],
    after: range,
    frame_pixels: Callable[[int], Pixels],
    describer: Describer,
) -> bool:
    reach = max(1, round(REACH_SECONDS * float(track.frames.rate)))
    earlier = [frame for run in before for frame in run][-reach:]
    looks = [
        looks_of(track, _spread(track, frames), frame_pixels, describer)
        for frames in (earlier, list(after)[:reach])
    ]
    return describer.likeness(*looks) >= describer.same


def _spread(track: FaceTrack, frames: Sequence[int]) -> list[int]:
    """Some of the frames, far from each other, sure ones if there are any."""
    sure = [one for one in frames if track.confidence[one - track.frames.start] >= SURE] or frames
    picks = np.linspace(0, len(sure) - 1, min(LOOKS, len(sure)))
    return [sure[round(float(pick))] for pick in picks]
