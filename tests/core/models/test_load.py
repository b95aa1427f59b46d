"""Checkpoints: what loads, and what is refused with which words."""

import dataclasses
import io
import json
import pickle
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch import Tensor

from reenact_core.devices import Compute
from reenact_core.errors import CheckpointError
from reenact_core.models.architectures import find_architecture
from reenact_core.models.integrators.fomm import Fomm
from reenact_core.models.integrators.fomm_files import fomm_from, fomm_settings, holds_fomm
from reenact_core.models.load import load_integrator, load_models
from reenact_core.models.paper import Paper
from reenact_core.models.paper_settings import IntegratorSettings, JacobianMaps
from reenact_core.models.state_dicts import Weights, open_weights, write_weights
from tests.tiny import INTEGRATOR, PAPER, pictures, tiny_fomm, tiny_paper


@pytest.fixture
def paper_file(tmp_path: Path) -> Path:
    path = tmp_path / "paper.safetensors"
    configuration = dataclasses.asdict(PAPER)
    write_weights(
        path,
        tiny_paper(),
        architecture="paper",
        configuration=configuration,
        version="0.1.0",
        licence="Apache-2.0",
    )
    return path


@pytest.fixture
def fomm_file(tmp_path: Path) -> Path:
    """A file as upstream's training writes it: tables, optimiser, epoch."""
    path, state = tmp_path / "vox-cpk.pth.tar", tiny_fomm().state_dict()
    tables: dict[str, object] = {
        part: {k.partition(".")[2]: v for k, v in state.items() if k.startswith(f"{part}.")}
        for part in ("generator", "kp_detector")
    }
    tables["discriminator"] = {"discs.1.conv.bias": torch.zeros(3)}
    tables["optimizer_generator"] = {"state": {0: {"step": 3}}, "param_groups": [{"lr": 1e-4}]}
    torch.save({**tables, "epoch": 99}, path)
    return path


ALIGNED = {"align_corners": True}


def test_a_checkpoint_gives_the_networks_that_were_written(paper_file: Path) -> None:
    models = load_models(paper_file)
    assert isinstance(models.network, Paper)
    assert models.architecture == "paper"
    assert models.network.settings == PAPER
    assert models.metadata["licence"] == "Apache-2.0"
    expected = tiny_paper().state_dict()
    assert all(torch.equal(v, expected[k]) for k, v in models.network.state_dict().items())
    assert not any(p.requires_grad for p in models.network.parameters())
    assert not models.network.training


def test_networks_arrive_in_the_precision_that_was_asked_for(paper_file: Path) -> None:
    models = load_models(paper_file, Compute("cpu", "bf16"))
    assert {p.dtype for p in models.network.parameters()} == {torch.bfloat16}


def test_an_official_file_loads_without_a_configuration(fomm_file: Path) -> None:
    integrator = load_integrator("fomm", fomm_file, ALIGNED)
    source, driving = pictures(1, seed=1), pictures(3, seed=2)
    expected = tiny_fomm().reenact(source, driving[:1], driving)
    got = integrator.reenact(source, driving[:1], driving)
    torch.testing.assert_close(got, expected)


def test_an_official_file_is_a_checkpoint_too(fomm_file: Path) -> None:
    models = load_models(fomm_file)
    assert models.architecture == "fomm"
    assert isinstance(models.network, Fomm)


@pytest.mark.parametrize("jacobian", ["per_keypoint", "shared", "none"])
@pytest.mark.parametrize("occlusion", [True, False])
@pytest.mark.parametrize("scale", [1.0, 0.5, 0.25, 0.125])
def test_sizes_are_read_off_the_weights(
    jacobian: JacobianMaps, occlusion: bool, scale: float
) -> None:
    sizes = dataclasses.replace(
        INTEGRATOR,
        keypoints=dataclasses.replace(INTEGRATOR.keypoints, jacobian=jacobian, scale=scale),
        motion=dataclasses.replace(INTEGRATOR.motion, occlusion=occlusion, scale=scale),
    )
    with torch.device("meta"):
        state = Fomm(sizes).state_dict()
    shapes = {name: tuple(tensor.shape) for name, tensor in state.items()}
    assert fomm_settings(shapes, ALIGNED) == sizes


def test_the_official_sizes_are_read_off_the_weights() -> None:
    with torch.device("meta"):
        state = Fomm(IntegratorSettings()).state_dict()
    shapes = {name: tuple(tensor.shape) for name, tensor in state.items()}
    found = fomm_settings(shapes, {})
    # The limit of 512 is never reached with two halvings: 256 says the same.
    generator = dataclasses.replace(found.generator, max_features=512)
    assert dataclasses.replace(found, generator=generator) == IntegratorSettings()


def test_what_the_weights_do_not_show_comes_from_the_configuration(
    fomm_file: Path, tmp_path: Path
) -> None:
    config = tmp_path / "vox-256.yaml"
    config.write_text(
        "dataset_params: {root_dir: data}\n"
        "model_params:\n"
        "  common_params: {num_kp: 4, estimate_jacobian: true}\n"
        "  kp_detector_params: {temperature: 0.2, pad: 3, scale_factor: 0.5}\n"
        "  generator_params:\n"
        "    dense_motion_params: {kp_variance: 0.02}\n"
    )
    integrator = load_integrator("fomm", fomm_file, config)
    assert isinstance(integrator, Fomm)
    assert integrator.settings.keypoints.temperature == 0.2
    assert integrator.settings.keypoints.padding == 3
    assert integrator.settings.motion.variance == 0.02


def test_a_configuration_of_other_weights_is_refused(fomm_file: Path) -> None:
    config = {"model_params": {"common_params": {"num_kp": 15}}}
    with pytest.raises(CheckpointError, match="num_kp is 15, but the weights show 4"):
        load_integrator("fomm", fomm_file, config)


def test_safetensors_with_the_same_names_load_alike(fomm_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "fomm.safetensors"
    save_file(tiny_fomm().state_dict(), path)
    source, driving = pictures(1, seed=1), pictures(2, seed=2)
    results = [
        load_integrator("fomm", file).reenact(source, driving[:1], driving)
        for file in (path, fomm_file)
    ]
    assert torch.equal(results[0], results[1])


@pytest.mark.parametrize("name", ["vox-cpk.pth.tar", "vox-cpk.legacy-cuda.pth.tar"])
def test_upstreams_own_files_load(shared: Path, name: str) -> None:
    folder = shared / "golden" / "fomm" / "vox_small"
    inputs = load_file(folder / "inputs.safetensors")
    expected = load_file(folder / "outputs.safetensors")["relative.1.prediction"]
    integrator = load_integrator("fomm", str(folder / name))
    got = integrator.reenact(inputs["source"], inputs["driving_0"], inputs["driving_1"])
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-3)


# What is refused.


def rewritten(path: Path, **changes: Tensor | None) -> Path:
    """The file with tensors replaced or, where None, left out; `__` stands for a dot."""
    state = load_file(path)
    with path.open("rb") as stream:
        length = struct.unpack("<Q", stream.read(8))[0]
        metadata = json.loads(stream.read(length))["__metadata__"]
    for name, tensor in changes.items():
        state.pop(name.replace("__", "."), None)
        if tensor is not None:
            state[name.replace("__", ".")] = tensor
    save_file(state, path, metadata)
    return path


def refused(path: Path, words: str) -> None:
    with pytest.raises(CheckpointError, match=words) as caught:
        load_models(path)
    message = str(caught.value)
    assert str(path) in message and "\n" not in message


def test_a_missing_tensor_is_named(paper_file: Path) -> None:
    refused(rewritten(paper_file, calibrator__head__bias=None), "calibrator.head.bias missing")


def test_a_superfluous_tensor_is_named(paper_file: Path) -> None:
    extra = rewritten(paper_file, calibrator__more=torch.zeros(2))
    refused(extra, "calibrator.more superfluous")


def test_a_tensor_of_another_shape_is_named(paper_file: Path) -> None:
    other = rewritten(paper_file, calibrator__head__bias=torch.zeros(5))
    refused(other, r"calibrator.head.bias must be \(4,\), got \(5,\)")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_not_numbers_are_named(paper_file: Path, value: float) -> None:
    broken = rewritten(paper_file, calibrator__head__bias=torch.tensor([0, value, 0, 0]))
    refused(broken, "calibrator.head.bias holds values that are not numbers")


@pytest.mark.parametrize("shape", [(), (3,), (0, 4, 3, 3), (2, 3, 1, 1), (1, 2, 3, 4, 5)])
def test_names_of_fomm_with_odd_shapes_are_refused(shape: tuple[int, ...]) -> None:
    state = tiny_fomm().state_dict()
    shapes = {name: tuple(tensor.shape) for name, tensor in state.items()}
    for name in shapes:
        odd = {**state, name: torch.zeros(shape)}
        if shape != shapes[name]:
            weights = Weights(Path("odd"), {**shapes, name: shape}, {}, odd.copy)
            with pytest.raises(CheckpointError, match="odd: "):
                fomm_from(weights, {})


def test_a_missing_count_of_batches_is_no_fault(paper_file: Path) -> None:
    name = "calibrator__hourglass__encoder__down_blocks__0__norm__num_batches_tracked"
    load_models(rewritten(paper_file, **{name: None}))


@pytest.mark.parametrize("kept", [0, 1, 8, 40, 5000])
def test_a_truncated_safetensors_file_is_refused(paper_file: Path, kept: int) -> None:
    paper_file.write_bytes(paper_file.read_bytes()[:kept])
    refused(paper_file, "damaged or truncated|neither")


@pytest.mark.parametrize("kept", [2, 100, 5000])
def test_a_truncated_pickle_is_refused(fomm_file: Path, kept: int) -> None:
    fomm_file.write_bytes(fomm_file.read_bytes()[:kept])
    refused(fomm_file, "damaged|neither")


def test_a_header_that_promises_more_than_there_is_is_refused(tmp_path: Path) -> None:
    header = json.dumps(
        {"a": {"dtype": "F32", "shape": [1 << 40], "data_offsets": [0, 1 << 42]}}
    ).encode()
    path = tmp_path / "large.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header)
    refused(path, "damaged or truncated")


def test_another_kind_of_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "holiday.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    refused(path, "neither safetensors nor a file of torch.save")


def test_other_weights_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    save_file({"fc.weight": torch.zeros(3, 3)}, path)
    refused(path, "weights of no architecture that is known; known: compact, paper, fomm")


@pytest.mark.parametrize("family", ["dagan", "tpsmm"])
def test_small_methods_that_resemble_fomm_are_told_apart(shared: Path, family: str) -> None:
    files = sorted((shared / "golden" / family).glob("*/weights.safetensors"))
    assert files
    for path in files:
        assert find_architecture(open_weights(path)).id == family
        with pytest.raises(CheckpointError, match="no FOMM weights"):
            load_integrator("fomm", path)


@pytest.mark.parametrize("family", ["dagan", "tpsmm", "osfv", "liveportrait"])
def test_official_files_that_resemble_fomm_are_told_apart(shared: Path, family: str) -> None:
    manifests = sorted((shared / "golden" / family).glob("*/manifest.json"))
    assert manifests
    for path in manifests:
        tensors = json.loads(path.read_text())
        assert not holds_fomm({name: tuple(t["shape"]) for name, t in tensors.items()})


def test_an_architecture_that_is_not_known_is_named(tmp_path: Path) -> None:
    path = tmp_path / "later.safetensors"
    write_weights(path, torch.nn.Linear(2, 2), architecture="later", configuration={})
    refused(path, "holds the architecture later; known: compact, paper, fomm")


@pytest.mark.parametrize(
    ("configuration", "words"),
    [
        ("{", "configuration is no JSON"),
        ("[]", "configuration must be an object"),
        ('{"latent": {"code": 3}}', "latent.code is no setting of LatentSettings"),
        ('{"latent": {"codes": "many"}}', "latent.codes must be int, got 'many'"),
        ('{"latent": {"codes": true}}', "latent.codes must be int, got True"),
        ('{"latent": 3}', "latent must be LatentSettings, got 3"),
        ('{"integrator": {"keypoints": {"keypoints": -2}}}', "keypoints.keypoints"),
        ('{"integrator": {"keypoints": {"jacobian": "some"}}}', "keypoints.jacobian"),
    ],
)
def test_a_broken_configuration_is_refused(
    paper_file: Path, configuration: str, words: str
) -> None:
    metadata = {"architecture": "paper", "configuration": configuration}
    save_file(load_file(paper_file), paper_file, metadata)
    refused(paper_file, words)


def test_code_in_a_pickle_is_never_run(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return exec, (f"open({str(tmp_path / 'ran')!r}, 'w')",)

    for name, protocol in (("old.pth", 2), ("older.pth", 0)):
        (tmp_path / name).write_bytes(pickle.dumps(Evil(), protocol))
        refused(tmp_path / name, "holds more than weights|neither")
    torch.save({"generator": Evil()}, tmp_path / "new.pth")
    refused(tmp_path / "new.pth", "holds more than weights")
    assert not (tmp_path / "ran").exists()


def test_a_file_that_unpacks_to_more_than_it_is_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.pth"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data/0", bytes(1 << 20))
    refused(path, "torch.save never does")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    refused(tmp_path / "gone.safetensors", "cannot be read .No such file")


def test_a_folder_is_no_checkpoint(tmp_path: Path) -> None:
    refused(tmp_path, "is a folder without weights")


@given(data=st.data())
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@pytest.mark.parametrize("kind", ["zip", "legacy", "safetensors"])
def test_damage_anywhere_gives_weights_or_one_sentence(
    tmp_path: Path, kind: str, data: st.DataObject
) -> None:
    whole = saved_fomm(kind)
    place = data.draw(st.integers(0, min(len(whole), 30_000) - 1))
    damaged = bytearray(whole)
    damaged[place : place + 4] = data.draw(st.binary(min_size=4, max_size=4))
    path = tmp_path / "damaged"
    path.write_bytes(damaged)
    try:
        load_models(path)
    except CheckpointError as error:
        assert "\n" not in str(error)


def saved_fomm(kind: str) -> bytes:
    state = tiny_fomm().state_dict()
    stream = io.BytesIO()
    torch.save({"table": state}, stream, _use_new_zipfile_serialization=kind == "zip")
    if kind != "safetensors":
        return stream.getvalue()
    from safetensors.torch import save

    return save(state)


# Ids.


def test_a_misspelt_checkpoint_gives_the_nearest_name() -> None:
    with pytest.raises(CheckpointError, match="did you mean compact"):
        load_models("compakt")


def test_a_known_checkpoint_that_is_not_here_says_where_to_put_it(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="fomm-vox is not here: put vox-cpk") as caught:
        load_models("fomm-vox", folders=[tmp_path])
    assert str(tmp_path) in str(caught.value)


def test_a_users_folder_is_searched(fomm_file: Path) -> None:
    assert load_models("fomm-vox", folders=[fomm_file.parent]).path == fomm_file


def test_a_misspelt_integrator_gives_the_nearest_name() -> None:
    with pytest.raises(CheckpointError, match="did you mean fomm"):
        load_integrator("fom", "weights.pth")


def test_fomm_without_weights_says_what_it_needs() -> None:
    with pytest.raises(CheckpointError, match="fomm needs a weights file"):
        load_integrator("fomm")


def test_opening_a_checkpoint_imports_no_symbolic_algebra() -> None:
    """It would take as long again as torch itself."""
    asked = "from reenact_core.models.load import load_models; load_models()"
    asked += "; import sys; print('sympy' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", asked], check=True, capture_output=True, text=True)
    assert told.stdout.strip() == "False"
