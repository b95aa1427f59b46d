"""Files and pictures that no method can use, tried on each of them: one sentence, and no harm."""

import os
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from reenact_core.errors import CheckpointError
from reenact_core.models.load import load_integrator
from tests.tiny_files import TINY, write_tiny


@pytest.fixture(params=TINY)
def method(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def file(method: str, tmp_path: Path) -> Path:
    return write_tiny(method, tmp_path / f"{method}.safetensors")


def refused(method: str, path: Path, config: dict[str, Any] | None = None) -> str:
    """The one sentence that a file is refused with."""
    with pytest.raises(CheckpointError) as caught:
        load_integrator(method, path, config)
    message = str(caught.value)
    assert path.stem in message and "\n" not in message
    return message


def test_the_whole_file_loads(method: str, file: Path) -> None:
    load_integrator(method, file)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.999])
def test_a_truncated_file_is_refused(method: str, file: Path, share: float) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: int(share * len(content))])
    assert any(word in refused(method, file) for word in ("damaged", "truncated", "neither"))


@pytest.mark.parametrize("old", [True, False])
@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
def test_a_truncated_file_of_torch_is_refused(
    method: str, tmp_path: Path, share: float, old: bool
) -> None:
    path = tmp_path / "weights.pth"
    state = TINY[method]().state_dict()
    torch.save(state, path, _use_new_zipfile_serialization=not old)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    assert "damaged" in refused(method, path)


@pytest.mark.parametrize("other", TINY)
def test_a_file_of_another_method_is_refused(method: str, tmp_path: Path, other: str) -> None:
    path = write_tiny(other, tmp_path / "other.safetensors")
    if other != method:
        assert refused(method, path)


class _Harm:
    """Code in a pickle: it would leave a file behind."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.mark),)


@pytest.mark.parametrize("kind", ["bare", "torch", "old torch"])
def test_code_in_a_pickle_is_never_run(method: str, tmp_path: Path, kind: str) -> None:
    path, mark = tmp_path / "weights.pth", tmp_path / "harm"
    content = {"generator": TINY[method]().state_dict(), "epoch": _Harm(mark)}
    if kind == "bare":
        path.write_bytes(pickle.dumps(_Harm(mark), 2))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=kind == "torch")
    message = refused(method, path)
    assert f"holds more than weights (it asks for {os.name}.mkdir, which was" in message
    assert "weights_only" not in message  # torch advises to run it
    assert not mark.exists()


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_missing_and_superfluous_tensors_and_wrong_sizes_are_named(
    method: str, file: Path, part: float
) -> None:
    state = load_file(file)
    names = [
        name for name in state if name.endswith("conv.weight") or name.endswith("conv1.weight")
    ]
    name = names[int(part * len(names))]
    tensor = state.pop(name)
    save_file(state, file)
    message = refused(method, file)
    assert name in message and "missing" in message
    save_file({**state, name: torch.cat([tensor, tensor[:1]])}, file)
    assert any(
        word in refused(method, file) for word in ("must be", "not with", "missing", "superfluous")
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_values_that_are_not_numbers_are_named(method: str, file: Path, value: float) -> None:
    state = load_file(file)
    name = [name for name, tensor in state.items() if tensor.is_floating_point()][-1]
    state[name].view(-1)[-1] = value
    save_file(state, file)
    assert f"{name} holds values that are not numbers" in refused(method, file)


CONTRADICTIONS: dict[str, dict[str, Any]] = {
    "fomm": {"common_params": {"num_kp": 77}},
    "tpsmm": {"common_params": {"num_tps": 77}},
    "dagan": {"common_params": {"num_channels": 77}},
    "osfv": {"common_params": {"num_kp": 77}},
    "liveportrait": {"motion_extractor_params": {"num_kp": 77}},
}


def test_a_configuration_that_contradicts_the_weights_is_refused(method: str, file: Path) -> None:
    config = {"model_params": CONTRADICTIONS[method]}
    assert "is 77, but the weights show" in refused(method, file, config)


def test_a_configuration_that_is_no_table_is_refused(method: str, file: Path) -> None:
    config = file.with_suffix(".yaml")
    for content in ("[1, 2]", "{a: ", "\xff\xfe"):
        config.write_text(content, "latin-1")
        with pytest.raises(CheckpointError, match=r"\.yaml: (no readable YAML|must hold a table)"):
            load_integrator(method, file, config)


PICTURES: dict[str, Tensor] = {
    "smaller than 16 pixels": torch.rand(1, 3, 15, 15),
    "an odd size": torch.rand(1, 3, 64, 65),
    "grey": torch.rand(1, 1, 64, 64),
    "with alpha": torch.rand(1, 4, 64, 64),
    "of 8 bits": torch.zeros(1, 3, 64, 64, dtype=torch.uint8),
    "of 16 bits": torch.zeros(1, 3, 64, 64, dtype=torch.int32),
    "no batch": torch.rand(3, 64, 64),
    "none": torch.rand(0, 3, 64, 64),
}


@pytest.mark.parametrize("kind", PICTURES)
def test_a_picture_that_the_networks_cannot_take_is_refused(method: str, kind: str) -> None:
    network: Any = TINY[method]()
    good, bad = torch.rand(1, 3, 64, 64), PICTURES[kind]
    for arguments in ((bad, good, good), (good, bad, good), (good, good, bad)):
        with pytest.raises(ValueError, match=r"must (be|hold)") as caught:
            network.reenact(*arguments)
        assert "\n" not in str(caught.value)


def test_a_picture_that_is_not_square_is_moved(method: str) -> None:
    network: Any = TINY[method]()
    source, driving = torch.rand(1, 3, 64, 128), torch.rand(2, 3, 64, 128)
    faces = network.reenact(source, driving[:1], driving)
    assert faces.shape[2] * 2 == faces.shape[3] and bool(torch.isfinite(faces).all())
