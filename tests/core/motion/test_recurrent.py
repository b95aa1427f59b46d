"""The whole recurrence with small networks of chance weights: chunks, widths, carries, schemes."""

import dataclasses
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from reenact_core.devices import Compute
from reenact_core.head.state import HeadState
from reenact_core.models.compact import Compact
from reenact_core.models.compact_settings import CompactSettings
from reenact_core.motion.batched import prepare_source, step_inputs
from reenact_core.motion.compact_integrator import CompactIntegrator
from reenact_core.motion.lanes import LaneSettings, ShotLanes, run_lanes
from reenact_core.motion.other_integrator import OtherIntegrator, put_in
from reenact_core.motion.recurrent import Carry, Recurrence, StepInput
from reenact_core.motion.transfer import MotionSettings
from reenact_core.timeline.plan import Scheme
from reenact_training.flow import lucas_kanade
from tests.core.heads import state

SIZE, COUNT = 64, 6
SETTINGS = MotionSettings(best_start=False, smoothing=0)


@pytest.fixture(scope="module")
def network() -> Compact:
    """Small networks whose last layers are not silent, as they are after training."""
    torch.manual_seed(0)
    small = CompactSettings(
        size=SIZE, paints=True, motion_widths=(8, 8, 8), painter_widths=(4, 8, 8), codes=8,
        code_groups=2,
        calibrator_widths=(8, 8),
    )  # fmt: skip
    model = Compact(small).eval()
    for name, value in model.named_parameters():
        if name.endswith("weight") and not value.any():
            torch.nn.init.normal_(value, std=0.02)
    return model


def frames(seed: int) -> Tensor:
    """A smooth picture that slides, (COUNT, 3, SIZE, SIZE)."""
    noise = torch.rand(1, 3, 10, 14, generator=torch.Generator().manual_seed(seed))
    wide = torch.nn.functional.interpolate(noise, (SIZE, SIZE + 20), mode="bicubic").clamp(0, 1)
    return torch.cat([wide[..., step : step + SIZE] for step in range(COUNT)])


def states() -> HeadState:
    return HeadState.cat([state(3.0 * step) for step in range(COUNT)])


def inputs(network: Compact, seed: int, chunk: int) -> list[StepInput]:
    driving = frames(seed)
    source = prepare_source(network, driving[0], state(0))
    chunks: Sequence[Tensor] = torch.split(driving, chunk)
    return list(step_inputs(network, source, chunks, states(), SETTINGS, lucas_kanade))


@torch.inference_mode()
def run(network: Compact, rows: list[StepInput], scheme: Scheme = "subtle") -> list[Tensor]:
    recurrence, carry, faces = Recurrence(network, scheme), Carry.start(rows[0]), []
    for row in rows:
        new, carry = recurrence.step(row, carry)
        faces.append(new.pixels)
    return faces


@pytest.mark.parametrize("scheme", ["global", "local", "subtle"])
def test_a_face_says_where_it_is_the_moved_source(network: Compact, scheme: Scheme) -> None:
    rows = inputs(network, 1, COUNT)
    recurrence, carry = Recurrence(network, scheme), Carry.start(rows[0])
    with torch.inference_mode():
        for row in rows:
            new, carry = recurrence.step(row, carry)
            assert torch.equal(new.field, carry.field)
            assert new.trust.min() >= 0
            assert new.trust.max() <= 1 + 1e-5
            drawn = dataclasses.replace(
                row,
                inside=torch.ones_like(row.inside),
                geometry=row.geometry * 0,  # nothing alike, so that nothing is sure
            )
            assert recurrence.step(drawn, carry)[0].trust.max() < 1e-5


def test_the_chunk_length_does_not_change_the_result(network: Compact) -> None:
    whole, parts = run(network, inputs(network, 1, COUNT)), run(network, inputs(network, 1, 2))
    for one, other in zip(whole, parts, strict=True):
        assert torch.allclose(one, other, atol=2e-4)


@pytest.mark.parametrize("width", [2, 3])
def test_shots_side_by_side_give_what_each_gives_alone(network: Compact, width: int) -> None:
    rows = {str(seed): inputs(network, seed, 3)[: 3 + seed] for seed in range(3)}
    shots = [ShotLanes(name, iter([{0: row} for row in some])) for name, some in rows.items()]
    results: dict[str, list[Tensor]] = {name: [] for name in rows}
    with torch.inference_mode():
        lanes = run_lanes(shots, Recurrence(network).step, LaneSettings(width))
        for name, faces in lanes:
            results[name].append(faces[0].pixels)
    for name, some in rows.items():
        for one, other in zip(results[name], run(network, some), strict=True):
            assert torch.allclose(one, other, atol=2e-4)


def test_a_run_resumed_from_its_carry_gives_what_the_whole_run_gives(network: Compact) -> None:
    rows = inputs(network, 2, 3)
    whole = run(network, rows)
    recurrence, carry = Recurrence(network), Carry.start(rows[0])
    with torch.inference_mode():
        for row in rows[:3]:
            _, carry = recurrence.step(row, carry)
        kept = Carry(carry.previous.clone(), carry.field.clone())
        resumed, _ = recurrence.step(rows[3], kept)
    assert torch.equal(resumed.pixels, whole[3])


@pytest.mark.parametrize("scheme", ["subtle", "global", "local"])
def test_untrained_networks_give_the_source_at_the_start(scheme: Scheme) -> None:
    torch.manual_seed(1)
    network = Compact(CompactSettings(size=SIZE)).eval()
    rows = inputs(network, 3, 3)
    start = run(network, rows[:1], scheme)[0]
    assert (start - frames(3)[:1]).abs().mean() < 0.01


def test_schemes_differ_once_there_is_motion(network: Compact) -> None:
    rows = inputs(network, 4, 3)
    ends = [run(network, rows, scheme)[-1] for scheme in ("subtle", "global", "local")]
    assert not torch.allclose(ends[0], ends[1], atol=1e-4)
    assert not torch.allclose(ends[0], ends[2], atol=1e-4)


def test_no_mouth_is_drawn_into_what_another_method_painted(network: Compact) -> None:
    row = inputs(network, 6, 3)[1]
    painted, drawn = frames(7)[:1], torch.ones_like(row.inside)
    other = OtherIntegrator(CompactIntegrator(network), None, fitted=False)
    with_mouth = dataclasses.replace(row, inside=drawn)
    faces = [run(network, [put_in(network, other, one, painted)])[0] for one in (row, with_mouth)]
    assert torch.equal(faces[0], faces[1])
    assert not torch.equal(run(network, [row])[0], run(network, [with_mouth])[0])


def test_half_precision_stays_near_the_whole(network: Compact) -> None:
    rows = inputs(network, 5, 3)
    whole = run(network, rows)
    network.run_on(Compute("cpu", "bf16"))
    try:
        reduced = run(network, inputs(network, 5, 3))
    finally:
        network.run_on(Compute())
    assert all(face.dtype == torch.float32 for face in reduced)
    assert max(float((a - b).abs().mean()) for a, b in zip(whole, reduced, strict=True)) < 0.01
