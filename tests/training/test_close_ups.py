"""Training of the networks that read mouth and eyes from close up."""

import itertools
import time
from pathlib import Path

import pytest
import torch

from reenact_core.models.close_ups import CloseUpReading
from reenact_training.close_ups import (
    KEPT,
    MOUTH_GAPS,
    CloseUpSettings,
    Run,
    loss,
    moved_about,
    render_close_ups,
    train,
)
from reenact_training.synthetic.crops import Crops

SETTINGS = CloseUpSettings(batch=4, steps=6)


@pytest.fixture(scope="module")
def pools() -> dict[str, Crops]:
    return render_close_ups(3, 8)


def test_close_ups_hold_their_points(pools: dict[str, Crops]) -> None:
    for part, crops in pools.items():
        assert crops.images.shape[-1] == KEPT
        assert crops.points.shape[1] == {"mouth": 20, "eye": 7}[part]
        assert (crops.points[..., :2].abs() < 1).float().mean() > 0.9


def test_the_truth_has_no_loss_but_for_what_is_not_told(pools: dict[str, Crops]) -> None:
    truth = pools["mouth"]
    shown = (truth.visible.float().mean(1) > 0.6).float() * 40 - 20
    assert float(loss(CloseUpReading(truth.points[..., :2], shown), truth, MOUTH_GAPS)) < 1e-4


def test_moving_about_keeps_points_on_what_they_mark(pools: dict[str, Crops]) -> None:
    """A white dot at the first corner of every mouth is found where its point goes."""
    kept = pools["mouth"]
    images = torch.zeros_like(kept.images)
    place = ((kept.points[:, 0, :2] + 1) * KEPT / 2).long().clamp(3, KEPT - 4)
    for row, (x, y) in enumerate(place.tolist()):
        images[row, :, y - 2 : y + 3, x - 2 : x + 3] = 255
    points = kept.points.clone()
    points[:, 0, :2] = (place + 0.5) * 2 / KEPT - 1
    dotted = Crops(images, points, kept.visible, kept.rotation, kept.expression, kept.face)
    found = 0
    for seed in range(4):
        moved = moved_about(dotted, torch.Generator().manual_seed(seed))
        pictures = moved.images.float().mean(1)
        for picture, point in zip(pictures, moved.points[:, 0, :2], strict=True):
            at = ((point + 1) * 32).round().long()
            if not bool(((at > 6) & (at < 58)).all()):
                continue
            around = picture[at[1] - 5 : at[1] + 6, at[0] - 5 : at[0] + 6]
            found += int(around.max() >= picture.max() - 1)
    assert found >= 12


def test_a_run_goes_on_where_it_was_saved(pools: dict[str, Crops], tmp_path: Path) -> None:
    until = time.monotonic() + 300
    batches = {part: [crops] for part, crops in pools.items()}
    whole = Run.start(SETTINGS)
    for _ in train(whole, SETTINGS, batches, until=until):
        pass
    first, second = Run.start(SETTINGS), Run.start(SETTINGS)
    for _ in itertools.islice(train(first, SETTINGS, batches, until=until), 3):
        pass
    first.save(tmp_path / "state.pt")
    second.load(tmp_path / "state.pt")
    for _ in train(second, SETTINGS, batches, until=until):
        pass
    assert second.step == whole.step == 6
    for name, value in whole.kept.state_dict().items():
        assert torch.equal(value, second.kept.state_dict()[name]), name
