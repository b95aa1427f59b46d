"""The face that is meant is chosen in every shot, or the choice is refused clearly."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from reenact_core.errors import FaceError
from reenact_core.timeline.plan import FaceChoice
from reenact_core.timing import FrameRange
from reenact_core.tracking.choose import Likeness, choose_face
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


PERSON = {1: "ann", 2: "bob", 3: "bob", 4: "ann"}
"""Ann is small and left at first; after the cut she is on the right."""


def knowing(person: dict[int, str], reference: str | None = None) -> Likeness:
    """Whoever looks at these tracks knows who is who."""

    def between(one: FaceTrack, other: FaceTrack) -> float:
        return 0.9 if person[one.face_id] == person[other.face_id] else 0.1

    def to_reference(track: FaceTrack) -> float:
        return 0.9 if person[track.face_id] == reference else 0.1

    return Likeness(between, 0.6, 0.3, None if reference is None else to_reference)


def of_value(value: float) -> Likeness:
    """Any two faces are as much alike."""
    return Likeness(lambda one, other: value, 0.6, 0.3)


def ids(
    choice: FaceChoice,
    shown: FrameRange = WHOLE,
    tracks: list[FaceTrack] = TRACKS,
    likeness: Likeness | None = None,
) -> list[int]:
    likeness = likeness or knowing(PERSON)
    chosen = choose_face(tracks, choice, shown, clip="sh010", likeness=likeness)
    return [track.face_id for track in chosen.tracks]


@pytest.mark.parametrize(
    ("choice", "chosen"),
    [
        (FaceChoice(select="largest"), [2, 3]),
        (FaceChoice(select="left"), [1, 4]),
        (FaceChoice(select="right"), [1, 4]),
        (FaceChoice(select=None, track_id=2), [2, 3]),
        (FaceChoice(select=None, point=(100.0, 100.0), frame=0), [1, 4]),
    ],
)
def test_a_choice_follows_the_person_not_the_place(choice: FaceChoice, chosen: list[int]) -> None:
    assert ids(choice) == chosen


def test_a_reference_follows_the_person_too() -> None:
    choice = FaceChoice(select=None, reference=Path("ann.png"))
    assert ids(choice, likeness=knowing(PERSON, "ann")) == [1, 4]


def test_two_faces_seen_at_once_are_two_people_however_alike() -> None:
    assert ids(FaceChoice(select="left"), FrameRange(0, 50, RATE), likeness=of_value(1.0)) == [1]


def test_nobody_takes_the_place_of_a_person_who_left() -> None:
    """One goes at frame 6, the other stays: as in a crossing."""
    goes, stays = a_track(1, 0, 6, 100, 40), a_track(2, 0, 15, 200, 40)
    shown = FrameRange(0, 15, RATE)
    choice = FaceChoice(select="left")
    chosen = choose_face([goes, stays], choice, shown, clip="sh010", likeness=of_value(0.95))
    assert [track.face_id for track in chosen.tracks] == [1]
    assert chosen.notes == ("The chosen face 1 is not seen in frames 6-14.",)


def test_a_person_who_comes_back_elsewhere_is_found_again() -> None:
    tracks = [a_track(1, 0, 30, 100, 40), a_track(2, 0, 90, 200, 40), a_track(3, 60, 90, 300, 40)]
    likeness = knowing({1: "ann", 2: "bob", 3: "ann"})
    assert ids(FaceChoice(select="left"), tracks=tracks, likeness=likeness) == [1, 3]


def test_an_unsure_face_is_left_as_it_is_and_named() -> None:
    tracks = [a_track(1, 0, 50, 100, 80), a_track(2, 60, 90, 100, 40)]
    chosen = choose_face(tracks, FaceChoice(), WHOLE, clip="sh010", likeness=of_value(0.45))
    assert [track.face_id for track in chosen.tracks] == [1]
    note, missing = chosen.notes
    assert note.startswith("Face 2 in frames 60-89 may be the chosen face 1 (likeness 0.45, 0.6")
    assert missing == "The chosen face 1 is not seen in frames 50-59."


def test_of_two_rivals_that_are_as_much_alike_neither_is_taken() -> None:
    tracks = [a_track(1, 0, 40, 100, 80), a_track(2, 50, 90, 100, 40), a_track(3, 50, 90, 200, 40)]
    assert ids(FaceChoice(), tracks=tracks, likeness=of_value(0.8)) == [1]


def test_a_passer_by_is_not_the_one_on_the_left() -> None:
    passing = a_track(5, 20, 24, 20, 40)
    person = {**PERSON, 5: "eve"}
    shown = FrameRange(0, 50, RATE)
    assert ids(FaceChoice(select="left"), shown, [*TRACKS, passing], knowing(person)) == [1]


def test_only_what_the_clip_shows_counts() -> None:
    assert ids(FaceChoice(), FrameRange(60, 70, RATE)) == [3]
    assert ids(FaceChoice(), FrameRange(0, 50, RATE)) == [2]


def test_a_large_face_for_a_moment_gives_way_to_one_that_stays() -> None:
    passing = a_track(5, 10, 13, 200, 120)
    assert ids(FaceChoice(), FrameRange(0, 50, RATE), [*TRACKS, passing], of_value(0)) == [2]


def test_chosen_tracks_share_no_frame() -> None:
    """The new track of a face may begin a little before the old one is given up."""
    earlier, later = a_track(1, 0, 50, 100, 80), a_track(2, 46, 90, 110, 80)
    chosen = choose_face(
        [earlier, later], FaceChoice(), WHOLE, clip="sh010", likeness=of_value(0.9)
    )
    first, second = chosen.tracks
    assert first.frames.stop <= second.frames.start
    assert len(first.frames) + len(second.frames) == 90


def test_without_a_likeness_one_track_is_chosen() -> None:
    choice = FaceChoice(select=None, track_id=4)
    chosen = choose_face(TRACKS, choice, WHOLE, clip="sh010")
    assert [track.face_id for track in chosen.tracks] == [4]


def test_an_unknown_id_is_answered_with_those_found() -> None:
    with pytest.raises(FaceError, match=r"sh010.*no face 9.*face 1.*face 4"):
        ids(FaceChoice(select=None, track_id=9))


def test_an_id_outside_the_range_is_explained() -> None:
    with pytest.raises(FaceError, match=r"sh010.*face 4.*50-89.*0-19"):
        ids(FaceChoice(select=None, track_id=4), FrameRange(0, 20, RATE))


def test_a_point_chooses_the_face_under_it() -> None:
    assert ids(FaceChoice(select=None, point=(310.0, 95.0), frame=20)) == [2, 3]


def test_a_point_beside_all_faces_says_where_they_are() -> None:
    with pytest.raises(FaceError, match=r"sh010.*\(10, 10\).*frame 20.*face 1 at \(100, 100\)"):
        ids(FaceChoice(select=None, point=(10.0, 10.0), frame=20))


def test_a_point_in_a_frame_without_faces_is_refused() -> None:
    with pytest.raises(FaceError, match="no face was found in that frame"):
        ids(FaceChoice(select=None, point=(10.0, 10.0), frame=95))


def by_reference(alike: dict[int, float]) -> list[int]:
    likeness = Likeness(lambda one, other: 0.1, 0.6, 0.3, lambda track: alike[track.face_id])
    choice = FaceChoice(select=None, reference=Path("face.png"))
    return ids(choice, likeness=likeness)


def test_a_reference_chooses_all_that_is_like_it() -> None:
    assert by_reference({1: 0.8, 2: 0.5, 3: 0.1, 4: 0.7}) == [1, 4]


def test_a_clear_lead_makes_up_for_another_light() -> None:
    assert by_reference({1: 0.5, 2: 0.2, 3: 0.1, 4: 0.1}) == [1]


@pytest.mark.parametrize("alike", [{1: 0.5, 2: 0.45, 3: 0.1, 4: 0.1}, {1: 0.1, 2: 0, 3: 0, 4: 0}])
def test_a_reference_like_no_face_beyond_doubt_is_refused(alike: dict[int, float]) -> None:
    with pytest.raises(FaceError, match=r"sh010.*face\.png.*face 1 \(frames 0-49\) 0\.[15]0"):
        by_reference(alike)


def test_no_face_in_the_range_is_refused() -> None:
    with pytest.raises(FaceError, match=r"sh010.*no face.*200-209"):
        ids(FaceChoice(), FrameRange(200, 210, RATE))
