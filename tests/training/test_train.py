"""The loop of the compact configuration, on tiny networks and heads."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from reenact_core.errors import SettingsError
from reenact_core.models.compact import Compact
from reenact_core.models.compact_settings import CompactSettings
from reenact_core.models.load import load_models
from reenact_training.adversary import Adversary, CriticSettings
from reenact_training.discriminator import DiscriminatorSettings
from reenact_training.drawn_examples import DrawnExamples, PooledExamples
from reenact_training.ensembles import Ensemble, make_ensemble
from reenact_training.export import export
from reenact_training.features import PyramidFeatures
from reenact_training.flow import lucas_kanade
from reenact_training.learner import CompactLearner
from reenact_training.objective import ObjectiveSettings
from reenact_training.run_state import RunState, whole_state
from reenact_training.train import (
    HeldOut,
    Measured,
    Saved,
    Stepped,
    TrainSettings,
    learning_rate,
    new_optimizer,
    temperature,
    train,
)

SMALL = CompactSettings(
    size=32, motion_widths=(8, 8), painter_widths=(4, 8, 8), codes=8, code_groups=2,
    calibrator_widths=(8, 8),
)  # fmt: skip
SETTINGS = TrainSettings(steps=4, batch=2, rate=1e-3, warm_up=2)
CRITIC = CriticSettings(
    adversarial=0.1, network=DiscriminatorSettings(features=4, max_features=8, halvings=2)
)
Values = dict[str, float]


@pytest.fixture(scope="module")
def data() -> DrawnExamples:
    return DrawnExamples(3, size=32, moments=2)


def begin(settings: TrainSettings = SETTINGS, critic: CriticSettings | None = None) -> RunState:
    torch.manual_seed(0)
    network = Compact(SMALL)
    learner = learner_of(network)
    adversary = None if critic is None else Adversary(critic)
    return RunState.start(network, new_optimizer(learner, settings), adversary)


def learner_of(network: torch.nn.Module) -> CompactLearner:
    assert isinstance(network, Compact)
    features = PyramidFeatures(channels=4)
    return CompactLearner(network, ObjectiveSettings(), lucas_kanade, features, 0.1)


def run(
    folder: Path,
    data: DrawnExamples,
    *,
    settings: TrainSettings = SETTINGS,
    pieces: int = 100,
    critic: CriticSettings | None = None,
) -> list[Values]:
    """Train for some steps, from wherever the folder is; the values of the steps made."""
    state = begin(settings, critic)
    if whole_state(folder) is not None:
        state.load(folder)
    seen: list[Values] = []
    stopped = lambda: len(seen) == pieces  # noqa: E731  a function of a moment
    for event in train(learner_of(state.network), data, state, settings, folder, stopped=stopped):
        if isinstance(event, Stepped):
            seen.append(dict(event.values))
    return seen


def test_an_ensemble_is_the_same_for_the_same_seed() -> None:
    one, again = (make_ensemble(3, people=2, moments=3, size=32) for _ in range(2))
    assert torch.equal(again.pictures, one.pictures)
    assert not torch.equal(one.pictures[0], one.pictures[1])


def test_a_saved_ensemble_comes_back(tmp_path: Path) -> None:
    ensemble = make_ensemble(3, people=2, moments=3, size=32)
    ensemble.save(tmp_path / "one.pt")
    assert torch.equal(Ensemble.load(tmp_path / "one.pt").landmarks, ensemble.landmarks)
    assert PooledExamples(tmp_path, 0)(7).source.shape == (1, 3, 32, 32)


@pytest.mark.parametrize("critic", [None, CRITIC])
def test_a_run_in_two_pieces_equals_the_unbroken_run(
    data: DrawnExamples, tmp_path: Path, critic: CriticSettings | None
) -> None:
    whole = run(tmp_path / "whole", data, critic=critic)
    torch.rand(3)  # whatever else the process draws
    first = run(tmp_path / "parts", data, pieces=2, critic=critic)
    second = run(tmp_path / "parts", data, critic=critic)
    assert (len(first), len(second)) == (2, 2)
    assert first + second == whole
    for name in ("weights.pt", "mean.pt", "exp_avg.pt", "exp_avg_sq.pt"):
        one, other = (torch.load(tmp_path / f / name) for f in ("whole", "parts"))
        assert all(torch.equal(one[key], other[key]) for key in one), name
    assert (tmp_path / "parts.last").is_dir()  # the last good state is kept


def test_the_order_of_a_batch_and_its_passes_change_little(
    data: DrawnExamples, tmp_path: Path
) -> None:
    """One pass of four examples, and four of one: the same chance for each example."""
    together = run(tmp_path / "one", data, settings=replace(SETTINGS, batch=4))
    apart = run(tmp_path / "many", data, settings=replace(SETTINGS, batch=1, accumulate=4))
    for one, other in zip(together, apart, strict=True):
        assert one["total"] == pytest.approx(other["total"], rel=1e-4)
        assert one["gradient"] == pytest.approx(other["gradient"], rel=1e-2)


def test_held_out_examples_are_measured_before_between_and_after(
    data: DrawnExamples, tmp_path: Path
) -> None:
    state = begin()
    held_out = HeldOut(data, count=3, every=3)
    events = list(
        train(learner_of(state.network), data, state, SETTINGS, tmp_path / "s", held_out=held_out)
    )
    assert [e.step for e in events if isinstance(e, Measured)] == [0, 3, 4]
    assert isinstance(events[-1], Saved) and events[-1].step == 4
    first = next(e for e in events if isinstance(e, Measured))
    assert first.faces.shape == (2, 2, 3, 32, 32) and first.values["total"] > 0


def test_a_loss_that_is_no_number_stops_the_run(data: DrawnExamples, tmp_path: Path) -> None:
    run(tmp_path / "state", data, pieces=1)
    state = begin()
    state.load(tmp_path / "state")
    with torch.no_grad():
        next(iter(state.network.global_integrator.parameters())).fill_(float("nan"))  # type: ignore[union-attr]
    with pytest.raises(SettingsError, match=r"step 1: the loss is nan.*rate"):
        list(train(learner_of(state.network), data, state, SETTINGS, tmp_path / "state"))
    assert run(tmp_path / "state", data)[0]["total"] > 0  # the state on disk is the good one


def test_a_state_of_the_former_format_goes_on(data: DrawnExamples, tmp_path: Path) -> None:
    """random.pt was of use then; neither the memory's own steps nor buffers were kept."""
    run(tmp_path / "state", data, pieces=2)
    (tmp_path / "state" / "run.json").write_text('{"step": 2}')
    torch.save(torch.Generator().get_state(), tmp_path / "state" / "random.pt")
    weights = torch.load(tmp_path / "state" / "weights.pt")
    names = {name for name, _ in Compact(SMALL).named_parameters()}
    former = {name: value for name, value in weights.items() if name in names}
    torch.save(former, tmp_path / "state" / "weights.pt")
    assert run(tmp_path / "state", data) == run(tmp_path / "whole", data)[2:]


def test_the_export_loads_in_the_core(data: DrawnExamples, tmp_path: Path) -> None:
    network = Compact(SMALL)
    export(
        network, tmp_path / "own.safetensors", architecture="compact",
        configuration=network.configuration(), licence="MIT", training={"steps": 3},
    )  # fmt: skip
    models = load_models(tmp_path / "own.safetensors")
    assert isinstance(models.network, Compact) and models.network.settings == SMALL
    assert models.metadata["training"] == '{"steps": 3}'


def test_rates_rise_and_fall_and_the_latent_cools() -> None:
    settings = TrainSettings(steps=100, warm_up=10)
    rates = [learning_rate(step, settings) for step in range(100)]
    assert rates[0] < rates[9] and max(rates) <= settings.rate and rates[-1] < rates[20]
    assert temperature(0, settings) == settings.hot
    assert temperature(100, settings) == pytest.approx(settings.cold)


def test_training_needs_torch_numpy_and_safetensors_alone(tmp_path: Path, repository: Path) -> None:
    """As on a rented machine: no OpenCV, no PyAV in reach."""
    program = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        absent = ("cv2", "av", "opentimelineio", "facexlib", "PIL")
        if name.partition(".")[0] in absent:
            raise ImportError(name)
sys.meta_path.insert(0, Absent())
sys.argv[1:] = [sys.argv[1], "--size", "32", "--batch", "1", "--minutes", "0.01", "--flow", "torch"]
import runpy
runpy.run_path(RECIPE, run_name="__main__")
"""
    program = program.replace("RECIPE", repr(str(repository / "training/recipes/compact.py")))
    folders = [repository / name for name in ("core", "training", ".")]
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "state")],
        env={"PYTHONPATH": ":".join(map(str, folders)), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "state" / "weights.pt").is_file()
