"""`reenact farm submit --engine local`: worker processes of this very program."""

import os
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from reenact_cli.farm_job import Stop
from reenact_cli.show import ProgressStyle, ticking


def worker_command(job: Path, device: str, path_map: Path | None) -> list[str]:
    """What a worker process is started with."""
    line = [sys.executable, "-m", "reenact_cli", "farm", "run-unit", str(job.absolute()), "--all"]
    line += ["--device", device, "--progress", "none"]
    return line if path_map is None else [*line, "--path-map", str(path_map.absolute())]


def submit_local(job: Path, line: Sequence[str], workers: int, style: ProgressStyle) -> None:
    """Run workers until no unit is left that can be done.

    Raises:
        KeyboardInterrupt: asked to stop; the workers have ended.
        SettingsError: there is no plan, or workers die before they can take a unit.
    """
    from reenact_core.farm.job_folder import JobFolder
    from reenact_core.farm.local_engine import run_local
    from reenact_core.farm.plan import read_plan

    plan = read_plan(job)
    share = max(1, (os.cpu_count() or 1) // workers)
    os.environ.setdefault("OMP_NUM_THREADS", str(share))
    with Stop().listening() as stop, ticking("units", style) as tell:
        run = run_local(JobFolder(job.absolute()), plan, line, workers, stopped=stop)
        with closing(run) as looks:
            for board in looks:
                tell(len(board.done), board.total)
        if stop():
            raise KeyboardInterrupt
