from fractions import Fraction

import numpy as np

from reenact_core.frames import ColourSpec, Picture, SampleLayout
from reenact_core.report.overlay import draw_tracks
from reenact_core.timing import FrameRange
from reenact_core.tracking.track import FaceTrack

LAYOUT = SampleLayout("yuv420p", "yuv", 8, 1, 1)
COLOUR = ColourSpec("bt709", "bt709", "bt709", False, "left")


def picture(index: int) -> Picture:
    planes = (
        np.full((240, 320), 80, np.uint8),
        np.full((120, 160), 128, np.uint8),
        np.full((120, 160), 128, np.uint8),
    )
    return Picture(planes, LAYOUT, COLOUR, index, index, Fraction(1, 25))


def track(left: float, top: float, right: float, bottom: float) -> FaceTrack:
    """Seen in frame 5 and not in frame 6."""
    boxes = np.array([[left, top, right, bottom], [np.nan] * 4])
    landmarks = np.full((2, 5, 2), np.nan)
    frames = FrameRange(5, 7, Fraction(25))
    return FaceTrack(1, frames, boxes, landmarks, np.array([0.9, 0.0]))


def test_a_face_that_is_not_seen_leaves_the_frame_as_it_is() -> None:
    for index in (4, 6):
        before = picture(index)
        assert draw_tracks(before, [track(100, 80, 200, 180)]) is before


def test_the_box_is_drawn_where_it_is_said_and_nothing_far_from_it() -> None:
    before = picture(5)
    after = draw_tracks(before, [track(100, 80, 200, 180)])
    changed = after.planes[0] != before.planes[0]
    assert changed[80, 110:190].all() and changed[90:170, 100].all()
    assert not changed[:, :80].any() and not changed[200:].any() and not changed[:50].any()
    assert (after.width, after.height, after.pts) == (320, 240, 5)


def test_a_box_that_reaches_beyond_the_frame_is_drawn_as_far_as_it_goes() -> None:
    after = draw_tracks(picture(5), [track(-40, -30, 400, 300)])
    assert after.planes[0].shape == (240, 320)
