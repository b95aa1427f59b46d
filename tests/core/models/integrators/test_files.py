"""Files of TPSMM and DaGAN: what loads, and what is refused with which words."""

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from reenact_core.devices import Compute
from reenact_core.errors import CheckpointError
from reenact_core.models.integrators.dagan import Dagan, DaganSettings
from reenact_core.models.integrators.dagan_files import dagan_from, dagan_settings, holds_dagan
from reenact_core.models.integrators.depth import DepthSettings
from reenact_core.models.integrators.resnet import ResnetSettings
from reenact_core.models.integrators.spade import SpadeSettings
from reenact_core.models.integrators.tpsmm import AvdSettings, Tpsmm, TpsmmSettings
from reenact_core.models.integrators.tpsmm_files import holds_tpsmm, tpsmm_from, tpsmm_settings
from reenact_core.models.load import load_integrator
from reenact_core.models.paper_settings import JacobianMaps
from reenact_core.models.state_dicts import Weights
from tests.golden import close
from tests.tiny import (
    DAGAN,
    INTEGRATOR,
    TPSMM,
    pictures,
    tiny_dagan,
    tiny_paper,
    tiny_tpsmm,
)
from tests.tiny_files import TINY, write_tiny

FROM: dict[str, Callable[[Weights, dict[str, Any]], nn.Module]] = {
    "tpsmm": tpsmm_from,
    "dagan": dagan_from,
}


@pytest.fixture(params=FROM)
def method(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def file(method: str, tmp_path: Path) -> Path:
    return write_tiny(method, tmp_path / f"{method}.safetensors")


def shapes_of(network: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}


# What loads.


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_file_gives_the_network_that_was_written(method: str, file: Path, precision: Any) -> None:
    source, driving = pictures(1, size=64, seed=1), pictures(3, size=64, seed=2)
    loaded = load_integrator(method, file, compute=Compute("cpu", precision))
    face = loaded.reenact(source, driving[:1], driving)
    expected = TINY[method]().reenact(source, driving[:1], driving)  # type: ignore[operator]
    assert face.dtype == torch.float32
    close(face, expected, largest=1e-4 if precision == "fp32" else 0.2)


@pytest.mark.parametrize("name", ["vox.pth.tar", "weights.safetensors"])
def test_upstreams_own_tpsmm_file_loads(shared: Path, name: str) -> None:
    folder = shared / "golden" / "tpsmm" / "vox_small"
    inputs = load_file(folder / "inputs.safetensors")
    expected = load_file(folder / "outputs.safetensors")["relative.1.prediction"]
    found = load_integrator("tpsmm", folder / name).reenact(
        inputs["source"], inputs["driving_0"], inputs["driving_1"]
    )
    close(found, expected, largest=1e-3, mean=1e-5)


@pytest.mark.parametrize("name", ["DaGAN_vox_adv_256.pth.tar", "weights.safetensors"])
def test_upstreams_own_dagan_files_load(shared: Path, name: str) -> None:
    folder = shared / "golden" / "dagan" / "vox_small"
    inputs = load_file(folder / "inputs.safetensors")
    expected = load_file(folder / "outputs.safetensors")["relative.1.prediction"]
    found = load_integrator("dagan", str(folder / name)).reenact(
        inputs["source"], inputs["driving_0"], inputs["driving_1"]
    )
    close(found, expected, largest=1e-3, mean=1e-5)


@pytest.mark.parametrize("stated", [False, True])
def test_the_depth_network_is_found_where_people_keep_it(
    shared: Path, tmp_path: Path, stated: bool
) -> None:
    upstream = shared / "golden" / "dagan" / "vox_small"
    checkpoints = tmp_path / "checkpoints"
    depth = tmp_path / "elsewhere" if stated else tmp_path / "depth" / "models" / "weights_19"
    for folder in (checkpoints, depth):
        folder.mkdir(parents=True)
    main = Path(shutil.copy(upstream / "DaGAN_vox_adv_256.pth.tar", checkpoints))
    with pytest.raises(CheckpointError, match="needs its depth network besides: put "):
        load_integrator("dagan", main)
    for name in ("encoder.pth", "depth.pth"):
        shutil.copy(upstream / name, depth)
    load_integrator("dagan", main, {"depth": str(depth)} if stated else None)


def test_another_depth_network_is_named(shared: Path, tmp_path: Path) -> None:
    upstream = shared / "golden" / "dagan" / "vox_small"
    main = Path(shutil.copy(upstream / "DaGAN_vox_adv_256.pth.tar", tmp_path))
    shutil.copy(upstream / "depth.pth", tmp_path)
    deep = Dagan(
        dataclasses.replace(DAGAN, depth=DepthSettings(ResnetSettings(width=4, block="bottleneck")))
    )
    torch.save(deep.depth_encoder.state_dict(), tmp_path / "encoder.pth")
    words = "depth_decoder.decoder.0.conv.conv.weight must be"
    with pytest.raises(CheckpointError, match=words):
        load_integrator("dagan", main)


def test_keypoints_are_exact_in_reduced_precision(method: str, file: Path) -> None:
    frames = pictures(2, size=64)
    found, reduced = (
        load_integrator(method, file, compute=Compute("cpu", precision)).detect(frames).value
        for precision in ("fp32", "bf16")
    )
    close(reduced, found, largest=1e-6)


SPLINES = [
    dataclasses.replace(TPSMM, motion=dataclasses.replace(TPSMM.motion, scale=scale, blocks=blocks))
    for scale, blocks in ((1.0, 4), (0.5, 3), (0.25, 2), (0.125, 2), (0.0625, 1))
] + [
    dataclasses.replace(TPSMM, masks="one", halvings=halvings, splines=1, detector=detector)
    for halvings in (1, 2, 4)
    for detector in [ResnetSettings(width=4, outputs=10)]
]


@pytest.mark.parametrize("settings", SPLINES)
def test_tpsmms_sizes_are_read_off_the_weights(settings: TpsmmSettings) -> None:
    network = tiny_tpsmm(settings)
    found = tpsmm_settings(shapes_of(network), {})
    assert shapes_of(Tpsmm(found)) == shapes_of(network)
    assert (found.motion.scale, found.masks) == (settings.motion.scale, settings.masks)
    driving = pictures(2, size=64)
    assert network.reenact(driving[:1], driving[:1], driving).shape == driving.shape


def test_tpsmms_other_networks_are_read_where_they_are_asked_for() -> None:
    avd = AvdSettings((20, 6, 5, 4), (20, 6, 5, 3), (7, 6, 20))
    settings = dataclasses.replace(
        TPSMM, avd=avd, background=ResnetSettings(channels=6, width=4, outputs=6)
    )
    shapes = shapes_of(Tpsmm(settings))
    assert tpsmm_settings(shapes, {"mode": "avd", "background": True}) == settings
    assert tpsmm_settings(shapes, {}) == TPSMM


@pytest.mark.parametrize("jacobian", ["per_keypoint", "shared", "none"])
@pytest.mark.parametrize("occlusion", [True, False])
@pytest.mark.parametrize("block", ["basic", "bottleneck"])
def test_dagans_sizes_are_read_off_the_weights(
    jacobian: JacobianMaps, occlusion: bool, block: Any
) -> None:
    networks = dataclasses.replace(
        DAGAN.networks,
        keypoints=dataclasses.replace(INTEGRATOR.keypoints, jacobian=jacobian),
        motion=dataclasses.replace(INTEGRATOR.motion, occlusion=occlusion),
    )
    depth = DepthSettings(ResnetSettings(width=4, block=block), (4, 3, 5, 2, 6))
    settings = DaganSettings(networks, depth)
    network = tiny_dagan(settings)
    assert dagan_settings(shapes_of(network), {}) == settings
    driving = pictures(2, size=64)
    assert network.reenact(driving[:1], driving[:1], driving).shape == driving.shape


def test_the_spade_variant_is_told_by_its_painter() -> None:
    painter = SpadeSettings(16, 7, 4, (8, 6, 4), 2)
    generator = dataclasses.replace(DAGAN.networks.generator, bottleneck=0)
    settings = dataclasses.replace(
        DAGAN, painter=painter, networks=dataclasses.replace(DAGAN.networks, generator=generator)
    )
    network = tiny_dagan(settings)
    yaml = {"model_params": {"generator_params": {"num_bottleneck_blocks": 6}}}
    assert dagan_settings(shapes_of(network), yaml) == settings
    driving = pictures(2, size=64)
    assert network.reenact(driving[:1], driving[:1], driving).shape == driving.shape


def test_what_the_weights_do_not_show_comes_from_the_configuration(tmp_path: Path) -> None:
    config = tmp_path / "vox-adv-256.yaml"
    config.write_text(
        "model_params:\n"
        "  common_params: {num_kp: 10, num_channels: 3}\n"  # as upstream's, whatever the weights
        "  kp_detector_params: {temperature: 0.2, pad: 3}\n"
        "  generator_params:\n"
        "    dense_motion_params: {kp_variance: 0.02}\n"
    )
    save_file(tiny_dagan().state_dict(), tmp_path / "dagan.safetensors")
    dagan = load_integrator("dagan", tmp_path / "dagan.safetensors", config)
    assert isinstance(dagan, Dagan)
    networks = dagan.settings.networks
    assert (networks.keypoints.temperature, networks.keypoints.padding) == (0.2, 3)
    assert networks.motion.variance == 0.02


def test_a_safetensors_file_may_bring_its_configuration(tmp_path: Path) -> None:
    path = tmp_path / "tpsmm.safetensors"
    configuration = '{"model_params": {"dense_motion_params": {"kp_variance": 0.03}}}'
    save_file(tiny_tpsmm().state_dict(), path, {"configuration": configuration})
    tpsmm = load_integrator("tpsmm", path)
    assert isinstance(tpsmm, Tpsmm)
    assert tpsmm.settings.motion.variance == 0.03


# What is refused.


def refused(method: str, path: Path, words: str, config: dict[str, Any] | None = None) -> None:
    with pytest.raises(CheckpointError, match=words) as caught:
        load_integrator(method, path, config)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("kept", [0, 8, 400, 20_000])
def test_a_truncated_file_is_refused(method: str, file: Path, kept: int) -> None:
    file.write_bytes(file.read_bytes()[:kept])
    refused(method, file, "damaged or truncated|neither")


@pytest.mark.parametrize("other", ["fomm", "paper", "tpsmm", "dagan"])
def test_a_file_of_another_method_is_refused(method: str, tmp_path: Path, other: str) -> None:
    networks = {**TINY, "paper": tiny_paper}
    path = tmp_path / "other.safetensors"
    save_file(networks[other]().state_dict(), path)
    if other != method:
        refused(method, path, "no (TPSMM|DaGAN) weights; [a-zA-Z0-9_.]+ is missing")


@pytest.mark.parametrize("family", ["fomm", "tpsmm", "dagan", "osfv", "liveportrait"])
def test_official_files_are_told_apart(method: str, shared: Path, family: str) -> None:
    holds = {"tpsmm": holds_tpsmm, "dagan": holds_dagan}[method]
    for path in (shared / "golden" / family).glob("*/manifest.json"):
        assert holds(json.loads(path.read_text())) == (family == method)


@pytest.mark.parametrize("number", range(0, 200, 7))
def test_a_missing_or_superfluous_tensor_is_named(method: str, file: Path, number: int) -> None:
    state = load_file(file)
    # Without its low pass a network starts at full size: that cannot be told from a whole file.
    names = [n for n in state if not n.endswith(("num_batches_tracked", "down.weight"))]
    name = names[number % len(names)]
    tensor = state.pop(name)
    save_file(state, file)
    refused(method, file, r"missing|superfluous|not with sizes")
    save_file({**state, name: tensor, f"{name}s": tensor.clone()}, file)
    refused(method, file, f"{name}s superfluous")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_not_numbers_are_named(method: str, file: Path, value: float) -> None:
    state = load_file(file)
    name = next(name for name in state if name.endswith("first.conv.bias"))
    state[name][0] = value
    save_file(state, file)
    refused(method, file, f"{name} holds values that are not numbers")


@pytest.mark.parametrize("shape", [(), (3,), (0, 4, 3, 3), (2, 3, 1, 1), (1, 2, 3, 4, 5)])
def test_odd_shapes_are_refused(method: str, shape: tuple[int, ...]) -> None:
    state = TINY[method]().state_dict()
    shapes = {name: tuple(tensor.shape) for name, tensor in state.items()}
    for name in [name for name in shapes if name.endswith("weight")][::4]:
        odd = {**state, name: torch.zeros(shape)}
        if shape != shapes[name]:
            weights = Weights(Path("odd"), {**shapes, name: shape}, {}, odd.copy)
            with pytest.raises(CheckpointError, match="odd: "):
                FROM[method](weights, {})


CONTRADICTIONS = [
    ("tpsmm", {"model_params": {"common_params": {"num_tps": 10}}}, "num_tps is 10, .* show 2"),
    ("tpsmm", {"model_params": {"common_params": {"multi_mask": False}}}, "multi_mask is False"),
    ("tpsmm", {"mode": "avd"}, "holds no avd_network, which the mode avd needs"),
    ("tpsmm", {"mode": "fast"}, "mode must be one of relative, avd; got 'fast'"),
    ("tpsmm", {"background": True}, "holds no bg_predictor"),
    ("dagan", {"model_params": {"common_params": {"num_kp": 11}}}, "num_kp is 11, .* show 4"),
    ("dagan", {"model_params": {"common_params": {"num_channels": 4}}}, "num_channels is 4"),
    ("dagan", {"model_params": 3}, "model_params must be a table"),
    ("dagan", {"model_params": {"kp_detector_params": {"temperature": 0}}}, "temperature"),
]


@pytest.mark.parametrize(("name", "config", "words"), CONTRADICTIONS)
def test_a_configuration_that_does_not_fit_is_refused(
    tmp_path: Path, name: str, config: dict[str, Any], words: str
) -> None:
    path = write_tiny(name, tmp_path / "weights.safetensors")
    refused(name, path, words, config)


def test_weights_are_asked_for(method: str) -> None:
    with pytest.raises(CheckpointError, match=f"{method} needs a weights file, as"):
        load_integrator(method)


BAD_PICTURES = [
    (torch.rand(3, 64, 64), "in floating point, got"),
    (torch.rand(1, 1, 64, 64), r"must be \(N, 3, H, W\)"),
    (torch.rand(1, 4, 64, 64), r"must be \(N, 3, H, W\)"),
    (torch.zeros(1, 3, 64, 64, dtype=torch.uint8), "torch.uint8"),
    (torch.zeros(1, 3, 64, 64, dtype=torch.int16), "torch.int16"),
    (torch.rand(0, 3, 64, 64), "a picture or more"),
    (torch.rand(1, 3, 15, 15), "multiples of"),
    (torch.rand(1, 3, 64, 65), "multiples of"),
]
"""Not a batch, grey, with alpha, of 8 and 16 bits, none, too small, and of an odd size."""


@pytest.mark.parametrize(("bad", "words"), BAD_PICTURES)
def test_pictures_that_the_networks_cannot_take_are_refused(
    method: str, bad: Tensor, words: str
) -> None:
    network: Any = TINY[method]()
    good = pictures(2, size=64)
    for arguments in ((bad, good, good), (good, bad, good), (good, good, bad)):
        with pytest.raises(ValueError, match=words) as caught:
            network.reenact(*arguments)
        assert "\n" not in str(caught.value)


def test_counts_that_cannot_be_paired_are_refused(method: str) -> None:
    network: Any = TINY[method]()
    few, many = pictures(2, size=64), pictures(3, size=64)
    with pytest.raises(ValueError, match="source must hold 1 or 3 pictures, got 2"):
        network.reenact(few, many, many)
    with pytest.raises(ValueError, match="driving_initial must hold 1 or 3 pictures, got 2"):
        network.reenact(many, few, many)


# What all do.


def test_pairs_are_each_pair_alone(method: str) -> None:
    network: Any = TINY[method]()
    source, initial, driving = (pictures(18, size=64, seed=seed) for seed in range(3))
    together = network.reenact(source, initial, driving, adapt_scale=True)
    for n in (0, 3, 17):
        some = slice(n, n + 1)
        alone = network.reenact(source[some], initial[some], driving[some], adapt_scale=True)
        close(together[some], alone, largest=1e-4)


def test_relative_motion_starts_from_the_source(method: str) -> None:
    network: Any = TINY[method]()
    source, driving = pictures(1, size=64, seed=1), pictures(1, size=64, seed=2)
    still = network.reenact(source, driving, driving)
    close(still, network.reenact(source, source, source, relative=False), largest=1e-4)
    moved = network.reenact(source, driving, pictures(1, size=64, seed=3))
    assert (moved - still).abs().max() > 1e-3


def test_the_source_is_read_once_for_all_frames(method: str) -> None:
    network: Any = TINY[method]()
    painter = network.inpainting_network if method == "tpsmm" else network.generator
    seen: list[int] = []
    painter.first.register_forward_hook(lambda _, inputs, __: seen.append(len(inputs[0])))
    network.reenact(*(pictures(count, size=64) for count in (1, 1, 40)))
    assert seen == [1]
