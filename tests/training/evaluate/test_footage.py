"""Data sets: what is read, what is refused, what is left out."""

from pathlib import Path

import pytest
import torch

from reenact_core.errors import MediaError
from reenact_core.files import write_json
from reenact_training.evaluate.footage import Limits, open_footage, read_clip
from reenact_training.synth_folder import write_synth
from tests.training.evaluate.evaluations import SIZE, pictures, write_clip, write_frames

LIMITS = Limits()


def test_videos_and_folders_of_frames_are_clips_of_one_set(tmp_path: Path) -> None:
    write_clip(tmp_path / "a.mkv", pictures(3, seed=1))
    write_frames(tmp_path / "id1" / "talk", pictures(12, seed=2))
    footage = open_footage(tmp_path, LIMITS)
    assert [(clip.name, clip.frames) for clip in footage.clips] == [("a", 3), ("id1-talk", 12)]
    assert not footage.drawn
    for clip, seed in zip(footage.clips, (1, 2), strict=True):
        example = read_clip(clip, LIMITS, SIZE)
        assert torch.equal(example.driving, pictures(clip.frames, seed=seed))
        assert torch.equal(example.source, example.driving[0])


def test_drawn_clips_come_with_their_truth(tmp_path: Path) -> None:
    write_synth(tmp_path, seed=1_000_000, clips=1, frames=3, size=SIZE)
    footage = open_footage(tmp_path, LIMITS)
    assert footage.drawn and footage.seed == 1_000_000
    example = read_clip(footage.clips[0], Limits(frames=2), SIZE)
    assert example.known is not None
    assert example.known.poses.shape == (2, 3)
    assert example.known.heads.shape == (2, SIZE, SIZE)


def test_prepared_footage_is_no_drawn_footage(tmp_path: Path) -> None:
    write_clip(tmp_path / "clips" / "a.mkv", pictures(3))
    clips = [{"name": "a", "video": "clips/a.mkv"}]
    write_json(tmp_path / "manifest.json", {"version": 1, "clips": clips})
    footage = open_footage(tmp_path, LIMITS)
    assert not footage.drawn and len(footage.clips) == 1


def test_played_to_and_fro_a_clip_ends_where_it_began(tmp_path: Path) -> None:
    write_clip(tmp_path / "a.mkv", pictures(4))
    clip = open_footage(tmp_path, LIMITS).clips[0]
    driving = read_clip(clip, Limits(to_and_fro=7), SIZE).driving
    assert torch.equal(driving[:4], driving[3:].flip(0))
    assert torch.equal(driving[6], driving[0])


def test_larger_frames_are_made_as_small_as_the_networks_take_them(tmp_path: Path) -> None:
    write_clip(tmp_path / "a.mkv", pictures(2, size=2 * SIZE))
    footage = open_footage(tmp_path, LIMITS)
    assert footage.side == 2 * SIZE
    assert read_clip(footage.clips[0], LIMITS, SIZE).driving.shape == (2, 3, SIZE, SIZE)


def test_the_clips_taken_are_spread_over_the_set(tmp_path: Path) -> None:
    for number in range(6):
        write_clip(tmp_path / f"{number}.mkv", pictures(2, size=16))
    footage = open_footage(tmp_path, Limits(clips=3))
    assert [clip.name for clip in footage.clips] == ["0", "2", "4"]


def test_an_empty_folder_and_a_missing_one_are_named(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="holds no clips"):
        open_footage(tmp_path, LIMITS)
    with pytest.raises(MediaError, match="away: is no folder"):
        open_footage(tmp_path / "away", LIMITS)


def test_frames_that_are_not_square_are_named(tmp_path: Path) -> None:
    write_clip(tmp_path / "good.mkv", pictures(2))
    write_frames(tmp_path / "wide", pictures(2)[:, :, 10:, :])
    with pytest.raises(MediaError, match=r"wide: is 64x54, but face crops are square"):
        open_footage(tmp_path, LIMITS)


def test_two_sizes_are_named_with_their_files(tmp_path: Path) -> None:
    write_clip(tmp_path / "one.mkv", pictures(2))
    write_clip(tmp_path / "two.mkv", pictures(2, size=32))
    with pytest.raises(MediaError, match=r"two\.mkv: is 32x32, but .*one\.mkv is 64x64"):
        open_footage(tmp_path, LIMITS)


def test_two_sizes_in_one_folder_of_frames_are_named(tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "mixed", pictures(1))
    write_frames(tmp_path / "other", pictures(1, size=32))
    (tmp_path / "other" / "0.png").rename(folder / "1.png")
    clip = open_footage(tmp_path, LIMITS).clips[0]
    with pytest.raises(MediaError, match=r"1\.png: is 32x32"):
        read_clip(clip, LIMITS, SIZE)


def test_a_few_unusable_clips_are_left_out_and_named(tmp_path: Path) -> None:
    for number in range(3):
        write_clip(tmp_path / f"{number}.mkv", pictures(2, size=16))
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    write_clip(tmp_path / "short.mkv", pictures(1, size=16))
    footage = open_footage(tmp_path, Limits(skip_share=0.4))
    assert [one.name for one in footage.skipped] == ["broken", "short"]
    assert "one frame" in footage.skipped[1].why
    with pytest.raises(MediaError, match=r"2 of 5 clips cannot be used.*the first is broken"):
        open_footage(tmp_path, Limits(skip_share=0.3))


def test_a_damaged_manifest_is_named(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(MediaError, match=r"manifest\.json: is damaged"):
        open_footage(tmp_path, LIMITS)
