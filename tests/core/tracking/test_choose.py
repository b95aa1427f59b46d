"""The face that is meant is chosen in every shot, or the choice is refused clearly."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from reenact_core.errors import FaceError
from reenact_core.timeline.plan import FaceChoice
from reenact_core.timing import FrameRange
from reenact_core.tracking.choose import choose_face
from reenact_core.tracking.track import FaceTrack

RATE = Fraction(25)


def a_track(number: int, start: int, stop: int, x: float, side: float) -> FaceTrack:
    """A square face at (x, 100) that stands still."""
    box = [x - side / 2, 100 - side / 2, x + side / 2, 100 + side / 2]
    count = stop - start
    boxes = np.tile(np.array(box), (count, 1))
    points = np.full((count, 5, 2), x)
    return FaceTrack(number, FrameRange(start, stop, RATE), boxes, points, np.ones(count))


SMALL_LEFT = a_track(1, 0, 50, 100, 40)
LARGE_RIGHT = a_track(2, 0, 50, 300, 80)
AFTER_LEFT = a_track(3, 50, 90, 120, 90)
AFTER_RIGHT = a_track(4, 50, 90, 320, 60)
TRACKS = [SMALL_LEFT, LARGE_RIGHT, AFTER_LEFT, AFTER_RIGHT]
WHOLE = FrameRange(0, 90, RATE)


def ids(
    choice: FaceChoice, shown: FrameRange = WHOLE, tracks: list[FaceTrack] = TRACKS
) -> list[int]:
    return [track.face_id for track in choose_face(tracks, choice, shown, clip="sh010")]


@pytest.mark.parametrize(
    ("select", "chosen"), [("largest", [2, 3]), ("left", [1, 3]), ("right", [2, 4])]
)
def test_each_shot_is_chosen_in_anew(select: str, chosen: list[int]) -> None:
    assert ids(FaceChoice(select=select)) == chosen  # type: ignore[arg-type]


def test_only_what_the_clip_shows_counts() -> None:
    assert ids(FaceChoice(), FrameRange(60, 70, RATE)) == [3]
    assert ids(FaceChoice(), FrameRange(0, 50, RATE)) == [2]


def test_a_large_face_for_a_moment_gives_way_to_one_that_stays() -> None:
    passing = a_track(5, 10, 13, 200, 120)
    assert ids(FaceChoice(), FrameRange(0, 50, RATE), [*TRACKS, passing]) == [2]


def test_a_face_lost_and_found_again_is_chosen_twice() -> None:
    earlier, later = a_track(1, 0, 40, 100, 80), a_track(2, 55, 90, 140, 80)
    assert ids(FaceChoice(), tracks=[earlier, later]) == [1, 2]


def test_chosen_tracks_share_no_frame() -> None:
    """The new track of a face may begin a little before the old one is given up."""
    earlier, later = a_track(1, 0, 50, 100, 80), a_track(2, 46, 90, 140, 80)
    first, second = choose_face([earlier, later], FaceChoice(), WHOLE, clip="sh010")
    assert first.frames.stop <= second.frames.start
    assert len(first.frames) + len(second.frames) == 90


def test_an_id_names_one_track() -> None:
    assert ids(FaceChoice(select=None, track_id=4)) == [4]


def test_an_unknown_id_is_answered_with_those_found() -> None:
    with pytest.raises(FaceError, match=r"sh010.*no face 9.*face 1.*face 4"):
        ids(FaceChoice(select=None, track_id=9))


def test_an_id_outside_the_range_is_explained() -> None:
    with pytest.raises(FaceError, match=r"sh010.*face 4.*50-89.*0-19"):
        ids(FaceChoice(select=None, track_id=4), FrameRange(0, 20, RATE))


def test_a_point_chooses_the_face_under_it() -> None:
    assert ids(FaceChoice(select=None, point=(310.0, 95.0), frame=20)) == [2]


def test_a_point_beside_all_faces_says_where_they_are() -> None:
    with pytest.raises(FaceError, match=r"sh010.*\(10, 10\).*frame 20.*face 1 at \(100, 100\)"):
        ids(FaceChoice(select=None, point=(10.0, 10.0), frame=20))


def test_a_point_in_a_frame_without_faces_is_refused() -> None:
    with pytest.raises(FaceError, match="no face was found in that frame"):
        ids(FaceChoice(select=None, point=(10.0, 10.0), frame=95))


def test_a_reference_chooses_the_most_like_face_of_each_shot() -> None:
    alike = {1: 0.8, 2: 0.5, 3: 0.1, 4: 0.7}
    chosen = choose_face(
        TRACKS,
        FaceChoice(select=None, reference=Path("face.png")),
        WHOLE,
        clip="sh010",
        likeness=lambda track: alike[track.face_id],
    )
    assert [track.face_id for track in chosen] == [1, 4]


def test_a_reference_like_no_face_is_refused() -> None:
    with pytest.raises(FaceError, match=r"sh010.*face\.png.*face 1 0\.10"):
        choose_face(
            TRACKS,
            FaceChoice(select=None, reference=Path("face.png")),
            WHOLE,
            clip="sh010",
            likeness=lambda track: 0.1,
        )


def test_no_face_in_the_range_is_refused() -> None:
    with pytest.raises(FaceError, match=r"sh010.*no face.*200-209"):
        ids(FaceChoice(), FrameRange(200, 210, RATE))
