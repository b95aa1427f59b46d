"""LivePortrait: against a fixture made by upstream's own modules, and what its files may hold."""

import dataclasses
import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from reenact_core.devices import Compute
from reenact_core.errors import CheckpointError
from reenact_core.models.hull_volume import volume_scale
from reenact_core.models.integrators.implicit_motion import LIPS
from reenact_core.models.integrators.liveportrait import LivePortrait
from reenact_core.models.integrators.liveportrait_files import (
    BASE,
    liveportrait_from,
    liveportrait_settings,
)
from reenact_core.models.integrators.osfv_files import holds_osfv
from reenact_core.models.load import load_integrator
from tests.golden import Golden, close, read_golden
from tests.tiny import pictures
from tests.tiny_volumes import LIVEPORTRAIT, spectral, tables, tiny_liveportrait

FRAMES = ("source", "driving_0", "driving_1", "driving_2")


@pytest.fixture(scope="module")
def golden(shared: Path) -> Golden:
    return read_golden(shared / "golden" / "liveportrait" / "full_recipe")


@pytest.fixture(scope="module")
def full(golden: Golden) -> LivePortrait:
    network = liveportrait_from(golden.weights, golden.meta["config"])
    network.run_on(Compute())
    return network


@pytest.mark.slow
def test_keypoints_are_upstreams(golden: Golden, full: LivePortrait) -> None:
    for frame, name in zip(
        FRAMES, ("x_s", "x_driving_0", "x_driving_1", "x_driving_2"), strict=True
    ):
        close(full.detect(golden.inputs[frame]).value, golden.outputs[name], largest=1e-5)
    close(full.motion(golden.inputs["source"]).rotation, golden.outputs["R_s"], largest=1e-5)


@pytest.mark.slow
def test_the_way_to_the_prediction_is_upstreams(golden: Golden, full: LivePortrait) -> None:
    source, initial, _, driving = (golden.inputs[name] for name in FRAMES)
    expected = {k.partition("relative.2.")[2]: v for k, v in golden.outputs.items()}
    encoded = full.encode(source)
    close(encoded.volume[:, 0, 0], golden.outputs["f_s_channel0_depth0"], largest=1e-4)
    moved = full.targets(encoded, full.motion(initial), full.motion(driving))
    close(moved.value, expected["x_d_new"], largest=1e-5)
    stitched = full.finished(encoded, moved)
    close(stitched.value, expected["x_d_stitched"], largest=1e-5)
    face = full.render(encoded, stitched)
    assert face.motion.occlusion is not None
    close(face.motion.occlusion, expected["occlusion_map"], largest=1e-4)
    close(face.motion.field[:, 0], expected["deformation_depth0"], largest=1e-4)


@pytest.mark.slow
def test_the_prediction_is_upstreams(golden: Golden, full: LivePortrait) -> None:
    source, initial, _, driving = (golden.inputs[name] for name in FRAMES)
    face = full.reenact(source, initial, driving)
    close(face, golden.outputs["relative.2.prediction"], largest=1e-3, mean=1e-5)


# Files, with a tiny network.


def official(folder: Path, state: dict[str, Tensor], *, stitching: bool = True) -> Path:
    """A folder as upstream's `pretrained_weights/liveportrait`."""
    named = tables(state)
    (folder / "base_models").mkdir(parents=True)
    (folder / "retargeting_models").mkdir()
    for name in BASE:
        torch.save(named.pop(name), folder / "base_models" / f"{name}.pth")
    if stitching:
        small = {n: {f"module.{k}": t for k, t in table.items()} for n, table in named.items()}
        torch.save(small, folder / "retargeting_models" / "stitching_retargeting_module.pth")
    return folder


def test_the_official_folder_and_one_file_give_the_same_network(tmp_path: Path) -> None:
    network = tiny_liveportrait()
    published = spectral(network.state_dict())
    folder = official(tmp_path / "pretrained_weights" / "liveportrait", published)
    one = tmp_path / "liveportrait.safetensors"
    save_file({n: t.contiguous() for n, t in published.items()}, one)
    source, driving = pictures(1, seed=1), pictures(5, seed=2)
    expected = network.reenact(source, driving[:1], driving)
    assert expected.shape == (5, 3, 64, 64)
    base = folder / "base_models"
    for path in (folder, folder.parent, base, base / "warping_module.pth", one):
        loaded = load_integrator("liveportrait", path)
        assert isinstance(loaded, LivePortrait)
        assert loaded.settings == network.settings
        got = loaded.reenact(source, driving[:1], driving)
        torch.testing.assert_close(got, expected, rtol=0, atol=1e-5)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    folder = official(tmp_path / "lp", tiny_liveportrait().state_dict())
    (folder / "base_models" / "motion_extractor.pth").unlink()
    with pytest.raises(CheckpointError, match=r"no motion_extractor\.pth here or in base_models"):
        load_integrator("liveportrait", folder)


def test_without_the_small_networks_stitching_is_off_or_refused(tmp_path: Path) -> None:
    folder = official(tmp_path / "lp", tiny_liveportrait().state_dict(), stitching=False)
    network = load_integrator("liveportrait", folder)
    assert isinstance(network, LivePortrait)
    assert not network.settings.stitching
    with pytest.raises(CheckpointError, match="stitching needs retarget_shoulder"):
        load_integrator("liveportrait", folder, {"flag_stitching": True})
    with pytest.raises(ValueError, match="no retarget_mouth"):
        network.encode(pictures(1), torch.tensor([0.2]))


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"animation_region": "nose"}, "animation_region one of all, exp, pose, lip, eyes"),
        ({"flag_stitching": 3}, "flag_stitching must be true or false"),
        ({"model_params": {"warping_module_params": {"num_kp": 15}}}, "num_kp is 15"),
    ],
)
def test_a_configuration_of_other_weights_is_refused(config: dict[str, object], words: str) -> None:
    shapes = {n: tuple(t.shape) for n, t in tiny_liveportrait().state_dict().items()}
    with pytest.raises(CheckpointError, match=words):
        liveportrait_settings(shapes, config)


def test_another_methods_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    save_file({"generator.first.conv.weight": torch.zeros(3, 3)}, path)
    with pytest.raises(CheckpointError, match="no LivePortrait weights"):
        load_integrator("liveportrait", path)
    assert not holds_osfv({n: tuple(t.shape) for n, t in tiny_liveportrait().state_dict().items()})


# How motion is carried over.


@pytest.fixture(scope="module")
def tiny() -> LivePortrait:
    return tiny_liveportrait()


def with_options(**options: object) -> LivePortrait:
    return tiny_liveportrait(dataclasses.replace(LIVEPORTRAIT, **options))  # type: ignore[arg-type]  # the caller's names


def test_the_first_frame_leaves_the_source_where_it_is() -> None:
    network, driving = with_options(stitching=False), pictures(1, seed=2)
    source = network.encode(pictures(1, seed=1))
    moved = network.targets(source, network.motion(driving), network.motion(driving))
    torch.testing.assert_close(moved.value, source.keypoints.value, rtol=0, atol=1e-5)


def test_frames_do_not_depend_on_their_neighbours(tiny: LivePortrait) -> None:
    driving, sources = pictures(6, seed=2), pictures(6, seed=3)
    whole = tiny.reenact(sources, driving, driving)
    one = tiny.reenact(sources[5:], driving[5:], driving[5:])
    torch.testing.assert_close(whole[5:], one, rtol=0, atol=1e-5)


def test_the_keypoints_paths_grow_with_the_source() -> None:
    """x = x_S + a (x_i - x_0), a by the hulls' volumes."""
    network, driving = with_options(stitching=False), pictures(2, seed=2)
    source = network.encode(pictures(1, seed=1))
    first, second = network.detect(driving[:1]), network.detect(driving[1:])
    scale = volume_scale(source.keypoints, first).item()
    expected = source.keypoints.value + scale * (second.value - first.value)
    motions = network.motion(driving[:1]), network.motion(driving[1:])
    moved = network.targets(source, *motions, adapt_scale=True)
    torch.testing.assert_close(moved.value, expected, rtol=0, atol=1e-5)


def test_absolute_motion_takes_the_drivers_pose_and_keeps_the_sources_size(
    tiny: LivePortrait,
) -> None:
    source, driving = tiny.encode(pictures(1, seed=1)), tiny.motion(pictures(1, seed=2))
    moved = tiny.targets(source, driving, driving, relative=False).value
    face = source.motion
    expression = driving.expression.clone()
    kept = [(0, [0, 1, 2]), (7, [0, 1, 2]), (10, [0, 1, 2]), (3, [0, 2]), (4, [0, 2])]
    kept += [(5, [0, 1]), (8, [0, 1]), (9, [0])]
    for number, axes in kept:
        expression[:, number, axes] = face.expression[:, number, axes]
    shift = driving.offset * torch.tensor([1.0, 1.0, 0.0])
    expected = face.scale[:, None] * (face.canonical @ driving.rotation + expression)
    torch.testing.assert_close(moved, expected + shift[:, None], rtol=0, atol=1e-6)


@pytest.mark.parametrize("relative", [True, False])
def test_a_region_moves_alone(*, relative: bool) -> None:
    network = with_options(region="lip", stitching=False)
    source, initial, driving = pictures(1, seed=1), pictures(1, seed=2), pictures(1, seed=3)
    encoded = network.encode(source)
    motions = network.motion(initial), network.motion(driving)
    moved = network.targets(encoded, *motions, relative=relative).value
    apart = (moved - encoded.keypoints.value).abs().amax(dim=(0, 2))
    if relative:
        others = [k for k in range(21) if k not in LIPS]
        assert apart[list(LIPS)].min() > 1e-4
        assert apart[others].max() < 1e-6


def test_the_multiplier_goes_part_of_the_way() -> None:
    network = with_options(multiplier=0.0)
    source = network.encode(pictures(1, seed=1))
    motions = (network.motion(pictures(1, seed=n)) for n in (2, 3))
    still = network.finished(source, network.targets(source, *motions))
    torch.testing.assert_close(still.value, source.keypoints.value, rtol=0, atol=1e-6)


def test_lips_that_are_open_are_closed_first(tiny: LivePortrait) -> None:
    faces = pictures(2, seed=1)
    source = tiny.encode(faces, torch.tensor([0.01, 0.2]))
    assert source.closing is not None
    assert float(source.closing[0].abs().max()) == 0
    ratios = torch.tensor([[0.2, 0.0]])
    torch.testing.assert_close(source.closing[1:], tiny.lip_offsets(source.keypoints[1:], ratios))
    eyes = tiny.eye_offsets(source.keypoints, torch.tensor([[0.3, 0.3, 0.1]] * 2))
    assert eyes.shape == (2, 21, 3)


def test_stitching_shifts_in_the_picture_alone(tiny: LivePortrait) -> None:
    network = tiny_liveportrait()
    last = network.get_submodule("retarget_shoulder.mlp.2")
    with torch.no_grad():
        for parameter in last.parameters():
            parameter.zero_()
        last.get_parameter("bias")[63:] = torch.tensor([0.5, -0.25])
    points = network.detect(pictures(1))
    moved = network.stitched(points, points).value - points.value
    torch.testing.assert_close(moved, torch.tensor([0.5, -0.25, 0.0]).expand(1, 21, 3))


def test_reduced_precision_leaves_the_keypoints_exact(tmp_path: Path, tiny: LivePortrait) -> None:
    path = tmp_path / "liveportrait.safetensors"
    save_file({n: t.contiguous() for n, t in tiny.state_dict().items()}, path)
    half = load_integrator("liveportrait", path, compute=Compute("cpu", "bf16"))
    source, driving = pictures(1, seed=1), pictures(2, seed=2)
    assert torch.equal(half.detect(driving).value, tiny.detect(driving).value)
    got, expected = (n.reenact(source, driving[:1], driving) for n in (half, tiny))
    assert got.dtype == torch.float32
    assert (got - expected).abs().mean().item() < 0.02


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_weights_that_are_no_numbers_are_refused(tmp_path: Path, value: float) -> None:
    state = tiny_liveportrait().state_dict()
    state["spade_generator.fc.bias"][0] = value
    with pytest.raises(CheckpointError, match=r"spade_generator\.fc\.bias holds values"):
        load_integrator("liveportrait", official(tmp_path / "lp", state))
