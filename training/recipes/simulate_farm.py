"""A farm of a thousand workers on ten thousand shots, by the scheduler's own code and no rendering.

    python training/recipes/simulate_farm.py [--shots 1250 2500 5000 10000] [--workers 1000]
        [--failures 0.02] [--recorded JOB_DIR]

Shots are as long as films cut them (half are shorter than four seconds, some are half a minute),
units as long as the ones that JOB_DIR has done took, or without it as plans expect. Prints for
every number of shots what planning, writing, reading, and looking cost in time and memory, each in
a process of its own, and the makespan against the ideal.
"""

import argparse
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from random import Random

from reenact_core.engine.digest import Digests
from reenact_core.farm.board import Board, look
from reenact_core.farm.claims import lay_out
from reenact_core.farm.job_folder import JobFolder
from reenact_core.farm.plan import FarmPlan, Options, Unit, read_plan, write_plan
from reenact_core.farm.planner import FRAMES_PER_UNIT, make_farm_plan
from reenact_core.farm.records import Done, write_record
from reenact_core.farm.simulate import Crowd, Outcome, seconds_by_kind, simulate
from reenact_core.farm.survey import survey
from reenact_core.settings import Settings, to_table
from reenact_core.timeline.plan import Cast, FaceChoice, Plan, Shot, Source
from reenact_core.timing import FrameRange

RATE = Fraction(24)
OPTIONS = Options(
    "match", "add", "embedded", None, "0" * 64, None, "auto", (), to_table(Settings())
)


@dataclass(frozen=True, slots=True)
class Measured:
    """What one number of shots cost."""

    shots: int
    units: int
    hours: float
    """Of film."""
    plan_seconds: float
    write_seconds: float
    read_seconds: float
    plan_megabytes: float
    """Memory at most while planning, without what the program itself needs."""
    look_seconds: float
    """A worker's look at the folders when half is done."""
    outcome: Outcome


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--shots", type=int, nargs="+", default=[1250, 2500, 5000, 10000])
    parser.add_argument("--workers", type=int, nargs="+", default=[1000])
    parser.add_argument("--failures", type=float, default=0.02)
    parser.add_argument("--recorded", type=Path)
    given = parser.parse_args()
    print(
        "  shots   units  workers  film h   plan s  write s   read s   plan MB   look ms"
        "  makespan s   ideal s  ratio  failed  given up   tries"
    )
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        for workers in given.workers:
            for count in given.shots:
                crowd = Crowd(workers, given.failures)
                print(line(pool.apply(measure, (count, crowd, given.recorded)), workers))


def line(one: Measured, workers: int) -> str:
    """A row of the table."""
    out = one.outcome
    return (
        f"{one.shots:7d} {one.units:7d} {workers:8d} {one.hours:7.1f} {one.plan_seconds:8.2f} "
        f"{one.write_seconds:8.2f} {one.read_seconds:8.2f} {one.plan_megabytes:9.0f} "
        f"{1000 * one.look_seconds:9.1f} {out.makespan:11.0f} {out.ideal:9.0f} "
        f"{out.makespan / out.ideal:6.3f} {out.failed:7d} {out.given_up:9d} {out.tries:7d}"
    )


def measure(count: int, crowd: Crowd, recorded: Path | None) -> Measured:
    """Plan a job of so many shots, look at it, and simulate it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shots = film(folder, count)
        (folder / "edit.otio").write_text("{}")
        before, began = peak_megabytes(), time.monotonic()
        plan = make_farm_plan(
            Plan(folder / "edit.otio", shots), Path("out"), OPTIONS,
            Digests(folder / "hashes.json"), FRAMES_PER_UNIT,
        )  # fmt: skip
        planned, memory = time.monotonic(), peak_megabytes() - before
        write_plan(folder, plan)
        written = time.monotonic()
        read_plan(folder)
        read = time.monotonic()
        outcome = simulate(plan, crowd, lengths(plan, recorded))
        frames = sum(len(shot.shown) for shot in shots)
        return Measured(
            count, len(plan.units), float(frames / RATE / 3600),
            planned - began, written - planned, read - written, memory,
            look_seconds(folder, plan), outcome,
        )  # fmt: skip


def film(folder: Path, count: int) -> tuple[Shot, ...]:
    """Shots of one face each, as long as those of films."""
    media, face, chance = folder / "clip.mov", folder / "face.png", Random(count)
    media.write_bytes(b"clip")
    face.write_bytes(b"face")
    cast = Cast(FaceChoice(None), "recast", face, Fraction(0), None)
    shots = []
    for number in range(count):
        length = min(2000, max(12, round(chance.lognormvariate(4.5, 0.7))))
        frames = FrameRange(0, length, RATE)
        shot = Shot("", "", (), Source(media, frames), frames, Fraction(0), (cast,))
        name = f"sh{number:05d}"
        shots.append(replace(shot, shot_id=name, clip_name=name, clip_path=(0, number)))
    return tuple(shots)


def lengths(plan: FarmPlan, recorded: Path | None) -> Callable[[Unit], float]:
    """How long units take: as the recorded job's, by kind."""
    if recorded is None:
        return seconds_by_kind(plan, {})
    other = read_plan(recorded, any_version=True)
    states = survey(JobFolder(recorded), other).look()
    return seconds_by_kind(other, {one.unit.id: one.done for one in states if one.done})


def look_seconds(folder: Path, plan: FarmPlan) -> float:
    """What a look costs when half the units are done and one more has just ended."""
    job, units = JobFolder(folder), plan.units[:-1]
    lay_out(job, [unit.id for unit in units])
    half = len(units) // 2
    for unit in units[:half]:
        finish(job, unit.id, unit.key)
    board = Board(plan)
    look(board, job)
    finish(job, units[half].id, units[half].key)
    began = time.monotonic()
    look(board, job)
    return time.monotonic() - began


def finish(job: JobFolder, unit: str, key: str) -> None:
    """Record a unit as done."""
    write_record(job.done, Done(unit, key, "w-1-a", "", "", 1.0, "cpu", ()), "w-1-a")


def peak_megabytes() -> float:
    """The most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
