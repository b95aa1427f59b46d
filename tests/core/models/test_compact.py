"""The shipped configuration: built from a file, refused in a sentence, its size and cost."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch.utils.flop_counter import FlopCounterMode

from reenact_core.errors import CheckpointError
from reenact_core.head.sampling import pixel_grid, sample
from reenact_core.head.state import HeadState
from reenact_core.models.compact import Compact, parameter_count
from reenact_core.models.compact_integrators import GEOMETRY_CHANNELS
from reenact_core.models.compact_settings import CompactSettings
from reenact_core.models.load import load_models
from reenact_core.motion.batched import prepare_source, step_inputs
from reenact_core.motion.recurrent import Carry, Recurrence
from reenact_core.motion.transfer import MotionSettings
from reenact_training.flow import lucas_kanade
from tests.core.heads import state

SMALL = CompactSettings(
    size=64, paints=True, motion_widths=(8, 8), painter_widths=(4, 8, 8), codes=8, code_groups=2,
    calibrator_widths=(8, 8),
)  # fmt: skip


def saved(path: Path, network: Compact, **configuration: object) -> Path:
    told = {**network.configuration(), **configuration}
    metadata = {"architecture": "compact", "configuration": json.dumps(told)}
    save_file(network.state_dict(), path, metadata)
    return path


def test_a_saved_network_comes_back(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = Compact(SMALL)
    back = load_models(saved(tmp_path / "small.safetensors", network)).network
    assert isinstance(back, Compact) and back.settings == SMALL
    for name, value in network.state_dict().items():
        assert torch.equal(back.state_dict()[name], value)


def test_an_unknown_setting_is_named(tmp_path: Path) -> None:
    path = saved(tmp_path / "odd.safetensors", Compact(SMALL), colour="blue")
    with pytest.raises(CheckpointError, match=r"odd\.safetensors.*colour"):
        load_models(path)


def test_weights_of_other_sizes_are_refused_in_a_sentence(tmp_path: Path) -> None:
    path = saved(tmp_path / "wide.safetensors", Compact(SMALL), motion_widths=[16, 16])
    with pytest.raises(CheckpointError) as caught:
        load_models(path)
    assert "wide.safetensors" in str(caught.value) and len(str(caught.value)) < 400


def test_the_shipped_checkpoint_fits_what_was_promised() -> None:
    models = load_models()
    assert models.path.stat().st_size <= 16 * 1024 * 1024
    assert models.architecture == "compact"


@torch.inference_mode()
def test_what_is_alike_and_explained_is_moved_whatever_was_learned() -> None:
    torch.manual_seed(0)
    network = Compact(SMALL).eval()
    for parameter in network.parameters():
        parameter.normal_(0, 0.3)
    source = torch.rand(1, 3, 64, 64)
    field = pixel_grid(64, source)[None] + 0.1 * torch.rand(1, 64, 64, 2)
    maps, exact = torch.rand(1, GEOMETRY_CHANNELS, 16, 16), torch.zeros(1, 1, 64, 64)
    hidden = torch.rand(1, 1, 64, 64)
    maps[:, -1] = 1
    ready = network.source(source, state())
    moved = network.move_globally(ready, field, maps, exact, hidden)
    assert torch.allclose(moved.face, sample(source, field), atol=1e-6)
    local = network.local_integrator(source, source, field, field, maps, exact, hidden)
    calibrated = network.calibrator((moved, local, moved), source, exact.repeat(1, 3, 1, 1), maps)
    assert torch.allclose(calibrated.face, sample(source, field), atol=1e-6)
    maps[:, -1] = 0
    other = network.move_globally(ready, field, maps, exact, hidden)
    assert (other.face - sample(source, field)).abs().mean() > 0.01


@torch.inference_mode()
def test_a_frame_of_all_networks_costs_at_most_eight_gflop() -> None:
    network = Compact().eval()
    frames = torch.rand(2, 3, 256, 256, generator=torch.Generator().manual_seed(0))
    source = prepare_source(network, frames[0], state(0))
    settings = MotionSettings(best_start=False, smoothing=0)
    states = HeadState.cat([state(0), state(3)])
    with FlopCounterMode(display=False) as counter:
        network.read(frames[:1])
        rows = step_inputs(network, source, [frames[:1]], states, settings, lucas_kanade)
        inputs = next(iter(rows))
        Recurrence(network).step(inputs, Carry.start(inputs))
    assert counter.get_total_flops() < 8e9
    assert parameter_count(network) < 4e6
