"""`reenact render`: a timeline in, a timeline out."""

import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from reenact_cli.face import read_face
from reenact_cli.networks import detector_named, models_folder, models_named
from reenact_cli.options import (
    FILE,
    SCHEMES,
    Command,
    Output,
    all_of,
    checkpoint_option,
    codec_option,
    device_options,
    integrator_option,
    motion_options,
    motion_table,
    output_options,
    overwrite_option,
    provenance_option,
    reading_options,
    settings_option,
    tracker_option,
)
from reenact_cli.show import print_result, shown
from reenact_core.devices import Precision
from reenact_core.timeline.plan import FaceChoice, Manner, Mode, Scheme

if TYPE_CHECKING:
    from reenact_core.devices import Compute
    from reenact_core.engine.run_record import Outcome
    from reenact_core.engine.timeline_run import RunResult
    from reenact_core.media.codecs import Codec
    from reenact_core.media.probe import Look
    from reenact_core.models.load import Models
    from reenact_core.models.readers.reader import ReaderChoice
    from reenact_core.provenance.mark import Marking
    from reenact_core.settings import Settings
    from reenact_core.timeline.clip_media import Probe
    from reenact_core.timeline.plan import Plan
    from reenact_core.timeline.read import Edit
    from reenact_core.timeline.request import Request

RELINKS = ("add", "swap", "track")


@dataclass(frozen=True, slots=True)
class Job:
    """What the command line asks; None where it is silent."""

    timeline: Path
    out: Path
    source: Path | None = None
    source_time: float | None = None
    driving: Path | None = None
    mode: Mode | None = None
    clips: tuple[str, ...] = ()
    face: FaceChoice | None = None
    tracks: tuple[Path, ...] = ()
    relink: Literal["add", "swap", "track"] = "add"
    handles: int | None = None
    scheme: Scheme | None = None
    reader: "ReaderChoice | None" = None
    expression: Manner | None = None
    pose: Manner | None = None
    strength: Mapping[str, float] = field(default_factory=dict)
    """`strength` and `strengths.REGION`, as settings of `motion` are named."""
    root: tuple[Path, ...] = ()
    rate: Fraction | None = None
    restart: bool = False
    overwrite: bool = False
    dry_run: bool = False
    codec: "Codec" = "match"
    checkpoint: str | None = None
    integrator: str | None = None
    tracker: Literal["embedded", "facexlib"] = "embedded"
    device: str = "auto"
    precision: Precision = "auto"
    settings_file: Path | None = None
    no_provenance: bool = False


def asking_options(command: Command) -> Command:
    """TIMELINE, and the options that say what is asked of it."""
    options: list[Callable[[Command], Command]] = [
        click.argument("timeline", type=FILE),
        click.option(
            "--source",
            type=FILE,
            metavar="IMG",
            help="The new face of clips that name none: a picture, a video, or a folder of "
            "pictures of one person.",
        ),
        click.option(
            "--source-time", type=float, metavar="SECONDS", help="Where in --source, if a video."
        ),
        click.option(
            "--driving",
            type=FILE,
            metavar="VIDEO",
            help="The performance for clips that name none.",
        ),
        click.option(
            "--mode", type=click.Choice(["recast", "redirect"]), help="Where both could be meant."
        ),
        click.option("--clips", multiple=True, metavar="NAME", help="Only clips of this name."),
        click.option(
            "--face",
            callback=read_face,
            metavar="FACE",
            help="Of clips that name none: largest, left, right, id:N, point:X,Y@FRAME or "
            "reference:PICTURE.  [default: largest]",
        ),
        click.option(
            "--tracks",
            multiple=True,
            type=FILE,
            metavar="TRACKS.json",
            help="Faces of one video as `reenact track` writes them.",
        ),
        click.option(
            "--relink",
            type=click.Choice(RELINKS),
            default="add",
            show_default=True,
            help="How the timeline points to the new files: by a second media reference, in place "
            "of the first, or on a track on top.",
        ),
        click.option(
            "--handles",
            type=click.IntRange(min=0),
            metavar="N",
            help="Frames rendered before and after what the edit shows.  [default: 8]",
        ),
        click.option(
            "--scheme",
            type=click.Choice(SCHEMES),
            help="subtle: the full method; global: G alone; local: L alone.  [default: subtle]",
        ),
        motion_options,
        reading_options,
    ]
    return all_of(command, options)


@click.command("render")
@asking_options
@click.option("-o", "--out", type=FILE, required=True, metavar="DIR", help="Where results go.")
@click.option(
    "--restart", is_flag=True, help="Render all anew rather than go on where a run stopped."
)
@click.option("--dry-run", is_flag=True, help="Print the plan and do nothing.")
@overwrite_option
@codec_option
@checkpoint_option
@integrator_option
@tracker_option
@device_options
@settings_option
@provenance_option
@output_options
@click.pass_context
def command(ctx: click.Context, /, output: Output, **given: Any) -> None:
    """Render the shots that TIMELINE asks for, and write the timeline that shows them.

    A clip asks by an effect `reenact`, or is named here. A run that was stopped goes on when the
    same command is given again.

    \b
    Example:
      reenact render cut.otio -o out --clips sh010 --source portrait.png
    """
    from reenact_cli.plan_text import plan_lines, plan_table
    from reenact_cli.run_text import exit_status, result_lines, result_table

    job = Job(**given)
    if job.dry_run:
        plan, notes = fitted_plan(job, edit_of(job), job.out)
        table = plan_table(replace(plan, notes=(*plan.notes, *notes)))
        print_result(table, plan_lines(table), as_json=output.as_json)
        return
    result = render_job(job, output)
    table = result_table(result)
    print_result(table, result_lines(table), as_json=output.as_json)
    ctx.exit(exit_status(result))


def render_job(job: Job, output: Output) -> "RunResult":
    """Render what is asked for and write the timeline and `run.json`.

    Raises:
        ReenactError: the timeline, the networks, the device or the folder cannot be used.
    """
    from reenact_core.devices import choose_compute
    from reenact_core.engine.performers import with_reader
    from reenact_core.engine.run_record import RunFacts
    from reenact_core.engine.timeline_run import checkpoint_facts, conclude
    from reenact_core.media.probe import probe
    from reenact_core.provenance.mark import UNMARKED, open_marking
    from reenact_core.settings import to_table
    from reenact_core.timeline.clip_media import each_once

    began, started = time.monotonic(), datetime.now(UTC)
    marking = UNMARKED if job.no_provenance else open_marking()
    look = each_once(probe)
    edit = edit_of(job, job.out, look)
    settings, (plan, _) = settings_of(job, edit), fitted_plan(job, edit, job.out, look)
    compute = choose_compute(job.device, job.precision)
    models = models_named(job.checkpoint, compute, job.integrator)
    settings = with_reader(settings, models, [models_folder()])
    outcomes = _run(job, plan, models, settings, compute, marking, look, output)
    table = {**to_table(settings), "codec": job.codec, "relink": job.relink, "tracker": job.tracker}
    seconds = time.monotonic() - began
    facts = RunFacts(started, seconds, table, checkpoint_facts(models), compute, marking)
    return conclude(edit, plan, job.out, outcomes, facts, job.relink, overwrite=job.overwrite)


def _run(
    job: Job,
    plan: "Plan",
    models: "Models",
    settings: "Settings",
    compute: "Compute",
    marking: "Marking",
    look: "Look",
    output: Output,
) -> list["Outcome"]:
    from reenact_core.engine.events import ShotDone, ShotFailed
    from reenact_core.engine.render import render_plan

    run = render_plan(
        plan,
        models,
        job.out,
        settings,
        compute,
        codec=job.codec,
        detector=detector_named(job.tracker, compute.device),
        tracker=job.tracker,
        tracks=job.tracks,
        installed=models_folder(),
        restart=job.restart,
        overwrite=job.overwrite,
        marking=marking,
        probe=look,
    )
    with closing(run) as events:
        passing = shown(events, len(plan.shots), output.progress)
        return [event for event in passing if isinstance(event, ShotDone | ShotFailed)]


def edit_of(job: Job, work: Path | None = None, look: "Look | None" = None) -> "Edit":
    """The timeline; media of a bundle are unpacked under `work`, `look` looks at media."""
    from reenact_core.engine.out_folder import render_journal
    from reenact_core.timeline.read import read_timeline

    journal = None
    if work is not None:
        journal = render_journal(job.timeline, work, overwrite=job.overwrite)
    return read_timeline(
        job.timeline, work=work, journal=journal, rate=job.rate, roots=job.root, probe=look
    )


def fitted_plan(
    job: Job, edit: "Edit", out: Path, look: "Look | None" = None
) -> "tuple[Plan, tuple[str, ...]]":
    """The plan as it can be written into a folder, and what its files will not be or hold."""
    from reenact_core.engine.out_folder import fit_plan
    from reenact_core.timeline.read import look_once

    probe = look_once(look)
    plan = plan_for(job, edit, probe)
    return fit_plan(plan, out, job.codec, overwrite=job.overwrite, probe=probe)


def plan_for(job: Job, edit: "Edit", look: "Probe | None" = None) -> "Plan":
    """The plan; `look` is what looks at media, and remembers what it saw."""
    from reenact_core.timeline.read import make_plan

    return make_plan(edit, _request(job, settings_of(job, edit)), probe=look)


def settings_of(job: Job, edit: "Edit") -> "Settings":
    from reenact_core.settings import settings_for

    options = motion_table(
        scheme=job.scheme,
        reader=job.reader,
        expression=job.expression,
        pose=job.pose,
        strength=job.strength,
    )
    return settings_for(timeline=edit.settings, file=job.settings_file, options=options)


def _request(job: Job, settings: "Settings") -> "Request":
    from reenact_core.timeline.request import Request

    time = None if job.source_time is None else Fraction(str(job.source_time))
    request = Request(
        clips=job.clips,
        source=job.source,
        source_time=time,
        driving=job.driving,
        mode=job.mode,
        face=job.face or FaceChoice(),
        scheme=settings.motion.scheme,
        expression=settings.motion.expression,
        pose=settings.motion.pose,
        roots=job.root,
    )
    return request if job.handles is None else replace(request, handles=job.handles)
