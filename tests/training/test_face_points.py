"""Training of the face points network."""

import itertools
import time
from pathlib import Path

import pytest
import torch

from reenact_core.models.face_points import FaceReading, load_face_points
from reenact_training.face_points import (
    FacePointsSettings,
    export,
    loss,
    mirrored,
    new_run,
    read_run,
    save_run,
    train,
)
from reenact_training.point_augment import augment, reframed
from reenact_training.synthetic.crops import Crops, render_crops

SETTINGS = FacePointsSettings(batch=8, steps=8)


@pytest.fixture(scope="module")
def crops() -> Crops:
    return render_crops(3, 8)


def test_mirroring_twice_changes_nothing(crops: Crops) -> None:
    every = torch.ones(8, dtype=torch.bool)
    twice = mirrored(mirrored(crops, every), every)
    assert torch.equal(twice.images, crops.images)
    assert torch.allclose(twice.points, crops.points)
    assert torch.allclose(twice.rotation, crops.rotation)
    assert torch.equal(twice.expression, crops.expression)


def test_the_truth_has_no_loss(crops: Crops) -> None:
    reading = FaceReading(
        crops.points, crops.rotation, crops.expression, crops.face.float() * 40 - 20
    )
    assert sum(float(term) for term in loss(reading, crops).values()) < 1e-4


def test_points_follow_a_new_framing(crops: Crops) -> None:
    """A white dot drawn at each nose tip is found again where the point says."""
    size = 128
    images = torch.zeros_like(crops.images)
    place = ((crops.points[:, 30, :2] + 1) * size / 2).long().clamp(2, size - 3)
    for row, (x, y) in enumerate(place.tolist()):
        images[row, :, y - 1 : y + 2, x - 1 : x + 2] = 255
    points = crops.points.clone()
    points[:, 30, :2] = (place + 0.5) * 2 / size - 1
    dotted = Crops(images, points, crops.visible, crops.rotation, crops.expression, crops.face)
    moved = reframed(dotted, torch.Generator().manual_seed(0))
    line = (torch.arange(size) + 0.5) * 2 / size - 1
    for row in range(8):
        light = moved.images[row, 0].float()
        expected = moved.points[row, 30, :2]
        if float(expected.abs().max()) > 0.9:
            continue
        found = (
            torch.stack([(light.sum(0) * line).sum(), (light.sum(1) * line).sum()]) / light.sum()
        )
        assert torch.allclose(found, expected, atol=0.03)


def test_augmentation_keeps_shapes_and_depends_on_its_seed(crops: Crops) -> None:
    first = augment(crops, torch.Generator().manual_seed(1))
    again = augment(crops, torch.Generator().manual_seed(1))
    assert first.images.shape == crops.images.shape and first.images.dtype == torch.uint8
    assert torch.equal(first.images, again.images)


def test_a_run_goes_on_from_its_file_and_its_weights_load(crops: Crops, tmp_path: Path) -> None:
    run = new_run(SETTINGS)
    far = time.monotonic() + 300
    for _ in itertools.islice(train(run, SETTINGS, itertools.repeat(crops), until=far), 2):
        pass
    save_run(run, tmp_path / "state.pt")
    assert (tmp_path / "state.pt").stat().st_size < 16 << 20
    again = read_run(tmp_path / "state.pt", SETTINGS)
    assert again.step == run.step
    steps = list(train(again, SETTINGS, itertools.repeat(crops), until=far))
    assert steps[-1][0] == SETTINGS.steps
    export(again, tmp_path / "weights.safetensors")
    assert load_face_points(tmp_path / "weights.safetensors").mean_head.abs().sum() > 0


def test_training_stops_when_time_is_up(crops: Crops) -> None:
    run = new_run(SETTINGS)
    assert list(train(run, SETTINGS, itertools.repeat(crops), until=time.monotonic())) == []
