"""A track is as sure as what is read in it."""

from collections.abc import Callable

import numpy as np

from reenact_core.tracking.associate import Thread
from reenact_core.tracking.detect import FaceDetection
from reenact_core.tracking.place import Place, place_of
from reenact_core.tracking.points import PointReading
from reenact_core.tracking.settle import Settling, settled
from reenact_core.tracking.track import FaceTrack
from tests.core.tracking.moving import RATE, Patch

BOX = Patch(100, 100, 60).box
COUNT = 30


def track(confidence: Callable[[int], float]) -> FaceTrack | None:
    """A face that every detection finds, read with this confidence (logit)."""
    places: list[Place] = [place_of(BOX)] * COUNT
    hits = {frame: FaceDetection(BOX, 0.99) for frame in range(COUNT)}

    def look(asked: list[tuple[int, Place]]) -> dict[int, PointReading]:
        points = np.tile([100.0, 100.0], (79, 1))
        return {
            frame: PointReading(points, confidence(frame), confidence(frame) >= 1.0)
            for frame, _ in asked
        }

    return settled(Thread(0, places, hits=hits), 0, RATE, Settling(0.0, 25.0, 0.12), look)


def test_a_clear_reading_leaves_the_detectors_confidence() -> None:
    clear = track(lambda frame: 3.0)
    assert clear is not None
    np.testing.assert_allclose(clear.confidence, 0.99)


def test_a_track_ends_where_no_face_is_read_any_more() -> None:
    """As behind somebody who walks past: the detector may go on with that one."""
    ending = track(lambda frame: 5.0 if frame < 20 else -2.0)
    assert ending is not None
    assert 19 <= ending.frames.stop <= 21


def test_a_face_behind_something_has_no_box_there() -> None:
    hidden = track(lambda frame: -2.0 if 10 <= frame < 20 else 5.0)
    assert hidden is not None
    assert hidden.box_at(5) is not None
    assert hidden.box_at(25) is not None
    assert all(hidden.box_at(frame) is None for frame in range(11, 19))


def test_a_pattern_that_is_seldom_read_as_a_face_is_no_track() -> None:
    assert track(lambda frame: 5.0 if frame < 8 else 0.0) is None
