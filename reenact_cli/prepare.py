"""`reenact prepare`: raw footage to a data set of face crops."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reenact_cli.networks import detector_named
from reenact_cli.options import (
    FILE,
    Output,
    output_options,
    overwrite_option,
    settings_option,
    tracker_option,
)
from reenact_cli.show import print_result, say, ticking
from reenact_core.wording import amount

if TYPE_CHECKING:
    from reenact_training.prepare import Prepared

SOME_FAILED = 3


@click.command("prepare")
@click.argument("footage", type=FILE, nargs=-1, required=True)
@click.option(
    "-o", "--out", type=FILE, required=True, metavar="DATASET", help="The folder to write."
)
@click.option(
    "--size",
    type=click.IntRange(64, 1024),
    default=256,
    show_default=True,
    metavar="N",
    help="Width and height of the crops.",
)
@click.option(
    "--least-face",
    type=click.FloatRange(min=16),
    default=64,
    show_default=True,
    metavar="PIXELS",
    help="Smaller faces are left out.",
)
@click.option(
    "--least-seconds",
    type=click.FloatRange(min=0, min_open=True),
    default=1,
    show_default=True,
    metavar="S",
    help="Shorter stretches are left out.",
)
@click.option(
    "--longest-seconds",
    type=click.FloatRange(min=0, min_open=True),
    default=10,
    show_default=True,
    metavar="S",
    help="Longer stretches become several clips.",
)
@overwrite_option
@tracker_option
@settings_option
@output_options
def command(
    footage: tuple[Path, ...],
    out: Path,
    size: int,
    least_face: float,
    least_seconds: float,
    longest_seconds: float,
    overwrite: bool,
    tracker: str,
    settings_file: Path | None,
    output: Output,
) -> int:
    """Follow the faces of FOOTAGE, files or folders of them, and cut them out for training.

    Every clip shows one face without a break. Footage whose clips are there already is kept, so
    that a stopped run goes on, and more footage can be added. Use footage of people who have
    agreed to it.

    \b
    Example:
      reenact prepare interviews/ -o actor
    """
    from reenact_core.errors import SettingsError
    from reenact_core.settings import settings_for
    from reenact_training.prepare import PrepareSettings, Stage, prepare

    try:
        settings = PrepareSettings(size, least_face, least_seconds, longest_seconds)
    except ValueError as error:
        raise SettingsError(f"command line: {error}") from error
    track = settings_for(file=settings_file).track
    done: list[Prepared] = []
    with ticking("prepare", output.progress) as tick:
        detector = detector_named(tracker)
        for event in prepare(footage, out, settings, detector, track, overwrite=overwrite):
            if isinstance(event, Stage):
                half = event.total if event.stage == "cut" else 0
                tick(event.done + half, 2 * event.total)
                continue
            done.append(event)
            if event.why_none is not None and not output.as_json:
                say(f"{event.footage}: {event.why_none}")
    result = _table(out, done)
    print_result(result, _lines(result), as_json=output.as_json)
    return SOME_FAILED if result["failed"] else 0


def _table(out: Path, done: "list[Prepared]") -> dict[str, Any]:
    return {
        "folder": str(out),
        "footage": len(done),
        "clips": sum(len(one.clips) for one in done),
        "frames": sum(clip["frames"] for one in done for clip in one.clips),
        "without_faces": {str(o.footage): o.why_none for o in done if o.why_none and not o.failed},
        "failed": {str(o.footage): o.why_none for o in done if o.failed},
    }


def _lines(result: dict[str, Any]) -> Iterator[str]:
    clips, frames = amount(result["clips"], "clip"), amount(result["frames"], "frame")
    files = amount(result["footage"], "file")
    yield f"wrote {result['folder']}: {clips}, {frames}, of {files}"
    if result["failed"]:
        yield f"{amount(len(result['failed']), 'file')} could not be read"
