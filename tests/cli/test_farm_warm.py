"""`reenact farm warm`: units done by a process that stays."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from reenact_cli.farm_warm import ADDRESS, VARIABLE, Request, WarmError, ask, place_of, start, stop
from reenact_cli.main import run
from reenact_core.farm.job_folder import JobFolder
from reenact_core.farm.plan import read_plan
from reenact_core.farm.records import read_done
from tests.chance import write_chance
from tests.cli.process import reenact
from tests.synthetic import TimelineClip, write_clip, write_portrait, write_timeline, write_tracks

LENGTH = 4


@pytest.fixture
def job(tmp_path: Path) -> Path:
    """A job of one shot of a drawn person, whose places are known."""
    write_clip(tmp_path / "a.mkv", LENGTH)
    write_tracks(tmp_path / "a.json", "a.mkv", LENGTH)
    ask = {"version": 1, "mode": "recast", "source": str(write_portrait(tmp_path / "face.png"))}
    clips = [TimelineClip("sh010", tmp_path / "a.mkv", 0, LENGTH, LENGTH, ask)]
    edit = write_timeline(tmp_path / "cut.otio", clips)
    given = ["--checkpoint", str(write_chance(tmp_path / "chance.safetensors")), "--codec", "ffv1"]
    given += ["--tracks", str(tmp_path / "a.json"), "--frames-per-unit", "2"]
    assert run(["farm", "plan", str(edit), "-o", str(tmp_path / "job"), *given]) == 0
    return tmp_path / "job"


def processes_of(job: Path) -> set[str]:
    """The workers that did the job's units, by host and process."""
    plan = read_plan(job)
    records = (read_done(JobFolder(job), unit) for unit in plan.units)
    return {record.worker for record in records if record is not None}


@pytest.mark.slow
def test_units_are_done_by_the_process_that_stays_and_without_it_when_it_is_gone(
    job: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = start(job, "cpu", None)
    monkeypatch.setenv(VARIABLE, str(folder))
    process = json.loads((folder / ADDRESS).read_text())["process"]
    done = reenact("farm", "run-unit", job, "0-1", "--device", "cpu", "--openjd")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "openjd_status: sh010.move is done"
    late = reenact("farm", "run-unit", job, "sh010.render.000000-000001", "99", "--device", "cpu")
    assert late.returncode == 2 and "names no unit" in late.stderr
    workers = processes_of(job)
    assert len(workers) == 1 and f"-{process}-" in workers.pop()
    with pytest.raises(WarmError, match="another job open"):
        list(ask(place_of(job, "cuda", None), Request(("0",)), lambda: False))
    os.kill(process, signal.SIGKILL)
    done = reenact("farm", "run-unit", job, "2-3", "--device", "cpu", "--json")
    assert done.returncode == 0, done.stderr
    assert [unit["kept"] for unit in json.loads(done.stdout)["units"]] == [False, False]
    stop(folder)


def test_what_cannot_be_opened_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert run(["farm", "warm", str(tmp_path)]) == 4
    assert "plan.json: cannot be read" in capsys.readouterr().err
    assert run(["farm", "warm", "--stop"]) == 0


def test_whoever_asks_for_units_need_not_load_what_does_them() -> None:
    """A task that a warm process does costs a tenth of a second, not three."""
    line = "import sys, reenact_cli.farm, reenact_cli.farm_units; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", line], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "False", done.stderr
