"""Examples cut out of clips."""

from pathlib import Path

import pytest
import torch

from reenact_core.devices import Compute
from reenact_core.errors import MediaError
from reenact_core.models.readers.embedded import load_embedded
from reenact_training.clip_examples import ClipExamples, LeftOut, draw_moments
from reenact_training.clip_faces import ClipReader
from reenact_training.clips import ClipFile, Found, find_clips


def examples(found: Found, share: float = 0.5, megabytes: int = 100) -> ClipExamples:
    reader = ClipReader(64, load_embedded(Compute()), megabytes)
    left_out = LeftOut(len(found.clips), share)
    return ClipExamples(found.clips, reader, left_out, moments=3, stride=2, seed=1)


def test_an_example_follows_from_its_number(heads: Path) -> None:
    found = find_clips(heads, size=64, frames=3)
    one, other = examples(found), examples(found, megabytes=0)
    assert other(5).truth.shape == other(0).truth.shape  # whatever came before
    first, second = one(7), other(7)
    assert torch.equal(first.driving_frames, second.driving_frames)
    assert torch.equal(first.source_state.expression, second.source_state.expression)
    assert not torch.equal(first.driving_frames, one(8).driving_frames)
    assert first.truth.shape == (3, 1, 3, 64, 64) and first.heads.shape == (3, 1, 1, 64, 64)


def test_clips_without_truth_are_read(heads: Path) -> None:
    """The same heads as plain videos: poses are read, heads follow from them."""
    known = find_clips(heads, size=64, frames=3).clips
    plain = tuple(ClipFile(c.name, c.path, c.person, frames=c.frames) for c in known)
    read = examples(Found(plain, ()))(3)
    true = examples(Found(known, ()))(3)
    turn = read.driving[0].pose.rotation - true.driving[0].pose.rotation
    assert float(turn.norm()) < 0.5
    overlap = (read.heads * true.heads).sum() / torch.maximum(read.heads, true.heads).sum()
    assert float(overlap) > 0.5


def test_moments_lie_inside_and_apart() -> None:
    generator = torch.Generator().manual_seed(0)
    seen = [draw_moments(9, 3, 5, generator) for _ in range(200)]
    assert all(int(m.min()) >= 0 and int(m.max()) <= 8 for m in seen)
    assert {int((m[1] - m[0]).abs()) for m in seen} == {1, 2, 3, 4}
    assert {int((m[1] - m[0]).sign()) for m in seen} == {-1, 1}
    assert all(len(draw_moments(2, 2, 3, generator)) == 2 for _ in range(5))


def test_clips_that_turn_out_damaged_are_left_out_up_to_a_share(
    heads: Path, tmp_path: Path
) -> None:
    known = find_clips(heads, size=64, frames=3).clips
    damaged = tmp_path / "damaged.mkv"
    damaged.write_bytes(known[0].path.read_bytes()[:600])
    broken = ClipFile("damaged.mkv", damaged, "x", frames=6)
    patient = examples(Found((*known, broken), ()), share=0.3)
    drawn = [patient(number) for number in range(12)]
    assert len(drawn) == 12
    strict = examples(Found((*known, broken), ()), share=0.2)
    with pytest.raises(MediaError, match=r"1 of 4 clips.*0\.2.*damaged\.mkv"):
        for number in range(12):
            strict(number)
