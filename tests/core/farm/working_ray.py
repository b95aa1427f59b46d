"""A drawn job done by a small Ray cluster of its own: run as a program by tests.

python -m tests.core.farm.working_ray JOB_DIR WORKERS
"""

import os
import sys
from dataclasses import replace
from pathlib import Path

from reenact_core.engine.performer import Performer
from reenact_core.farm.desk import Desk
from reenact_core.farm.job_folder import JobFolder
from reenact_core.farm.plan import read_plan
from reenact_core.farm.ray_engine import run_ray
from tests.core.farm.jobs import desk_in
from tests.echo import EchoPerformer

FOLDER = Path(sys.argv[1])


def main(workers: int) -> None:
    run = run_ray(JobFolder(FOLDER), read_plan(FOLDER), make_desk, workers, steal_after=3)
    for board in run:
        print(len(board.done), flush=True)


def make_desk(worker: str) -> Desk:
    """The first performer takes its process with it, as a fault in a driver does."""
    desk = desk_in(FOLDER, worker=worker)
    return replace(desk, tools=replace(desk.tools, performer=performer_that_dies_once))


def performer_that_dies_once() -> Performer:
    mark = FOLDER / "died"
    if not mark.exists():
        mark.touch()
        os._exit(139)
    return EchoPerformer()


if __name__ == "__main__":
    main(int(sys.argv[2]))
