"""Footage to data sets; the faces are drawn, and found by the colour of their skin."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from reenact_core.errors import MediaError, SettingsError
from reenact_core.geometry import Box
from reenact_core.media.probe import probe
from reenact_core.tracking.detect import FaceDetection
from reenact_core.tracking.faces import TrackSettings
from reenact_training.clips import find_clips
from reenact_training.prepare import Prepared, PrepareSettings, Stage, pieces, prepare
from tests.synthetic import ClipFormat, DrawnFace, find_skin, write_clip

TRACK = TrackSettings(points="average")
SETTINGS = PrepareSettings(size=64, least_face=20, least_seconds=0.3, longest_seconds=0.5)


def by_skin(pixels: NDArray[np.uint8]) -> list[FaceDetection]:
    return [FaceDetection(Box(*box), 1.0) for box in find_skin(pixels)]


def prepared(*footage: Path, out: Path, settings: PrepareSettings = SETTINGS) -> list[Prepared]:
    events = list(prepare(footage, out, settings, by_skin, TRACK))
    return [event for event in events if isinstance(event, Prepared)]


def a_video(path: Path, frames: int = 20, size: float = 25.0) -> Path:
    form = ClipFormat(width=192, height=192)
    return write_clip(path, frames, lambda n: [DrawnFace(96, 96, size, 0.5, 0.0)], form)


def test_footage_becomes_clips_that_training_reads(tmp_path: Path) -> None:
    done = prepared(a_video(tmp_path / "a.mkv"), out=tmp_path / "set")
    assert [len(one.clips) for one in done] == [2]  # 20 frames, at most 12 each
    found = find_clips(tmp_path / "set", size=64, frames=5)
    assert [clip.frames for clip in found.clips] == [10, 10]
    info = probe(found.clips[0].path)
    assert (info.width, info.height, info.codec) == (64, 64, "ffv1")
    manifest = json.loads((tmp_path / "set" / "manifest.json").read_text())
    assert [clip["start"] for clip in manifest["clips"]] == [0, 10]
    assert str(tmp_path) not in json.dumps(manifest)


def test_the_face_lies_in_the_middle_of_its_crop(tmp_path: Path) -> None:
    prepared(a_video(tmp_path / "a.mkv"), out=tmp_path / "set")
    clip = find_clips(tmp_path / "set", size=64, frames=5).clips[0]
    from reenact_training.clip_faces import _pictures

    left, top, right, bottom = find_skin(next(_pictures(clip, 64)))[0]
    assert abs((left + right) / 2 - 32) < 3 and abs((top + bottom) / 2 - 32) < 6
    assert 20 < bottom - top < 44


def test_what_gives_no_clips_is_told_with_the_reason(tmp_path: Path) -> None:
    small = a_video(tmp_path / "small.mkv", size=6.0)
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"nothing")
    good = a_video(tmp_path / "good.mkv")
    done = prepared(small, broken, good, out=tmp_path / "set")
    assert [(one.why_none is None, one.failed) for one in done] == [
        (False, False), (False, True), (True, False),
    ]  # fmt: skip


def test_footage_that_is_there_is_kept_and_more_is_added(tmp_path: Path) -> None:
    first = a_video(tmp_path / "a.mkv")
    prepared(first, out=tmp_path / "set")
    events = list(prepare([first], tmp_path / "set", SETTINGS, by_skin, TRACK))
    assert not any(isinstance(event, Stage) for event in events)
    prepared(first, a_video(tmp_path / "b.mkv", 12), out=tmp_path / "set")
    assert len(find_clips(tmp_path / "set", size=64, frames=5).clips) == 3


def test_other_settings_need_another_folder(tmp_path: Path) -> None:
    video = a_video(tmp_path / "a.mkv")
    prepared(video, out=tmp_path / "set")
    with pytest.raises(SettingsError, match="another size"):
        prepared(video, out=tmp_path / "set", settings=PrepareSettings(size=128))
    with pytest.raises(MediaError, match="no video files"):
        (tmp_path / "empty").mkdir()
        prepared(tmp_path / "empty", out=tmp_path / "other")


def test_stopping_leaves_no_half_clips(tmp_path: Path) -> None:
    events = prepare([a_video(tmp_path / "a.mkv")], tmp_path / "set", SETTINGS, by_skin, TRACK)
    for event in events:
        if isinstance(event, Stage) and event.stage == "cut" and event.done > 3:
            break
    events.close()  # type: ignore[attr-defined]  # a generator
    assert list((tmp_path / "set").rglob("*.mkv")) == []


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("0011110", [range(2, 6)]),
        ("1111111", [range(0, 3), range(3, 7)]),
        ("1011101", [range(2, 5)]),
        ("0000000", []),
    ],
)
def test_stretches_are_cut_evenly(pattern: str, expected: list[range]) -> None:
    good = np.array([sign == "1" for sign in pattern])
    assert list(pieces(good, least=3, longest=4)) == expected
