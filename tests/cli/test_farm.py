"""`reenact farm`, with networks whose weights are drawn by chance."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import opentimelineio as otio
import pytest

from reenact_cli.farm_show import units_shown
from reenact_cli.main import run
from tests.chance import write_chance
from tests.cli.process import reenact
from tests.core.engine.shots import picture_hash, recast, shot_of
from tests.core.farm.jobs import make_job
from tests.synthetic import (
    TimelineClip,
    write_clip,
    write_portrait,
    write_timeline,
    write_tracks,
)

LENGTH = 5


@pytest.fixture
def edit(tmp_path: Path) -> Path:
    """One shot that is recast, with the drawn face's places as `reenact track` finds them."""
    write_clip(tmp_path / "a.mkv", LENGTH)
    write_tracks(tmp_path / "a.json", "a.mkv", LENGTH)
    face = str(write_portrait(tmp_path / "face.png"))
    ask = {"version": 1, "mode": "recast", "source": face}
    clips = [TimelineClip("sh010", tmp_path / "a.mkv", 0, LENGTH, LENGTH, ask)]
    return write_timeline(tmp_path / "cut.otio", clips)


@pytest.fixture
def asked(edit: Path) -> list[str]:
    """What `render` and `farm plan` are both told."""
    path = write_chance(edit.with_name("chance.safetensors"))
    tracks = str(edit.with_name("a.json"))
    return [str(edit), "--checkpoint", str(path), "--tracks", tracks, "--codec", "ffv1"]


def printed(capsys: pytest.CaptureFixture[str], status: int, *arguments: str) -> dict[str, Any]:
    """A command's JSON."""
    assert run([*arguments, "--json"]) == status
    table = json.loads(capsys.readouterr().out)
    assert isinstance(table, dict)
    return table


def test_a_job_is_planned_done_watched_and_assembled(
    edit: Path,
    asked: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    job = str(tmp_path / "job")
    plan = printed(capsys, 0, "farm", "plan", *asked, "-o", job, "--frames-per-unit", "2")
    kinds = {"track": [0, 1], "move": [1, 2], "render": [2, 5], "assemble": [5, 6]}
    assert plan["units"] == kinds
    assert printed(capsys, 0, "farm", "status", job)["units"]["ready"] == 1
    missing = printed(capsys, 75, "farm", "assemble", job)
    assert "missing piece" in missing["error"]["message"]
    try_ids = printed(capsys, 75, "farm", "run-unit", job, "sh010.move")
    assert "needs sh010.track" in try_ids["units"][0]["error"]["message"]
    assert printed(capsys, 0, "farm", "run-unit", job, "0-3")["status"] == 0
    assert run(["farm", "run-unit", job, "--all", "--openjd"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert all(line.startswith("openjd_") for line in lines)
    result = printed(capsys, 0, "farm", "assemble", job, "--clear")
    status = printed(capsys, 0, "farm", "status", job)
    assert (status["units"]["done"], status["seconds_left"]) == (6, 0.0)
    assert not (tmp_path / "job" / "pieces").exists()
    plain = printed(capsys, 0, "render", *asked, "-o", str(tmp_path / "plain"))
    files = [Path(table["shots"][0]["file"]) for table in (result, plain)]
    assert files[0].name == files[1].name
    assert picture_hash(files[0]) == picture_hash(files[1])
    new = otio.adapters.read_from_file(str(tmp_path / "job" / "out" / "cut.otio"))
    assert next(iter(new.find_clips())).active_media_reference_key == "reenact"


def test_networks_that_are_not_those_of_the_plan_are_refused(
    edit: Path, asked: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job = str(tmp_path / "job")
    printed(capsys, 0, "farm", "plan", *asked, "-o", job)
    printed(capsys, 0, "farm", "run-unit", job, "0")
    Path(asked[2]).unlink()
    gone = printed(capsys, 12, "farm", "run-unit", job, "1")["units"][0]
    assert (gone["exit"], gone["error"]["code"]) == (12, "checkpoint")
    write_chance(Path(asked[2]), seed=1)
    changed = printed(capsys, 12, "farm", "run-unit", job, "1")["units"][0]
    assert "other networks than those that the job was planned with" in changed["error"]["message"]


@pytest.mark.parametrize("command", [["status"], ["assemble"], ["run-unit", "0"], ["submit"]])
def test_a_folder_without_a_plan_is_told(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = printed(capsys, 4, "farm", command[0], str(tmp_path), *command[1:])
    assert "plan.json: cannot be read" in told["error"]["message"]


def test_progress_never_runs_backwards(capsys: pytest.CaptureFixture[str]) -> None:
    """A unit has stages, may read two files in one, and may begin anew."""
    track, move = {"unit": "s.track", "kind": "track"}, {"unit": "s.move", "kind": "move"}
    steps = [
        *((track, "track", done) for done in (0, 5, 10, 0, 10)),
        *((move, "wait", 0), (move, "cut", 10), (move, "move", 1), (move, "move", 9)),
        *((move, "cut", 2), (move, "move", 10)),
    ]
    events: list[dict[str, Any]] = [
        {"event": "progress", **unit, "stage": stage, "done": done, "total": 10}
        for unit, stage, done in steps
    ]
    events.insert(5, {"event": "unit_done", **track, "kept": False})
    events.append({"event": "unit_done", **move, "kept": False})
    shares = [table["share"] for table in units_shown(events, 2, "none", openjd=False)]
    assert shares == sorted(shares) and (shares[1], shares[-1]) == (0.25, 1.0)
    assert len(set(shares)) > 6
    list(units_shown(events, 2, "none", openjd=True))
    lines = capsys.readouterr().out.splitlines()
    said = [float(line.split()[1]) for line in lines if line.startswith("openjd_progress")]
    assert said == sorted(said) and said[-1] == 100.0


@pytest.mark.slow
def test_the_local_engine_does_a_whole_job(asked: list[str], tmp_path: Path) -> None:
    job = str(tmp_path / "job")
    assert reenact("farm", "plan", *asked, "-o", job, "--frames-per-unit", "2").returncode == 0
    done = reenact("farm", "submit", job, "--workers", "1", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["complete"]


@pytest.mark.parametrize(
    ("engine", "file"),
    [
        ("openjd", "template.yaml"),
        ("slurm", "slurm-submit.sh"),
        ("opencue", "opencue-job.py"),
    ],
)
def test_files_for_other_engines_are_written_on_demand(
    engine: str, file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = write_clip(tmp_path / "clip.mkv", 6)
    make_job(tmp_path / "job", shot_of(clip, 0, 6, recast(write_portrait(tmp_path / "face.png"))))
    job = str(tmp_path / "job")
    words = ("farm", "submit", job, "--engine", engine)
    assert printed(capsys, 0, *words, "--dry-run")["file"] == f"{job}/{file}"
    assert not (tmp_path / "job" / file).exists()
    assert printed(capsys, 0, *words)["file"] == f"{job}/{file}"
    assert (tmp_path / "job" / file).is_file()


def test_what_farms_can_be_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clip, job = write_clip(tmp_path / "clip.mkv", 6), str(tmp_path / "job")
    face = recast(write_portrait(tmp_path / "face.png"))
    make_job(tmp_path / "job", shot_of(clip, 0, 6, face, name="sh010"))
    given = ["--priority", "80", "--queue", "q-1", "--tag", "pool=night", "--shot", "sh010"]
    given += ["--retries", "4", "--time-limit", "600"]
    told = printed(capsys, 0, "farm", "submit", job, "--engine", "openjd", *given)
    cloud = ["deadline", "bundle", "submit", job, "-p", f"JobDir={job}"]
    assert told["deadline"] == [
        *cloud, "--max-retries-per-task", "5", "--priority", "80", "--queue-id", "q-1",
    ]  # fmt: skip
    limits = json.loads((tmp_path / "job" / "plan.json").read_text("utf-8"))["limits"]
    assert limits == {"retries": 4, "unit_seconds": 600.0}
    text = (tmp_path / "job" / "template.yaml").read_text("utf-8")
    assert "attr.pool" in text and "timeout: 750" in text
    told = printed(capsys, 0, "farm", "submit", job, "--engine", "slurm", *given[:6])
    assert "--partition=q-1" in Path(told["file"]).read_text("utf-8")
    for option in ("--priority", "--queue", "--tag"):
        wrong = printed(capsys, 2, "farm", "submit", job, option, "1")
        assert f"{option} is for openjd, slurm and opencue" in wrong["error"]["message"]
    wrong = printed(capsys, 2, "farm", "submit", job, "--engine", "slurm", "--shot", "sh999")
    assert "sh999 names no shot of the plan; it has sh010" in wrong["error"]["message"]
    wrong = printed(capsys, 2, "farm", "status", job, "--shot", "sh999")
    assert "sh999" in wrong["error"]["message"]
    assert printed(capsys, 0, "farm", "status", job, "sh010.move")["units"]["waiting"] == 1
    assert printed(capsys, 0, "farm", "status", job, "--shot", "sh010")["units"]["ready"] == 1
    printed(capsys, 2, "farm", "run-unit", job)


def test_a_shot_is_named_in_the_place_of_its_units(
    edit: Path, asked: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job = str(tmp_path / "job")
    limits = ["--retries", "0", "--time-limit", "1000"]
    printed(capsys, 0, "farm", "plan", *asked, "-o", job, *limits)
    edit.with_name("a.mkv").unlink()
    told = printed(capsys, 10, "farm", "run-unit", job, "--shot", "sh010")
    assert [one["unit"].split(".")[1] for one in told["units"]] == ["track", "move", "render"]
    given_up = printed(capsys, 0, "farm", "run-unit", job, "--shot", "sh010", "--record-failures")
    assert [one["exit"] for one in given_up["units"]] == [10, 10, 10]
    result = printed(capsys, 3, "farm", "assemble", job)
    assert "a.mkv" in result["shots"][0]["error"]["message"]


def test_what_failed_before_is_told_again(
    edit: Path, asked: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job = str(tmp_path / "job")
    assert run(["farm", "plan", *asked, "-o", job]) == 0
    edit.with_name("a.mkv").unlink()
    capsys.readouterr()
    for _ in range(2):
        failed = printed(capsys, 10, "farm", "run-unit", job, "--all")
        assert [one["unit"] for one in failed["units"]] == ["sh010.track"]
        assert "a.mkv" in failed["units"][0]["error"]["message"]
    status = printed(capsys, 3, "farm", "status", job)
    (failure,) = status["failed"]
    assert (failure["attempts"], failure["killed"], failure["will_retry"]) == (1, 0, False)
    assert "a.mkv" in Path(failure["log"]).read_text("utf-8")
    assert status["attempts"] == {"done": 0, "running": 0, "failed": 1, "stopped": 0, "killed": 0}
    assert status["cost"]["track"]["units"] == 0
    assert printed(capsys, 0, "farm", "status", job, "--exit-zero") == status
    assert run(["farm", "status", job]) == 3
    assert f"log: {failure['log']}" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["sh999.track", "99", "2-1", "assemble"])
def test_a_name_of_no_unit_is_wrong_usage(
    name: str, asked: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job = str(tmp_path / "job")
    printed(capsys, 0, "farm", "plan", *asked, "-o", job)
    told = printed(capsys, 2, "farm", "run-unit", job, name)
    assert told["error"]["code"] == "usage" and name in told["error"]["message"]


def test_a_worker_stops_when_its_input_ends(asked: list[str], tmp_path: Path) -> None:
    job = tmp_path / "job"
    assert run(["farm", "plan", *asked, "-o", str(job)]) == 0
    (job / "claims" / "sh010.track").rename(job / "claims" / "sh010.track@another-1-a")
    line = [sys.executable, "-m", "reenact_cli", "farm", "run-unit", str(job), "--all"]
    with subprocess.Popen([*line, "--until-input-ends"], stdin=subprocess.PIPE) as worker:
        with pytest.raises(subprocess.TimeoutExpired):
            worker.wait(1.0)  # for what another holds, or still loading
        assert worker.stdin is not None
        worker.stdin.close()
        assert worker.wait(60) == 130
