"""`reenact demo`: a drawn timeline rendered, from nothing to a contact sheet."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from reenact_cli.options import FILE, Output, device_options, output_options, overwrite_option
from reenact_cli.render import Job, render_job
from reenact_cli.show import counted, print_result
from reenact_core.devices import Precision

if TYPE_CHECKING:
    from reenact_core.journal import Journal

TIMELINE = "two_shots.otio"
SHEET = "sheet.png"


@click.command("demo")
@click.option(
    "-o",
    "--out",
    type=FILE,
    default="reenact-demo",
    show_default=True,
    metavar="DIR",
    help="Where everything goes.",
)
@overwrite_option
@device_options
@output_options
@click.pass_context
def command(
    ctx: click.Context,
    /,
    output: Output,
    out: Path,
    overwrite: bool,
    device: str,
    precision: Precision,
) -> None:
    """Draw two shots of people who do not exist, give them new faces, and show before and after.

    Needs no network, no downloads and no GPU.

    \b
    Example:
      reenact demo -o demo
    """
    from reenact_cli.run_sheet import run_sheet
    from reenact_cli.run_text import exit_status, result_lines, result_table
    from reenact_core.engine.out_folder import user_journal
    from reenact_core.report.sheet import write_sheet

    footage, rendered = out / "footage", out / "rendered"
    journal = user_journal(out, "demo", overwrite=overwrite)
    journal.require([out / SHEET])
    draw_footage(footage, output, journal)
    job = Job(footage / TIMELINE, rendered, overwrite=overwrite, device=device, precision=precision)
    result = render_job(job, output)
    write_sheet(out / SHEET, run_sheet("reenact demo", result), admit=journal.admit)
    table = {"sheet": str(out / SHEET), **result_table(result)}
    print_result(table, [*result_lines(table), f"wrote    {out / SHEET}"], as_json=output.as_json)
    ctx.exit(exit_status(result))


def draw_footage(folder: Path, output: Output, journal: "Journal | None" = None) -> None:
    """Write the demo's clips, portrait and timeline; what is there from an earlier time is kept.

    Raises:
        OutputError: the folder cannot be written or is full.
    """
    from reenact_cli import demo_footage
    from reenact_core.files import written_whole

    portrait = folder / f"{demo_footage.PORTRAIT.name}.png"
    if journal is not None:
        journal.require([portrait, folder / TIMELINE])
    admit = None if journal is None else journal.admit
    for take in demo_footage.TAKES:
        path = folder / f"{take.name}.mp4"
        if not path.is_file():
            frames = demo_footage.draw_take(take)
            stage = f"draw {take.name}"
            passing = counted(frames, demo_footage.FRAMES, stage, output.progress)
            demo_footage.write_take(path, take, passing)
    demo_footage.write_portrait(portrait, admit=admit)
    with written_whole(folder / TIMELINE, admit=admit) as partial:
        demo_footage.make_timeline(folder).to_json_file(str(partial))
