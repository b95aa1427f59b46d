import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from reenact_core.engine.events import ShotDone
from tests.core.engine.shots import picture_hash, plan_of, recast, render, shot_of
from tests.synthetic import write_clip, write_portrait

SHOTS = {"s0": 0, "s15": 15}


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("media")
    write_clip(folder / "clip.mkv", 30)
    write_portrait(folder / "face.png")
    return folder


@pytest.fixture(scope="module")
def undisturbed(media: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    out = tmp_path_factory.mktemp("undisturbed")
    resume(out, media)
    return {name: picture_hash(out / f"{name}.mp4") for name in SHOTS}


def resume(out: Path, media: Path) -> dict[str, bool]:
    """Run the job to its end; which of its shots were kept."""
    cast = recast(media / "face.png")
    shots = [
        shot_of(media / "clip.mkv", start, start + 15, cast, name=name)
        for name, start in SHOTS.items()
    ]
    events = render(out, plan_of(*shots))
    done = [event for event in events if isinstance(event, ShotDone)]
    return {event.rendered.shot.shot_id: event.kept for event in done}


def doomed(
    out: Path, media: Path, stage: str, count: int, number: int, repository: Path
) -> "subprocess.CompletedProcess[str]":
    program = [sys.executable, "-m", "tests.core.engine.doomed_run", str(out)]
    inputs = [str(media / "clip.mkv"), str(media / "face.png"), stage, str(count), str(number)]
    paths = [str(repository), *(str(repository / part) for part in ("core", "bridge", "training"))]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    return subprocess.run(
        [*program, *inputs], capture_output=True, text=True, env=environment, cwd=repository
    )


def final_names(out: Path) -> set[str]:
    return {path.name for path in out.iterdir() if not path.name.startswith(".")}


@pytest.mark.parametrize(("stage", "count"), [("track", 1), ("cut", 5), ("move", 5), ("paste", 5)])
def test_a_killed_run_goes_on_and_gives_the_same(
    tmp_path: Path,
    media: Path,
    undisturbed: dict[str, str],
    repository: Path,
    stage: str,
    count: int,
) -> None:
    out = tmp_path / "out"
    killed = doomed(out, media, stage, count, signal.SIGKILL, repository)
    assert killed.returncode == -signal.SIGKILL
    assert final_names(out) == {"s0.mp4"}
    assert resume(out, media) == {"s0": True, "s15": False}
    assert {name: picture_hash(out / f"{name}.mp4") for name in SHOTS} == undisturbed
    assert not [path for path in out.rglob("*") if "partial" in path.name or "spool" in path.name]


@pytest.mark.parametrize("stage", ["cut", "paste"])
def test_an_ended_run_leaves_nothing_half_done(
    tmp_path: Path, media: Path, repository: Path, stage: str
) -> None:
    out = tmp_path / "out"
    ended = doomed(out, media, stage, 5, signal.SIGTERM, repository)
    assert "KeyboardInterrupt" in ended.stderr
    assert final_names(out) == {"s0.mp4"}
    assert not [path for path in out.rglob("*") if "partial" in path.name or "spool" in path.name]


def test_a_full_disk_is_one_sentence_and_leaves_no_file(
    tmp_path: Path, media: Path, repository: Path
) -> None:
    out = tmp_path / "out"
    ended = doomed(out, media, "limit", 300_000, signal.SIGKILL, repository)
    assert ended.returncode == 0, ended.stderr
    results = [json.loads(line) for line in ended.stdout.splitlines()]
    assert [result.get("failed") for result in results] == ["s0", "s15"]
    assert all(str(out) in result["error"] for result in results)
    assert final_names(out) == set()
