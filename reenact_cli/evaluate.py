"""`reenact evaluate`: the paper's tables and plots for a checkpoint, and for other methods."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reenact_cli.networks import detector_named, models_folder, models_named
from reenact_cli.options import (
    FILE,
    SCHEMES,
    Output,
    checkpoint_option,
    device_options,
    output_options,
    overwrite_option,
    tracker_option,
)
from reenact_cli.show import print_result, ticking
from reenact_core.devices import Precision
from reenact_core.errors import MediaError
from reenact_core.timeline.plan import Scheme
from reenact_core.wording import amount

if TYPE_CHECKING:
    from reenact_core.devices import Compute
    from reenact_core.models.integrators.table import Integrator
    from reenact_training.evaluate.request import Evaluated, Request

COUNT = click.IntRange(min=1)


@dataclass(frozen=True, slots=True)
class Job:
    """What the command line asks; None or nothing where it is silent."""

    dataset: Path
    out: Path
    task: str
    schemes: tuple[Scheme, ...]
    clips: int | None
    frames: int | None
    every: int
    to_and_fro: int | None
    pairs: int | None
    sources: tuple[Path, ...]
    pairs_in: Path | None
    results: tuple[str, ...]
    integrators: tuple[str, ...]
    estimators: tuple[str, ...]
    skip_at_most: float
    save_videos: bool
    overwrite: bool
    checkpoint: str | None
    tracker: str
    device: str
    precision: Precision


@click.command("evaluate")
@click.argument("dataset", type=FILE)
@click.option("-o", "--out", type=FILE, required=True, metavar="DIR", help="Where tables go.")
@click.option(
    "--task",
    type=click.Choice(["self", "cross"]),
    default="self",
    show_default=True,
    help="self: every clip drives its own first frame; cross: a face is driven by another's clip.",
)
@click.option(
    "--scheme",
    "schemes",
    type=click.Choice(SCHEMES),
    multiple=True,
    help="Only this one; may be given again.  [default: all]",
)
@click.option("--clips", type=COUNT, metavar="N", help="At most so many, spread over the set.")
@click.option("--frames", type=click.IntRange(min=2), metavar="N", help="At most so many a clip.")
@click.option(
    "--every",
    type=COUNT,
    default=5,
    show_default=True,
    metavar="N",
    help="Measure every Nth frame; all are run.",
)
@click.option(
    "--to-and-fro",
    type=click.IntRange(min=2),
    metavar="N",
    help="Play each clip forwards and backwards for N frames: how results drift.",
)
@click.option("--pairs", type=COUNT, metavar="N", help="Cross: how many examples.  [default: 10]")
@click.option(
    "--sources",
    type=FILE,
    multiple=True,
    metavar="PATH",
    help="Cross: a still, or a folder of them; without, pairs of people are drawn.",
)
@click.option("--pairs-in", type=FILE, metavar="DIR", help="Keep drawn pairs there for other runs.")
@click.option(
    "--results",
    multiple=True,
    metavar="NAME=DIR",
    help="Score another method's videos, named after the clips; may be given again.",
)
@click.option(
    "--integrator",
    "integrators",
    multiple=True,
    metavar="ID[:FILE]",
    help="Score another global integrator by itself, and the full method with it; may be given "
    "again.",
)
@click.option(
    "--estimator",
    "estimators",
    multiple=True,
    metavar="ID",
    help="Judge by this one: arcface, hopenet, embedded-pose, embedded-actions, embedded-motion, "
    "mesh-pose, mesh-motion or an installed one; may be given again.",
)
@click.option(
    "--skip-at-most",
    type=click.FloatRange(0, 1),
    default=0.1,
    show_default=True,
    metavar="SHARE",
    help="The share of clips that may be unusable.",
)
@click.option("--save-videos", is_flag=True, help="Keep the faces of all methods as videos.")
@overwrite_option
@checkpoint_option
@tracker_option
@device_options
@output_options
def command(output: Output, **given: Any) -> None:
    """Measure how good results are: tables, plots and strips of frames.

    DATASET is a folder that reenact synth wrote, or one of face crops: videos, or folders of
    frames.

    \b
    Example:
      reenact evaluate heads -o measured --clips 4 --frames 20
    """
    from reenact_core.engine.out_folder import user_journal
    from reenact_training.evaluate.run import FILES

    job = Job(**given)
    journal = user_journal(job.out, "evaluate", overwrite=job.overwrite)
    journal.require(job.out / name for name in FILES)
    done = _evaluated(job, output)
    for path in done.files:
        journal.note(path, path)
    table = {**done.metrics, "files": [str(path) for path in done.files]}
    print_result(table, _lines(done), as_json=output.as_json)


def _evaluated(job: Job, output: Output) -> "Evaluated":
    from reenact_core.devices import choose_compute
    from reenact_core.models.face_points import load_face_points
    from reenact_training.evaluate.estimators import choose_panel
    from reenact_training.evaluate.request import Evaluated, Step
    from reenact_training.evaluate.run import evaluate

    compute = choose_compute(job.device, job.precision)
    reader = load_face_points(compute=_whole(compute))
    panel = choose_panel(reader, models_folder(), job.estimators)
    request = _request(job, compute)
    models = models_named(job.checkpoint, compute)
    detector = detector_named(job.tracker, compute.device)
    with closing(evaluate(request, models, panel, detector)) as events:
        for stage, group in groupby(events, key=lambda event: getattr(event, "stage", None)):
            if stage is None:
                return next(event for event in group if isinstance(event, Evaluated))
            with ticking(stage, output.progress) as tick:
                for event in group:
                    if isinstance(event, Step):
                        tick(event.done, event.total)
    raise AssertionError("an evaluation ends with its result")


def _whole(compute: "Compute") -> "Compute":
    """The same device in full precision: what judges shall not round."""
    from reenact_core.devices import Compute

    return Compute(compute.device)


def _request(job: Job, compute: "Compute") -> "Request":
    from reenact_training.evaluate.footage import Limits
    from reenact_training.evaluate.methods import ResultVideos
    from reenact_training.evaluate.request import DEFAULT_PAIRS, Request

    results = [_pair(text, "=", "--results") for text in job.results]
    for name, folder in results:
        if not Path(folder).is_dir():
            raise MediaError(f"{folder}: is no folder; --results {name} takes one of videos")
    return Request(
        job.dataset,
        job.out,
        "cross" if job.task == "cross" else "self",
        job.schemes or ("global", "local", "subtle"),
        Limits(job.clips, job.frames, job.to_and_fro, job.skip_at_most),
        job.every,
        job.pairs or DEFAULT_PAIRS,
        job.sources,
        job.pairs_in,
        tuple(ResultVideos(name, Path(folder)) for name, folder in results),
        _integrators(job.integrators, compute),
        job.save_videos,
    )


def _pair(text: str, sign: str, option: str) -> tuple[str, str]:
    name, found, rest = text.partition(sign)
    if not (name and found and rest):
        raise click.UsageError(f"{option} takes NAME=DIR, got {text!r}")
    if name in (*SCHEMES, "source", "flow", "truth", "driving"):
        raise click.UsageError(f"{option} {name}: that name is taken; give another one")
    return name, rest


def _integrators(named: "tuple[str, ...]", compute: "Compute") -> "dict[str, Integrator]":
    """By the names that the tables show: the id, and the file's where two have one id."""
    from reenact_core.models.chosen_integrator import choose_integrator

    found: dict[str, Integrator] = {}
    for text in named:
        chosen = choose_integrator(text, compute, folders=(models_folder(),))
        name, _, file = text.partition(":")
        if f"{name} (G)" in found:
            name = f"{name} {Path(file).name}"
        found[f"{name} (G)"] = chosen.integrator
    return found


def _lines(done: "Evaluated") -> Iterator[str]:
    metrics = done.metrics
    yield from (f"note: {note}" for note in metrics["notes"])
    yield from (f"left out: {one['clip']}: {one['why']}" for one in metrics["skipped"])
    yield f"{amount(metrics['clips'], 'clip')}, {amount(metrics['frames'], 'frame')}"
    for scheme, figures in metrics["schemes"].items():
        shown = [f"{key} {value:.3f}" for key, value in figures.items() if value is not None]
        if shown:
            yield f"{scheme:8} {'  '.join(shown)}"
    yield from (f"wrote {path}" for path in done.files)
