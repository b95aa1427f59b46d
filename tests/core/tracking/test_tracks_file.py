"""Tracks survive the file, and files edited by hand are read or refused with their place named."""

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reenact_core.errors import SettingsError
from reenact_core.timing import FrameRange
from reenact_core.tracking.track import FaceTrack
from reenact_core.tracking.tracks_file import TracksFile, read_tracks, write_tracks

RATE = Fraction(30000, 1001)


def a_track(points: int) -> FaceTrack:
    boxes = np.array([[10.0, 20, 60, 70], [np.nan] * 4, [12.5, 20.25, 62.5, 70.25]])
    landmarks = np.random.default_rng(0).uniform(15, 55, (3, points, 2)).round(2)
    landmarks[1] = np.nan
    return FaceTrack(3, FrameRange(12, 15, RATE), boxes, landmarks, np.array([1.0, 0.0, 0.625]))


@pytest.mark.parametrize("points", [5, 79])
def test_what_is_written_is_read(tmp_path: Path, points: int) -> None:
    track = a_track(points)
    write_tracks(tmp_path / "t.json", TracksFile(Path("a ü.mov"), RATE, (track,)))
    read = read_tracks(tmp_path / "t.json")
    assert (read.video, read.rate) == (Path("a ü.mov"), RATE)
    (again,) = read.tracks
    assert (again.face_id, again.frames) == (3, track.frames)
    np.testing.assert_allclose(again.boxes, track.boxes)
    np.testing.assert_allclose(again.landmarks, track.landmarks)
    np.testing.assert_allclose(again.confidence, track.confidence)


def test_a_frame_is_one_line(tmp_path: Path) -> None:
    write_tracks(tmp_path / "t.json", TracksFile(Path("a.mov"), RATE, (a_track(79),)))
    assert len((tmp_path / "t.json").read_text().splitlines()) < 16


def test_no_tracks_are_tracks_too(tmp_path: Path) -> None:
    write_tracks(tmp_path / "t.json", TracksFile(Path("a.mov"), Fraction(25), ()))
    assert read_tracks(tmp_path / "t.json").tracks == ()


def by_hand(tmp_path: Path, **changes: Any) -> Path:
    track = {"id": 1, "start": 4, "boxes": [[0, 0, 40, 40], None, [2, 0, 42, 40]], **changes}
    table = {"version": 1, "video": "a.mov", "rate": "25", "tracks": [track]}
    path = tmp_path / "hand.json"
    path.write_text(json.dumps(table))
    return path


def test_boxes_alone_are_enough(tmp_path: Path) -> None:
    (track,) = read_tracks(by_hand(tmp_path)).tracks
    assert track.confidence.tolist() == [1.0, 0.0, 1.0]
    assert np.isnan(track.landmarks[1]).all()
    inside = (track.landmarks[2] > [2, 0]) & (track.landmarks[2] < [42, 40])
    assert inside.all()


def test_points_left_behind_by_a_moved_box_follow_it(tmp_path: Path) -> None:
    stale = [[[500.0, 500.0]] * 5, None, None]
    (track,) = read_tracks(by_hand(tmp_path, landmarks=stale)).tracks
    assert track.landmarks[0].max() < 40


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"boxes": [[0, 0, 40, 40], [5, 5, 5, 9]]}, ["track 1", "frame 5"]),
        ({"boxes": [[0, 0, 40, 40], [5, 5, 9]]}, ["track 1", "frame 5"]),
        ({"boxes": [[0, 0, 40, "x"]]}, ["track 1", "frame 4"]),
        ({"boxes": []}, ["track 1", "boxes"]),
        ({"boxes": None}, ["track 1", "boxes"]),
        ({"confidence": [1, 0, 7]}, ["track 1", "frame 6", "7"]),
        ({"confidence": [1, 0]}, ["track 1", "confidence", "3"]),
        ({"landmarks": [[[1, 2]] * 5, None, [[1, 2]] * 4]}, ["track 1", "frame 6"]),
        ({"landmarks": [[[1, 2]] * 6, None, None]}, ["track 1", "5 or 79"]),
        ({"landmarks": {}}, ["track 1", "landmarks"]),
        ({"id": 0}, ["id", "0"]),
        ({"id": "one"}, ["id", "one"]),
        ({"start": -1}, ["track 1", "start"]),
        ({"start": True}, ["track 1", "start"]),
    ],
)
def test_a_mistake_is_named_with_its_track_and_frame(
    tmp_path: Path, changes: dict[str, Any], names: list[str]
) -> None:
    path = by_hand(tmp_path, **changes)
    with pytest.raises(SettingsError) as error:
        read_tracks(path)
    assert all(name in str(error.value) for name in [str(path), *names])


OTHER_FILES = [
    "",
    "[1, 2]",
    "{",
    "\x00",
    "[" * 100_000,
    '{"version": 2}',
    '{"version": 1, "rate": "0", "tracks": []}',
    '{"version": 1, "rate": "25/0", "tracks": []}',
    '{"version": 1, "rate": "25", "tracks": 3}',
    '{"version": 1, "rate": "25", "video": null, "tracks": []}',
]


@pytest.mark.parametrize("text", OTHER_FILES)
def test_other_files_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(SettingsError, match=r"x\.json"):
        read_tracks(tmp_path / "x.json")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"gone\.json"):
        read_tracks(tmp_path / "gone.json")


def test_two_tracks_of_one_id_are_refused(tmp_path: Path) -> None:
    path = by_hand(tmp_path)
    table = json.loads(path.read_text())
    table["tracks"] *= 2
    path.write_text(json.dumps(table))
    with pytest.raises(SettingsError, match="id 1"):
        read_tracks(path)
