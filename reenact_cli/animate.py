"""`reenact animate`: one still face, one driving video, one video of the face."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from reenact_cli.networks import detector_named, models_folder, models_named
from reenact_cli.options import (
    FILE,
    SCHEMES,
    Output,
    checkpoint_option,
    codec_option,
    device_options,
    integrator_option,
    motion_options,
    motion_table,
    output_options,
    overwrite_option,
    provenance_option,
    settings_option,
    tracker_option,
)
from reenact_cli.show import print_result, shown
from reenact_core.devices import Precision
from reenact_core.errors import OutputError
from reenact_core.timeline.plan import Manner, RenderedShot, Scheme
from reenact_core.wording import amount

if TYPE_CHECKING:
    from reenact_core.media.codecs import Codec


@dataclass(frozen=True, slots=True)
class Job:
    """What the command line asks; None where it is silent."""

    source: Path
    driving: Path
    out: Path
    scheme: Scheme | None
    reader: str | None
    expression: Manner | None
    pose: Manner | None
    strength: Mapping[str, float]
    crop: Literal["auto", "none"]
    paste_back: bool
    codec: "Codec"
    checkpoint: str | None
    integrator: str | None
    tracker: str
    device: str
    precision: Precision
    settings_file: Path | None
    overwrite: bool
    no_provenance: bool


@click.command("animate")
@click.argument("source", type=FILE)
@click.argument("driving", type=FILE)
@click.option("-o", "--out", type=FILE, required=True, metavar="OUT", help="The file to write.")
@click.option(
    "--scheme",
    type=click.Choice(SCHEMES),
    help="subtle: the full method; global: scheme (b) alone; local: scheme (c) alone.  "
    "[default: subtle]",
)
@click.option(
    "--crop",
    type=click.Choice(["auto", "none"]),
    default="auto",
    show_default=True,
    help="none: both inputs are face crops already; frames in are frames out.",
)
@click.option("--paste-back", is_flag=True, help="Show the whole source picture, the face in it.")
@motion_options
@overwrite_option
@codec_option
@checkpoint_option
@integrator_option
@tracker_option
@device_options
@settings_option
@provenance_option
@output_options
def command(output: Output, **given: Any) -> None:
    """Let the face of SOURCE, a picture or a folder of pictures of one person, act as the face in
    DRIVING, a video, does.

    \b
    Example:
      reenact animate portrait.png performance.mp4 -o face.mp4
    """
    job = Job(**given)
    for path in (job.source, job.driving):
        if path.resolve() == job.out.resolve():
            raise OutputError(f"{path} would be overwritten; choose another name with -o")
    rendered = _animate(job, output)
    table = _table(rendered)
    print_result(table, _lines(table), as_json=output.as_json)


def _animate(job: Job, output: Output) -> RenderedShot:
    from reenact_core.devices import choose_compute
    from reenact_core.engine.animate import animate
    from reenact_core.engine.events import ShotDone
    from reenact_core.provenance.mark import UNMARKED, open_marking
    from reenact_core.settings import settings_for

    marking = UNMARKED if job.no_provenance else open_marking()
    options = motion_table(
        scheme=job.scheme,
        reader=job.reader,
        expression=job.expression,
        pose=job.pose,
        strength=job.strength,
    )
    settings = settings_for(file=job.settings_file, options=options)
    compute = choose_compute(job.device, job.precision)
    run = animate(
        job.source,
        job.driving,
        job.out,
        models=models_named(job.checkpoint, compute, job.integrator),
        compute=compute,
        settings=settings,
        detector=detector_named(job.tracker, compute.device),
        installed=models_folder(),
        scheme=settings.motion.scheme,
        crop=job.crop,
        codec=job.codec,
        paste_back=job.paste_back,
        overwrite=job.overwrite,
        marking=marking,
    )
    with closing(run) as events:
        passing = shown(events, 1, output.progress)
        done = [event.rendered for event in passing if isinstance(event, ShotDone)]
    return done[-1]


def _table(rendered: RenderedShot) -> dict[str, Any]:
    return {
        "file": str(rendered.output.path),
        "frames": len(rendered.output.frames),
        "rate": str(rendered.output.frames.rate),
        "seconds": rendered.seconds,
        "marks": list(rendered.marks),
        "notes": list(rendered.notes),
    }


def _lines(table: dict[str, Any]) -> Iterator[str]:
    yield from (f"note: {note}" for note in table["notes"])
    yield f"wrote {table['file']}: {amount(table['frames'], 'frame')}"
