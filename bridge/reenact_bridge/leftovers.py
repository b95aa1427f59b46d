"""What a worker that was killed left in its job's output folder."""

import shutil
import threading
from pathlib import Path

from reenact_core.engine.resume import clear_partial
from reenact_core.journal import FOLDER


def clear_leftovers(out: Path, seconds: float) -> None:
    """Remove unfinished files and face crops; finished shots stay for the next run.

    A file system that does not answer within so long is not waited for.
    """
    clearing = threading.Thread(target=_clear, args=(out,), name="clear", daemon=True)
    clearing.start()
    clearing.join(seconds)


def _clear(out: Path) -> None:
    work = out / FOLDER
    shutil.rmtree(work / "spool", ignore_errors=True)
    for folder in (out, work, work / "shots", work / "tracks"):
        try:
            if folder.is_dir():
                clear_partial(folder)
        except OSError:
            continue  # the next run says it to the user
