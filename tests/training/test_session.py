"""Whole runs: to the end, killed, stopped, refused, in two processes."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from reenact_core.errors import CheckpointError, OutputError, SettingsError
from reenact_core.models.load import load_models
from reenact_training.config import read_config
from reenact_training.processes import ALONE
from reenact_training.rehearsal import rehearse
from reenact_training.session import Session, Stop, open_session, run_session
from reenact_training.train import Event, Stepped
from tests.training.tiny_run import write_config

Lines = list[dict[str, Any]]


def opened(config: Path) -> Session:
    return open_session(read_config(config), ALONE)


def run(config: Path, *, resume: bool = False, stop_after: int = 1000) -> list[Event]:
    """The events of a run in this process."""
    stop, events = Stop(), []
    for event in run_session(opened(config), resume=resume, stop=stop):
        events.append(event)
        stop.asked = sum(isinstance(e, Stepped) for e in events) >= stop_after
    return events


def log(folder: Path) -> Lines:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def process(*command: str | Path, **environment: str) -> "subprocess.Popen[str]":
    path = os.pathsep.join(part for part in sys.path if part)
    return subprocess.Popen(
        [sys.executable, "-m", *map(str, command)],
        env={**os.environ, "PYTHONPATH": path, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(scope="module")
def whole(heads: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that nobody disturbed."""
    folder = tmp_path_factory.mktemp("whole")
    run(write_config(folder / "a.toml", heads))
    return folder / "run"


def test_a_run_leaves_a_checkpoint_that_says_where_it_comes_from(whole: Path) -> None:
    models = load_models(whole / "checkpoint.safetensors")
    told = json.loads(models.metadata["training"])
    assert models.architecture == "compact" and told["steps"] == 4 and told["clips"] == 2
    assert str(whole) not in models.metadata["training"]
    kinds = [(line["kind"], line["step"]) for line in log(whole)]
    assert kinds == [
        ("held_out", 0), ("train", 1), ("train", 2), ("held_out", 2), ("train", 3), ("train", 4),
        ("held_out", 4),
    ]  # fmt: skip
    assert (whole / "strips" / "000004.png").is_file()


def test_a_killed_run_goes_on_as_if_nothing_had_happened(
    whole: Path, heads: Path, tmp_path: Path
) -> None:
    config = write_config(tmp_path / "a.toml", heads)
    child = process("reenact_training", config, OMP_NUM_THREADS="1")
    until = time.monotonic() + 200
    while not (tmp_path / "run" / "state.last").is_dir() and time.monotonic() < until:
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    child.communicate()
    run(config, resume=True)
    assert log(tmp_path / "run") == log(whole)
    one, other = (torch.load(f / "state" / "weights.pt") for f in (whole, tmp_path / "run"))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_sigterm_saves_and_says_how_to_go_on(whole: Path, heads: Path, tmp_path: Path) -> None:
    config = write_config(tmp_path / "a.toml", heads)
    child = process("reenact_cli", "train", config, "--json", "--progress", "json")
    assert child.stderr is not None
    for line in child.stderr:
        if '"held_out"' in line:
            child.send_signal(signal.SIGTERM)
            break
    out, _ = child.communicate(timeout=200)
    told = json.loads(out)
    assert child.returncode == 130 and told["checkpoint"] is None and told["steps"] < 4
    run(config, resume=True)
    assert log(tmp_path / "run") == log(whole)


def test_a_run_is_not_overwritten_and_not_continued_otherwise(heads: Path, tmp_path: Path) -> None:
    config = write_config(tmp_path / "a.toml", heads)
    with pytest.raises(CheckpointError, match="no run to go on with"):
        run(config, resume=True)
    run(config, stop_after=1)
    with pytest.raises(SettingsError, match="1 steps already; go on with --resume"):
        run(config)
    write_config(config, heads, train="clip = 2.0")
    with pytest.raises(SettingsError, match=r"train\.clip changed"):
        run(config, resume=True)
    write_config(config, heads, top='licence = "MIT"')
    assert run(config, resume=True, stop_after=1)


def test_one_process_at_a_time_trains_in_a_folder(heads: Path, tmp_path: Path) -> None:
    config = write_config(tmp_path / "a.toml", heads)
    first = run_session(opened(config), resume=False, stop=Stop())
    next(first)
    with pytest.raises(OutputError, match="another process trains in it"):
        run(config)
    first.close()  # type: ignore[attr-defined]  # a generator


def test_a_checkpoint_of_another_architecture_is_refused(
    whole: Path, heads: Path, tmp_path: Path
) -> None:
    top = '# model = "paper"\n'
    config = write_config(tmp_path / "a.toml", heads, top=top)
    text = config.read_text().replace('"compact"', '"paper"', 1)
    checkpoint = whole / "checkpoint.safetensors"
    config.write_text(text.replace('init = "nothing"', f'init = "{checkpoint.as_posix()}"'))
    with pytest.raises(CheckpointError, match="holds compact, but `model` is paper"):
        run(config)


def test_a_full_disk_leaves_the_last_good_state(heads: Path, tmp_path: Path) -> None:
    """Files may not grow beyond a limit, as where no space is left."""
    resource = pytest.importorskip("resource")
    config = write_config(tmp_path / "a.toml", heads)
    run(config, stop_after=2)
    session = opened(config)
    session.state.load(session.folder.state)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, before[1]))
    try:
        with pytest.raises(Exception, match="last good state is kept"):
            session.state.save(session.folder.state)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    again = opened(config)
    again.state.load(again.folder.state)
    assert again.state.step == 2


def test_a_rehearsal_measures_and_leaves_nothing(heads: Path, tmp_path: Path) -> None:
    told = rehearse(opened(write_config(tmp_path / "a.toml", heads)))
    assert told.trained == sum(
        count for name, count in told.networks.items() if name not in ("points", "close_ups")
    )
    assert told.step_seconds > 0 and told.run_seconds > told.step_seconds
    assert (told.clips, told.held_out_clips, told.examples_a_step) == (2, 1, 1)
    assert not (tmp_path / "run").exists()


@pytest.mark.timeout(900)  # three runs, each of which loads torch, on a machine that may be busy
def test_two_processes_do_what_one_does_with_twice_the_batch(heads: Path, tmp_path: Path) -> None:
    train = "weight_decay = 0.0"
    alone = write_config(tmp_path / "alone.toml", heads, out="alone", train=train)
    alone.write_text(alone.read_text().replace("batch = 1", "batch = 2"))
    pair = write_config(tmp_path / "pair.toml", heads, out="pair", train=train)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    ranks = [
        process(
            "reenact_training", pair, WORLD_SIZE="2", RANK=str(rank), LOCAL_RANK=str(rank),
            MASTER_ADDR="127.0.0.1", MASTER_PORT=port, OMP_NUM_THREADS="1",
        )
        for rank in range(2)
    ]  # fmt: skip
    run(alone)
    for rank in ranks:
        _, error = rank.communicate(timeout=800)
        assert rank.returncode == 0, error
    for one, two in zip(log(tmp_path / "alone"), log(tmp_path / "pair"), strict=True):
        assert two["total"] == pytest.approx(one["total"], rel=1e-4), one["step"]
