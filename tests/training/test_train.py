"""The loop of the compact configuration, on tiny networks and heads."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from reenact_core.models.compact import Compact
from reenact_core.models.compact_settings import CompactSettings
from reenact_core.models.load import load_models
from reenact_training.ensembles import Ensemble, make_ensemble
from reenact_training.export import export
from reenact_training.train import TrainSettings, learning_rate, temperature, train

SMALL = CompactSettings(
    size=32, motion_widths=(8, 8), painter_widths=(4, 8, 8), codes=8, code_groups=2,
    calibrator_widths=(8, 8),
)  # fmt: skip
SETTINGS = TrainSettings(steps=4, batch=2, rate=1e-3, warm_up=2)
Values = dict[str, float]


@pytest.fixture(scope="module")
def ensemble() -> Ensemble:
    return make_ensemble(3, people=2, moments=3, size=32)


def run(folder: Path, ensemble: Ensemble, steps: int) -> list[Values]:
    """Train up to a step, from wherever the folder is; the values of the steps that were made."""

    def forever() -> Iterator[Ensemble]:
        while True:
            yield ensemble

    torch.manual_seed(0)
    seen: list[Values] = []
    settings = replace(SETTINGS, steps=steps)
    train(
        Compact(SMALL), folder, forever(), settings,
        seconds=600, report=lambda step, values: seen.append(values),
    )  # fmt: skip
    return seen


def test_an_ensemble_is_the_same_for_the_same_seed(ensemble: Ensemble) -> None:
    again = make_ensemble(3, people=2, moments=3, size=32)
    assert torch.equal(again.pictures, ensemble.pictures)
    assert not torch.equal(ensemble.pictures[0], ensemble.pictures[1])


def test_a_saved_ensemble_comes_back(ensemble: Ensemble, tmp_path: Path) -> None:
    ensemble.save(tmp_path / "one.pt")
    assert torch.equal(Ensemble.load(tmp_path / "one.pt").landmarks, ensemble.landmarks)


def test_a_run_in_two_pieces_goes_on_where_it_stopped(ensemble: Ensemble, tmp_path: Path) -> None:
    assert len(run(tmp_path / "parts", ensemble, 2)) == 2
    assert len(run(tmp_path / "parts", ensemble, 4)) == 2
    assert (tmp_path / "parts.last").is_dir()  # the last good state is kept


def test_the_export_loads_in_the_core(ensemble: Ensemble, tmp_path: Path) -> None:
    run(tmp_path / "state", ensemble, 1)
    network = Compact(SMALL)
    export(network, tmp_path / "state", tmp_path / "own.safetensors", SETTINGS)
    models = load_models(tmp_path / "own.safetensors")
    assert isinstance(models.network, Compact) and models.network.settings == SMALL


def test_rates_rise_and_fall_and_the_latent_cools() -> None:
    settings = TrainSettings(steps=100, warm_up=10)
    rates = [learning_rate(step, settings) for step in range(100)]
    assert rates[0] < rates[9] and max(rates) <= settings.rate and rates[-1] < rates[20]
    assert temperature(0, settings) == settings.hot
    assert temperature(100, settings) == pytest.approx(settings.cold)


def test_training_needs_torch_and_numpy_alone(tmp_path: Path, repository: Path) -> None:
    """As on a rented machine: no OpenCV, no PyAV, no safetensors in reach."""
    program = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("cv2", "av", "safetensors", "opentimelineio", "facexlib"):
            raise ImportError(name)
sys.meta_path.insert(0, Absent())
from pathlib import Path
from reenact_core.models.compact import Compact
CONFIGURATION
from reenact_training.train import fresh, train
made = fresh(5, size=32, moments=3, people=2)
train(Compact(SMALL), Path(sys.argv[1]), made, SETTINGS, seconds=1, report=print)
"""
    program = program.replace("CONFIGURATION", _settings())
    folders = [repository / name for name in ("core", "training", ".")]
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "state")],
        env={"PYTHONPATH": ":".join(map(str, folders)), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "state" / "weights.pt").is_file()


def _settings() -> str:
    """The tiny configuration, for a process that has no pytest."""
    return f"""
from reenact_core.models.compact_settings import CompactSettings
from reenact_training.objective import ObjectiveSettings
from reenact_training.train import TrainSettings
SMALL = {SMALL!r}
SETTINGS = {SETTINGS!r}
"""
