"""The judge of another make: there where its package is, named where it is not."""

from pathlib import Path

import pytest
import torch

from reenact_core.errors import SettingsError
from reenact_core.models.face_points import load_face_points
from reenact_training.evaluate.embedded import see
from reenact_training.evaluate.estimators import choose_panel
from reenact_training.evaluate.face_mesh import CHIN, FOREHEAD, OUTER_LEFT, OUTER_RIGHT, pose_of
from reenact_training.synthetic.crops import render_crops
from reenact_training.synthetic.motion import rotation_matrix


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "mediapipe", None)
    with pytest.raises(SettingsError, match="needs mediapipe, which is not installed"):
        choose_panel(load_face_points(), tmp_path, ["mesh-motion"])


@pytest.mark.parametrize("angles", [(0.0, 0.0, 0.0), (40.0, 0.0, 0.0), (-25.0, 10.0, 15.0)])
def test_the_pose_of_points_is_that_of_the_head(angles: tuple[float, float, float]) -> None:
    yaw, pitch, roll = (torch.deg2rad(torch.tensor([value])) for value in angles)
    points = torch.zeros(468, 3)
    points[OUTER_LEFT], points[OUTER_RIGHT] = torch.tensor([[-1.0, 0, 0], [1.0, 0, 0]])
    points[FOREHEAD], points[CHIN] = torch.tensor([[0.0, -1, 0], [0.0, 1, 0]])
    turned = points @ rotation_matrix(yaw, pitch, roll)[0].T
    assert pose_of(turned).tolist() == pytest.approx(angles, abs=1e-3)


def test_it_reads_drawn_heads_as_we_do(tmp_path: Path) -> None:
    package = pytest.importorskip("mediapipe", reason="MediaPipe is optional")
    if not hasattr(package, "solutions"):
        pytest.skip("this MediaPipe has no face mesh of its own any more")
    crops = render_crops(1_000_003, 24, 192, empty=0.0)
    faces = crops.images.float() / 255
    reader = load_face_points()
    panel = choose_panel(reader, tmp_path, ["mesh-pose", "mesh-motion"])
    poses, motion = panel.pose.read(faces), panel.motion.read(faces)
    found = poses.isfinite().all(1)
    assert found.sum() >= 8
    ours = see(reader, faces[found]).pose[:, 0]
    assert (poses[found, 0] - ours).abs().median() < 12
    assert torch.allclose(motion[found, 0], poses[found, 0], atol=1e-3)
    assert (motion[found, 1] >= 0).all()
