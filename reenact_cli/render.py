"""`reenact render`: a timeline in, a timeline out."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from reenact_cli.face import read_face
from reenact_cli.options import (
    FILE,
    SCHEMES,
    Output,
    codec_option,
    device_options,
    model_options,
    output_options,
    settings_option,
    tracker_option,
)
from reenact_core.devices import Precision
from reenact_core.timeline.plan import FaceChoice, Mode, Scheme

if TYPE_CHECKING:
    pass

RELINKS = ("add", "swap", "track")


@dataclass(frozen=True, slots=True)
class Job:
    """What the command line asks; None where it is silent."""

    timeline: Path
    out: Path
    source: Path | None
    source_time: float | None
    driving: Path | None
    mode: Mode | None
    clips: tuple[str, ...]
    face: FaceChoice | None
    tracks: tuple[Path, ...]
    relink: Literal["add", "swap", "track"]
    handles: int | None
    scheme: Scheme | None
    root: tuple[Path, ...]
    restart: bool
    dry_run: bool
    codec: str | None
    checkpoint: str | None
    integrator: str | None
    tracker: str | None
    device: str
    precision: Precision
    settings_file: Path | None


@click.command("render")
@click.argument("timeline", type=FILE)
@click.option("-o", "--out", type=FILE, required=True, metavar="DIR", help="Where results go.")
@click.option("--source", type=FILE, metavar="IMG", help="The new face of clips that name none.")
@click.option("--source-time", type=float, metavar="SECONDS", help="Where in --source, if a video.")
@click.option(
    "--driving", type=FILE, metavar="VIDEO", help="The performance for clips that name none."
)
@click.option(
    "--mode", type=click.Choice(["recast", "redirect"]), help="Where both could be meant."
)
@click.option("--clips", multiple=True, metavar="NAME", help="Only clips of this name.")
@click.option(
    "--face",
    callback=read_face,
    metavar="FACE",
    help="Of clips that name none: largest, left, right, id:N, point:X,Y@FRAME or "
    "reference:PICTURE.  [default: largest]",
)
@click.option(
    "--tracks",
    multiple=True,
    type=FILE,
    metavar="TRACKS.json",
    help="Faces of one video as `reenact track` writes them.",
)
@click.option(
    "--relink",
    type=click.Choice(RELINKS),
    default="add",
    show_default=True,
    help="How the timeline points to the new files: by a second media reference, in place of "
    "the first, or on a track on top.",
)
@click.option(
    "--handles",
    type=click.IntRange(min=0),
    metavar="N",
    help="Frames rendered before and after what the edit shows.  [default: 8]",
)
@click.option(
    "--scheme",
    type=click.Choice(SCHEMES),
    help="subtle: the full method; global: G alone; local: L alone.  [default: subtle]",
)
@click.option(
    "--root",
    multiple=True,
    type=FILE,
    metavar="DIR",
    help="A folder that the timeline's relative paths may lead to, besides its own.",
)
@click.option(
    "--restart", is_flag=True, help="Render all anew rather than go on where a run stopped."
)
@click.option("--dry-run", is_flag=True, help="Print the plan and do nothing.")
@codec_option
@model_options
@tracker_option
@device_options
@settings_option
@output_options
@click.pass_context
def command(ctx: click.Context, output: Output, **given: Any) -> None:
    """Render the shots that TIMELINE asks for, and write the timeline that shows them.

    A clip asks by an effect `reenact`, or is named here. A run that was stopped goes on when the
    same command is given again.

    \b
    Example:
      reenact render cut.otio -o out --clips sh010 --source portrait.png
    """
