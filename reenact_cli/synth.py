"""`reenact synth`: drawn talking heads, and the truth about each frame."""

from pathlib import Path

import click

from reenact_cli.options import FILE, Output, output_options, overwrite_option
from reenact_cli.show import print_result, ticking
from reenact_core.wording import amount


@click.command("synth")
@click.option("-o", "--out", type=FILE, required=True, metavar="DIR", help="The folder to write.")
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    metavar="N",
    help="Other heads for another number.",
)
@click.option(
    "--clips",
    type=click.IntRange(min=1),
    default=8,
    show_default=True,
    metavar="N",
    help="How many heads.",
)
@click.option(
    "--frames",
    type=click.IntRange(min=1),
    default=48,
    show_default=True,
    metavar="N",
    help="Of each clip.",
)
@click.option(
    "--size",
    type=click.IntRange(32, 1024),
    default=256,
    show_default=True,
    metavar="N",
    help="Width and height of the frames.",
)
@overwrite_option
@output_options
def command(
    out: Path, seed: int, clips: int, frames: int, size: int, overwrite: bool, output: Output
) -> None:
    """Draw talking heads with their pose, expression, landmarks and masks.

    The same seed gives the same heads; a folder that was left half done is completed.

    \b
    Example:
      reenact synth -o heads --clips 4 --frames 50
    """
    from reenact_training.synth_folder import write_synth

    with ticking("synth", output.progress) as tick:
        manifest = write_synth(
            out,
            seed=seed,
            clips=clips,
            frames=frames,
            size=size,
            on_progress=tick,
            overwrite=overwrite,
        )
    table = {"folder": str(out), **manifest}
    said = f"wrote {out}: {amount(clips, 'clip')} of {amount(frames, 'frame')}"
    print_result(table, [said], as_json=output.as_json)
