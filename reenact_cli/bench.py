"""`reenact bench`: how fast this machine is, stage by stage, and what integrators gain."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

from reenact_cli.options import (
    Output,
    checkpoint_option,
    device_options,
    integrator_option,
    output_options,
)
from reenact_cli.show import counted, print_result, ticking
from reenact_core.devices import Precision
from reenact_core.wording import amount

if TYPE_CHECKING:
    from reenact_core.models.integrators.table import Integrator

COUNT = click.IntRange(min=1)


@click.group("bench", invoke_without_command=True)
@checkpoint_option
@integrator_option
@device_options
@output_options
@click.pass_context
def command(
    ctx: click.Context,
    /,
    output: Output,
    checkpoint: str | None,
    integrator: str | None,
    device: str,
    precision: Precision,
) -> None:
    """Measure seconds, processor time and memory of each stage of a render, on this machine.

    A drawn shot of 640 x 360 pixels is rendered once; nothing is kept.

    \b
    Example:
      reenact bench
    """
    if ctx.invoked_subcommand is not None:
        return
    from reenact_cli.bench_machine import machine
    from reenact_cli.bench_stages import measure_stages
    from reenact_core.devices import choose_compute

    compute = choose_compute(device, precision)
    with TemporaryDirectory() as folder:
        footage = Path(folder) / "footage"
        _draw(footage, output)
        run = measure_stages(footage, Path(folder) / "out", compute, checkpoint, integrator)
        stages = list(counted(run, 5, "bench", output.progress))
    tables = [stage.table for stage in stages]
    frames = next(stage.frames for stage in stages if stage.name == "paste")
    seconds = sum(stage.seconds for stage in stages if stage.name != "load")
    facts = machine(compute) | {"frames": frames, "frames_per_second": frames / seconds}
    print_result(
        {"machine": facts, "stages": tables}, _stage_lines(facts, tables), as_json=output.as_json
    )


def _draw(folder: Path, output: Output) -> None:
    from reenact_cli.demo import draw_footage

    draw_footage(folder, output)


def _stage_lines(facts: dict[str, Any], stages: list[dict[str, Any]]) -> Iterator[str]:
    yield _machine_line(facts)
    yield f"{'stage':8} {'frames':>6} {'seconds':>8} {'CPU s':>8} {'ms/frame':>9} {'peak MB':>8}"
    for row in stages:
        each = 1000 * row["seconds"] / row["frames"] if row["frames"] else 0.0
        yield (
            f"{row['stage']:8} {row['frames']:6d} {row['seconds']:8.2f} {row['cpu_seconds']:8.2f} "
            f"{each:9.1f} {row['peak_megabytes']:8.0f}"
        )
    yield f"{facts['frames_per_second']:.2f} frames a second, loading left out"


def _machine_line(facts: dict[str, Any]) -> str:
    where = f"{facts['device']} {facts['precision']}"
    return f"{facts['processor']}, {facts['threads']} threads, {where}, torch {facts['torch']}"


@command.command("integrators")
@click.option(
    "--integrator",
    metavar="ID[:FILE]",
    help="Which method, with the file of its weights; without, FOMM of the published size with "
    "drawn weights: the work is the same.",
)
@click.option("--frames", type=COUNT, default=32, show_default=True, metavar="N")
@click.option("--rounds", type=COUNT, default=3, show_default=True, metavar="N")
@click.option("--size", type=COUNT, default=256, show_default=True, metavar="PIXELS")
@device_options
@output_options
def integrators(
    *,
    integrator: str | None,
    frames: int,
    rounds: int,
    size: int,
    device: str,
    precision: Precision,
    output: Output,
) -> None:
    """Measure our animation loop of a method against upstream's.

    Both run in turns, in one process, on the same pictures. Upstream's takes a frame at a time, in
    float32, and reads the source anew for each (LivePortrait's does not); the source's keypoints
    and the first frame's are found once.

    \b
    Example:
      reenact bench integrators --frames 8 --rounds 2
    """
    from reenact_cli.bench_integrators import measure_pair, pair_table
    from reenact_cli.bench_machine import machine
    from reenact_core.devices import choose_compute

    compute = choose_compute(device, precision)
    name, plain = _named(integrator, size)
    with (
        ticking("bench", output.progress) as tick,
        closing(measure_pair(plain, compute, frames=frames, size=size, rounds=rounds)) as run,
    ):
        measured = []
        for one in run:
            measured.append(one)
            tick(len(measured), rounds)
    table = pair_table(name, measured, frames)
    facts = machine(compute) | {"size": size, "frames": frames, "rounds": rounds}
    result = {"machine": facts, "integrators": [table]}
    print_result(result, _pair_lines(facts, table), as_json=output.as_json)


def _named(integrator: str | None, size: int) -> "tuple[str, Integrator]":
    """The id of a method, and its networks on the CPU in float32."""
    from reenact_cli.bench_integrators import drawn_fomm
    from reenact_cli.networks import models_folder
    from reenact_core.models.chosen_integrator import find_named
    from reenact_core.models.integrators.table import find_integrator

    if integrator is None:
        return "fomm", drawn_fomm(size)
    found = find_named(integrator, folders=(models_folder(),))
    return found.method, find_integrator(found.method)(found.weights, found.configuration or None)


def _pair_lines(facts: dict[str, Any], table: dict[str, Any]) -> Iterator[str]:
    yield _machine_line(facts)
    frames = amount(facts["frames"], "frame")
    yield f"{table['id']}, {frames} of {facts['size']} x {facts['size']} pixels"
    for name in ("straightforward", "ours"):
        yield f"  {name:16} {table[f'{name}_seconds_per_frame']:.4f} s a frame (median)"
    yield f"  ratio            {table['ratio']:.3f}; of processor time {table['cpu_ratio']:.3f}"
    yield (
        f"  difference       {table['largest_difference']:.1e} at most, "
        f"{table['mean_difference']:.1e} on average"
    )
