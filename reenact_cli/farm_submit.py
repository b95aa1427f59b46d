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
    from reenact_core.farm.steps import Needs

Engine = Literal["local", "ray", "openjd", "slurm", "opencue"]

RUNNING = ("local", "ray")
"""Engines that this process runs; the others are given files."""


@dataclass(frozen=True, slots=True)
class Submission:
    """What is handed over, and to whom."""

    job: Path
    engine: Engine
    workers: int | None
    needs: "Needs"
    device: str
    path_map: Path | None

    @property
    def worker_count(self) -> int:
        """How many processes do it on this machine."""
        return self.workers or max(1, (os.cpu_count() or 2) // 2)

    @property
    def worker_command(self) -> list[str]:
        """What a worker process of this machine is started with."""
        line = [sys.executable, "-m", "reenact_cli", "farm", "run-unit", str(self.job.absolute())]
        line += ["--all", "--device", self.device, "--progress", "none", "--until-input-ends"]
        return line if self.path_map is None else [*line, "--path-map", _name(self.path_map)]


def run_workers(given: Submission, style: ProgressStyle) -> None:
    """Run workers until no unit is left that can be done.

    Raises:
        KeyboardInterrupt: asked to stop; the workers have ended.
        SettingsError: there is no plan, or no worker can take a unit.
    """
    from reenact_core.farm.job_folder import JobFolder
    from reenact_core.farm.plan import read_plan
    from reenact_core.farm.records import forget_passing

    plan = read_plan(given.job)
    forget_passing(JobFolder(given.job.absolute()))
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
    return run_local(folder, plan, given.worker_command, given.worker_count, stopped=stop)


def _ray(given: Submission, plan: "FarmPlan", stop: Stop) -> "Generator[Board, None, None]":
    from reenact_core.farm.job_folder import JobFolder
    from reenact_core.farm.ray_engine import run_ray

    folder = JobFolder(given.job.absolute())
    make_desk = partial(desk_at, folder.path, given.device, given.path_map)
    gpus = 1.0 if given.device.startswith("cuda") else 0.0
    return run_ray(folder, plan, make_desk, given.workers, gpus=gpus, stopped=stop)


def handed_over(given: Submission, *, dry_run: bool) -> tuple[dict[str, Any], str]:
    """What is run, or is written and then to be run: as plain values and for people."""
    table: dict[str, Any] = {"engine": given.engine}
    if given.engine == "local":
        line, count = given.worker_command, given.worker_count
        return {**table, "workers": count, "command": line}, f"{count} x {shlex.join(line)}"
    if given.engine == "ray":
        where = os.environ.get("RAY_ADDRESS", "this machine")
        return {**table, "cluster": where}, f"would be run by Ray on {where}"
    path, line = _written(given, dry_run=dry_run)
    said = "would be written" if dry_run else "wrote"
    text = f"{said} {path}; hand it over with: {shlex.join(line)}"
    return {**table, "file": str(path), "command": line}, text


def _written(given: Submission, *, dry_run: bool) -> tuple[Path, list[str]]:
    """The file that another engine reads, and how to hand it over."""
    from reenact_core.farm import opencue, openjd, slurm
    from reenact_core.farm.plan import read_plan

    plan, job = read_plan(given.job), given.job
    if given.engine == "openjd":
        name = f"reenact {plan.timeline.stem}"
        if not dry_run:
            settings = openjd.OpenJdSettings(name, given.device, given.needs)
            openjd.write_template(job, plan, settings)
        path = job / openjd.TEMPLATE
        line = ["openjd", "run", str(path), "--step", "Assemble", "--run-dependencies"]
        return path, [*line, "-p", f"JobDir={job.absolute()}"]
    if given.engine == "opencue":
        if not dry_run:
            opencue.write_outline(job, plan, device=given.device, needs=given.needs)
        return job / opencue.SCRIPT, ["python", str(job / opencue.SCRIPT)]
    if not dry_run:
        slurm.write_scripts(job, plan, device=given.device, needs=given.needs)
    return job / slurm.SUBMIT, ["sh", str(job / slurm.SUBMIT)]


def _name(path: Path) -> str:
    return str(path.absolute())
