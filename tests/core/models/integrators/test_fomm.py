"""FOMM against fixtures made by upstream's own modules."""

from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from torch import Tensor

from reenact_core.devices import Compute
from reenact_core.models.dense_motion import heat_differences, sparse_motions, warp_by_each
from reenact_core.models.integrators.fomm import Fomm
from reenact_core.models.integrators.fomm_files import fomm_from
from reenact_core.models.keypoint_detector import Keypoints
from reenact_core.models.layers import coordinate_grid, resize, warp
from reenact_core.models.relative_motion import carry_over, movement_scale
from tests.golden import close, read_golden

CASES = ["vox_small", "nonsquare", "no_jacobian_no_occlusion", "full_recipe"]
MODES = {"absolute": (False, False), "relative": (True, False), "relative_adapt": (True, True)}
"""relative, adapt_scale"""


@dataclass(frozen=True)
class Case:
    """One golden case: a network with known weights, its inputs, and upstream's outputs."""

    fomm: Fomm
    inputs: dict[str, Tensor]
    outputs: dict[str, Tensor]
    movement_scale: float

    def keypoints(self, name: str) -> Keypoints:
        return Keypoints(self.outputs[f"{name}.value"], self.outputs.get(f"{name}.jacobian"))


@pytest.fixture(scope="module", params=CASES)
def case(request: pytest.FixtureRequest, shared: Path) -> Case:
    return read_case(shared / "golden" / "fomm" / request.param)


def read_case(folder: Path) -> Case:
    golden = read_golden(folder)
    fomm = fomm_from(golden.weights, golden.meta["config"])
    fomm.run_on(Compute())
    scale = golden.meta["scale"]["movement_scale"]
    return Case(fomm, golden.inputs, golden.outputs, scale)


def test_keypoints_and_jacobians_are_upstreams(case: Case) -> None:
    for name in ("source", "driving_0", "driving_1", "driving_2"):
        found, expected = case.fomm.detect(case.inputs[name]), case.keypoints(f"kp_{name}")
        close(found.value, expected.value, largest=1e-5)
        if expected.jacobian is not None:
            assert found.jacobian is not None
            close(found.jacobian, expected.jacobian, largest=1e-5)


@pytest.mark.parametrize("mode", MODES)
def test_keypoints_are_carried_over_as_upstream_does(case: Case, mode: str) -> None:
    source, initial = case.keypoints("kp_source"), case.keypoints("kp_driving_0")
    for number in range(3):
        driving = case.keypoints(f"kp_driving_{number}")
        if mode != "absolute":
            scale = movement_scale(source, initial) if mode == "relative_adapt" else 1.0
            driving = carry_over(source, initial, driving, scale)
        name = f"{mode}.{number}.kp_norm"
        if f"{name}.value" in case.outputs:
            expected = case.keypoints(name)
            close(driving.value, expected.value, largest=1e-5)
            if expected.jacobian is not None:
                assert driving.jacobian is not None
                torch.testing.assert_close(
                    driving.jacobian, expected.jacobian, rtol=1e-4, atol=1e-5
                )


@pytest.mark.parametrize("mode", MODES)
def test_predictions_are_upstreams(case: Case, mode: str) -> None:
    for number in range(3):
        name = f"{mode}.{number}.prediction"
        if name in case.outputs:
            relative, adapt_scale = MODES[mode]
            face = case.fomm.reenact(
                case.inputs["source"],
                case.inputs["driving_0"],
                case.inputs[f"driving_{number}"],
                relative=relative,
                adapt_scale=adapt_scale,
            )
            close(face, case.outputs[name], largest=1e-3, mean=1e-5)


def test_movement_scale_is_upstreams(case: Case) -> None:
    scale = movement_scale(case.keypoints("kp_source"), case.keypoints("kp_driving_0"))
    assert scale.item() == pytest.approx(case.movement_scale, rel=1e-5)


def test_the_way_to_the_field_is_upstreams(case: Case) -> None:
    source, driving = case.keypoints("kp_source"), case.keypoints("relative_adapt.2.kp_norm")
    network = case.fomm.generator.dense_motion_network
    small = network.down(case.inputs["source"])
    motion = network(small, source, driving)
    expected = {k.partition("relative_adapt.2.")[2]: v for k, v in case.outputs.items()}
    close(motion.mask, expected["mask"], largest=1e-4)
    torch.testing.assert_close(motion.field, expected["deformation"], rtol=1e-3, atol=1e-4)
    if motion.occlusion is not None:
        close(motion.occlusion, expected["occlusion_map"], largest=1e-4)
    if "sparse_motion" not in expected:
        return
    grid = coordinate_grid(*small.shape[2:])
    candidates = sparse_motions(grid, source, driving)
    close(small, expected["source_downsampled"], largest=1e-5)
    torch.testing.assert_close(candidates, expected["sparse_motion"], rtol=1e-3, atol=1e-4)
    heat = heat_differences(grid, source, driving, network.variance)
    close(heat[:, :, None], expected["heatmap_representation"], largest=1e-5)
    moved = warp_by_each(small, candidates, align_corners=False)
    close(moved, expected["sparse_deformed"], largest=1e-3, mean=1e-5)
    field = resize(
        motion.field.permute(0, 3, 1, 2), *case.inputs["source"].shape[2:], align_corners=False
    )
    whole = warp(case.inputs["source"], field.permute(0, 2, 3, 1), align_corners=False)
    close(whole, expected["deformed"], largest=1e-3, mean=1e-5)
