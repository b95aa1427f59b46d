"""What the farm's commands do with the options that they were given."""

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from functools import cache
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, cast

from reenact_cli.networks import detector_named, models_folder, models_named
from reenact_cli.render import Job, edit_of, fitted_plan, settings_of
from reenact_core.devices import Precision

if TYPE_CHECKING:
    from collections.abc import Generator

    from reenact_core.devices import Compute
    from reenact_core.engine.events import Event
    from reenact_core.engine.timeline_run import RunResult
    from reenact_core.farm.desk import Desk, Tools
    from reenact_core.farm.plan import FarmPlan, Options
    from reenact_core.models.load import Models
    from reenact_core.settings import Settings


def plan_job(
    job: Job,
    folder: Path,
    frames_per_unit: int | None,
    path_map: Path | None,
    *,
    retries: int | None = None,
    time_limit: float | None = None,
) -> "tuple[FarmPlan, tuple[str, ...]]":
    """Write `plan.json` and a claim for every unit; an old plan of the folder gives way.

    Gives the plan, and what the new files will not be or hold, a sentence each.

    What failed before may be tried again; what is done stays done.

    Raises:
        ReenactError: the timeline, the networks, or the folder cannot be used.
    """
    from reenact_core.engine.digest import Digests
    from reenact_core.farm.claims import lay_out
    from reenact_core.farm.job_folder import JobFolder
    from reenact_core.farm.path_map import read_path_map
    from reenact_core.farm.plan import spare_plan, with_limits, write_plan
    from reenact_core.farm.planner import FRAMES_PER_UNIT, make_farm_plan
    from reenact_core.farm.timeline_paths import with_mapped_paths
    from reenact_core.provenance.mark import unmarked_here

    if job.no_provenance:
        unmarked_here()
    there = JobFolder(folder.absolute())
    spare_plan(there.path, overwrite=job.overwrite)
    edit = with_mapped_paths(edit_of(job, there.path), read_path_map(path_map))
    digests = Digests(there.hashes)
    options = _options(job, settings_of(job, edit), edit.rate)
    shots, said = fitted_plan(job, edit, there.path / job.out)
    plan = make_farm_plan(shots, job.out, options, digests, frames_per_unit or FRAMES_PER_UNIT)
    plan = with_limits(plan, retries, time_limit)
    write_plan(there.path, plan)
    digests.save()
    shutil.rmtree(there.failed, ignore_errors=True)
    lay_out(there, [unit.id for unit in plan.units if unit.kind != "assemble"])
    return plan, said


def _options(job: Job, settings: "Settings", rate: Fraction | None) -> "Options":
    from reenact_core.devices import choose_compute
    from reenact_core.engine.performers import with_reader
    from reenact_core.farm.plan import Options
    from reenact_core.farm.planner import networks_hash
    from reenact_core.settings import to_table

    models = models_named(job.checkpoint, choose_compute("cpu", "fp32"), job.integrator)
    return Options(
        job.codec,
        job.relink,
        job.tracker,
        job.checkpoint,
        networks_hash(models),
        job.integrator,
        job.precision,
        tuple(path.absolute() for path in job.tracks),
        to_table(with_reader(settings, models, [models_folder()])),
        not job.no_provenance,
        rate,
        job.overwrite,
    )


def desk_at(folder: Path, device: str, path_map: Path | None, worker: str | None = None) -> "Desk":
    """A worker's place in a job, by a name that no other worker has.

    Raises:
        SettingsError: there is no plan that this version can do.
        DeviceError: there is no such device.
    """
    from reenact_core.devices import choose_compute
    from reenact_core.farm.desk import open_desk
    from reenact_core.farm.job_folder import JobFolder, worker_name
    from reenact_core.farm.path_map import read_path_map
    from reenact_core.farm.plan import read_plan
    from reenact_core.settings import Settings, with_table

    plan = read_plan(folder)
    compute = choose_compute(device, cast(Precision, plan.options.precision))
    settings = with_table(Settings(), plan.options.settings, "plan.json")
    tools = tools_for(plan, settings, compute)
    rules = read_path_map(path_map)
    return open_desk(JobFolder(folder.absolute()), plan, tools, worker or worker_name(), rules)


def tools_for(plan: "FarmPlan", settings: "Settings", compute: "Compute") -> "Tools":
    """Detector and performer of a job, each made once when it is first needed."""
    from reenact_core.engine.performers import performer_of
    from reenact_core.farm.desk import Tools

    performer = cache(
        lambda: performer_of(planned_models(plan, compute), settings, compute, [models_folder()])
    )
    detector = cache(lambda: detector_named(plan.options.tracker, compute.device))
    return Tools(detector, performer, compute.device, models_folder())


def planned_models(plan: "FarmPlan", compute: "Compute") -> "Models":
    """The networks of the plan.

    Raises:
        CheckpointError: they are not here, or others bear their name here.
    """
    from reenact_core.errors import CheckpointError
    from reenact_core.farm.planner import networks_hash

    models = models_named(plan.options.checkpoint, compute, plan.options.integrator)
    if networks_hash(models) != plan.options.checkpoint_sha256:
        raise CheckpointError(
            f"{models.path}: holds other networks than those that the job was planned with; "
            "install the same ones on every worker, or plan the job again"
        )
    return models


def assembly_of(
    folder: Path, path_map: Path | None, *, partial: bool = False
) -> "tuple[int, Generator[Event, None, RunResult]]":
    """The number of shots of a job, and its assembly.

    Raises:
        ReenactError: there is no plan, or its timeline cannot be read.
    """
    from reenact_core.devices import choose_compute
    from reenact_core.engine.timeline_run import checkpoint_facts
    from reenact_core.farm.assembly import JobFacts, assemble
    from reenact_core.farm.path_map import read_path_map
    from reenact_core.farm.timeline_paths import with_mapped_paths
    from reenact_core.provenance.mark import open_marking, unmarked_here
    from reenact_core.timeline.read import read_timeline

    desk = desk_at(folder, "cpu", path_map)
    options = desk.plan.options
    edit = with_mapped_paths(
        read_timeline(desk.plan.timeline, work=desk.folder.path, rate=options.rate),
        read_path_map(path_map),
    )
    table = {
        **options.settings,
        "codec": options.codec,
        "relink": options.relink,
        "tracker": options.tracker,
    }
    compute = choose_compute("cpu", "fp32")
    marking = open_marking() if options.provenance else unmarked_here()
    facts = JobFacts(
        table, lambda: checkpoint_facts(planned_models(desk.plan, compute)), compute, marking
    )
    return len(desk.plan.shots), assemble(desk, edit, facts, partial=partial)


class Stop:
    """SIGINT and SIGTERM as a question: the first asks to stop, the second does not ask."""

    def __init__(self) -> None:
        self.asked = False

    def __call__(self) -> bool:
        return self.asked

    @contextmanager
    def listening(self) -> Iterator["Stop"]:
        """Hear the signals while the block runs."""

        def hear(*_: object) -> None:
            if self.asked:
                raise KeyboardInterrupt
            self.asked = True

        names = (signal.SIGINT, signal.SIGTERM)
        before = [signal.signal(name, hear) for name in names]
        try:
            yield self
        finally:
            for name, handler in zip(names, before, strict=True):
                signal.signal(name, handler)

    def with_input(self) -> None:
        """Ask to stop when standard input ends: with the process that holds its other end."""
        Thread(target=self._await_end, name="reenact-input", daemon=True).start()

    def _await_end(self) -> None:
        with suppress(OSError):  # closed here: it has ended, too
            while os.read(0, 1024):  # not by `sys.stdin`, whose lock would be held at the exit
                pass
        self.asked = True
