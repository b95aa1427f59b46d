"""`reenact farm submit`: a job handed to workers of this program, or written for other engines."""

import os
import shlex
import sys
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from reenact_cli.farm_job import Stop, desk_at
from reenact_cli.show import ProgressStyle, ticking

if TYPE_CHECKING:
    from reenact_core.farm.board import Board
    from reenact_core.farm.plan import FarmPlan
    from reenact_core.farm.steps import Terms

Engine = Literal["local", "ray", "openjd", "slurm", "opencue"]

RUNNING = ("local", "ray")
"""Engines that this process runs; the others are given files."""


@dataclass(frozen=True, slots=True)
class Submission:
    """What is handed over, and to whom."""

    job: Path
    engine: Engine
    workers: int | None
    terms: "Terms"
    path_map: Path | None
    shots: tuple[str, ...] = ()
    """What the user calls the shots that are to be done again; empty: whatever is not done."""

    @property
    def worker_count(self) -> int:
        """How many processes do it on this machine."""
        return self.workers or max(1, (os.cpu_count() or 2) // 2)

    @property
    def worker_command(self) -> list[str]:
        """What a worker process of this machine is started with."""
        line = [sys.executable, "-m", "reenact_cli", "farm", "run-unit", str(self.job.absolute())]
        line += [word for shot in self.shots for word in ("--shot", shot)]
        line += ["--all", "--device", self.terms.device, "--progress", "none", "--until-input-ends"]
        return line if self.path_map is None else [*line, "--path-map", _name(self.path_map)]


def prepare(
    job: Path, retries: int | None, time_limit: float | None, shots: tuple[str, ...]
) -> "frozenset[str] | None":
    """Get a job ready to be done: its limits set, and what may pass or is wanted again forgotten.

    Gives the ids of the shots that are wanted again; None: whatever is not done.

    Raises:
        SettingsError: there is no plan.
        NoSuchUnitError: there is no such shot.
    """
    from reenact_core.farm.claims import lay_out
    from reenact_core.farm.job_folder import JobFolder
    from reenact_core.farm.plan import read_plan, with_limits, write_plan
    from reenact_core.farm.records import forget_passing, forget_shots
    from reenact_core.farm.unit_names import units_of_shots

    plan, folder = read_plan(job), JobFolder(job.absolute())
    units = units_of_shots(plan, shots)
    limited = with_limits(plan, retries, time_limit)
    if limited != plan:
        write_plan(folder.path, limited)
    forget_passing(folder)
    if not shots:
        return None
    forget_shots(folder, plan, units)
    lay_out(folder, [unit.id for unit in units])
    return frozenset(unit.shot for unit in units)


def run_workers(given: Submission, style: ProgressStyle) -> None:
    """Run workers until no unit is left that can be done.

    Raises:
        KeyboardInterrupt: asked to stop; the workers have ended.
        SettingsError: there is no plan, or no worker can take a unit.
    """
    from reenact_core.farm.plan import read_plan

    plan = read_plan(given.job)
    with Stop().listening() as stop, ticking("units", style) as tell:
        run = _local(given, plan, stop) if given.engine == "local" else _ray(given, plan, stop)
        most = 0  # a unit whose files are gone is taken back, and progress is not
        with closing(run) as looks:
            for board in looks:
                most = max(most, len(board.done))
                tell(most, board.total)
        if stop():
            raise KeyboardInterrupt


def _local(given: Submission, plan: "FarmPlan", stop: Stop) -> "Generator[Board, None, None]":
    from reenact_core.farm.job_folder import JobFolder
    from reenact_core.farm.local_engine import run_local

    share = max(1, (os.cpu_count() or 1) // given.worker_count)
    os.environ.setdefault("OMP_NUM_THREADS", str(share))
    folder = JobFolder(given.job.absolute())
    command, count = given.worker_command, given.worker_count
    return run_local(folder, plan, command, count, stopped=stop, shots=given.terms.shots)


def _ray(given: Submission, plan: "FarmPlan", stop: Stop) -> "Generator[Board, None, None]":
    from reenact_core.farm.job_folder import JobFolder
    from reenact_core.farm.ray_engine import run_ray

    folder = JobFolder(given.job.absolute())
    make_desk = partial(desk_at, folder.path, given.terms.device, given.path_map)
    gpus = 1.0 if given.terms.device.startswith("cuda") else 0.0
    return run_ray(
        folder, plan, make_desk, given.workers,
        gpus=gpus, stopped=stop, shots=given.terms.shots,
    )  # fmt: skip


def handed_over(given: Submission, *, dry_run: bool) -> tuple[dict[str, Any], str]:
    """What is run, or is written and then to be run: as plain values and for people."""
    table: dict[str, Any] = {"engine": given.engine}
    if given.engine == "local":
        line, count = given.worker_command, given.worker_count
        return {**table, "workers": count, "command": line}, f"{count} x {shlex.join(line)}"
    if given.engine == "ray":
        where = os.environ.get("RAY_ADDRESS", "this machine")
        return {**table, "cluster": where}, f"would be run by Ray on {where}"
    path, line, cloud = _written(given, dry_run=dry_run)
    said = "would be written" if dry_run else "wrote"
    text = f"{said} {path}; hand it over with: {shlex.join(line)}"
    table |= {"file": str(path), "command": line}
    if cloud:
        table["deadline"] = cloud
        text += f"\nto AWS Deadline Cloud with: {shlex.join(cloud)}"
    return table, text


def _written(given: Submission, *, dry_run: bool) -> tuple[Path, list[str], list[str]]:
    """The file that another engine reads, how to hand it over, and how to AWS Deadline Cloud."""
    from reenact_core.farm import opencue, openjd, slurm
    from reenact_core.farm.plan import read_plan

    plan, job, terms = read_plan(given.job), given.job, given.terms
    if given.engine == "openjd":
        if dry_run:
            openjd.template(plan, terms)
        else:
            openjd.write_template(job, plan, terms)
        path, where = job / openjd.TEMPLATE, ["-p", f"JobDir={job.absolute()}"]
        line = ["openjd", "run", str(path), "--step", "Assemble", "--run-dependencies", *where]
        cloud = ["deadline", "bundle", "submit", str(job), *where]
        cloud += ["--max-retries-per-task", str(plan.limits.retries + 1)]
        cloud += [] if terms.priority is None else ["--priority", str(terms.priority)]
        cloud += [] if terms.queue is None else ["--queue-id", terms.queue]
        return path, line, cloud
    if given.engine == "opencue":
        if not dry_run:
            opencue.write_outline(job, plan, terms)
        return job / opencue.SCRIPT, ["python", str(job / opencue.SCRIPT)], []
    if not dry_run:
        slurm.write_scripts(job, plan, terms)
    return job / slurm.SUBMIT, ["sh", str(job / slurm.SUBMIT)], []


def _name(path: Path) -> str:
    return str(path.absolute())
