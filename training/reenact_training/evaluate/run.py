"""The evaluation: examples one after another, all methods side by side, then tables and plots."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reenact_core.errors import MediaError, SettingsError
from reenact_core.files import sha256, write_json, written_whole
from reenact_core.models.load import Models
from reenact_core.report.sheet import write_sheet
from reenact_core.tracking.detect import Detector
from reenact_core.wording import amount
from reenact_training.evaluate.estimators import Panel
from reenact_training.evaluate.example import Example
from reenact_training.evaluate.footage import (
    Clip,
    Footage,
    Skipped,
    check_skipped,
    open_footage,
    read_clip,
)
from reenact_training.evaluate.measures import Moment, Pictured, measure
from reenact_training.evaluate.methods import (
    Method,
    crop_size,
    direct_flow,
    integrator_alone,
    schemes_of,
    source_unchanged,
    subtle_with,
)
from reenact_training.evaluate.metrics_file import Run, metrics, write_frames
from reenact_training.evaluate.pairs import (
    FIRST_SEED,
    draw_pairs,
    find_stills,
    matched,
    pair_name,
    read_pair,
    real_pairs,
)
from reenact_training.evaluate.plots import plot_distance, plot_time
from reenact_training.evaluate.request import Evaluated, Request, Step
from reenact_training.evaluate.strip import Strips
from reenact_training.evaluate.tables import tables
from reenact_training.evaluate.videos import keep_nothing, videos_of

Events = Generator[Step | Evaluated, None, None]


@dataclass(frozen=True, slots=True, eq=False)
class _Work:
    """What is to be run: examples that are read one by one, and how many frames they have."""

    names: tuple[str, ...]
    frames: int
    examples: Iterator[Example]
    known: bool
    skipped: list[Skipped]


@dataclass(slots=True)
class _Found:
    """What was measured so far; the run's own."""

    moments: list[Moment] = field(default_factory=list)
    strips: Strips = field(default_factory=Strips)


FILES = (
    "tables.md", "frames.csv", "strip.png", "pairs.png", "pose_distance.png", "over_time.png",
    "metrics.json",
)  # fmt: skip
"""What an evaluation writes into its folder."""


def evaluate(request: Request, models: Models, panel: Panel, detector: Detector) -> Events:
    """Evaluate; the last event is `Evaluated`.

    Nothing is done until the events are asked for; closing the generator stops, and leaves no file
    unfinished.

    Raises:
        ReenactError: the data set, a result video or the output folder cannot be used.
    """
    others = _others(request, models)
    methods = _methods(request, models, list(others.values()))
    size = crop_size(models)
    footage = open_footage(request.dataset, request.limits)
    work = yield from _work(request, footage, size, models.compute.device, panel, detector)
    notes = [*_seed_notes(footage, request), *_result_notes(request, work.names)]
    found = _Found()
    done = 0
    for example in work.examples:
        with closing(_run(example, methods, panel, request, found)) as frames:
            for _ in frames:
                done += 1
                yield Step("evaluate", done, max(done, work.frames))
    run = Run(
        str(request.dataset),
        request.task,
        found.moments,
        tuple(others),
        tuple(result.name for result in request.results),
        work.skipped,
        panel,
        work.known,
        _facts(request, models, size),
        notes,
    )
    yield _written(request.out, run, found.strips)


def _others(request: Request, models: Models) -> dict[str, Method]:
    """Other integrators by themselves, and the full method with each as its G."""
    others: dict[str, Method] = {}
    for name, integrator in request.integrators.items():
        others[name] = integrator_alone(name, integrator, models.compute)
        with_it = f"subtle + {name}"
        both = subtle_with(with_it, integrator, models) if "subtle" in request.schemes else None
        if both is not None:
            others[with_it] = both
    return others


def _methods(request: Request, models: Models, others: Sequence[Method]) -> list[Method]:
    methods: list[Method] = [source_unchanged]
    if request.task == "self":
        methods.append(direct_flow)
    methods += others
    methods += request.results
    if request.schemes:
        methods.append(schemes_of(models, request.schemes))
    return methods


def _work(
    request: Request, footage: Footage, size: int, device: str, panel: Panel, detector: Detector
) -> Generator[Step, None, _Work]:
    skipped = list(footage.skipped)
    lengths = {clip.name: _length(clip, request) for clip in footage.clips}
    if request.task == "self":
        examples = _clips(footage, request, size, skipped)
        return _Work(tuple(lengths), sum(lengths.values()), examples, footage.drawn, skipped)
    if request.sources:
        stills = find_stills(request.sources)
        pairs = list(matched(stills, footage.clips, request.pairs))
        names = tuple(f"{still.stem}--{clip.name}" for still, clip in pairs)
        total = sum(lengths[clip.name] for _, clip in pairs)
        made = real_pairs(pairs, footage.side, request.limits, detector, panel.reader, size=size)
        return _Work(names, total, made, False, skipped)
    if not footage.drawn:
        raise SettingsError(
            f"{footage.folder}: shows real people, and nobody knows one with another's motion; "
            "give stills of faces with --sources"
        )
    return (yield from _drawn_work(request, footage, size, device))


def _drawn_work(
    request: Request, footage: Footage, size: int, device: str
) -> Generator[Step, None, _Work]:
    """Pairs as long as the data set's clips, drawn before anything is measured."""
    if request.limits.to_and_fro:
        raise SettingsError("drawn pairs are not played to and fro; leave that out for them")
    moments = max(_length(clip, request) for clip in footage.clips)
    folder = request.pairs_folder or request.out / "pairs"
    paths = []
    for path in draw_pairs(folder, request.pairs, moments=moments, size=size, device=device):
        paths.append(path)
        yield Step("draw", len(paths), request.pairs)
    names = tuple(pair_name(path) for path in paths)
    return _Work(names, moments * len(paths), map(read_pair, paths), True, [])


def _length(clip: Clip, request: Request) -> int:
    limits = request.limits
    return limits.to_and_fro or min(clip.frames, limits.frames or clip.frames)


def _clips(
    footage: Footage, request: Request, size: int, skipped: list[Skipped]
) -> Iterator[Example]:
    """The clips that can be read; the others are added to `skipped`, up to the allowed share."""
    total = len(footage.clips) + len(footage.skipped)
    for clip in footage.clips:
        try:
            example = read_clip(clip, request.limits, size)
        except MediaError as error:
            skipped.append(Skipped(clip.name, str(error)))
            share = request.limits.skip_share
            check_skipped(footage.folder, tuple(skipped), total, share)
            continue
        yield example


def _run(
    example: Example, methods: Sequence[Method], panel: Panel, request: Request, found: _Found
) -> Generator[None, None, None]:
    """One example, frame by frame."""
    folder = request.out / "videos"
    saved = videos_of(folder, example) if request.save_videos else nullcontext(keep_nothing)
    pictured: list[Pictured] = []
    with saved as keep:
        for frame, faces, measured in measure(example, methods, panel, request.every):
            keep(frame, faces)
            if measured is not None:
                pictured.append(measured)
            yield
    found.moments += sorted((one.moment for one in pictured), key=lambda moment: moment.frame)
    found.strips.consider(example, pictured)


def _seed_notes(footage: Footage, request: Request) -> Iterator[str]:
    seed = footage.seed
    if request.task == "self" and seed is not None and seed < FIRST_SEED:
        yield (
            f"The heads have seed {seed}; networks may have been trained on them. Seeds from "
            f"{FIRST_SEED:,} on are for evaluation only."
        )


def _result_notes(request: Request, names: Sequence[str]) -> Iterator[str]:
    """What of other methods' results is missing.

    Raises:
        MediaError: all of them.
    """
    for result in request.results:
        missing = [name for name in names if result.find(name) is None]
        if len(missing) == len(names):
            raise MediaError(
                f"{result.folder}: holds no video named after a clip; for {names[0]} it would be "
                f"{names[0]}.mp4, or a folder {names[0]} of frames"
            )
        if missing:
            yield f"{result.name} has no result for {len(missing)} of {amount(len(names), 'clip')}."


def _facts(request: Request, models: Models, size: int) -> dict[str, Any]:
    limits = request.limits
    return {
        "checkpoint": {
            "file": models.path.name,
            "architecture": models.architecture,
            "version": models.metadata.get("version"),
            "sha256": sha256(models.path),
        },
        "settings": {
            "size": size,
            "every": request.every,
            "frames_at_most": limits.frames,
            "to_and_fro": limits.to_and_fro,
            "skip_at_most": limits.skip_share,
        },
    }


def _written(out: Path, run: Run, strips: Strips) -> Evaluated:
    values = metrics(run)
    methods, moments = run.methods(), run.moments
    files = [out / name for name in FILES[:3]]
    with written_whole(files[0]) as partial:
        partial.write_text(tables(values), "utf-8")
    write_frames(files[1], moments)
    write_sheet(files[2], strips.sheet())
    if strips.pairs:
        files.append(out / "pairs.png")
        write_sheet(files[-1], strips.pairs_sheet())
    if values["estimators"]["psnr"]["estimator"] is not None:
        files += [out / "pose_distance.png", out / "over_time.png"]
        plot_distance(files[-2], moments, methods)
        plot_time(files[-1], moments, methods)
    files.append(out / "metrics.json")
    write_json(files[-1], values)
    return Evaluated(values, tuple(files))
