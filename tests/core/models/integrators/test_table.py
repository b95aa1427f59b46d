"""Integrators of third parties, installed as real distributions on the path."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from reenact_core.errors import CheckpointError
from reenact_core.models.integrators.table import find_integrator, integrator_ids
from reenact_core.models.load import load_integrator

MODULE = """
from reenact_core.errors import CheckpointError
from reenact_core.models.keypoint_detector import Keypoints

class Still:
    def __init__(self, weights, configuration):
        self.weights, self.configuration = weights, configuration

    def detect(self, frames):
        return Keypoints(frames.new_zeros(len(frames), 1, 2))

    def reenact(self, source, driving_initial, driving, relative=True, adapt_scale=False):
        return source.expand_as(driving)

number = 3
"""


@pytest.fixture
def still(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A distribution that registers one good integrator and three bad ones."""
    (tmp_path / "still_method.py").write_text(MODULE)
    folder = tmp_path / "still_method-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: still-method\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text(
        "[reenact.integrators]\n"
        "still = still_method:Still\n"
        "number = still_method:number\n"
        "gone = still_method:Gone\n"
        "fomm = still_method:Still\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield


def test_an_installed_integrator_is_found_by_its_id(still: None) -> None:
    integrator = load_integrator("still", "weights.bin", {"gain": 2})
    assert vars(integrator) == {"weights": Path("weights.bin"), "configuration": {"gain": 2}}
    source, driving = torch.rand(1, 3, 8, 8), torch.rand(2, 3, 8, 8)
    assert torch.equal(integrator.reenact(source, driving, driving)[1], source[0])


def test_ours_cannot_be_replaced(still: None) -> None:
    with pytest.raises(CheckpointError, match="fomm needs a weights file"):
        load_integrator("fomm")


def test_ids_are_listed_without_loading(still: None) -> None:
    assert {"fomm", "compact", "still", "number", "gone"} <= set(integrator_ids())
    assert integrator_ids().count("fomm") == 1


@pytest.mark.parametrize(
    ("name", "words"),
    [("gone", "gone is installed but broken"), ("number", "number must be a function, got 3")],
)
def test_a_broken_entry_is_named(still: None, name: str, words: str) -> None:
    with pytest.raises(CheckpointError, match=words):
        find_integrator(name)


def test_ours_are_there_once_reenact_is_installed() -> None:
    assert {"fomm", "compact"} <= set(integrator_ids())
