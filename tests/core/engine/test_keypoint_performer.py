"""Takes performed by tiny networks of `paper` and `fomm`."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch

from reenact_core.devices import Compute
from reenact_core.engine.keypoint_performer import KeypointPerformer
from reenact_core.engine.performer import Crops, Floats, NewFace, Take
from reenact_core.engine.spool import open_spool, to_samples
from reenact_core.errors import CheckpointError, SettingsError
from reenact_core.head.regions import RegionStrengths
from reenact_core.models.face_points import FacePointsNet
from reenact_core.models.integrators.fomm import Fomm
from reenact_core.models.paper import Paper
from reenact_core.motion.transfer import MotionSettings
from reenact_core.timeline.plan import Scheme
from tests.tiny import pictures, tiny_fomm, tiny_paper

SCHEMES: tuple[Scheme, ...] = get_args(Scheme)
COUNT = 4
CROP_SIZE = 256


def crop(seed: int) -> Floats:
    picture = pictures(1, size=CROP_SIZE, seed=seed)[0].permute(1, 2, 0)
    return np.ascontiguousarray(picture.numpy())


@pytest.fixture
def driving(tmp_path: Path) -> Iterator[Crops]:
    samples = [to_samples(crop(seed), np.uint16) for seed in range(COUNT)]
    with open_spool(tmp_path / "crops", samples[0].shape, samples[0].dtype) as spool:
        for number, sample in enumerate(samples):
            spool.write(number, sample)
        yield Crops(spool, np.arange(COUNT))


def performer(networks: Paper | Fomm, *, best_start: bool = True) -> KeypointPerformer:
    torch.manual_seed(0)
    reader = FacePointsNet().eval().requires_grad_(False)
    return KeypointPerformer(networks, reader, MotionSettings(best_start=best_start), Compute())


def take(driving: Crops, scheme: Scheme) -> Take:
    return Take("a", driving[2], driving, scheme, 1.0, None, "relative")


def by_index(results: Iterator[tuple[str, int, NewFace]]) -> dict[int, NewFace]:
    faces: dict[int, NewFace] = {}
    for take_id, index, face in results:
        assert take_id == "a" and index not in faces
        faces[index] = face
    return faces


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("best_start", [True, False])
def test_every_frame_comes_once(driving: Crops, scheme: Scheme, best_start: bool) -> None:
    made = performer(tiny_paper(), best_start=best_start).perform([take(driving, scheme)])
    faces = by_index(made)
    assert sorted(faces) == list(range(COUNT))
    for face in faces.values():
        assert face.pixels.shape == (CROP_SIZE, CROP_SIZE, 3)
        assert face.pixels.dtype == face.points.dtype == np.float32
        assert face.points.shape == (79, 2)
        assert face.pixels.min() >= 0 and face.pixels.max() <= 1


def test_the_frame_that_is_the_source_is_nearest(driving: Crops) -> None:
    assert performer(tiny_paper()).nearest(driving[2], driving) == 2


def test_from_the_best_start_both_ways(driving: Crops) -> None:
    faces = by_index(performer(tiny_paper()).perform([take(driving, "subtle")]))
    np.testing.assert_allclose(faces[2].pixels, driving[2], atol=1e-6)  # y_0 is S


def test_fomm_alone_runs_the_global_scheme(driving: Crops) -> None:
    faces = by_index(performer(tiny_fomm()).perform([take(driving, "global")]))
    assert sorted(faces) == list(range(COUNT))


def test_fomm_alone_refuses_the_others(driving: Crops) -> None:
    with pytest.raises(CheckpointError, match="use --scheme global"):
        list(performer(tiny_fomm()).perform([take(driving, "subtle")]))


def test_no_strength_moves_nothing(driving: Crops) -> None:
    still = dataclasses.replace(take(driving, "global"), strength=0.0)
    faces = by_index(performer(tiny_fomm()).perform([still]))
    np.testing.assert_allclose(faces[0].pixels, faces[3].pixels, atol=1e-5)


def test_the_settings_strength_counts_too(driving: Crops) -> None:
    networks = tiny_fomm()
    reader = FacePointsNet().eval().requires_grad_(False)
    still = KeypointPerformer(networks, reader, MotionSettings(strength=0), Compute())
    faces = by_index(still.perform([take(driving, "global")]))
    np.testing.assert_allclose(faces[0].pixels, faces[3].pixels, atol=1e-5)


def test_parts_of_the_motion_are_refused(driving: Crops) -> None:
    part = dataclasses.replace(take(driving, "global"), strengths=RegionStrengths(mouth=0.5))
    with pytest.raises(SettingsError, match=r"motion is keypoints .* strength mouth=0\.5"):
        list(performer(tiny_fomm()).perform([part]))
    mixed = dataclasses.replace(take(driving, "global"), expression="absolute")
    with pytest.raises(SettingsError, match="give pose the same value"):
        list(performer(tiny_fomm()).perform([mixed]))


def test_gradients_are_on_again_between_two_faces(driving: Crops) -> None:
    results = performer(tiny_fomm()).perform([take(driving, "global")])
    next(results)
    assert torch.is_grad_enabled()
