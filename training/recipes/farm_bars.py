"""The farm's bars, measured with the real networks and the real commands.

    python training/recipes/farm_bars.py cuts [--frames 40]
    python training/recipes/farm_bars.py kills [--seconds 5]
    python training/recipes/farm_bars.py overhead [--frames 20] [--pairs 3]

`cuts`: a recast close-up rendered unbroken, and by the farm from 1, 3, 7, and randomly cut pieces:
differences in code values of 8 bits, outside what was painted and inside, and the temporal step at
each cut against the clip's own. `kills`: a job of 40 units whose workers are killed with SIGKILL
every few seconds, whose disk is filled once (on Linux: a small file system of its own), and whose
submitting process is killed and started again; against a run that is left alone. `overhead`: units
and assembly against a plain render, with the same loaded networks, in turns.
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import av
import numpy as np
import opentimelineio as otio
from numpy.typing import NDArray

from reenact_cli.farm_job import assembly_of, plan_job
from reenact_cli.networks import detector_named
from reenact_cli.render import Job, plan_for, settings_of
from reenact_core.devices import Compute, choose_compute
from reenact_core.engine.performers import performer_of
from reenact_core.engine.render import render_plan
from reenact_core.farm.board import Board, look
from reenact_core.farm.claims import holders
from reenact_core.farm.desk import Tools, open_desk
from reenact_core.farm.job_folder import JobFolder, worker_name
from reenact_core.farm.plan import FarmPlan, read_plan, write_plan
from reenact_core.farm.planner import recut
from reenact_core.farm.worker import run_units
from reenact_core.media.opening import opened
from reenact_core.models.load import Models, load_models
from reenact_core.timeline.read import read_timeline

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "clips"
PLATE, FACE = SHARED / "plate_skarsgard_1080p.mp4", SHARED / "still_portrait1.jpg"
Planes = list[NDArray[np.int16]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("bar", choices=["cuts", "kills", "overhead"])
    parser.add_argument("--frames", type=int, default=20)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if given.bar == "cuts":
            cuts(folder, given.frames, given.seed)
        elif given.bar == "kills":
            kills(folder, given.seconds, given.seed)
        else:
            overhead(folder, given.frames, given.pairs)


def edit_of(folder: Path, shots: Sequence[range], media: Path = PLATE) -> Path:
    """A timeline of recast shots of one clip, without handles."""
    with opened(media) as container:
        stream = container.streams.video[0]
        rate, length = float(stream.average_rate or 25), stream.frames
    track = otio.schema.Track("V1")
    for number, frames in enumerate(shots):
        start = otio.opentime.RationalTime(frames.start, rate)
        shown = otio.opentime.TimeRange(start, otio.opentime.RationalTime(len(frames), rate))
        there = otio.opentime.TimeRange(
            otio.opentime.RationalTime(0, rate), otio.opentime.RationalTime(length, rate)
        )
        reference = otio.schema.ExternalReference(media.absolute().as_uri(), there)
        clip = otio.schema.Clip(f"sh{number:03d}", reference, shown)
        ask = {"version": 1, "mode": "recast", "source": str(FACE)}
        clip.effects.append(otio.schema.Effect("reenact", "reenact", {"reenact": ask}))
        track.append(clip)
    timeline = otio.schema.Timeline("cut")
    timeline.tracks.append(track)
    otio.adapters.write_to_file(timeline, str(folder / "cut.otio"))
    return folder / "cut.otio"


def reenact(*words: object) -> None:
    """A command of this program, to its end."""
    subprocess.run([sys.executable, "-m", "reenact_cli", *map(str, words)], check=True,
                   stdout=subprocess.DEVNULL)  # fmt: skip


def result_in(folder: Path, shot: str = "sh000") -> Path:
    """A shot's rendered file."""
    return next(path for path in folder.iterdir() if path.stem == shot)


# --- cuts


def cuts(folder: Path, count: int, seed: int) -> None:
    """Prints a row for every cut."""
    edit = edit_of(folder, [range(100, 100 + count)])
    asked = [edit, "--codec", "ffv1", "--handles", "0"]
    reenact("render", *asked, "-o", folder / "whole", "--device", "cpu")
    whole = list(pictures(result_in(folder / "whole")))
    source = list(pictures(PLATE, range(100, 100 + count)))
    job = folder / "job"
    print("pieces  outside: differing  inside: mean   99.9 %  largest  step at cuts  95 % of steps")
    for pieces in ("1", "3", "7", "random", "random"):
        longest = -(-count // (int(pieces) if pieces.isdigit() else 1))
        out = ["-o", job, "--results", f"out-{pieces}", "--frames-per-unit", f"{longest}"]
        reenact("farm", "plan", *asked, *out)
        plan = read_plan(job)
        if pieces == "random":
            seed += 1
            edges = sorted(random.Random(seed).sample(range(1, count), min(count // 3, 9)))
            plan = recut(plan, "sh000", [100 + edge for edge in edges])
            write_plan(job, plan)
            shutil.rmtree(job / f"out-{pieces}", ignore_errors=True)
        reenact("farm", "submit", job, "--workers", "1", "--device", "cpu")
        starts = [unit.start - 100 for unit in plan.renders("sh000")][1:]
        other = list(pictures(result_in(job / f"out-{pieces}")))
        print(f"{len(starts) + 1:6d}  {row(source, whole, other, starts)}", flush=True)


def pictures(path: Path, frames: range | None = None) -> Iterator[Planes]:
    """Planes of the frames of a file."""
    with opened(path) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if frames is None or number in frames:
                yield [plane(frame, index) for index in range(3)]
            if frames is not None and number >= frames.stop:
                return


def plane(frame: av.VideoFrame, index: int) -> NDArray[np.int16]:
    """One plane of 8 bits without its padding."""
    part = frame.planes[index]
    raw = np.frombuffer(bytes(part), np.uint8).reshape(part.height, part.line_size)
    return np.asarray(raw[:, : part.width], np.int16)


def row(source: list[Planes], whole: list[Planes], other: list[Planes], starts: list[int]) -> str:
    """The differences of one cut."""
    assert len(source) == len(whole) == len(other)
    outside, inside = 0, []
    for before, one, two in zip(source, whole, other, strict=True):
        for plain, left, right in zip(before, one, two, strict=True):
            painted = left != plain
            outside += int(np.count_nonzero((left != right) & ~painted))
            inside.append(np.abs(left - right)[painted])
    joined = np.concatenate(inside)
    steps = [step(source, other, number) for number in range(1, len(other))]
    usual = float(np.percentile(steps, 95))
    largest = max((steps[start - 1] for start in starts), default=0.0)
    return (
        f"{outside:18d} {joined.mean():13.4f} {np.percentile(joined, 99.9):8.1f} "
        f"{joined.max():8d} {largest:15.2f} {usual:14.2f}"
    )


def step(source: list[Planes], result: list[Planes], number: int) -> float:
    """Mean change of luma from the frame before, where the result is painted."""
    here, before = (result[n][0] != source[n][0] for n in (number, number - 1))
    painted = here | before
    change = np.abs(result[number][0] - result[number - 1][0])
    return float(change[painted].mean()) if painted.any() else 0.0


# --- kills


def kills(folder: Path, seconds: float, seed: int) -> None:
    """Forty units under fire, against a run that is left alone."""
    if os.name == "posix" and "REENACT_BARS_INSIDE" not in os.environ:
        inside = {**os.environ, "REENACT_BARS_INSIDE": "1"}
        namespace = ["unshare", "--user", "--map-root-user", "--mount"]
        subprocess.run([*namespace, sys.executable, *sys.argv], env=inside, check=True)
        return
    edit = edit_of(folder, [range(100, 118), range(130, 148)])
    asked = [edit, "--codec", "ffv1", "--handles", "0"]
    reenact("render", *asked, "-o", folder / "whole", "--device", "cpu")
    disk = folder / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400m", "none", str(disk)], check=True)
    job = disk / "job"
    reenact("farm", "plan", *asked, "-o", job, "--frames-per-unit", "1")
    plan = read_plan(job)
    try:
        tally = fire(job, plan, seconds, random.Random(seed))
    except BaseException:
        subprocess.run(["umount", "--lazy", str(disk)], check=False)
        raise
    print(f"{len(plan.units) - 1} units, and the assembly: {tally}")
    for shot in plan.shots:
        left = result_in(folder / "whole", shot.shot_id)
        right = result_in(job / "out", shot.shot_id)
        pairs = zip(pictures(left), pictures(right), strict=True)
        same = all(map(equal, pairs))
        print(f"{shot.shot_id}: {'equal, every sample' if same else 'NOT EQUAL'}")
    subprocess.run(["umount", str(disk)], check=True)


def equal(pair: tuple[Planes, Planes]) -> bool:
    """Whether two frames hold the same samples."""
    return all(map(np.array_equal, *pair))


@dataclass(slots=True)
class Tally:
    """What was done to a job."""

    workers_killed: int = 0
    drivers_killed: int = 0
    disk_full_seconds: float = 0.0
    seconds: float = 0.0


def fire(job: Path, plan: FarmPlan, seconds: float, chance: random.Random) -> Tally:
    """Do a job to its end while its processes are killed and its disk is full for a while."""
    folder, board, tally = JobFolder(job), Board(plan), Tally()
    line = [sys.executable, "-m", "reenact_cli", "farm", "submit", str(job), "--workers", "2",
            "--device", "cpu"]  # fmt: skip
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    began = last = time.monotonic()
    driver = subprocess.Popen(line, **quiet)  # type: ignore[call-overload]
    ballast, filled = job.parent / "ballast", 0.0
    while driver.poll() is None:
        time.sleep(0.2)
        look(board, folder)
        now = time.monotonic()
        if len(board.done) >= 15 and not filled:
            fill(ballast)
            filled = now
        if filled and ballast.exists() and now - filled > 12:
            ballast.unlink()
            tally.disk_full_seconds = round(now - filled, 1)
        if len(board.done) >= 25 and not tally.drivers_killed:
            driver.kill()
            driver.wait()
            tally.drivers_killed += 1
            driver = subprocess.Popen(line, **quiet)  # type: ignore[call-overload]
        held = list(holders(folder).values())
        if now - last > seconds and held:
            with suppress(ProcessLookupError):
                os.kill(int(chance.choice(held).rsplit("-", 2)[1]), signal.SIGKILL)
                tally.workers_killed += 1
            last = now
    tally.seconds = round(time.monotonic() - began, 1)
    if driver.returncode:
        said = "; ".join(path.read_text("utf-8") for path in folder.failed.glob("*.json"))
        raise SystemExit(f"the job ended with {driver.returncode}: {tally}; {said}")
    return tally


def fill(path: Path) -> None:
    """Leave no room on a disk."""
    with suppress(OSError), path.open("wb", buffering=0) as stream:
        while True:
            stream.write(bytes(1 << 16))


# --- overhead


def overhead(folder: Path, count: int, pairs: int) -> None:
    """Times of both ways in turns, and their ratio."""
    edit = edit_of(folder, [range(100, 100 + count)])
    job = Job(edit, Path("out"), handles=0, codec="ffv1", device="cpu")
    compute = choose_compute("cpu", "auto")
    models = load_models(compute=compute)
    ratios = []
    print("        plain: wall, processor      farm: wall, processor   ratio of processor times")
    for number in range(pairs + 1):
        ways = [
            partial(plain, folder / f"plain-{number}", job, models, compute),
            partial(farm, folder / f"farm-{number}", job, models, compute),
        ]
        order = (0, 1) if number % 2 else (1, 0)
        times = {way: timed(ways[way]) for way in order}
        ratios.append(times[1][1] / times[0][1])
        kind = "warm up" if number == 0 else f"pair {number} "
        print(f"{kind} {times[0][0]:12.1f} {times[0][1]:10.1f} {times[1][0]:15.1f} "
              f"{times[1][1]:10.1f} {ratios[-1]:15.3f}", flush=True)  # fmt: skip
    print(f"median of the pairs: {np.median(ratios[1:]):.3f}")


def plain(out: Path, job: Job, models: Models, compute: Compute) -> None:
    """A plain render without its timeline, as units and pieces have none either."""
    edit = read_timeline(job.timeline, work=out)
    settings = settings_of(job, edit)
    run = render_plan(plan_for(job, edit), models, out, settings, compute, codec=job.codec)
    with closing(run) as events:
        for _ in events:
            pass


def farm(folder: Path, job: Job, models: Models, compute: Compute) -> None:
    """The same by a plan, its units, and the assembly."""
    plan, _ = plan_job(job, folder, None, None)
    settings = settings_of(job, read_timeline(job.timeline))
    performer = cache(lambda: performer_of(models, settings, compute))
    tools = Tools(lambda: detector_named("embedded", "cpu"), performer)
    desk = open_desk(JobFolder(folder), plan, tools, worker_name())
    for _ in run_units(plan.units[:-1], desk):
        pass
    for _ in assembly_of(folder, None)[1]:
        pass


def timed(work: Callable[[], None]) -> tuple[float, float]:
    """Wall clock and processor time of one way."""
    wall, processor = time.monotonic(), time.process_time()
    work()
    return time.monotonic() - wall, time.process_time() - processor


if __name__ == "__main__":
    main()
