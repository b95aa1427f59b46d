"""Figures of single frames, against values that are worked out by hand."""

from math import isnan

import pytest
import torch

from reenact_training.evaluate.example import Example, KnownTruth
from reenact_training.evaluate.measures import (
    TRUTH,
    Judge,
    Moment,
    angle_difference,
    measure,
    turn_between,
)
from reenact_training.evaluate.methods import source_unchanged
from tests.training.evaluate.evaluations import SIZE, panel, pictures, self_example


def judged(example: Example, frame: int, **faces: torch.Tensor) -> Moment:
    return Judge.of(example, panel()).pictured(frame, faces).moment


def test_psnr_is_ten_times_the_logarithm_of_the_mean_square_error() -> None:
    example = self_example(3)
    truth = example.driving[1]
    off = (truth.clamp(max=200) + 10).to(torch.uint8)
    darker = Example(
        "a", "self", truth, example.driving.clamp(max=200), example.driving.clamp(max=200)
    )
    score = judged(darker, 1, ours=off).scores["ours"]
    assert score.psnr == pytest.approx(20 * torch.log10(torch.tensor(25.5)).item(), abs=1e-3)
    assert score.psnr_centre == pytest.approx(score.psnr, abs=1e-3)


def test_the_central_window_sees_the_centre_alone() -> None:
    example = self_example(3)
    face = example.driving[1].clone()
    face[:, :10] = 0
    score = judged(example, 1, ours=face).scores["ours"]
    assert score.psnr < 30
    assert score.psnr_centre == 100


def test_the_truth_is_as_the_truth() -> None:
    score = judged(self_example(3), 2).scores[TRUTH]
    assert score.ssim == pytest.approx(1, abs=1e-5)
    assert (score.psnr, score.aucon, score.pose_error, score.pose_error_read) == (100, 1, 0, 0)
    assert isnan(score.csim), "nobody is there to judge identity"


def test_poses_are_compared_with_what_is_known() -> None:
    frames = pictures(2)
    read = panel().pose.read(frames[1:].float() / 255)[0]
    poses = torch.stack([torch.zeros(3), read + torch.tensor([3.0, 0, 0])])
    known = KnownTruth(poses[0], poses, torch.ones(2, SIZE, SIZE))
    moment = judged(Example("a", "self", frames[0], frames, frames, known), 1)
    assert moment.scores[TRUTH].pose_error == pytest.approx(3.0, abs=1e-3)
    assert moment.scores[TRUTH].pose_error_read == 0
    assert moment.yaw_distance == pytest.approx(abs(float(poses[1, 0])), abs=1e-3)


def test_on_the_head_only_the_head_counts() -> None:
    frames, others = pictures(2), pictures(2, seed=5)
    heads = torch.zeros(2, SIZE, SIZE)
    heads[:, 20:40, 20:40] = 1
    known = KnownTruth(torch.zeros(3), torch.zeros(2, 3), heads)
    example = Example("a", "cross", frames[0], others, frames, known, "absolute")
    face = others[1].clone()
    face[:, 20:40, 20:40] = frames[1][:, 20:40, 20:40]
    score = judged(example, 1, ours=face).scores["ours"]
    assert score.psnr_head == pytest.approx(100)
    assert score.psnr_head_driver < 40
    assert score.psnr < 40


def test_without_a_truth_there_are_no_pixels_to_compare() -> None:
    frames = pictures(3)
    moment = judged(Example("a", "cross", frames[0], frames, None), 1, ours=frames[0])
    assert set(moment.scores) == {"ours"}
    assert isnan(moment.scores["ours"].psnr)
    assert 0 <= moment.scores["ours"].aucon <= 1


@pytest.mark.parametrize(
    ("one", "other", "degrees"),
    [((30, 0, 0), (-15, 0, 0), 45), ((0, 0, 90), (0, 0, -90), 180), ((10, 20, 5), (10, 20, 5), 0)],
)
def test_turns_between_heads(
    one: tuple[float, ...], other: tuple[float, ...], degrees: float
) -> None:
    turn = turn_between(torch.tensor(one).float(), torch.tensor(other).float())
    assert float(turn) == pytest.approx(degrees, abs=0.1)


def test_angles_go_round() -> None:
    assert float(angle_difference(torch.tensor(179.0), torch.tensor(-179.0))) == -2


def test_lanes_backwards_give_every_frame_once() -> None:
    frames = pictures(7)
    example = Example("a", "cross", frames[0], frames, None, start=4)
    seen = [(frame, done) for frame, _, done in measure(example, [source_unchanged], panel(), 3)]
    assert sorted(frame for frame, _ in seen) == list(range(7))
    assert sorted(done.moment.frame for _, done in seen if done) == [0, 3, 6]
