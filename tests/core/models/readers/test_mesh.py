"""MediaPipe's face mesh, where its files are at hand."""

from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from reenact_core.errors import CheckpointError
from reenact_core.media.opening import opened
from reenact_core.models.catalogue import FACE_MESH, installed_files
from reenact_core.models.inventory import verify
from reenact_core.models.readers.mesh import (
    LID_LEFT,
    LID_RIGHT,
    OUTER_LEFT,
    OUTER_RIGHT,
    FaceMesh,
    FacePlace,
    MeshReader,
    place_of,
)
from reenact_core.models.readers.reader import FaceLandmarks

SHARED = Path(__file__).resolve().parents[4].parent / "shared"
STILL = SHARED / "clips" / "still_man3_glasses.jpg"

needs_files = pytest.mark.skipif(
    installed_files(FACE_MESH, [SHARED / "models"]) is None or not STILL.exists(),
    reason="the face mesh's files or the test clips are not here",
)
Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module")
def mesh() -> FaceMesh:
    return FaceMesh([SHARED / "models"])


@pytest.fixture(scope="module")
def still() -> Pixels:
    return np.asarray(cv2.cvtColor(np.asarray(cv2.imread(str(STILL))), cv2.COLOR_BGR2RGB), np.uint8)


@pytest.fixture(scope="module")
def place(mesh: FaceMesh, still: Pixels) -> FacePlace:
    """Where the face lies in the still, once it was read."""
    guess = FacePlace(still.shape[1] / 2, still.shape[0] / 2.6, still.shape[1] / 2.2)
    return place_of(mesh.read(still, guess).points[:, :2])


@needs_files
def test_a_face_is_found_from_places_that_are_off(
    mesh: FaceMesh, still: Pixels, place: FacePlace
) -> None:
    good = mesh.read(still, place)
    assert good.confidence > 0.99
    for x, y, grow, roll in ((0.2, -0.1, 1.25, 0.2), (-0.15, 0.15, 0.8, -0.3)):
        off = FacePlace(
            place.x + x * place.side, place.y + y * place.side, place.side * grow, place.roll + roll
        )
        apart = np.linalg.norm((mesh.read(still, off).points - good.points)[:, :2], axis=1)
        assert np.median(apart) < 0.01 * place.side


@needs_files
def test_a_mirrored_picture_has_mirrored_irises_and_lids(
    mesh: FaceMesh, still: Pixels, place: FacePlace
) -> None:
    width = still.shape[1]
    seen = mesh.read(still, place)
    flipped = mesh.read(
        np.ascontiguousarray(still[:, ::-1]),
        FacePlace(width - place.x, place.y, place.side, -place.roll),
    )
    back = flipped.irises[::-1] * [-1, 1] + [width, 0]
    assert np.abs(back - seen.irises).max() < 0.015 * place.side
    lids = flipped.points[list(LID_RIGHT), :2] * [-1, 1] + [width, 0]
    assert np.abs(lids - seen.points[list(LID_LEFT), :2]).mean() < 0.015 * place.side


@needs_files
def test_size_hardly_matters(mesh: FaceMesh, still: Pixels, place: FacePlace) -> None:
    seen = mesh.read(still, place)
    small = cv2.resize(still, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    quarter = FacePlace(place.x / 4, place.y / 4, place.side / 4, place.roll)
    again = mesh.read(np.asarray(small, np.uint8), quarter).points[:, :2] * 4
    assert np.median(np.linalg.norm(again - seen.points[:, :2], axis=1)) < 0.012 * place.side


@needs_files
def test_a_place_outside_the_picture_and_noise_show_no_face(mesh: FaceMesh) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (200, 300, 3)).astype(np.uint8)
    assert mesh.read(noise, FacePlace(150, 100, 80)).confidence < 0.5
    assert mesh.read(noise, FacePlace(-5000, 9000, 700)).confidence < 0.5


@needs_files
def test_points_lie_between_the_corners_that_they_are_named_after(
    mesh: FaceMesh, still: Pixels, place: FacePlace
) -> None:
    seen = mesh.read(still, place)
    left, right = seen.points[OUTER_LEFT], seen.points[OUTER_RIGHT]
    assert left[0] < seen.irises[0, 0] < seen.irises[1, 0] < right[0]


def test_missing_files_name_the_command_that_brings_them(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="reenact models fetch face-mesh"):
        FaceMesh([tmp_path])


@needs_files
def test_a_damaged_file_is_said_to_be_damaged(tmp_path: Path) -> None:
    for file in FACE_MESH.downloads:
        (tmp_path / file.name).write_bytes(b"no network" * 99)
    with pytest.raises(CheckpointError, match="cannot be opened as a TFLite network"):
        FaceMesh([tmp_path])
    with pytest.raises(CheckpointError, match="delete it and fetch anew"):
        verify(tmp_path / FACE_MESH.file)


@needs_files
def test_the_files_are_those_that_are_known() -> None:
    assert verify(SHARED / "models" / FACE_MESH.file).verdict == "as released"


def aligned(still: Pixels, place: FacePlace, margin: float = 2.0) -> Tensor:
    """The crop (1, 3, 256, 256) of a face's box as the networks are given it."""
    side = place.side / 1.1
    size = round(margin * side)
    left, top = int(place.x - size / 2), int(place.y - size / 2 - 0.05 * size)
    padded = np.pad(still, ((size, size), (size, size), (0, 0)), mode="edge")
    crop = padded[top + size : top + 2 * size, left + size : left + 2 * size]
    small = cv2.resize(crop, (256, 256), interpolation=cv2.INTER_AREA)
    return torch.from_numpy(np.asarray(small)).permute(2, 0, 1)[None].float() / 255


@needs_files
def test_an_aligned_crop_is_read_in_its_own_coordinates(
    mesh: FaceMesh, still: Pixels, place: FacePlace
) -> None:
    crop = aligned(still, place)
    seen = MeshReader(mesh, 1).read(crop)
    picture = (crop[0].permute(1, 2, 0) * 255).round().to(torch.uint8).numpy()
    expected = mesh.read(picture, FacePlace(128, 140, 140))
    flat = (seen.points[0, :, :2].numpy() + 1) * 128
    assert np.median(np.linalg.norm(flat - expected.points[:, :2], axis=1)) < 0.5
    assert np.abs(seen.points[0, :, 2].numpy() * 128 - expected.points[:, 2]).max() < 3
    assert seen.pupils is not None
    assert np.abs((seen.pupils[0].numpy() + 1) * 128 - expected.irises).max() < 1
    assert float(seen.confidence[0]) > 0.99


@needs_files
def test_batches_of_any_size_read_the_same(mesh: FaceMesh, still: Pixels, place: FacePlace) -> None:
    crops = torch.cat([aligned(still, place, margin) for margin in (1.8, 2.0, 2.3)])
    reader = MeshReader(mesh, 1)
    together = MeshReader(mesh, 2).read(crops)
    alone = FaceLandmarks.cat([reader.read(crops[2:]), reader.read(crops[:2])])
    assert torch.equal(together.points, alone.points[[1, 2, 0]])
    assert torch.equal(together.confidence, alone.confidence[[1, 2, 0]])


@needs_files
@pytest.mark.parametrize("margin", [1.2, 4.0])
def test_crops_that_hold_less_or_more_are_read_too(
    mesh: FaceMesh, still: Pixels, place: FacePlace, margin: float
) -> None:
    assert float(MeshReader(mesh, 1).read(aligned(still, place, margin)).confidence[0]) > 0.9


@needs_files
def test_noise_is_read_without_confidence(mesh: FaceMesh) -> None:
    noise = torch.rand(2, 3, 256, 256, generator=torch.Generator().manual_seed(0))
    seen = MeshReader(mesh, 1).read(noise)
    assert float(seen.confidence.max()) < 0.5
    assert torch.isfinite(seen.points).all()
    assert MeshReader(mesh, 1).read(noise[:0]).points.shape == (0, 468, 3)


TURNED = SHARED / "clips" / "crops256" / "drv_metrical_wojtek_yaw.mp4"


@pytest.fixture(scope="module")
def turned(mesh: FaceMesh) -> FaceLandmarks:
    """Open eyes of a head that is turned by 30 to 40 degrees."""
    with opened(TURNED) as container:
        decoded = islice(container.decode(video=0), 0, 40, 5)
        frames = np.stack([frame.to_ndarray(format="rgb24") for frame in decoded])
    crops = torch.from_numpy(frames).permute(0, 3, 1, 2).float() / 255
    return MeshReader(mesh, 1).read(crops)


@needs_files
def test_an_eye_that_is_turned_away_is_as_open_as_the_other(turned: FaceLandmarks) -> None:
    gaps = [
        (turned.points[:, [upper], :2] - turned.points[:, [lower], :2]).norm(dim=-1)[:, 0]
        for upper, lower in ((160, 144), (387, 373))
    ]
    far, near = sorted(gaps, key=lambda gap: float(gap.mean()))
    assert float((far / near).mean()) > 0.7


@needs_files
def test_lids_are_as_sure_as_their_eye_is_seen(turned: FaceLandmarks) -> None:
    left, right = turned.trust[:, LID_LEFT[3]], turned.trust[:, LID_RIGHT[3]]
    assert float(torch.minimum(left, right).max()) < 0.8 < float(torch.maximum(left, right).min())
    assert float(turned.trust[:, 1].min()) > 0.99  # the nose
