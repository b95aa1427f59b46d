"""One job by Open Job Description's `openjd run` and by a Ray cluster, and with deaths."""

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from reenact_core.farm.board import Board, look
from reenact_core.farm.job_folder import JobFolder
from reenact_core.farm.openjd import write_template
from reenact_core.farm.plan import FarmPlan, read_plan
from tests.chance import write_chance
from tests.cli.process import reenact
from tests.core.engine.shots import picture_hash, plan_of, recast, render, shot_of
from tests.core.farm.jobs import assembled, desk_in, make_job, placed_at
from tests.synthetic import (
    TimelineClip,
    write_clip,
    write_portrait,
    write_timeline,
    write_tracks,
)

LONGEST_SECONDS = 600
LENGTH = 4
PROGRAMS = Path(sys.executable).parent


@pytest.fixture(scope="module")
def cluster(repository: Path) -> Iterator[None]:
    """A Ray cluster of two CPUs for this module; programs find it, and these tests."""
    pytest.importorskip("ray", reason="Ray is not installed; the extra dev brings it")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    paths = [repository, *(repository / part for part in ("core", "bridge", "training"))]
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory("", "ray-") as folder:
        patch.setenv("PYTHONPATH", os.pathsep.join(map(str, paths)))
        # Ray's workers stand back by 15, and starve beside another test and a type checker.
        patch.setenv("RAY_worker_niceness", "0")
        patch.setenv("RAY_AUTH_MODE", "token")
        patch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(32))
        head = subprocess.Popen(
            [str(PROGRAMS / "ray"), "start", "--head", "--block", "--num-cpus=2", f"--port={port}",
             "--include-dashboard=false", "--disable-usage-stats", f"--temp-dir={folder}",
             "--object-store-memory=100000000"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        patch.setenv("RAY_ADDRESS", f"127.0.0.1:{port}")
        try:
            yield
        finally:
            head.terminate()
            head.wait(60)


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
def test_actors_and_the_driver_may_die(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mkv", 12)
    shot = placed_at(shot_of(clip, 0, 12, recast(write_portrait(tmp_path / "face.png"))), 0)
    plan = make_job(tmp_path / "job", shot, frames_per_unit=1)
    driver = start(tmp_path / "job")
    try:
        wait_for(tmp_path / "job", plan, done=4)
    finally:
        driver.kill()
        driver.communicate()
    assert (tmp_path / "job" / "died").exists()
    again = start(tmp_path / "job")
    _, said = again.communicate(timeout=LONGEST_SECONDS)
    assert again.returncode == 0, said
    result = assembled(desk_in(tmp_path / "job"))
    assert result.complete
    render(tmp_path / "alone", plan_of(shot))
    other = tmp_path / "alone" / result.rendered[0].output.path.name
    assert picture_hash(result.rendered[0].output.path) == picture_hash(other)


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
def test_openjd_and_ray_give_the_same_files(tmp_path: Path) -> None:
    """The whole way of a user, with networks whose weights are drawn by chance."""
    jobs = [planned(tmp_path), tmp_path / "other"]
    shutil.copytree(jobs[0], jobs[1])
    template = write_template(jobs[0], read_plan(jobs[0]))
    run = openjd(
        "run", str(template), "--step", "Assemble", "--run-dependencies",
        "-p", f"JobDir={jobs[0]}", "-p", f"Reenact={PROGRAMS / 'reenact'}", "-p", "UnitsPerTask=4",
    )  # fmt: skip
    assert run.returncode == 0, run.stdout[-3000:]
    done = reenact(
        "farm",
        "submit",
        str(jobs[1]),
        "--engine",
        "ray",
        "--workers",
        "1",
        "--json",
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["complete"]
    files = [next(path for path in (job / "out").iterdir() if "sh010" in path.name) for job in jobs]
    assert files[0].name == files[1].name
    assert picture_hash(files[0]) == picture_hash(files[1])


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["openjd", "local", "ray"])
def test_one_bad_shot_does_not_stop_the_others(
    engine: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Its media is gone; whatever engine does the job, the rest is assembled, and the bad named."""
    job = planned(tmp_path, "sh010", "sh020")
    (tmp_path / "sh010.mkv").unlink()
    if engine == "ray":
        request.getfixturevalue("cluster")
    if engine == "openjd":
        template = write_template(job, read_plan(job))
        given = ["-p", f"JobDir={job}", "-p", f"Reenact={PROGRAMS / 'reenact'}"]
        run = openjd(
            "run", str(template), "--step", "Assemble", "--run-dependencies", *given
        )  # fmt: skip
        assert run.returncode == 1 and "'Assemble'" in run.stdout, run.stdout[-3000:]
        assert "openjd_fail: sh010: " in run.stdout
        for number, status in ((1, 1), (2, 0)):
            shot = f"Check {number} sh0{number}0"
            check = openjd(
                "run", str(template), "--step", shot, "--no-run-dependencies", *given
            )  # fmt: skip
            assert check.returncode == status, check.stdout[-3000:]
    else:
        words = ("--engine", engine, "--workers", "1", "--json")
        done = reenact("farm", "submit", str(job), *words)
        assert done.returncode == 3, done.stderr
    record = json.loads((job / "out" / "run.json").read_text("utf-8"))
    shots = {shot["id"]: shot["status"] for shot in record["shots"]}
    assert shots == {"sh010": "failed", "sh020": "rendered"}
    assert next((job / "out").glob("sh020.*")).stat().st_size > 0
    told = reenact("farm", "status", str(job), "--json")
    assert told.returncode == 3
    table = json.loads(told.stdout)
    assert [one["unit"] for one in table["failed"]] == ["sh010.track"]
    assert "sh010.mkv" in Path(table["failed"][0]["log"]).read_text("utf-8")


def planned(folder: Path, *names: str) -> Path:
    """A job of shots of a drawn person, whose places are known; the job's folder."""
    ask = {"version": 1, "mode": "recast", "source": str(write_portrait(folder / "face.png"))}
    clips = []
    for name in names or ("sh010",):
        write_clip(folder / f"{name}.mkv", LENGTH)
        clips.append(TimelineClip(name, folder / f"{name}.mkv", 0, LENGTH, LENGTH, ask))
    write_tracks(folder / "a.json", clips[-1].media.name, LENGTH)
    edit = write_timeline(folder / "cut.otio", clips)
    given = ["--checkpoint", str(write_chance(folder / "chance.safetensors")), "--codec", "ffv1"]
    given += ["--tracks", str(folder / "a.json"), "--frames-per-unit", "2"]
    done = reenact("farm", "plan", str(edit), "-o", str(folder / "job"), *given)
    assert done.returncode == 0, done.stderr
    return folder / "job"


def openjd(*words: str) -> "subprocess.CompletedProcess[str]":
    pytest.importorskip("openjd.cli", reason="openjd-cli is not installed")
    return subprocess.run(
        [str(PROGRAMS / "openjd"), *words],
        capture_output=True, text=True, timeout=LONGEST_SECONDS,
    )  # fmt: skip


def start(job: Path) -> "subprocess.Popen[str]":
    """A driver of two workers."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.core.farm.working_ray", str(job), "2"],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def wait_for(job: Path, plan: FarmPlan, *, done: int) -> None:
    """Until so many units are done."""
    board, deadline = Board(plan), time.monotonic() + LONGEST_SECONDS
    while len(board.done) < done:
        assert time.monotonic() < deadline
        look(board, JobFolder(job))
        time.sleep(0.1)
