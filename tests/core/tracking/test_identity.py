"""A track that came back as somebody else is parted; one of the same person goes on."""

import numpy as np
from numpy.typing import NDArray

from reenact_core.timing import FrameRange
from reenact_core.tracking.detect import MEAN_FIVE_POINTS
from reenact_core.tracking.identity import one_person_each
from reenact_core.tracking.likeness import PLAIN
from reenact_core.tracking.track import FaceTrack
from tests.core.tracking.moving import RATE, Patch, frame_pixels

START, GAP, STOP = 10, range(25, 30), 50


def a_track() -> FaceTrack:
    """A face at (160, 120) that is not seen in the frames of `GAP`."""
    box = Patch(160, 120, 100).box
    count = STOP - START
    boxes = np.tile([box.left, box.top, box.right, box.bottom], (count, 1))
    points = np.tile(MEAN_FIVE_POINTS * 100 + [box.left, box.top], (count, 1, 1))
    hidden = slice(GAP.start - START, GAP.stop - START)
    confidence = np.ones(count)
    boxes[hidden], points[hidden], confidence[hidden] = np.nan, np.nan, 0.0
    return FaceTrack(1, FrameRange(START, STOP, RATE), boxes, points, confidence)


def parts(before: int, after: int) -> list[tuple[int, int]]:
    """Where the track is parted; texture `before` fills it before the gap, `after` behind it."""

    def pixels(frame: int) -> NDArray[np.uint8]:
        return frame_pixels(
            [Patch(160, 120, 100, before if frame < GAP.start else after)], (320, 240)
        )

    found = one_person_each(a_track(), pixels, PLAIN)
    return [(track.frames.start, track.frames.stop) for track in found]


def test_the_same_person_keeps_the_track() -> None:
    assert parts(1, 1) == [(START, STOP)]


def test_another_person_gets_a_track_of_their_own() -> None:
    assert parts(1, 2) == [(START, GAP.start), (GAP.stop, STOP)]
