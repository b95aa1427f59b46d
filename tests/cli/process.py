"""`reenact` as a process of its own."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Done = subprocess.CompletedProcess[str]
COMMAND = (sys.executable, "-m", "reenact_cli")


def reenact(*arguments: str | Path, cwd: Path | None = None, seconds: float = 280) -> Done:
    """Run a command line to its end, which is expected within so many seconds."""
    command = [*COMMAND, *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, cwd=cwd, timeout=seconds, env=_environment()
    )


def error_of(done: Done, status: int) -> dict[str, Any]:
    """The error of a command that was run with `--json`, seen to be told as it must be."""
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.strip().splitlines()[-1].startswith("Error: ")
    error = json.loads(done.stdout)["error"]
    assert isinstance(error, dict) and error["message"]
    return error


@contextmanager
def running(*arguments: str | Path) -> Iterator["subprocess.Popen[str]"]:
    """A command line under way, killed if it is left so."""
    process = subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=_environment(),
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def stop_when(
    process: "subprocess.Popen[str]", stage: str, kind: signal.Signals
) -> tuple[int, str, str]:
    """Send a signal when `--progress json` tells of a stage: status, stdout, rest of stderr."""
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("{") and json.loads(line).get("stage") == stage:
            process.send_signal(kind)
            break
    else:
        raise AssertionError(f"the command ended before the stage {stage}")
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


@dataclass(frozen=True, slots=True)
class Demo:
    """`reenact demo`, run once for all tests that look at it."""

    folder: Path
    """Where it was run; it lies in `reenact-demo` there."""
    result: dict[str, Any]


def run_demo(folder: Path) -> Demo:
    """Run it as a newcomer does, without a network."""
    command = [*without_network(), *installed(), "demo", "--json"]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=folder, timeout=800, env=_environment()
    )
    assert done.returncode == 0, done.stderr
    return Demo(folder, json.loads(done.stdout))


def installed() -> tuple[str, ...]:
    """The console script that came with the installation, or the module where there is none."""
    script = Path(sys.executable).with_name("reenact")
    return (str(script),) if script.exists() else COMMAND


def without_network() -> tuple[str, ...]:
    """What runs a command in a namespace without interfaces, where this machine allows that."""
    prefix = ("unshare", "--user", "--map-root-user", "--net")
    tool = shutil.which(prefix[0])
    allowed = tool and subprocess.run([*prefix, "true"], capture_output=True).returncode == 0
    return prefix if allowed else ()
