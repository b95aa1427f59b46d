"""The scripts do every unit once, in the right order, under a stand-in for Slurm's commands."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from reenact_core.farm.plan import FarmPlan, with_limits
from reenact_core.farm.slurm import UNIT, write_scripts
from reenact_core.farm.steps import Needs, Terms
from tests.core.engine.shots import recast, shot_of
from tests.core.farm.jobs import make_job, placed_at
from tests.core.farm.test_plan import blank_shots
from tests.synthetic import write_clip, write_portrait

SBATCH = """#!/bin/sh
# Runs an array, or a wrapped command, at once and prints a number.
echo "sbatch $*" >> "$SLURM_LOG"
for word in "$@"; do
    case $word in
        --array=*) span=${word#--array=};;
        --export=ALL,*) export $(echo "${word#--export=ALL,}" | tr , " ");;
        --wrap=*) sh -c "${word#--wrap=}" >&2;;
    esac
    last=$word
done
if [ -n "${span:-}" ]; then
    number=${span%-*}
    while [ "$number" -le "${span#*-}" ]; do
        SLURM_ARRAY_TASK_ID=$number SLURM_ARRAY_JOB_ID=7 sh "$last" >&2
        number=$((number + 1))
    done
fi
echo 7
"""
COUNTING = """#!/bin/sh
# Prints 0 for the first job, 1 for the second, and so on.
echo "$*" >> "$SLURM_LOG"
echo $(($(wc -l < "$SLURM_LOG") - 1))
"""
REENACT = '#!/bin/sh\necho "$@" >> "$SLURM_LOG.units"\nexit "${STATUS:-0}"\n'
SCONTROL = '#!/bin/sh\necho "scontrol $*" >> "$SLURM_LOG"\n'


@pytest.fixture
def job(tmp_path: Path) -> Path:
    return tmp_path / "a job"


@pytest.fixture
def plan(job: Path, tmp_path: Path) -> FarmPlan:
    clip = write_clip(tmp_path / "clip.mkv", 12)
    face = recast(write_portrait(tmp_path / "face.png"))
    return make_job(job, placed_at(shot_of(clip, 0, 12, face), 0), frames_per_unit=4)


@pytest.fixture
def shell(tmp_path: Path) -> dict[str, str]:
    """An environment in which the commands are stand-ins."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, text in (("sbatch", SBATCH), ("reenact", REENACT), ("scontrol", SCONTROL)):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "SLURM_LOG": str(tmp_path / "log")}


@pytest.mark.parametrize("most", [1000, 2])
def test_every_unit_is_asked_for_once_and_assembly_comes_last(
    plan: FarmPlan, job: Path, shell: dict[str, str], most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reenact_core.farm.slurm.MOST_TASKS", most)
    script = write_scripts(job, plan, Terms(needs=Needs(gpu_memory=1)))
    subprocess.run(["sh", str(script)], check=True, env=shell, timeout=60)
    units = Path(shell["SLURM_LOG"] + ".units").read_text().splitlines()
    assert len(plan.units) == 6
    assert units[-1] == f"farm assemble {job} --partial"
    ranges = ["0-0", "1-1", *(["2-2", "3-3", "4-4"] if most == 1000 else ["2-3", "4-4"])]
    assert units[:-1] == [f"farm run-unit {job} {n} --device auto --progress none" for n in ranges]
    calls = Path(shell["SLURM_LOG"]).read_text().splitlines()
    assert ["--dependency=afterany:7" in call for call in calls] == [False, True, True, True]
    assert ["--gres=gpu:1" in call for call in calls] == [False, True, False, False]
    assert ["--mem=2048M" in call for call in calls] == [True, True, True, False]
    assert all("--requeue" in call for call in calls)


class Slurm:
    """Takes submissions and does what their dependencies allow; some tasks fail."""

    def __init__(self, calls: list[str]) -> None:
        self.jobs = [dict(re.findall(r"--([a-z-]+)=(\S+)", call)) for call in calls]

    def started_although_failed(self, failed: set[str]) -> list[str]:
        """Names of the jobs that start, where those of some names fail."""
        names = [job["job-name"] for job in self.jobs]
        started: list[str] = []
        for job in self.jobs:
            kind, _, ids = job.get("dependency", "afterany:").partition(":")
            before = [names[int(number)] for number in ids.split(":") if number]
            assert all(name in started for name in before)
            if kind == "afterany" or not failed & set(before):
                started.append(job["job-name"])
        return started


def test_a_shot_that_fails_holds_up_no_other_and_not_the_assembly(
    job: Path, shell: dict[str, str], tmp_path: Path
) -> None:
    plan = make_job(job, *blank_shots(tmp_path, 3))
    script = write_scripts(job, plan)
    sbatch = tmp_path / "bin" / "sbatch"
    sbatch.write_text(
        '#!/bin/sh\necho "$*" >> "$SLURM_LOG"\nexpr $(wc -l < "$SLURM_LOG") - 1 || true\n'
    )
    subprocess.run(["sh", str(script)], check=True, env=shell, timeout=60)
    calls = Path(shell["SLURM_LOG"]).read_text().splitlines()
    slurm = Slurm(calls)
    names = [f"reenact-{kind}_{n}" for n in (1, 2, 3) for kind in ("track", "move", "render")]
    started = slurm.started_although_failed({"reenact-track_2", "reenact-move_2"})
    assert started == [*names, "reenact-assemble"]
    waits = {job["job-name"]: job.get("dependency", "") for job in slurm.jobs}
    assert waits["reenact-track_2"] == waits["reenact-track_3"] == ""
    assert waits["reenact-render_3"] == "afterany:7"
    assert waits["reenact-assemble"] == "afterany:2:5:8"


def test_partition_priority_features_and_time_are_asked_for(
    plan: FarmPlan, job: Path, shell: dict[str, str]
) -> None:
    asked = Terms(needs=Needs(tags=("a100", "night shift")), priority=7, queue="gpu&co")
    limited = with_limits(plan, 4, 600)
    subprocess.run(
        ["sh", str(write_scripts(job, limited, asked))], check=True, env=shell, timeout=60
    )
    calls = Path(shell["SLURM_LOG"]).read_text().splitlines()
    assert all("--partition=gpu&co --priority=7 " in call for call in calls)
    assert ["--constraint=a100&night shift" in call for call in calls] == [True] * 3 + [False]
    assert ["--time=13 " in call for call in calls] == [True] * 3 + [False]
    assert "most=4" in (job / UNIT).read_text()


@pytest.mark.parametrize(
    ("status", "again"), [(0, False), (10, False), (13, True), (14, True), (75, True), (130, True)]
)
def test_a_task_is_requeued_where_another_try_may_help(
    plan: FarmPlan, job: Path, shell: dict[str, str], status: int, again: bool
) -> None:
    write_scripts(job, plan)
    given = {"FIRST": "0", "LAST": "4", "COUNT": "1"}
    task = {"SLURM_ARRAY_TASK_ID": "3", "SLURM_ARRAY_JOB_ID": "7", "STATUS": str(status), **given}
    done = subprocess.run(["sh", str(job / UNIT)], env={**shell, **task}, timeout=60)
    assert done.returncode == status
    log = Path(shell["SLURM_LOG"])
    assert (log.exists() and "scontrol requeue 7_3" in log.read_text()) == again
    log.unlink(missing_ok=True)
    subprocess.run(
        ["sh", str(job / UNIT)], env={**shell, **task, "SLURM_RESTART_COUNT": "2"}, timeout=60
    )
    assert log.exists() == (status == 130)  # two more tries for causes, five for being stopped
