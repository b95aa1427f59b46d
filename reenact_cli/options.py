"""Options that two commands or more share."""

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import click

from reenact_cli.show import ProgressStyle
from reenact_core.head.regions import MOST, REGIONS

CODECS = ("match", "ffv1", "prores", "dnxhr", "h264", "hevc", "png", "exr")
SCHEMES = ("subtle", "global", "local")
TRACKERS = ("embedded", "facexlib")
READERS = ("auto", "embedded", "mesh", "facexlib")
MANNERS = ("auto", "absolute", "relative")
PRECISIONS = ("auto", "fp32", "bf16", "fp16")
PROGRESS_STYLES = ("auto", "tqdm", "json", "none")

Command = Callable[..., Any]
FILE = click.Path(path_type=Path)


@dataclass(frozen=True, slots=True)
class Output:
    """How a command tells what it does and did."""

    as_json: bool
    """One JSON object on stdout and nothing else there, instead of lines for people."""
    progress: ProgressStyle
    """What goes to stderr meanwhile."""


def output_options(command: Command) -> Command:
    """`--json`, `--progress` and `--debug`; the command receives the first two as `output`."""

    @functools.wraps(command)
    def with_output(*, as_json: bool, progress: ProgressStyle, debug: bool, **rest: Any) -> Any:
        return command(output=Output(as_json, progress), **rest)

    options = [
        click.option("--json", "as_json", is_flag=True, help="Print one JSON object, the result."),
        click.option(
            "--progress",
            type=click.Choice(PROGRESS_STYLES),
            default="auto",
            show_default=True,
            help="A bar, one JSON object a line, or nothing, on stderr; auto: a bar on a terminal.",
        ),
        click.option("--debug", is_flag=True, help="Show the traceback of an error."),
    ]
    return all_of(with_output, options)


def device_options(command: Command) -> Command:
    """`--device` and `--precision`."""
    options: list[Callable[[Command], Command]] = [
        click.option(
            "--device",
            default="auto",
            show_default=True,
            metavar="auto|cpu|cuda[:N]",
            help="Where the networks run.",
        ),
        precision_option,
    ]
    return all_of(command, options)


def precision_option(command: Command) -> Command:
    """`--precision`."""
    return click.option(
        "--precision",
        type=click.Choice(PRECISIONS),
        default="auto",
        show_default=True,
        help="auto: fp32 on the CPU, fp16 on CUDA.",
    )(command)


def reading_options(command: Command) -> Command:
    """`--root` and `--rate`: how a timeline is read."""
    options = [
        click.option(
            "--root",
            multiple=True,
            type=FILE,
            metavar="DIR",
            help="A folder that the timeline's relative paths may lead to, besides its own, and "
            "where media that are not at their place are looked for by name.",
        ),
        click.option(
            "--rate",
            callback=_read_rate,
            metavar="R",
            help="Frames a second of an EDL, as 25, 29.97 or 30000/1001; without it by the mark of "
            "drop frame, then by its media.",
        ),
    ]
    return all_of(command, options)


def _read_rate(ctx: click.Context, option: click.Parameter, value: str | None) -> Fraction | None:
    from reenact_core.timing import parse_rate

    if value is None:
        return None
    try:
        return parse_rate(value)
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, option) from error


def checkpoint_option(command: Command) -> Command:
    """`--checkpoint`."""
    return click.option(
        "--checkpoint",
        metavar="ID|FILE",
        help="The networks to use; without it, those that come with reenact.",
    )(command)


def integrator_option(command: Command) -> Command:
    """`--integrator`."""
    return click.option(
        "--integrator",
        metavar="ID[:FILE]",
        help="Another method as the global integrator: fomm, tpsmm, dagan, osfv, liveportrait, or "
        "an installed one, with the file of its weights.",
    )(command)


def codec_option(command: Command) -> Command:
    """`--codec`."""
    return click.option(
        "--codec",
        type=click.Choice(CODECS),
        default="match",
        show_default=True,
        help="Of the files written; match: as the source where that can be encoded.",
    )(command)


def settings_option(command: Command) -> Command:
    """`--settings`."""
    return click.option(
        "--settings",
        "settings_file",
        type=FILE,
        metavar="FILE",
        help="A TOML file of settings; options given here stand above it.",
    )(command)


def provenance_option(command: Command) -> Command:
    """`--no-provenance`."""
    return click.option(
        "--no-provenance",
        is_flag=True,
        help="Leave out the marks by which programs know that the files are synthetic.",
    )(command)


def overwrite_option(command: Command) -> Command:
    """`--overwrite`."""
    return click.option(
        "--overwrite",
        is_flag=True,
        help="Let files be replaced that this job did not make; without it they never are.",
    )(command)


def tracker_option(command: Command) -> Command:
    """`--tracker`."""
    return click.option(
        "--tracker",
        type=click.Choice(TRACKERS),
        default="embedded",
        show_default=True,
        help="What finds the faces; facexlib needs its weights.",
    )(command)


def reader_option(about: str, default: str) -> Callable[[Command], Command]:
    """`--reader`, what it is for, and what it is where nobody says."""
    return click.option(
        "--reader",
        type=click.Choice(READERS),
        help=f"{about}; auto: the best that is installed.  [default: {default}]",
    )


def motion_options(command: Command) -> Command:
    """`--reader`, `--expression`, `--pose` and `--strength`: settings of `motion`."""
    options: list[Callable[[Command], Command]] = [
        reader_option("Who reads the landmarks that motion is told by", "auto"),
        click.option(
            "--expression",
            type=click.Choice(MANNERS),
            help="absolute: as the driving face has it; relative: what changes in it is added to "
            "the source's own.  [default: auto]",
        ),
        click.option(
            "--pose",
            type=click.Choice(MANNERS),
            help="The same for how the head is turned and where it is; auto: absolute for a "
            "recast, else relative.  [default: auto]",
        ),
        click.option(
            "--strength",
            multiple=True,
            callback=_read_strengths,
            metavar="[REGION=]VALUE",
            help="How much of the motion is carried over, 0 to 1.5, or of a region of it on top: "
            f"{', '.join(REGIONS)}.",
        ),
    ]
    return all_of(command, options)


def motion_table(
    *,
    scheme: str | None,
    reader: str | None,
    expression: str | None,
    pose: str | None,
    strength: Mapping[str, float],
) -> dict[str, Any]:
    """What these options say, by the names of settings; None where one was not given."""
    given = {"scheme": scheme, "reader": reader, "expression": expression, "pose": pose}
    return {f"motion.{name}": value for name, value in (given | dict(strength)).items()}


def _read_strengths(
    ctx: click.Context, option: click.Parameter, values: Sequence[str]
) -> Mapping[str, float]:
    """`strength` and `strengths.REGION` with their values; what is said last counts."""
    read: dict[str, float] = {}
    for written in values:
        region, _, number = written.rpartition("=")
        if region and region not in REGIONS:
            known = ", ".join(REGIONS)
            raise click.BadParameter(f"{region} is no region; known: {known}", ctx, option)
        try:
            value = float(number)
        except ValueError:
            value = math.nan
        if not 0 <= value <= MOST:
            raise click.BadParameter(f"{written}: must be from 0 to {MOST}", ctx, option)
        read[f"strengths.{region}" if region else "strength"] = value
    return read


def all_of(command: Command, options: Sequence[Callable[[Command], Command]]) -> Command:
    """A command with several options, shown in that order."""
    for option in reversed(options):
        command = option(command)
    return command
