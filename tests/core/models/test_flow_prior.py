"""Motion between driving frames, on a textured picture that is shifted by known amounts."""

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from reenact_core.models.flow_prior import (
    DrivingMotion,
    FlowPrior,
    Measure,
    choose,
    compose,
    photometric_error,
    warp,
)
from reenact_core.models.optical_flow import dis_flow, quick_flow
from reenact_training.flow import lucas_kanade

SIZE = 96
PIXEL = 2 / SIZE


def texture(shift: float) -> Tensor:
    """Smooth noise moved to the right by `shift` pixels, (1, 3, SIZE, SIZE)."""
    noise = np.random.default_rng(3).random((SIZE, 160, 3), np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2)
    smooth = (smooth - smooth.min()) / (smooth.max() - smooth.min())
    matrix = np.array([[1, 0, shift - 32], [0, 1, 0]], np.float32)
    moved = cv2.warpAffine(smooth, matrix, (SIZE, SIZE))
    return torch.from_numpy(moved).permute(2, 0, 1)[None]


def middle(values: Tensor) -> Tensor:
    return values[..., 24:-24, 24:-24]


@pytest.mark.parametrize("measure", [dis_flow, quick_flow, lucas_kanade])
def test_a_still_picture_does_not_move(measure: Measure) -> None:
    motion = FlowPrior(texture(0), measure).advance(texture(0))
    for field in (motion.subtle, motion.direct, motion.summed, motion.refined):
        assert field.abs().max() < 0.05 * PIXEL
    assert motion.errors.max() < 0.01


@pytest.mark.parametrize("measure", [dis_flow, quick_flow, lucas_kanade])
def test_fields_lead_back_to_the_first_frame(measure: Measure) -> None:
    prior = FlowPrior(texture(0), measure)
    for step in range(1, 5):
        prior.advance(texture(2.0 * step))
    motion = prior.advance(texture(10.0))
    assert abs(middle(motion.subtle)[:, 0].mean() / PIXEL + 2) < 0.15
    assert abs(middle(motion.summed)[:, 0].mean() / PIXEL + 10) < 0.3
    assert abs(middle(motion.refined)[:, 0].mean() / PIXEL + 10) < 0.2
    assert middle(motion.errors[:, 2]).mean() < 0.02


def test_videos_side_by_side_give_what_each_gives_alone() -> None:
    both = FlowPrior(torch.cat([texture(0), texture(5)]), dis_flow)
    together = both.advance(torch.cat([texture(2), texture(4)]))
    alone = FlowPrior(texture(5), dis_flow).advance(texture(4))
    assert torch.allclose(together.refined[1], alone.refined[0], atol=1e-6)


def test_frames_of_a_chunk_are_measured_side_by_side() -> None:
    """In the loop, a frame waits for one measurement; all others are made together."""
    frames = torch.cat([texture(2.0 * step) for step in range(1, 9)])
    told = torch.zeros(8, 2, SIZE, SIZE)
    told[:, 0] = -2 * PIXEL
    together: list[int] = []

    def counted(new: Tensor, old: Tensor) -> Tensor:
        together.append(len(new))
        return dis_flow(new, old)

    for trusting, batches in ((True, 2), (False, 3)):
        together.clear()
        prior = FlowPrior(texture(0), counted, trusting=trusting)
        motion = prior.follow(frames, told)
        assert sorted(together) == [1] * 8 + [8] * batches
        slow = FlowPrior(texture(0), dis_flow, trusting=trusting)
        steps = [slow.advance(frames[k : k + 1], told[k : k + 1]) for k in range(8)]
        one_by_one = DrivingMotion.cat(steps)
        for name in ("subtle", "direct", "summed", "refined", "errors"):
            torch.testing.assert_close(getattr(motion, name), getattr(one_by_one, name))
        torch.testing.assert_close(prior.field, slow.field)


def test_composition_adds_what_the_way_leads_over() -> None:
    line = torch.linspace(0, 0.1, 64)
    ramp = torch.stack([line.expand(64, 64), torch.zeros(64, 64)])[None]
    by_five = torch.zeros(1, 2, 64, 64)
    by_five[:, 0] = 5 * 2 / 64
    both = compose(by_five, ramp)
    slow = 5 * 2 / 64 + np.interp(np.arange(64) + 5, np.arange(64), line.numpy())
    assert np.allclose(both[0, 0, 10].numpy(), slow, atol=1e-5)


def test_the_field_with_the_smaller_error_is_chosen() -> None:
    fields = [torch.full((1, 2, 2, 2), float(value)) for value in (1, 2, 3)]
    errors = torch.full((1, 3, 2, 2), 0.5)
    errors[0, 1, 0, 0], errors[0, 2, 1, 1] = 0.1, 0.1
    chosen = choose(fields, errors)[0, 0]
    assert torch.allclose(chosen, torch.tensor([[2.0, 2.0], [2.0, 3.0]]))  # all alike: the mean


def test_a_perfect_guess_has_no_error() -> None:
    assert photometric_error(texture(0), texture(0)).max() == 0
    assert torch.allclose(warp(texture(3), torch.zeros(1, 2, SIZE, SIZE)), texture(3), atol=1e-5)
