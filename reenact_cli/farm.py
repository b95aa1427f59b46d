"""`reenact farm`: a job cut into units that any number of machines do."""

import os
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reenact_cli.farm_show import tell_failure, units_shown
from reenact_cli.options import (
    FILE,
    Output,
    checkpoint_option,
    codec_option,
    integrator_option,
    output_options,
    overwrite_option,
    precision_option,
    provenance_option,
    settings_option,
    tracker_option,
)
from reenact_cli.render import Job, asking_options
from reenact_cli.show import print_json, print_result, say, shown
from reenact_core.wording import amount

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from reenact_cli.farm_submit import Engine
    from reenact_core.engine.events import Event
    from reenact_core.engine.timeline_run import RunResult

INTERRUPTED = 130

_JOB = click.argument("job", type=FILE, metavar="JOB_DIR")
_DEVICE = click.option(
    "--device",
    default="auto",
    show_default=True,
    metavar="auto|cpu|cuda[:N]",
    help="Where the networks run.",
)
_PATH_MAP = click.option(
    "--path-map",
    type=FILE,
    metavar="FILE",
    help="Paths of other machines as they are here: the rules file of Open Job Description.",
)
_SHOTS = click.option(
    "--shot",
    "shots",
    multiple=True,
    metavar="NAME",
    help="The id of a shot, or the name of a clip.",
)
_RETRIES = click.option(
    "--retries",
    type=click.IntRange(min=0),
    metavar="N",
    help="How often a unit is tried again whose cause may pass.  [default: 2]",
)
_TIME_LIMIT = click.option(
    "--time-limit",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="Longest time that an attempt at a unit may take; 0: any.  [default: any]",
)
_OPENJD = click.option(
    "--openjd", is_flag=True, help="Speak Open Job Description's messages on stdout."
)


@click.group("farm")
def command() -> None:
    """Render a timeline on many machines.

    \b
    Example:
      reenact farm plan cut.otio -o job
      reenact farm submit job --engine local --workers 4
      reenact farm status job
    """


@command.command("plan")
@asking_options
@click.option("-o", "--out", "folder", type=FILE, required=True, metavar="JOB_DIR", help="The job.")
@click.option(
    "--results",
    type=FILE,
    default="out",
    show_default=True,
    metavar="DIR",
    help="Where results go; a relative path starts at JOB_DIR.",
)
@click.option(
    "--frames-per-unit",
    type=click.IntRange(min=1),
    metavar="N",
    help="Longest range that is encoded in one piece.  [default: 240]",
)
@_RETRIES
@_TIME_LIMIT
@_PATH_MAP
@overwrite_option
@codec_option
@checkpoint_option
@integrator_option
@tracker_option
@precision_option
@settings_option
@provenance_option
@output_options
def plan_command(
    output: Output,
    folder: Path,
    results: Path,
    frames_per_unit: int | None,
    retries: int | None,
    time_limit: float | None,
    path_map: Path | None,
    **given: Any,
) -> None:
    """Cut what TIMELINE asks for into units, and write them to JOB_DIR/plan.json.

    What an earlier plan of the same job has done stays done.

    \b
    Example:
      reenact farm plan cut.otio -o /mnt/jobs/cut --clips sh010 --source portrait.png
    """
    from reenact_cli.farm_job import plan_job

    plan, said = plan_job(
        Job(out=results, **given),
        folder,
        frames_per_unit,
        path_map,
        retries=retries,
        time_limit=time_limit,
    )
    spans = {kind: plan.span(kind) for kind in ("track", "move", "render", "assemble")}
    table = {
        "plan": str(folder / "plan.json"),
        "job": plan.job,
        "shots": len(plan.shots),
        "units": {kind: [span.start, span.stop] for kind, span in spans.items()},
        "cost_seconds": round(sum(unit.cost for unit in plan.units), 1),
        "refused": [{"clip": item.clip_name, "reason": item.reason} for item in plan.refused],
        "notes": [*plan.notes, *said],
    }
    print_result(table, _plan_lines(table), as_json=output.as_json)


@command.command("run-unit")
@_JOB
@click.argument("units", nargs=-1, metavar="[UNIT]")
@_SHOTS
@click.option("--all", "every", is_flag=True, help="Whatever is ready, until nothing is left.")
@_DEVICE
@_PATH_MAP
@click.option(
    "--steal-after",
    type=click.FloatRange(min=0),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="A worker that shows no life for so long is taken for dead.",
)
@click.option(
    "--record-failures",
    is_flag=True,
    help="For engines that stop at what fails: a unit that is given up is on record, and no "
    "failure of this call. What may be tried again is one.",
)
@_OPENJD
@click.option("--until-input-ends", is_flag=True, help="Stop when standard input ends.")
@output_options
@click.pass_context
def run_unit_command(
    ctx: click.Context,
    /,
    output: Output,
    job: Path,
    units: tuple[str, ...],
    shots: tuple[str, ...],
    every: bool,
    device: str,
    path_map: Path | None,
    steal_after: float,
    record_failures: bool,
    openjd: bool,
    until_input_ends: bool,
) -> None:
    """Do units of a job: by their ids, numbers, or FIRST-LAST; or all of a shot.

    Exit status by cause: 10 media, 11 no such face, 12 networks, 13 out of memory, 14 took too
    long, 75 try again later; docs/reference/farm-plan.md lists all.

    \b
    Example:
      reenact farm run-unit /mnt/jobs/cut 0-9
    """
    from reenact_cli.farm_job import Stop
    from reenact_cli.farm_units import Asked, failures_of, tables_of
    from reenact_cli.main import status_of
    from reenact_core.errors import ReenactError
    from reenact_core.farm.job_folder import StoppedError
    from reenact_core.farm.records import exit_of

    if (every and units) or not (every or units or shots):
        raise click.UsageError("give units, or --shot, or --all")
    if record_failures and every:
        raise click.UsageError("--record-failures is for units that are named")
    kept = _Kept()
    with Stop().listening() as stop:
        if until_input_ends:
            stop.with_input()
        try:
            asked = Asked(job, units, shots, every, device, path_map, steal_after, record_failures)
            count, run = tables_of(asked, stop)
            for _ in units_shown(kept.of(run), count, output.progress, openjd=openjd):
                pass
            if every and not until_input_ends and kept.status == 0:
                kept.add(failures_of(job, shots))
        except StoppedError:
            kept.status = INTERRUPTED
        except ReenactError as error:
            status_of(error, output.as_json)
            ctx.exit(exit_of(error))
    table = {"status": kept.status, "units": kept.outcomes}
    if output.as_json:
        print_json(table)
    elif not openjd:
        for line in _unit_lines(table):
            say(line)
    ctx.exit(kept.status)


@command.command("warm")
@click.argument("job", type=FILE, metavar="JOB_DIR", required=False)
@_DEVICE
@_PATH_MAP
@click.option("--stop", "ending", is_flag=True, help="End the one that REENACT_WARM names.")
@click.option("--openjd", is_flag=True, help="Say where it is as Open Job Description asks.")
def warm_command(
    job: Path | None, device: str, path_map: Path | None, ending: bool, openjd: bool
) -> None:
    """Start a process that keeps networks loaded for `run-unit`; it ends by itself when idle.

    `run-unit` finds it by REENACT_WARM, and does without where it is gone.

    \b
    Example:
      export REENACT_WARM=$(reenact farm warm /mnt/jobs/cut)
      reenact farm run-unit /mnt/jobs/cut 0
      reenact farm warm --stop
    """
    from reenact_cli.farm_warm import VARIABLE, start, stop

    if ending:
        if os.environ.get(VARIABLE):
            stop(Path(os.environ[VARIABLE]))
        return
    if job is None:
        raise click.UsageError("give JOB_DIR, or --stop")
    folder = start(job, device, path_map)
    click.echo(f"openjd_env: {VARIABLE}={folder}" if openjd else str(folder))


@command.command("assemble")
@_JOB
@_PATH_MAP
@click.option(
    "--partial", is_flag=True, help="Leave out shots that are not done; the exit status is then 3."
)
@click.option("--clear", is_flag=True, help="Remove new faces and pieces when all is done.")
@_OPENJD
@output_options
@click.pass_context
def assemble_command(
    ctx: click.Context,
    /,
    output: Output,
    job: Path,
    path_map: Path | None,
    partial: bool,
    clear: bool,
    openjd: bool,
) -> None:
    """Join the pieces of a job to files; write the timeline that shows them, and run.json.

    Shots that failed for good are named, and the others assembled; the exit status is then 3.

    \b
    Example:
      reenact farm assemble /mnt/jobs/cut
    """
    from reenact_cli.run_text import exit_status, result_lines, result_table

    result = _assemble(job, path_map, output, partial=partial)
    table = result_table(result)
    print_result(table, result_lines(table), as_json=output.as_json)
    if openjd and result.failed:
        tell_failure("; ".join(f"{one.shot.shot_id}: {one.error}" for one in result.failed))
    if clear and result.complete:
        from reenact_core.farm.assembly import clear as clear_job
        from reenact_core.farm.job_folder import JobFolder

        clear_job(JobFolder(job.absolute()))
    ctx.exit(exit_status(result))


@command.command("submit")
@_JOB
@click.option(
    "--engine",
    type=click.Choice(("local", "ray", "openjd", "slurm", "opencue")),
    default="local",
    show_default=True,
    help="Who runs the units. local: processes on this machine; ray: actors of the cluster that "
    "RAY_ADDRESS names; openjd, slurm, opencue: a farm, for whose tools files are written.",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    metavar="N",
    help="Processes side by side.  [default: half as many as there are cores]",
)
@click.option(
    "--memory",
    type=click.IntRange(min=0),
    metavar="MIB",
    help="Memory that hosts of a farm need for a worker; 0 asks for none.  [default: 2048]",
)
@click.option(
    "--gpu-memory",
    type=click.IntRange(min=0),
    default=0,
    metavar="MIB",
    help="GPU memory that hosts of a farm need for the networks.  [default: no GPU]",
)
@click.option(
    "--priority",
    type=int,
    metavar="N",
    help="In the numbers of openjd (Deadline Cloud: 0 to 100), slurm or opencue.",
)
@click.option(
    "--queue",
    metavar="NAME",
    help="Deadline Cloud's queue id, Slurm's partition, OpenCue's facility.",
)
@click.option(
    "--tag",
    "tags",
    multiple=True,
    metavar="TAG",
    help="What hosts must be marked with: Slurm's features, OpenCue's tags, and for openjd "
    "NAME=VALUE, an attribute, or VALUE, one of attr.tags.",
)
@_RETRIES
@_TIME_LIMIT
@_SHOTS
@_DEVICE
@_PATH_MAP
@click.option("--dry-run", is_flag=True, help="Say what would be run and run nothing.")
@output_options
@click.pass_context
def submit_command(
    ctx: click.Context,
    /,
    output: Output,
    job: Path,
    engine: "Engine",
    workers: int | None,
    memory: int | None,
    gpu_memory: int,
    priority: int | None,
    queue: str | None,
    tags: tuple[str, ...],
    retries: int | None,
    time_limit: float | None,
    shots: tuple[str, ...],
    device: str,
    path_map: Path | None,
    dry_run: bool,
) -> None:
    """Hand a job to an engine; `local` and `ray` do all of it and assemble it here.

    What failed and may have been mended is tried again. --shot does everything of some shots
    again, and nothing of others. --retries and --time-limit stay with the job.

    \b
    Example:
      reenact farm submit /mnt/jobs/cut --engine local --workers 4
      reenact farm submit /mnt/jobs/cut --engine openjd --gpu-memory 8192
      reenact farm submit /mnt/jobs/cut --engine slurm --queue gpu --time-limit 3600
      reenact farm submit /mnt/jobs/cut --shot sh010
    """
    from reenact_cli.farm_submit import RUNNING, Submission, handed_over, prepare, run_workers
    from reenact_cli.run_text import exit_status, result_lines, result_table
    from reenact_core.farm.plan import read_plan
    from reenact_core.farm.steps import MEMORY_MIB, Needs, Terms
    from reenact_core.farm.unit_names import units_of_shots

    for name, asked in (("--priority", priority), ("--queue", queue), ("--tag", tags or None)):
        if engine in RUNNING and asked is not None:
            raise click.UsageError(f"{name} is for openjd, slurm and opencue, which have queues")
    if dry_run:
        units = units_of_shots(read_plan(job), shots)
        wanted = frozenset(unit.shot for unit in units) if shots else None
    else:
        wanted = prepare(job, retries, time_limit, shots)
    needs = Needs(MEMORY_MIB if memory is None else memory, gpu_memory, tags)
    terms = Terms(device, needs, priority, queue, wanted)
    given = Submission(job, engine, workers, terms, path_map, shots)
    if dry_run or engine not in RUNNING:
        table, text = handed_over(given, dry_run=dry_run)
        print_result(table, [text], as_json=output.as_json)
        return
    run_workers(given, output.progress)
    result = _assemble(job, path_map, output, partial=True)
    table = result_table(result)
    print_result(table, result_lines(table), as_json=output.as_json)
    ctx.exit(exit_status(result))


@command.command("status")
@_JOB
@click.argument("units", nargs=-1, metavar="[UNIT]")
@_SHOTS
@click.option("--exit-zero", is_flag=True, help="Exit with 0 though units have failed.")
@_OPENJD
@output_options
@click.pass_context
def status_command(
    ctx: click.Context,
    /,
    output: Output,
    job: Path,
    units: tuple[str, ...],
    shots: tuple[str, ...],
    exit_zero: bool,
    openjd: bool,
) -> None:
    """How far a job is, from its files alone; names the log of what runs, failed or was killed.

    The exit status is 3 where a unit has failed. With ids, numbers, FIRST-LAST, or shots: of those
    units alone.

    \b
    Example:
      reenact farm status /mnt/jobs/cut
    """
    from reenact_cli.farm_text import status_lines, status_table
    from reenact_cli.run_text import SOME_FAILED
    from reenact_core.farm.job_folder import JobFolder
    from reenact_core.farm.plan import read_plan
    from reenact_core.farm.survey import survey
    from reenact_core.farm.unit_names import named_units, units_of_shots

    plan = read_plan(job, any_version=True)
    named = [*named_units(plan, units), *units_of_shots(plan, shots)]
    wanted = {unit.id for unit in named or plan.units}
    looked = survey(JobFolder(job.absolute()), plan).look()
    table = status_table(plan, [one for one in looked if one.unit.id in wanted])
    print_result(table, status_lines(table), as_json=output.as_json)
    if openjd and table["failed"]:
        tell_failure("; ".join(f"{one['unit']}: {one['message']}" for one in table["failed"]))
    if table["failed"] and not exit_zero:
        ctx.exit(SOME_FAILED)


@command.command("simulate")
@_JOB
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    multiple=True,
    default=(1, 10, 100, 1000),
    show_default=True,
    metavar="N",
    help="May be given several times.",
)
@click.option(
    "--failures",
    type=click.FloatRange(min=0, max=1, max_open=True),
    default=0.02,
    show_default=True,
    metavar="SHARE",
    help="Of attempts that fail or whose worker dies.",
)
@click.option("--price", type=click.FloatRange(min=0), help="Of a worker for an hour.")
@output_options
def simulate_command(
    output: Output, job: Path, workers: tuple[int, ...], failures: float, price: float | None
) -> None:
    """How long a job would take with so many workers; nothing is rendered.

    Units are as long as those that are done already were, against what the plan expects.

    \b
    Example:
      reenact farm simulate /mnt/jobs/cut --workers 20 --workers 200 --price 0.05
    """
    from reenact_cli.farm_text import simulated_lines, simulated_table
    from reenact_core.farm.job_folder import JobFolder
    from reenact_core.farm.plan import read_plan
    from reenact_core.farm.simulate import Crowd, seconds_by_kind, simulate
    from reenact_core.farm.survey import survey

    plan = read_plan(job, any_version=True)
    looked = survey(JobFolder(job.absolute()), plan).look()
    done = {one.unit.id: one.done for one in looked if one.done is not None}
    seconds_of = seconds_by_kind(plan, done)
    crowds = [Crowd(count, failures) for count in workers]
    outcomes = [(crowd, simulate(plan, crowd, seconds_of)) for crowd in crowds]
    table = simulated_table(outcomes, price)
    table |= {"units": len(plan.units) - 1, "recorded": len(done.keys() - {"assemble"})}
    print_result(table, simulated_lines(table), as_json=output.as_json)


class _Kept:
    """What became of units, and the status that all of them give."""

    def __init__(self) -> None:
        self.status = 0
        self.outcomes: list[dict[str, Any]] = []

    def of(self, run: "Generator[dict[str, Any], None, int]") -> "Iterator[dict[str, Any]]":
        """The events of a run, looked at."""
        while True:
            try:
                table = next(run)
            except StopIteration as stop:
                self.status = stop.value
                return
            if table["event"] != "progress":
                self.outcomes.append(table)
            yield table

    def add(self, failures: "Iterator[dict[str, Any]]") -> None:
        """What others have failed with, whose units are left undone."""
        for table in failures:
            self.outcomes.append(table)
            self.status = self.status or table["exit"]


def _assemble(job: Path, path_map: Path | None, output: Output, *, partial: bool) -> "RunResult":
    from reenact_cli.farm_job import assembly_of

    shots, events = assembly_of(job, path_map, partial=partial)
    results: list[RunResult] = []

    def passing() -> "Iterator[Event]":
        results.append((yield from events))

    with closing(events):
        for _ in shown(passing(), shots, output.progress):
            pass
    return results[0]


def _unit_lines(table: dict[str, Any]) -> "Iterator[str]":
    for unit in table["units"]:
        if unit["event"] == "unit_done":
            yield f"{'kept' if unit['kept'] else 'done'}     {unit['unit']}"
        else:
            yield f"failed   {unit['unit']}: {unit['error']['message']}"


def _plan_lines(table: dict[str, Any]) -> "Iterator[str]":
    counts = ", ".join(f"{stop - start} {kind}" for kind, (start, stop) in table["units"].items())
    yield f"{table['plan']}: {amount(table['shots'], 'shot')}, units: {counts}"
    yield from (f"refused: {item['reason']}" for item in table["refused"])
    yield from (f"note: {note}" for note in table["notes"])
