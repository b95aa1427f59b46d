"""Folders of clips in their many shapes."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from reenact_core.errors import MediaError
from reenact_training.clips import ClipFile, find_clips
from reenact_training.data import split
from tests.synthetic import ClipFormat, write_clip

SQUARE = ClipFormat(width=64, height=64)


def frames(folder: Path, count: int, size: int = 64) -> Path:
    """A clip that is a folder of pictures."""
    folder.mkdir(parents=True)
    for number in range(count):
        pixels = np.full((size, size, 3), 10 * number, np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:04d}.png")
    return folder


def video(path: Path, count: int = 3, form: ClipFormat = SQUARE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_clip(path, count, form=form)


def test_videos_and_folders_of_frames_are_clips_at_any_depth(tmp_path: Path) -> None:
    video(tmp_path / "id1" / "talk" / "1.mkv")
    frames(tmp_path / "id1" / "song", 4)
    frames(tmp_path / "id2" / "a.mp4", 5)  # as FOMM's data sets name their folders
    (tmp_path / "id2" / "notes.txt").write_text("")
    found = find_clips(tmp_path, size=64, frames=2)
    named = {clip.name: (clip.person, clip.frames) for clip in found.clips}
    assert named == {
        "id1/song": ("id1", 4),
        "id1/talk/1.mkv": ("id1", 3),
        "id2/a.mp4": ("id2", 5),
    }
    assert found.unusable == ()


def test_a_data_set_holds_out_its_own_test_part(tmp_path: Path) -> None:
    video(tmp_path / "train" / "id1#a#1.mkv")
    video(tmp_path / "train" / "id1#b#2.mkv")
    video(tmp_path / "test" / "id9#c#1.mkv")
    clips = find_clips(tmp_path, size=64, frames=2).clips
    assert sorted((clip.person, clip.held_out) for clip in clips) == [
        ("id1", False), ("id1", False), ("id9", True),
    ]  # fmt: skip
    learnt, kept = split(clips, 0.4, seed=0)
    assert (len(learnt), [clip.person for clip in kept]) == (2, ["id9"])


def test_clips_that_cannot_be_learnt_from_are_named_with_the_reason(tmp_path: Path) -> None:
    video(tmp_path / "good.mkv", 5)
    video(tmp_path / "one.mkv", 1)
    video(tmp_path / "small.mkv", 5, ClipFormat(width=48, height=48))
    video(tmp_path / "wide.mkv", 5, ClipFormat(width=96, height=64))
    (tmp_path / "broken.mp4").write_bytes(b"no film at all")
    found = find_clips(tmp_path, size=64, frames=3)
    assert [clip.name for clip in found.clips] == ["good.mkv"]
    why = {clip.name: clip.why for clip in found.unusable}
    assert why["one.mkv"] == "has 1 frame, fewer than the 3 asked for"
    assert "48 x 48 is smaller than the 64" in why["small.mkv"]
    assert "96 x 64 is no face crop" in why["wide.mkv"]
    assert why["broken.mp4"]


def test_folders_without_clips_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="no clips"):
        find_clips(tmp_path, size=64, frames=2)
    with pytest.raises(MediaError, match="no such folder"):
        find_clips(tmp_path / "absent", size=64, frames=2)
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(MediaError, match="no manifest"):
        find_clips(tmp_path, size=64, frames=2)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.4])
def test_no_person_is_learnt_from_and_held_out(share: float) -> None:
    clips = [ClipFile(str(n), Path(str(n)), f"p{n % 5}", frames=9) for n in range(20)]
    learnt, kept = split(clips, share, seed=3)
    assert len(learnt) + len(kept) == 20
    assert not {clip.person for clip in learnt} & {clip.person for clip in kept}
    assert len(kept) >= share * 20 and bool(kept) == (share > 0)
    assert split(clips, share, seed=3) == (learnt, kept)


def test_one_person_alone_is_split_by_clips(tmp_path: Path) -> None:
    for number in range(4):
        video(tmp_path / "actor" / f"{number}.mkv")
    learnt, kept = split(find_clips(tmp_path, size=64, frames=2).clips, 0.25, seed=0)
    assert (len(learnt), len(kept)) == (3, 1)
