"""A worker process of a drawn job: run as a program by tests.

python -m tests.core.farm.working JOB_DIR
"""

import signal
import sys
from pathlib import Path

from reenact_core.farm.all_units import run_all
from tests.core.farm.jobs import desk_in


def main(folder: Path) -> None:
    asked: list[int] = []
    signal.signal(signal.SIGTERM, lambda *_: asked.append(1))
    for _ in run_all(desk_in(folder), stopped=lambda: bool(asked)):
        pass


if __name__ == "__main__":
    main(Path(sys.argv[1]))
