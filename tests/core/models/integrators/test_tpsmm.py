"""TPSMM against fixtures made by upstream's own modules."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from reenact_core.devices import Compute
from reenact_core.models.integrators.tpsmm import Tpsmm
from reenact_core.models.integrators.tpsmm_files import tpsmm_from
from reenact_core.models.keypoint_detector import Keypoints
from tests.golden import Golden, close, read_golden

FULL = pytest.param("full_recipe", marks=pytest.mark.slow)
CASES = ["vox_small", "nonsquare_single_mask", FULL]
FRAMES = ("source", "driving_0", "driving_1", "driving_2")


@pytest.fixture(scope="module", params=CASES)
def golden(request: pytest.FixtureRequest, shared: Path) -> Golden:
    return read_golden(shared / "golden" / "tpsmm" / request.param)


@pytest.fixture(scope="module")
def tpsmm(golden: Golden) -> Tpsmm:
    network = tpsmm_from(golden.weights, golden.meta["config"])
    network.run_on(Compute())
    return network


def keypoints(golden: Golden, name: str) -> Keypoints:
    return Keypoints(golden.outputs[f"{name}.fg_kp"])


def test_keypoints_are_upstreams(golden: Golden, tpsmm: Tpsmm) -> None:
    found = tpsmm.detect(torch.cat([golden.inputs[name] for name in FRAMES]))
    expected = torch.cat([keypoints(golden, f"kp_{name}").value for name in FRAMES])
    close(found.value, expected, largest=1e-5)
    assert found.jacobian is None


@pytest.mark.parametrize("mode", ["standard", "relative"])
def test_predictions_are_upstreams(golden: Golden, tpsmm: Tpsmm, mode: str) -> None:
    source, *driving = (golden.inputs[name] for name in FRAMES)
    expected = {n: golden.outputs.get(f"{mode}.{n}.prediction") for n in range(3)}
    known = {n: face for n, face in expected.items() if face is not None}
    if not known:
        pytest.skip("no prediction of this mode is stored")
    frames = torch.cat([driving[n] for n in known])
    faces = tpsmm.reenact(source, driving[0], frames, relative=mode == "relative")
    for face, wanted in zip(faces, known.values(), strict=True):
        close(face[None], wanted, largest=1e-3, mean=1e-5)


@pytest.mark.parametrize("mode", ["standard", "relative"])
def test_keypoints_are_carried_over_as_upstream_does(
    golden: Golden, tpsmm: Tpsmm, mode: str
) -> None:
    source, initial = keypoints(golden, "kp_source"), keypoints(golden, "kp_driving_0")
    for number in range(3):
        if f"{mode}.{number}.kp_norm.fg_kp" in golden.outputs:
            driving = keypoints(golden, f"kp_driving_{number}")
            found = tpsmm.carried(source, initial, driving, mode == "relative")
            close(found.value, keypoints(golden, f"{mode}.{number}.kp_norm").value, largest=1e-5)


def test_the_background_moves_where_it_is_asked_to(golden: Golden) -> None:
    moving = tpsmm_from(golden.weights, {**golden.meta["config"], "background": True})
    source, driving = golden.inputs["source"], golden.inputs["driving_2"]
    assert moving.bg_predictor is not None
    matrix = moving.bg_predictor(source, driving)
    close(matrix, golden.outputs["reconstruction.bg_param"], largest=1e-5)
    face = moving.reenact(source, driving, driving, relative=False)
    close(face, golden.outputs["reconstruction.prediction"], largest=1e-3, mean=1e-5)


def test_avd_gives_upstreams_keypoints(golden: Golden) -> None:
    if "avd.2.kp_norm.fg_kp" not in golden.outputs:
        pytest.skip("the case has no AVD network")
    disentangling = tpsmm_from(golden.weights, {**golden.meta["config"], "mode": "avd"})
    source, initial, driving = (
        keypoints(golden, f"kp_{name}") for name in ("source", "driving_0", "driving_2")
    )
    found = disentangling.carried(source, initial, driving, True)
    close(found.value, golden.outputs["avd.2.kp_norm.fg_kp"], largest=1e-5)


def test_the_way_to_the_field_is_upstreams(golden: Golden, tpsmm: Tpsmm) -> None:
    driving = keypoints(golden, "relative.2.kp_norm")
    motion = tpsmm.render(tpsmm.encode(golden.inputs["source"]), driving).motion
    expected = {k.partition("relative.2.")[2]: v for k, v in golden.outputs.items()}
    close(motion.shares, expected["contribution_maps"], largest=1e-4)
    torch.testing.assert_close(motion.field, expected["deformation"], rtol=1e-3, atol=1e-4)
    for level, occlusion in enumerate(motion.occlusions):
        if f"occlusion_map_{level}" in expected:
            close(occlusion, expected[f"occlusion_map_{level}"], largest=1e-4)


def test_a_run_of_frames_is_its_frames_one_by_one(golden: Golden, tpsmm: Tpsmm) -> None:
    source, *driving = (golden.inputs[name] for name in FRAMES)
    together = tpsmm.reenact(source, driving[0], torch.cat(driving[:2]))
    alone: list[Tensor] = [tpsmm.reenact(source, driving[0], frame) for frame in driving[:2]]
    close(together, torch.cat(alone), largest=1e-3, mean=1e-5)
