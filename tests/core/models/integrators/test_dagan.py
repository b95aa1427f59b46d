"""DaGAN, plain and SPADE, against fixtures made by upstream's own modules."""

from pathlib import Path

import pytest
import torch

from reenact_core.devices import Compute
from reenact_core.models.integrators.dagan import Dagan, DepthAttention
from reenact_core.models.integrators.dagan_files import dagan_from
from reenact_core.models.keypoint_detector import Keypoints
from tests.golden import Golden, close, read_golden

FULL = [pytest.param(name, marks=pytest.mark.slow) for name in ("full_recipe", "full_recipe_spade")]
CASES = ["vox_small", "nonsquare", *FULL]
FRAMES = ("source", "driving_0", "driving_1", "driving_2")
MODES = {"absolute": (False, False), "relative": (True, False), "relative_adapt": (True, True)}
"""relative, adapt_scale"""


@pytest.fixture(scope="module", params=CASES)
def golden(request: pytest.FixtureRequest, shared: Path) -> Golden:
    return read_golden(shared / "golden" / "dagan" / request.param)


@pytest.fixture(scope="module")
def dagan(golden: Golden) -> Dagan:
    network = dagan_from(golden.weights, golden.meta["config"])
    network.run_on(Compute())
    return network


def keypoints(golden: Golden, name: str) -> Keypoints:
    return Keypoints(golden.outputs[f"{name}.value"], golden.outputs[f"{name}.jacobian"])


def test_depth_is_upstreams(golden: Golden, dagan: Dagan) -> None:
    found = dagan.depth(golden.inputs["source"])
    close(found, golden.outputs["disp_source.scale0"], largest=1e-4, mean=1e-5)


def test_keypoints_and_jacobians_are_upstreams(golden: Golden, dagan: Dagan) -> None:
    found = dagan.detect(torch.cat([golden.inputs[name] for name in FRAMES]))
    expected = Keypoints.joined([keypoints(golden, f"kp_{name}") for name in FRAMES])
    close(found.value, expected.value, largest=1e-5)
    assert found.jacobian is not None and expected.jacobian is not None
    close(found.jacobian, expected.jacobian, largest=1e-5)


@pytest.mark.parametrize("mode", MODES)
def test_predictions_are_upstreams(golden: Golden, dagan: Dagan, mode: str) -> None:
    source, *driving = (golden.inputs[name] for name in FRAMES)
    known = [n for n in range(3) if f"{mode}.{n}.prediction" in golden.outputs]
    if not known:
        pytest.skip("no prediction of this mode is stored")
    relative, adapt_scale = MODES[mode]
    frames = torch.cat([driving[n] for n in known])
    faces = dagan.reenact(source, driving[0], frames, relative=relative, adapt_scale=adapt_scale)
    for face, number in zip(faces, known, strict=True):
        expected = golden.outputs[f"{mode}.{number}.prediction"]
        close(face[None], expected, largest=1e-3, mean=1e-5)


def test_keypoints_are_carried_over_as_upstream_does(golden: Golden) -> None:
    source, initial, driving = (
        keypoints(golden, f"kp_{name}") for name in ("source", "driving_0", "driving_2")
    )
    found = Dagan.carried(source, initial, driving, True, True)
    expected = keypoints(golden, "relative_adapt.2.kp_norm")
    close(found.value, expected.value, largest=1e-5)
    torch.testing.assert_close(found.jacobian, expected.jacobian, rtol=1e-4, atol=1e-5)


def test_the_way_to_the_field_is_upstreams(golden: Golden, dagan: Dagan) -> None:
    driving = keypoints(golden, "relative_adapt.2.kp_norm")
    motion = dagan.render(dagan.encode(golden.inputs["source"]), driving).motion
    expected = {k.partition("relative_adapt.2.")[2]: v for k, v in golden.outputs.items()}
    close(motion.mask, expected["mask"], largest=1e-4)
    torch.testing.assert_close(motion.field, expected["deformation"], rtol=1e-3, atol=1e-4)
    assert motion.occlusion is not None
    close(motion.occlusion, expected["occlusion_map"], largest=1e-4)


def test_attention_is_upstreams(golden: Golden, dagan: Dagan) -> None:
    expected = {k.partition("relative_adapt.2.")[2]: v for k, v in golden.outputs.items()}
    if "attn_out" not in expected:
        pytest.skip("no attention is stored")
    attend = dagan.generator.AttnModule
    queries = attend.queries(expected["attn_in_source_depth_features"])
    found = attend(queries, expected["attn_in_warped_features"])
    close(found, expected["attn_out"], largest=1e-4, mean=1e-5)


def test_attention_in_pieces_is_attention_at_once() -> None:
    torch.manual_seed(0)
    attend = DepthAttention(16).eval()
    torch.nn.init.ones_(attend.gamma)
    depth, features = torch.randn(2, 2, 16, 6, 7).unbind()
    with torch.no_grad():
        at_once = attend(attend.queries(depth), features)
        attend.held = 100
        in_pieces = attend(attend.queries(depth), features)
    torch.testing.assert_close(at_once, in_pieces)
