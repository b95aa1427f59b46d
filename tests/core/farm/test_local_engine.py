"""Worker processes that are killed cost time, and nothing else."""

import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from reenact_core.farm.claims import holders
from reenact_core.farm.job_folder import JobFolder
from reenact_core.farm.local_engine import run_local
from reenact_core.farm.plan import FarmPlan
from reenact_core.timeline.plan import Shot
from tests.core.engine.shots import picture_hash, plan_of, recast, render, shot_of
from tests.core.farm.jobs import assembled, desk_in, make_job, placed_at
from tests.synthetic import write_clip, write_portrait

LONGEST_SECONDS = 250


@pytest.fixture
def shots(tmp_path: Path) -> list[Shot]:
    clip = write_clip(tmp_path / "clip.mkv", 36)
    face = recast(write_portrait(tmp_path / "face.png"))
    return [placed_at(shot_of(clip, 18 * n, 18 * (n + 1), face, name=f"s{n}"), n) for n in range(2)]


DRIVER = """
import sys
from pathlib import Path
from reenact_core.farm.job_folder import JobFolder
from reenact_core.farm.local_engine import run_local
from reenact_core.farm.plan import read_plan

job, worker = Path(sys.argv[1]), "import os; os.read(0, 1); open(%r, 'w').close()" % sys.argv[2]
for board in run_local(JobFolder(job), read_plan(job), [sys.executable, "-c", worker], 1):
    print("at work", flush=True)
"""


def test_workers_end_with_the_process_that_started_them(tmp_path: Path, repository: Path) -> None:
    clip = write_clip(tmp_path / "clip.mkv", 3)
    make_job(tmp_path / "job", shot_of(clip, 0, 3))
    ended = tmp_path / "ended"
    line = [sys.executable, "-c", DRIVER, str(tmp_path / "job"), str(ended)]
    inside = {**os.environ, "PYTHONPATH": str(repository / "core")}
    with subprocess.Popen(line, stdout=subprocess.PIPE, env=inside) as driver:
        assert driver.stdout is not None and driver.stdout.readline() == b"at work\n"
        driver.kill()
    deadline = time.monotonic() + 60
    while not ended.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.slow
def test_a_job_whose_workers_are_killed_gives_the_files_of_one_left_alone(
    shots: list[Shot], tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [repository, *(repository / part for part in ("core", "bridge", "training"))]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, paths)))
    plan = make_job(tmp_path / "job", *shots, frames_per_unit=1)
    assert len(plan.units) == 41
    kills = killed_run(tmp_path / "job", plan)
    assert kills >= 3
    result = assembled(desk_in(tmp_path / "job"))
    assert result.complete
    render(tmp_path / "alone", plan_of(*shots))
    for done in result.rendered:
        other = tmp_path / "alone" / done.output.path.name
        assert picture_hash(done.output.path) == picture_hash(other)


def killed_run(job: Path, plan: FarmPlan) -> int:
    """Do all units while whoever has just taken one is killed, at most four times."""
    folder, chance, kills = JobFolder(job), random.Random(0), 0
    command = [sys.executable, "-m", "tests.core.farm.working", str(job)]
    deadline = time.monotonic() + LONGEST_SECONDS
    for board in run_local(folder, plan, command, 2):
        assert time.monotonic() < deadline
        held = list(holders(folder).values())
        progress = len(board.done)
        if held and kills < 4 and progress >= 8 * kills:
            kills += 1
            with suppress(ProcessLookupError):
                os.kill(int(chance.choice(held).rsplit("-", 2)[1]), signal.SIGKILL)
    return kills
