"""Means, bins and intervals, against values that are worked out by hand."""

from math import nan, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reenact_training.evaluate.measures import Moment, Score
from reenact_training.evaluate.summary import (
    correlation,
    difference_over_clips,
    in_range,
    over_clips,
    over_frames,
    time_edges,
)
from tests.training.evaluate.evaluations import moment


def psnrs(clip: str, *values: float) -> list[Moment]:
    return [moment(clip, frame, ours=Score(psnr=value)) for frame, value in enumerate(values)]


def test_clips_count_alike_whatever_their_length() -> None:
    moments = psnrs("a", 30, 30, 30, 30) + psnrs("b", 20)
    of_clips, of_frames = (mean(moments, "ours", "psnr") for mean in (over_clips, over_frames))
    assert of_clips and of_clips.value == 25
    assert of_frames and of_frames.value == 28


def test_pose_errors_are_roots_of_means() -> None:
    moments = [
        moment("a", frame, ours=Score(pose_error=error)) for frame, error in ((0, 9), (1, 1))
    ]
    figure = over_frames(moments, "ours", "prmse")
    assert figure and figure.value == pytest.approx(sqrt(5))


def test_what_nobody_measured_is_no_figure() -> None:
    moments = psnrs("a", 30)
    assert over_clips(moments, "theirs", "psnr") is None
    assert over_clips(moments, "ours", "csim") is None


def test_frames_without_a_figure_do_not_count() -> None:
    figure = over_frames(psnrs("a", 30, nan, 20), "ours", "psnr")
    assert figure and figure.value == 25


def test_one_clip_has_no_interval() -> None:
    figure = over_clips(psnrs("a", 30, 20), "ours", "psnr")
    assert figure and figure.low is None and figure.high is None


@given(st.lists(st.floats(10, 40), min_size=2, max_size=8))
def test_an_interval_holds_its_mean_and_lies_within_the_clips(values: list[float]) -> None:
    moments = [one for name, value in enumerate(values) for one in psnrs(str(name), value)]
    figure = over_clips(moments, "ours", "psnr")
    assert figure and figure.low is not None and figure.high is not None
    assert figure.low - 1e-6 <= figure.value <= figure.high + 1e-6
    assert min(values) - 1e-6 <= figure.low and figure.high <= max(values) + 1e-6


def test_a_gain_in_every_clip_is_sure_however_the_clips_differ() -> None:
    moments = [
        moment(name, 0, subtle=Score(psnr=value + 1), other=Score(psnr=value))
        for name, value in (("a", 20), ("b", 30), ("c", 40))
    ]
    gain = difference_over_clips(moments, "subtle", "other", "psnr")
    assert gain and gain.low is not None
    assert gain.value == pytest.approx(1) and gain.low == pytest.approx(1)


def test_bins_hold_their_beginning_and_not_their_end() -> None:
    moments = [moment("a", frame, distance) for frame, distance in enumerate((14.9, 15.0, 30.0))]
    inside = in_range(moments, lambda one: one.pose_distance, 15, 30)
    assert [one.frame for one in inside] == [1]


@given(st.integers(0, 3000))
def test_stretches_of_time_hold_every_frame(last: int) -> None:
    edges = time_edges([moment("a", 0), moment("a", last)])
    assert edges[0] == 0 and edges[-1] > last
    assert len(edges) <= 23


def test_a_thousand_frames_are_told_by_fifties() -> None:
    assert time_edges([moment("a", 999)])[:3] == [0, 50, 100]


def test_who_follows_has_correlation_one_and_calm_clips_do_not_count() -> None:
    moving = [
        Moment("a", frame, 0, 0, yaw, 0.0, {"ours": Score(yaw=2 * yaw + 3), "still": Score(yaw=5)})
        for frame, yaw in enumerate((-20.0, 0.0, 10.0, 30.0))
    ]
    calm = [Moment("b", f, 0, 0, 1.0, 0.0, {"ours": Score(yaw=-f)}) for f in range(4)]
    together, clips = correlation(moving + calm, "ours", "yaw", 5.0)
    assert together == pytest.approx(1) and clips == 1
    assert correlation(moving, "still", "yaw", 5.0) == (0.0, 1)
    assert correlation(calm, "ours", "yaw", 5.0) == (None, 0)


def test_frames_that_are_not_read_do_not_count() -> None:
    nan = float("nan")
    driver, made = (0.0, 10.0, nan, 20.0, 5.0), (1.0, 11.0, 50.0, 21.0, nan)
    moments = [
        Moment("a", frame, 0.0, 0.0, yaw, 0.0, {"subtle": Score(yaw=read)})
        for frame, (yaw, read) in enumerate(zip(driver, made, strict=True))
    ]
    found, clips = correlation(moments, "subtle", "yaw", 5.0)
    assert found == pytest.approx(1.0) and clips == 1
    assert correlation(moments[2:], "subtle", "yaw", 5.0) == (None, 0)
