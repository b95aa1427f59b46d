"""Judges: the embedded ones, facexlib's where their weights are, and who is not there."""

from pathlib import Path

import pytest
import torch
from facexlib.headpose.hopenet_arch import HopeNet

from reenact_core.errors import CheckpointError, SettingsError
from reenact_core.models.face_points import load_face_points
from reenact_training.evaluate.embedded import ACTIONS
from reenact_training.evaluate.estimators import choose_panel
from reenact_training.evaluate.installed import HOPENET_FILE, hopenet
from tests.training.evaluate.evaluations import panel, pictures


def test_without_weights_identity_is_not_judged_and_the_file_is_named(tmp_path: Path) -> None:
    found = panel(tmp_path)
    assert found.identity is None
    assert found.why_no_identity is not None
    assert "recognition_arcface" in found.why_no_identity


def test_the_embedded_judges_read_pose_and_actions() -> None:
    faces = pictures(3).float() / 255
    found = panel()
    assert found.pose.read(faces).shape == (3, 3)
    actions = found.actions.read(faces)
    assert actions.shape == (3, len(ACTIONS)) and actions.dtype == torch.bool


@pytest.mark.parametrize(
    ("name", "said"),
    [("hopnet", "did you mean hopenet"), ("arcface", "needs recognition_arcface"), ("x", "known")],
)
def test_judges_that_are_not_there_are_named(tmp_path: Path, name: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        choose_panel(load_face_points(), tmp_path, [name])


def test_damaged_weights_are_named(tmp_path: Path) -> None:
    (tmp_path / HOPENET_FILE).write_bytes(b"nothing")
    with pytest.raises(CheckpointError, match=HOPENET_FILE):
        choose_panel(load_face_points(), tmp_path)


@pytest.mark.slow
def test_hopenet_judges_where_its_weights_are(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = HopeNet("resnet", [3, 4, 6, 3], 66)
    torch.save({"params": network.state_dict()}, tmp_path / HOPENET_FILE)
    found = choose_panel(load_face_points(), tmp_path)
    assert found.pose.name.startswith("HopeNet")
    assert found.pose.read(pictures(2).float() / 255).shape == (2, 3)
    assert choose_panel(load_face_points(), tmp_path, ["embedded-pose"]).pose.name.startswith("emb")


@pytest.mark.slow
def test_hopenets_yaw_is_turned_to_ours(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = HopeNet("resnet", [3, 4, 6, 3], 66)
    with torch.no_grad():
        for part, bin_ in ((network.fc_yaw, 43), (network.fc_pitch, 33), (network.fc_roll, 36)):
            part.weight.zero_()
            part.bias.fill_(0)
            part.bias[bin_] = 50.0
    torch.save({"params": network.state_dict()}, tmp_path / HOPENET_FILE)
    pose = hopenet(tmp_path / HOPENET_FILE)(pictures(1).float() / 255)[0]
    # Bins of three degrees from -99: theirs is yaw 30 to the image's left, roll 9 clockwise.
    assert pose.tolist() == pytest.approx([-30, 0, 9], abs=0.01)
