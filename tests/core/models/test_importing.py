"""Official files written anew as safetensors."""

import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from reenact_core.errors import CheckpointError
from reenact_core.files import sha256
from reenact_core.models.catalogue import CATALOGUE
from reenact_core.models.importing import StoredPrecision, look_at, write
from reenact_core.models.integrators.osfv import Osfv
from reenact_core.models.inventory import checkpoints, sources_of, verify
from reenact_core.models.load import load_integrator, load_models
from tests.tiny import pictures, tiny_fomm
from tests.tiny_volumes import spectral, tables, tiny_liveportrait, tiny_osfv


def official(path: Path, state: dict[str, Tensor]) -> Path:
    content: dict[str, object] = {**tables(state), "epoch": 3}
    content["discriminator"] = {"discs.1.conv.bias": torch.zeros(3)}
    torch.save(content, path)
    return path


@pytest.fixture
def fomm_file(tmp_path: Path) -> Path:
    return official(tmp_path / "vox-cpk.pth.tar", tiny_fomm().state_dict())


@pytest.mark.parametrize(("precision", "apart"), [("fp32", 0.0), ("fp16", 0.02)])
def test_the_file_written_is_the_file_read(
    fomm_file: Path, tmp_path: Path, precision: StoredPrecision, apart: float
) -> None:
    found = look_at(fomm_file, configuration={"align_corners": True})
    written = write(found, tmp_path / "fomm.safetensors", precision=precision)
    source, driving = pictures(1, seed=1), pictures(2, seed=2)
    before, after = (
        load_integrator("fomm", path, config).reenact(source, driving[:1], driving)
        for path, config in ((fomm_file, {"align_corners": True}), (written.path, None))
    )
    assert (before - after).abs().max().item() <= apart
    assert load_models(written.path).architecture == "fomm"


def test_the_file_says_what_it_is(fomm_file: Path, tmp_path: Path) -> None:
    written = write(look_at(fomm_file), tmp_path / "fomm.safetensors", precision="fp16")
    said = dict(written.metadata)
    assert said["id"] == "fomm-vox" and said["architecture"] == "fomm"
    assert json.loads(said["source_sha256"]) == {"vox-cpk.pth.tar": sha256(fomm_file)}
    assert sources_of(written.path) == json.loads(said["source_sha256"])
    assert said["licence"].startswith("NOASSERTION") and said["commercial_use"] == "not stated"
    state = load_file(written.path)
    assert not any(name.startswith("discriminator") for name in state)
    statistics = {n: t.dtype for n, t in state.items() if n.endswith("running_var")}
    assert set(statistics.values()) == {torch.float32}
    assert state["kp_detector.kp.weight"].dtype == torch.float16


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_others_may_read_the_file_as_any_other(fomm_file: Path, tmp_path: Path) -> None:
    written = write(look_at(fomm_file), tmp_path / "fomm.safetensors")
    (tmp_path / "any").touch()
    assert written.path.stat().st_mode == (tmp_path / "any").stat().st_mode


def test_upstreams_names_stay(tmp_path: Path) -> None:
    state = spectral(tiny_osfv().state_dict())
    path = official(tmp_path / "osfv.pth.tar", state)
    found = look_at(path, checkpoint_id="osfv-vox-beta")
    assert found.commercial is False
    written = write(found, tmp_path / "osfv.safetensors")
    assert set(load_file(written.path)) == set(state)
    loaded = load_integrator("osfv", written.path)
    assert isinstance(loaded, Osfv)
    assert loaded.settings.rotation == "beta"
    assert written.metadata["version"] == "Vox-256-Beta"


def test_a_folder_becomes_one_file(tmp_path: Path) -> None:
    folder = tmp_path / "liveportrait"
    folder.mkdir()
    named = tables(tiny_liveportrait().state_dict())
    small = {name: named.pop(name) for name in list(named) if name.startswith("retarget")}
    for name, table in named.items():
        torch.save(table, folder / f"{name}.pth")
    torch.save(small, folder / "stitching_retargeting_module.pth")
    found = look_at(folder)
    assert (found.id, found.licence, found.commercial) == ("liveportrait", "MIT", True)
    assert len(found.sources) == 5
    written = write(found, tmp_path / "liveportrait.safetensors")
    source, driving = pictures(1, seed=1), pictures(2, seed=2)
    faces = [
        load_integrator("liveportrait", path).reenact(source, driving[:1], driving)
        for path in (folder, written.path)
    ]
    torch.testing.assert_close(*faces, rtol=0, atol=1e-5)
    assert load_models(folder).architecture == "liveportrait"


# Listed and verified.


def test_an_import_is_listed_found_and_verified(fomm_file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    found = look_at(fomm_file, checkpoint_id="my-fomm", licence="LicenseRef-mine")
    written = write(found, folder / "my-fomm.safetensors")
    listed = list(checkpoints([folder]))
    known = [*(entry.id for entry in CATALOGUE), "face-mesh"]
    assert [entry.id for entry in listed] == [*known, "my-fomm"]
    assert (listed[-1].licence, listed[-1].commercial) == ("LicenseRef-mine", None)
    assert load_models("my-fomm", folders=[folder]).path == written.path
    assert verify(written.path).verdict == "as imported"


def test_a_changed_import_is_noticed(fomm_file: Path, tmp_path: Path) -> None:
    written = write(look_at(fomm_file), tmp_path / "fomm.safetensors")
    state = load_file(written.path)
    state["kp_detector.kp.bias"] += 1
    save_file(state, written.path, dict(written.metadata))
    with pytest.raises(CheckpointError, match="changed since it was imported"):
        verify(written.path)


def test_an_official_file_has_no_hash_to_compare_with(fomm_file: Path) -> None:
    found = verify(fomm_file, CATALOGUE[1])
    assert (found.architecture, found.verdict) == ("fomm", "hash not known")


# What is refused.


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"checkpoint_id": "osfv-vox"}, "holds fomm, and osfv-vox is no fomm"),
        ({"checkpoint_id": "../fomm"}, "cannot be an id"),
        ({"configuration": {"model_params": {"common_params": {"num_kp": 3}}}}, "num_kp is 3"),
    ],
)
def test_what_does_not_belong_to_the_file_is_refused(
    fomm_file: Path, options: dict[str, object], words: str
) -> None:
    with pytest.raises(CheckpointError, match=words):
        look_at(fomm_file, **options)  # type: ignore[arg-type]  # the options, by name


def test_a_file_of_no_method_is_refused(tmp_path: Path) -> None:
    save_file({"fc.weight": torch.zeros(2, 2)}, tmp_path / "other.safetensors")
    with pytest.raises(CheckpointError, match="no method that is known; known: fomm, tpsmm"):
        look_at(tmp_path / "other.safetensors")


def test_numbers_beyond_half_precision_are_refused(tmp_path: Path) -> None:
    state = tiny_fomm().state_dict()
    state["generator.final.bias"][0] = 1e6
    found = look_at(official(tmp_path / "vox.pth.tar", state))
    with pytest.raises(CheckpointError, match=r"generator\.final\.bias"):
        write(found, tmp_path / "fomm.safetensors", precision="fp16")
    assert not (tmp_path / "fomm.safetensors").exists()
