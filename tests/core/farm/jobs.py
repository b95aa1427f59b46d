"""Jobs of drawn clips, done without networks."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import opentimelineio as otio

from reenact_core.devices import Compute
from reenact_core.engine.digest import Digests
from reenact_core.engine.performer import Performer
from reenact_core.engine.timeline_run import RunResult
from reenact_core.farm.assembly import JobFacts, assemble
from reenact_core.farm.claims import lay_out
from reenact_core.farm.desk import Desk, Tools, open_desk
from reenact_core.farm.job_folder import JobFolder, worker_name
from reenact_core.farm.plan import FarmPlan, Options, Unit, read_plan, write_plan
from reenact_core.farm.planner import make_farm_plan
from reenact_core.farm.worker import UnitEvent, run_units
from reenact_core.provenance.mark import Marking
from reenact_core.settings import to_table
from reenact_core.timeline.plan import Plan, Shot
from reenact_core.timeline.read import read_timeline
from tests.core.engine.shots import ECHO, find_drawn_faces, recast, shot_of
from tests.echo import EchoPerformer
from tests.synthetic import write_clip, write_portrait

OPTIONS = Options("ffv1", "add", "drawn", None, "echo", None, "fp32", (), to_table(ECHO))


def make_job(
    folder: Path, *shots: Shot, frames_per_unit: int = 240, options: Options = OPTIONS
) -> FarmPlan:
    """A job folder for shots, with a timeline that holds their clips."""
    folder.mkdir(parents=True, exist_ok=True)
    timeline = _timeline(folder.parent / "edit.otio", shots)
    digests = Digests(JobFolder(folder).hashes)
    plan = make_farm_plan(Plan(timeline, shots), Path("out"), options, digests, frames_per_unit)
    write_plan(folder, plan)
    lay_out(JobFolder(folder), [unit.id for unit in plan.units[:-1]])
    return plan


def one_shot_job(folder: Path) -> Path:
    """A job of one shot of six frames."""
    clip = write_clip(folder / "clip.mkv", 6)
    face = recast(write_portrait(folder / "face.png"))
    make_job(folder / "job", placed_at(shot_of(clip, 0, 6, face, name="s0"), 0))
    return folder / "job"


def _timeline(path: Path, shots: tuple[Shot, ...]) -> Path:
    track = otio.schema.Track("V1")
    for shot in shots:
        rate = float(shot.target.frames.rate)
        frames = otio.opentime.TimeRange(
            otio.opentime.RationalTime(shot.shown.start, rate),
            otio.opentime.RationalTime(len(shot.shown), rate),
        )
        media = otio.schema.ExternalReference(shot.target.path.absolute().as_uri())
        track.append(otio.schema.Clip(shot.clip_name, media, frames))
    timeline = otio.schema.Timeline("edit")
    timeline.tracks.append(track)
    otio.adapters.write_to_file(timeline, str(path))
    return path


def placed_at(shot: Shot, number: int) -> Shot:
    """The shot as the clip of that number on the only track."""
    return replace(shot, clip_path=(0, number))


def desk_in(folder: Path, performer: Performer | None = None, worker: str | None = None) -> Desk:
    """A worker with the echo for networks and the skin's colour for a detector."""
    tools = Tools(lambda: find_drawn_faces, lambda: performer or EchoPerformer())
    return open_desk(JobFolder(folder), read_plan(folder), tools, worker or worker_name())


def do_units(
    desk: Desk, units: list[Unit] | None = None, **given: Any
) -> tuple[int, list[UnitEvent]]:
    """Units done by one worker, all if None: its status and its events."""
    run = run_units(list(desk.plan.units[:-1]) if units is None else units, desk, **given)
    events: list[UnitEvent] = []
    while True:
        try:
            events.append(next(run))
        except StopIteration as stop:
            return stop.value, events


def assembled(desk: Desk, marking: Marking | None = None, *, partial: bool = False) -> RunResult:
    """The job's last unit."""
    facts = JobFacts({}, lambda: {"file": "echo"}, Compute(), marking)
    run = assemble(desk, read_timeline(desk.plan.timeline), facts, partial=partial)
    while True:
        try:
            next(run)
        except StopIteration as stop:
            result: RunResult = stop.value
            return result
