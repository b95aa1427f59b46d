"""RetinaFace runs from files in a folder, offline, and says clearly what is wrong with them."""

from pathlib import Path

import numpy as np
import pytest
import torch

from reenact_core.errors import CheckpointError
from reenact_core.tracking.retinaface import FILES, RetinaFaceDetector, RetinaFaceName, installed

# facexlib imports libraries whose own code warns.
pytestmark = pytest.mark.filterwarnings("ignore")


def write_random_weights(folder: Path, name: RetinaFaceName, prefix: str = "") -> Path:
    from facexlib.detection.retinaface import RetinaFace

    torch.manual_seed(0)
    network = RetinaFace(network_name=name, device="cpu")
    path = folder / FILES[name]
    torch.save({prefix + key: value for key, value in network.state_dict().items()}, path)
    return path


@pytest.mark.parametrize("prefix", ["", "module."])
def test_it_runs_from_a_file_in_a_folder(tmp_path: Path, prefix: str) -> None:
    write_random_weights(tmp_path, "mobile0.25", prefix)
    assert installed(tmp_path) == ["mobile0.25"]
    detect = RetinaFaceDetector(tmp_path)
    picture = np.random.default_rng(0).integers(0, 256, (96, 128, 3)).astype(np.uint8)
    for face in detect(picture):
        assert 0 <= face.score <= 1
        assert face.box.width > 0
        assert face.landmarks is not None and face.landmarks.shape == (5, 2)


def test_missing_weights_are_answered_with_where_they_are_had(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"github\.com.*--tracker embedded"):
        RetinaFaceDetector(tmp_path)
    with pytest.raises(CheckpointError, match="Resnet50"):
        RetinaFaceDetector(tmp_path, network="resnet50")


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04broken"])
def test_damaged_weights_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILES["mobile0.25"]).write_bytes(content)
    with pytest.raises(CheckpointError, match="mobilenet"):
        RetinaFaceDetector(tmp_path)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    torch.save({"fc.weight": torch.zeros(2, 2)}, tmp_path / FILES["mobile0.25"])
    with pytest.raises(CheckpointError, match="not the weights of RetinaFace"):
        RetinaFaceDetector(tmp_path)


def test_code_in_a_weights_file_does_not_run(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return Path.touch, (str(tmp_path / "sprung"),)

    torch.save({"weight": Trap()}, tmp_path / FILES["mobile0.25"])
    with pytest.raises(CheckpointError):
        RetinaFaceDetector(tmp_path)
    assert not (tmp_path / "sprung").exists()
