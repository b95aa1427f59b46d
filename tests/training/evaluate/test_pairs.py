from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from reenact_core.errors import FaceError, MediaError
from reenact_core.models.face_points import load_face_points
from reenact_training.evaluate.footage import Clip, Limits, open_footage
from reenact_training.evaluate.pairs import (
    FIRST_SEED,
    draw_pairs,
    find_stills,
    matched,
    read_pair,
    real_pairs,
)
from tests.training.evaluate.evaluations import SIZE, pictures, write_clip, write_frames


@given(st.integers(1, 6), st.integers(1, 6), st.integers(1, 40))
def test_pairs_are_all_different_and_use_everyone_evenly(
    stills: int, clips: int, count: int
) -> None:
    faces = [Path(str(number)) for number in range(stills)]
    acts = tuple(Clip(str(number), Path(), 2) for number in range(clips))
    pairs = [(still, clip.name) for still, clip in matched(faces, acts, count)]
    assert len(pairs) == min(count, stills * clips)
    assert len(set(pairs)) == len(pairs)
    used = [sum(still == face for still, _ in pairs) for face in faces]
    assert max(used) - min(used) <= 1


def test_drawn_pairs_are_kept_and_show_two_people_in_the_same_poses(tmp_path: Path) -> None:
    paths = list(draw_pairs(tmp_path, 1, moments=2, size=32, device="cpu"))
    before = paths[0].stat().st_mtime_ns
    assert list(draw_pairs(tmp_path, 1, moments=2, size=32, device="cpu")) == paths
    assert paths[0].stat().st_mtime_ns == before
    example = read_pair(paths[0])
    assert example.name == f"pair-{FIRST_SEED}" and example.transfer == "absolute"
    assert example.truth is not None and example.known is not None
    assert example.driving.shape == example.truth.shape == (2, 3, 32, 32)
    assert not torch.equal(example.driving, example.truth)
    assert example.known.poses.shape == (2, 3)


def test_a_damaged_pair_is_named(tmp_path: Path) -> None:
    path = tmp_path / "pair-1000000-2-32.pt"
    path.write_bytes(b"nothing")
    with pytest.raises(MediaError, match="damaged; delete it"):
        read_pair(path)


def test_a_still_of_the_clips_size_is_a_crop_already(tmp_path: Path) -> None:
    write_clip(tmp_path / "clips" / "act.mkv", pictures(4, seed=1))
    still = write_frames(tmp_path / "stills", pictures(1, seed=2)) / "0.png"
    clip = open_footage(tmp_path / "clips", Limits()).clips[0]
    made = real_pairs(
        [(still, clip)], SIZE, Limits(), lambda picture: [], load_face_points(), size=SIZE
    )
    (example,) = made
    assert example.name == "0--act" and example.truth is None
    assert torch.equal(example.source, pictures(1, seed=2)[0])
    assert 0 <= example.start < 4


def test_a_still_without_a_face_is_named(tmp_path: Path) -> None:
    write_clip(tmp_path / "clips" / "act.mkv", pictures(4))
    still = write_frames(tmp_path / "stills", pictures(1, size=80)) / "0.png"
    clip = open_footage(tmp_path / "clips", Limits()).clips[0]
    pairs = [(still, clip)]
    with pytest.raises(FaceError, match=r"0\.png: no face"):
        list(real_pairs(pairs, SIZE, Limits(), lambda p: [], load_face_points(), size=SIZE))


def test_stills_are_looked_for_in_folders(tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "stills", pictures(2))
    (folder / "notes.txt").write_text("")
    assert [path.name for path in find_stills((folder,))] == ["0.png", "1.png"]
    with pytest.raises(MediaError, match="holds no pictures"):
        find_stills((tmp_path,))
