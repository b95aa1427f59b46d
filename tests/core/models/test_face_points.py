"""Face points: the scheme, poses, boxes and the weights that come with reenact."""

import math
from pathlib import Path

import pytest
import torch

from reenact_core.errors import CheckpointError
from reenact_core.models.face_points import (
    EXPRESSIONS,
    POINT_COUNT,
    RIGID,
    FacePointsNet,
    FaceReading,
    face_box,
    fit_pose,
    load_face_points,
    mirror_order,
    rotation_of,
)


def head() -> torch.Tensor:
    """The mean head of the packaged weights."""
    return load_face_points().mean_head


def turned(yaw: float) -> torch.Tensor:
    cos, sin = math.cos(yaw), math.sin(yaw)
    return torch.tensor([[[cos, 0, -sin], [0, 1, 0], [sin, 0, cos]]], dtype=torch.float32)


def test_mirroring_twice_gives_every_point_back() -> None:
    order = torch.tensor(mirror_order())
    assert sorted(order.tolist()) == list(range(POINT_COUNT))
    assert torch.equal(order[order], torch.arange(POINT_COUNT))


def test_the_mean_head_is_its_own_mirror_image() -> None:
    points = head()
    mirrored = points[list(mirror_order())] * torch.tensor([-1.0, 1.0, 1.0])
    assert torch.allclose(mirrored, points, atol=0.03)


def test_the_mean_head_has_its_parts_where_a_face_has_them() -> None:
    x, y, z = head().unbind(1)
    assert x[36] < x[39] < 0 < x[42] < x[45]
    assert y[19] < y[37] < y[30] < y[51] < y[57] < y[8]
    assert z[30] == z.min()
    assert abs(float(y[[36, 45]].mean())) < 0.08


def test_rotations_are_rotations() -> None:
    turn = rotation_of(torch.randn(50, 6, generator=torch.Generator().manual_seed(0)))
    assert torch.allclose(turn @ turn.transpose(1, 2), torch.eye(3).expand(50, 3, 3), atol=1e-5)
    assert torch.allclose(torch.linalg.det(turn), torch.ones(50), atol=1e-5)
    assert torch.equal(rotation_of(torch.zeros(1, 6))[0], torch.eye(3))


@pytest.mark.parametrize("yaw", [0.0, 0.7, -1.2])
def test_the_pose_of_a_placed_head_is_found_again(yaw: float) -> None:
    scale, offset = 0.42, torch.tensor([0.1, -0.2])
    points = (head() @ turned(yaw)[0].T) * scale
    points[:, :2] += offset
    reading = FaceReading(points[None], turned(yaw), torch.zeros(1, 12), torch.zeros(1))
    pose = fit_pose(reading, head())
    assert float(pose.scale[0]) == pytest.approx(scale, abs=1e-4)
    assert torch.allclose(pose.offset[0], offset, atol=1e-4)


def test_a_pose_is_fitted_to_points_that_expressions_leave_in_place() -> None:
    assert not set(RIGID) & set(range(48, 68))


def test_a_box_moves_and_grows_with_its_points() -> None:
    points = head()[None]
    box = face_box(points)
    assert torch.allclose(face_box(points * 3 + 5), box * 3 + 5, atol=1e-4)
    assert float(box[0, 2] - box[0, 0]) == pytest.approx(float(box[0, 3] - box[0, 1]), abs=1e-5)
    assert box[0, 1] < points[0, 36:48, 1].min()


def test_the_packaged_network_reads_any_number_of_crops() -> None:
    net = load_face_points()
    crops = torch.rand(3, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    reading = net(crops)
    assert reading.points.shape == (3, POINT_COUNT, 3)
    assert reading.rotation.shape == (3, 3, 3)
    assert reading.expression.shape == (3, len(EXPRESSIONS))
    assert reading.confidence.shape == (3,)
    assert torch.allclose(net(crops[1:2]).points[0], reading.points[1], atol=1e-4)


def test_the_network_is_small() -> None:
    assert sum(weight.numel() for weight in FacePointsNet().parameters()) < 3_000_000


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="absent"):
        load_face_points(tmp_path / "absent.safetensors")


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"tell.weight": torch.zeros(2, 2)}, tmp_path / "other.safetensors")
    with pytest.raises(CheckpointError, match="no face points network"):
        load_face_points(tmp_path / "other.safetensors")
