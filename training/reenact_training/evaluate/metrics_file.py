"""`metrics.json` and `frames.csv`: docs/reference/metrics.md describes them."""

import csv
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from reenact_core.files import written_whole
from reenact_training.evaluate.estimators import Panel
from reenact_training.evaluate.example import Task
from reenact_training.evaluate.footage import Skipped
from reenact_training.evaluate.measures import METRICS, TRUTH, Moment
from reenact_training.evaluate.summary import (
    CROSS_FIGURES,
    FIGURES,
    POSE_EDGES,
    Figure,
    correlation,
    difference_over_clips,
    difference_over_frames,
    in_range,
    over_clips,
    over_frames,
    time_edges,
)

VERSION = 1
SCHEMES = ("global", "local", "subtle")
BASELINES = ("source", "flow", TRUTH)
GAINS = ("psnr", "ssim", "psnr_centre")
LEAST_YAW, LEAST_GAP = 5.0, 0.03
"""Standard deviations, degrees and head units, from which on a driver's motion can be followed."""

Mean = Callable[[Sequence[Moment], str, str], Figure | None]
Difference = Callable[[Sequence[Moment], str, str, str], Figure | None]


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """What was measured, and how."""

    dataset: str
    task: Task
    moments: Sequence[Moment]
    integrators: tuple[str, ...]
    results: tuple[str, ...]
    skipped: Sequence[Skipped]
    panel: Panel
    known: bool
    """Whether poses are known rather than read."""
    facts: Mapping[str, Any]
    """Checkpoint, settings and limits, as they shall stand in the file."""
    notes: Sequence[str]

    def methods(self) -> tuple[str, ...]:
        """All that were scored, in the order of the tables."""
        seen = {name for moment in self.moments for name in moment.scores}
        order = (*BASELINES[:2], *self.integrators, *self.results, *SCHEMES, TRUTH)
        return tuple(name for name in order if name in seen)


def metrics(run: Run) -> dict[str, Any]:
    """The content of `metrics.json`."""
    clips = {moment.clip for moment in run.moments}
    return {
        "version": VERSION,
        "task": run.task,
        "dataset": run.dataset,
        "clips": len(clips),
        "frames": len(run.moments),
        "estimators": estimators(run),
        **_groups(run, run.moments, over_clips, difference_over_clips),
        "following": _following(run),
        "by_pose_distance": _by_distance(run, lambda moment: moment.pose_distance),
        "by_yaw_distance": _by_distance(run, lambda moment: moment.yaw_distance),
        "over_time": _over_time(run),
        **_closer(run),
        "skipped": [{"clip": one.name, "why": one.why} for one in run.skipped],
        "notes": list(run.notes),
        **run.facts,
    }


def estimators(run: Run) -> dict[str, Any]:
    """Who judged each figure, or why nobody did."""
    picture = f"torchmetrics {version('torchmetrics')}"
    no_truth = "nobody knows what the result should look like"
    pixels = {"estimator": picture} if _has_truth(run) else _none(no_truth)
    pose, actions, identity = run.panel.pose, run.panel.actions, run.panel.identity
    met = "its reading of the picture to be met"
    against = "the known pose" if run.known else met
    if run.task == "cross" and not run.known:
        against = "the pose asked for: the source's, turned as the driver turned since the start"
    return {
        "psnr": pixels,
        "ssim": pixels,
        "psnr_centre": pixels,
        "prmse": {"estimator": pose.name, "against": against},
        "prmse_read": {"estimator": pose.name, "against": met} if _has_truth(run) else pixels,
        "aucon": {"estimator": actions.name},
        "csim": {"estimator": identity.name} if identity else _none(run.panel.why_no_identity),
        "pose_distance": {"estimator": "known pose" if run.known else pose.name},
        "following": {"estimator": run.panel.motion.name},
    }


def _none(why: str | None) -> dict[str, Any]:
    return {"estimator": None, "why": why}


def _has_truth(run: Run) -> bool:
    return any(TRUTH in moment.scores for moment in run.moments)


def _groups(run: Run, moments: Sequence[Moment], mean: Mean, less: Difference) -> dict[str, Any]:
    """The figures of all methods on some moments."""
    names = FIGURES if run.task == "self" else CROSS_FIGURES
    others = [name for name in run.methods() if name in BASELINES]

    def table(methods: Iterable[str]) -> dict[str, Any]:
        return {one: {key: _value(mean(moments, one, key)) for key in names} for one in methods}

    def intervals(methods: Iterable[str]) -> dict[str, Any]:
        return {one: {key: _interval(mean(moments, one, key)) for key in names} for one in methods}

    return {
        "schemes": table(SCHEMES),
        "baselines": table(others),
        "integrators": table(run.integrators),
        "results": table(run.results),
        "intervals": intervals(run.methods()),
        "subtle_minus_global": {key: _gain(less(moments, *_PAIR, key)) for key in GAINS},
    }


_PAIR = ("subtle", "global")


def _value(figure: Figure | None) -> float | None:
    return None if figure is None else round(figure.value, 4)


def _interval(figure: Figure | None) -> list[float] | None:
    if figure is None or figure.low is None or figure.high is None:
        return None
    return [round(figure.low, 4), round(figure.high, 4)]


def _gain(figure: Figure | None) -> dict[str, Any] | None:
    return None if figure is None else {"mean": _value(figure), "interval": _interval(figure)}


def _by_distance(run: Run, of: Callable[[Moment], float]) -> list[dict[str, Any]]:
    bins = []
    for start, stop in itertools.pairwise(POSE_EDGES):
        inside = in_range(run.moments, of, start, stop + (stop == POSE_EDGES[-1]))
        if inside:
            clips = len({moment.clip for moment in inside})
            head = {"from": start, "to": stop, "frames": len(inside), "clips": clips}
            bins.append({**head, **_groups(run, inside, over_frames, difference_over_frames)})
    return bins


def _over_time(run: Run) -> list[dict[str, Any]]:
    """Stretches of time: frame numbers, and the means of all frames in them."""
    edges, stretches = time_edges(run.moments), []
    for start, stop in itertools.pairwise(edges):
        inside = in_range(run.moments, lambda moment: moment.frame, start, stop)
        if inside:
            groups = _groups(run, inside, over_frames, difference_over_frames)
            stretches.append({"from": start, "to": stop, "frames": len(inside), **groups})
    return stretches


def _following(run: Run) -> dict[str, Any]:
    """How well yaw and mouth of the results follow the driver's, as read."""
    table = {}
    for method in run.methods():
        yaw, yaw_clips = correlation(run.moments, method, "yaw", LEAST_YAW)
        gap, gap_clips = correlation(run.moments, method, "gap", LEAST_GAP)
        table[method] = {
            "yaw": None if yaw is None else round(yaw, 4),
            "yaw_clips": yaw_clips,
            "mouth": None if gap is None else round(gap, 4),
            "mouth_clips": gap_clips,
        }
    return table


def _closer(run: Run) -> dict[str, Any]:
    """In how many clips the result is closer to the truth than to the driver, on the head."""
    if run.task == "self" or not run.known:
        return {}
    table = {}
    for method in run.methods():
        clips = {moment.clip for moment in run.moments if method in moment.scores}
        table[method] = {"clips": len(clips), "closer": sum(_is_closer(run, method, clips))}
    return {"closer_to_truth_than_to_driver": table}


def _is_closer(run: Run, method: str, clips: Iterable[str]) -> Iterable[bool]:
    for clip in clips:
        moments = [moment for moment in run.moments if moment.clip == clip]
        truth = over_frames(moments, method, "psnr_head")
        driver = over_frames(moments, method, "psnr_head_driver")
        yield truth is not None and driver is not None and truth.value > driver.value


def write_frames(path: Path, moments: Sequence[Moment]) -> None:
    """Every figure of every measured frame and method, as CSV.

    Raises:
        OutputError: the file cannot be written.
    """
    head = ("clip", "frame", "pose_distance", "yaw_distance", "method", *METRICS)
    with written_whole(path) as partial, partial.open("w", encoding="utf-8", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(head)
        for moment in moments:
            where = (moment.clip, moment.frame, moment.pose_distance, moment.yaw_distance)
            for method, score in moment.scores.items():
                values = [getattr(score, name) for name in METRICS]
                rows.writerow(_cells((*where, method, *values)))


def _cells(values: Iterable[Any]) -> list[Any]:
    """Numbers short, and nothing where there is no number."""
    return ["" if v != v else f"{v:.5g}" if isinstance(v, float) else v for v in values]
