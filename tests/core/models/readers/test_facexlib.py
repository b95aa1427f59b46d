"""facexlib's landmarks: what is made of its heat maps, and how its weights are opened."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from reenact_core.devices import Compute
from reenact_core.errors import CheckpointError
from reenact_core.models.face_points import load_face_points
from reenact_core.models.readers.facexlib import (
    FILE,
    FROM_98,
    INPUT_SIZE,
    POINT_COUNT,
    FacexlibReader,
    depth_of,
    face_of,
    load_facexlib,
    peaks,
)

# facexlib imports libraries whose own code warns.
pytestmark = pytest.mark.filterwarnings("ignore")


def turned(yaw: float, pitch: float) -> Tensor:
    y, p = math.radians(yaw), math.radians(pitch)
    across = torch.tensor(
        [[math.cos(y), 0, math.sin(y)], [0, 1, 0], [-math.sin(y), 0, math.cos(y)]]
    )
    down = torch.tensor([[1, 0, 0], [0, math.cos(p), -math.sin(p)], [0, math.sin(p), math.cos(p)]])
    return across @ down


@pytest.mark.parametrize(("yaw", "pitch"), [(0.0, 0.0), (35.0, -10.0), (-60.0, 20.0)])
def test_the_depth_is_that_of_the_head_as_it_is_turned(yaw: float, pitch: float) -> None:
    head = load_face_points().mean_head[:68]
    laid = 0.31 * (head @ turned(yaw, pitch).T) + torch.tensor([0.1, -0.2, 0.0])
    depth = depth_of(head, laid[None, :, :2], torch.ones(1, 68))[0]
    expected = laid[:, 2] - laid[:, 2].mean()
    assert torch.allclose(depth - depth.mean(), expected, atol=1e-4)


def test_points_that_are_not_trusted_do_not_turn_the_depth() -> None:
    head = load_face_points().mean_head[:68]
    laid = 0.3 * (head @ turned(30.0, 0.0).T)
    wrong, trust = laid[None, :, :2].clone(), torch.ones(1, 68)
    wrong[0, :8], trust[0, :8] = 5.0, 0.0
    depth = depth_of(head, wrong, trust)[0]
    apart = (depth - depth[30]) - (laid[:, 2] - laid[30, 2])
    assert apart.abs().max() < 0.05


def test_a_peak_between_cells_is_found_between_them() -> None:
    line = torch.arange(64.0)
    x, y = 20.3, 41.6
    heat = torch.exp(-((line - x) ** 2 + (line[:, None] - y) ** 2) / 2)[None, None]
    place, height = peaks(heat)
    expected = torch.tensor([(x + 0.5) / 32 - 1, (y + 0.5) / 32 - 1])
    assert torch.allclose(place[0, 0], expected, atol=0.1 / 32)
    assert 0.8 < float(height) <= 1


def test_a_peak_in_the_last_cell_and_a_cold_map_have_a_place() -> None:
    heat = torch.zeros(1, 2, 64, 64)
    heat[0, 0, 63, 63] = 1.0
    heat[0, 1] = -1.0
    place, height = peaks(heat)
    assert torch.allclose(place[0, 0], torch.tensor([127 / 64 - 1, 127 / 64 - 1]), atol=1e-4)
    assert torch.isfinite(place).all()
    assert height[0].tolist() == [1.0, 0.0]


def test_the_68_points_are_facexlibs_own() -> None:
    from facexlib.alignment import landmark_98_to_68

    points = np.random.default_rng(0).random((98, 2))
    ours = np.stack([points[list(some)].mean(0) for some in FROM_98])
    assert np.allclose(ours, landmark_98_to_68(points), atol=1e-6)


class DotNetwork:
    """In the place of the network: all heat maps are hot where the picture is brightest."""

    def __call__(self, pictures: Tensor) -> Any:
        small = torch.nn.functional.avg_pool2d(pictures.mean(1, keepdim=True), 4)
        return [small.expand(-1, POINT_COUNT + 1, -1, -1)], None


@pytest.mark.parametrize("size", [256, 1000])
def test_places_come_back_in_coordinates_of_the_whole_crop(size: int) -> None:
    crop = torch.zeros(1, 3, size, size)
    x, y = 0.6, 0.7  # shares of the crop
    reach = size // 100
    row, column = int(y * size), int(x * size)
    crop[:, :, row - reach : row + reach, column - reach : column + reach] = 1.0
    mean_head = load_face_points().mean_head[:68]
    seen = FacexlibReader(DotNetwork(), mean_head).read(crop)
    expected = torch.tensor([2 * x - 1, 2 * y - 1])
    assert torch.allclose(seen.points[0, :, :2], expected.expand(68, 2), atol=0.015)
    assert seen.pupils is not None
    assert torch.allclose(seen.pupils[0, 1], expected, atol=0.015)


def test_the_network_sees_the_face_at_its_own_size() -> None:
    assert face_of(torch.rand(2, 3, 700, 700)).shape == (2, 3, INPUT_SIZE, INPUT_SIZE)


def test_it_runs_from_a_file_in_a_folder(tmp_path: Path) -> None:
    from facexlib.alignment.awing_arch import FAN

    torch.manual_seed(0)
    network = FAN(num_modules=4, num_landmarks=98, device="cpu")
    torch.save({"state_dict": network.state_dict()}, tmp_path / FILE)
    seen = load_facexlib(Compute(), [tmp_path]).read(torch.rand(1, 3, 128, 128))
    assert seen.points.shape == (1, 68, 3)
    assert torch.isfinite(seen.points).all()
    assert 0 <= float(seen.confidence[0]) <= 1


def test_missing_damaged_and_other_weights_are_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"alignment_WFLW_4HG\.pth.*--reader embedded"):
        load_facexlib(Compute(), [tmp_path])
    (tmp_path / FILE).write_bytes(b"no weights")
    with pytest.raises(CheckpointError, match="cannot be read as weights"):
        load_facexlib(Compute(), [tmp_path])
    torch.save({"state_dict": {"fc.weight": torch.zeros(2)}}, tmp_path / FILE)
    with pytest.raises(CheckpointError, match="not the weights of FAN"):
        load_facexlib(Compute(), [tmp_path])
