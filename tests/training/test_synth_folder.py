"""The folder of synthetic clips, written and read back."""

from pathlib import Path

import numpy as np
import pytest

from reenact_core.errors import MediaError
from reenact_training.synth_folder import read_synth, synth_clip, write_synth


def test_what_is_read_is_what_was_rendered(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    manifest = write_synth(
        tmp_path, seed=4, clips=2, frames=3, size=64, on_progress=lambda *done: told.append(done)
    )
    assert told == [(1, 2), (2, 2)]
    assert len(manifest["clips"]) == 2
    second = list(read_synth(tmp_path))[1]
    clip, truth = synth_clip(4, 1, 3, 64), second.read_truth()
    pictures = (clip.images.permute(0, 2, 3, 1) * 255 + 0.5).byte().numpy()
    assert np.array_equal(second.read_frames(), pictures)
    assert np.array_equal(truth.landmarks, clip.landmarks.numpy())
    assert truth.face_mask.shape == (3, 64, 64)


def test_clips_that_are_there_are_kept(tmp_path: Path) -> None:
    write_synth(tmp_path, seed=4, clips=1, frames=1, size=48)
    before = (tmp_path / "clips/0000/video.mkv").stat().st_mtime_ns
    write_synth(tmp_path, seed=4, clips=2, frames=1, size=48)
    assert (tmp_path / "clips/0000/video.mkv").stat().st_mtime_ns == before
    write_synth(tmp_path, seed=5, clips=1, frames=1, size=48)
    assert (tmp_path / "clips/0000/video.mkv").stat().st_mtime_ns != before


def test_a_folder_without_a_manifest_is_named(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="manifest"):
        list(read_synth(tmp_path))


def test_a_short_video_is_noticed(tmp_path: Path) -> None:
    write_synth(tmp_path, seed=4, clips=1, frames=2, size=48)
    clip = next(iter(read_synth(tmp_path)))
    clip.video.write_bytes(b"nothing")
    with pytest.raises(MediaError, match=r"video\.mkv"):
        clip.read_frames()
