"""The paper's recurrence on tiny networks."""

import dataclasses
from typing import get_args

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from reenact_core.models.paper import Paper
from reenact_core.motion.paper_recurrence import (
    PaperInput,
    PaperRecurrence,
    PaperTransfer,
    global_frames,
    paper_inputs,
    reenact_frames,
)
from reenact_core.timeline.plan import Scheme
from tests.tiny import INTEGRATOR, PAPER, pictures, seasoned, tiny_fomm, tiny_paper

SCHEMES: tuple[Scheme, ...] = get_args(Scheme)
SOURCE, DRIVING = pictures(1, seed=1), pictures(6, seed=2)


def faces(scheme: Scheme, chunk: int = 2, transfer: PaperTransfer | None = None) -> Tensor:
    return torch.cat(
        list(reenact_frames(tiny_paper(), SOURCE, torch.split(DRIVING, chunk), scheme, transfer))
    )


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_frame_gets_a_face(scheme: Scheme) -> None:
    made = faces(scheme)
    assert made.shape == DRIVING.shape
    assert made.min() >= 0 and made.max() <= 1


@given(scheme=st.sampled_from(SCHEMES), chunk=st.integers(1, 6), relative=st.booleans())
@settings(deadline=None, max_examples=12)
def test_the_length_of_a_chunk_does_not_change_the_result(
    scheme: Scheme, chunk: int, relative: bool
) -> None:
    transfer = PaperTransfer(relative=relative)
    whole, cut = faces(scheme, 6, transfer), faces(scheme, chunk, transfer)
    # A feature between two codes may fall to either side by a rounding error.
    assert ((whole - cut).abs() > 1e-4).float().mean() < 0.02


@pytest.mark.parametrize("scheme", ["subtle", "local"])
def test_the_first_face_is_the_source(scheme: Scheme) -> None:
    assert torch.equal(faces(scheme)[:1], SOURCE)


def test_the_global_scheme_has_no_memory() -> None:
    paper = tiny_paper()
    alone = list(reenact_frames(paper, SOURCE, [DRIVING[:1], DRIVING[4:5]], "global"))
    torch.testing.assert_close(faces("global")[4:5], alone[1], rtol=0, atol=1e-5)


def test_the_local_scheme_continues_its_own_output() -> None:
    paper = tiny_paper()
    with torch.no_grad():
        steps = list(paper_inputs(paper, SOURCE, [DRIVING], PaperTransfer()))
        recurrence = PaperRecurrence(paper, "local")
        continued = recurrence.step(steps[3], faces("local")[2:3])
        elsewhere = recurrence.step(steps[3], SOURCE.flip(3))
    torch.testing.assert_close(continued, faces("local")[3:4], rtol=0, atol=1e-5)
    assert (continued - elsewhere).abs().max() > 1e-3


def test_a_resumed_run_gives_what_the_whole_run_gives() -> None:
    paper = tiny_paper()
    with torch.no_grad():
        steps = list(paper_inputs(paper, SOURCE, [DRIVING], PaperTransfer()))
        recurrence, whole = PaperRecurrence(paper), faces("subtle", 6)
        face = whole[3:4]  # saved
        for inputs in steps[4:]:
            face = recurrence.step(inputs, face)
    torch.testing.assert_close(face, whole[5:], rtol=0, atol=1e-5)


def test_faces_side_by_side_are_as_faces_alone() -> None:
    paper = tiny_paper()
    with torch.no_grad():
        steps = list(paper_inputs(paper, SOURCE, [DRIVING], PaperTransfer()))[1:3]
        last = torch.cat([SOURCE, DRIVING[1:2]])
        recurrence = PaperRecurrence(paper)
        together = recurrence.step(PaperInput.stack(steps), last)
        alone = [
            recurrence.step(one, face)
            for one, face in zip(steps, torch.split(last, 1), strict=True)
        ]
    torch.testing.assert_close(together, torch.cat(alone), rtol=0, atol=1e-5)


def test_absolute_transfer_puts_the_drivers_keypoints_in() -> None:
    paper = tiny_paper()
    with torch.no_grad():
        steps = list(paper_inputs(paper, SOURCE, [DRIVING], PaperTransfer(relative=False)))
        expected = paper.read(DRIVING).of_local
    torch.testing.assert_close(torch.cat([s.points for s in steps]), expected.value)


def test_scaled_motion_is_another() -> None:
    assert not torch.equal(faces("global"), faces("global", 2, PaperTransfer(adapt_scale=True)))


def test_no_strength_leaves_the_source_where_it_is() -> None:
    still = faces("global", 2, PaperTransfer(strength=0))
    torch.testing.assert_close(still, still[:1].expand_as(still), rtol=0, atol=1e-5)
    half = faces("global", 2, PaperTransfer(strength=0.5))
    assert not torch.equal(half, still) and not torch.equal(half, faces("global"))


def test_a_global_integrator_alone_paints_what_reenact_paints() -> None:
    fomm = tiny_fomm()
    for relative, adapt_scale in ((True, False), (True, True), (False, False)):
        transfer = PaperTransfer(relative, adapt_scale)
        made = torch.cat(list(global_frames(fomm, SOURCE, torch.split(DRIVING, 4), transfer)))
        expected = fomm.reenact(SOURCE, DRIVING[:1], DRIVING, relative, adapt_scale)
        torch.testing.assert_close(made, expected, rtol=0, atol=1e-5)


def test_half_precision_gives_nearly_the_same() -> None:
    with torch.no_grad():
        results = [
            torch.cat(list(reenact_frames(paper, SOURCE, [DRIVING], "subtle")))
            for paper in (tiny_paper(), tiny_paper().to(torch.bfloat16))
        ]
    assert results[1].dtype == torch.float32
    assert (results[0] - results[1]).abs().mean() < 0.03


def test_networks_without_jacobians_run_too() -> None:
    keypoints = dataclasses.replace(INTEGRATOR.keypoints, jacobian="none")
    integrator = dataclasses.replace(INTEGRATOR, keypoints=keypoints)
    torch.manual_seed(0)
    paper = seasoned(Paper(dataclasses.replace(PAPER, integrator=integrator))).eval()
    made = list(reenact_frames(paper, SOURCE, [DRIVING[:3]]))
    assert len(made) == 3 and torch.isfinite(torch.cat(made)).all()
