"""What a worker that was killed left in its job's output folder."""

import shutil
from pathlib import Path

from reenact_core.engine.resume import FOLDER, clear_partial


def clear_leftovers(out: Path) -> None:
    """Remove unfinished files and face crops; finished shots stay for the next run."""
    work = out / FOLDER
    shutil.rmtree(work / "spool", ignore_errors=True)
    for folder in (out, work, work / "shots", work / "tracks"):
        if folder.is_dir():
            try:
                clear_partial(folder)
            except OSError:
                continue  # the next run says it to the user
