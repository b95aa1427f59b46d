"""The faces of all methods as lossless videos, for looking at and for scoring again."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
from torch import Tensor

from reenact_core.report.sheet import write_sheet
from reenact_training.evaluate.example import Example
from reenact_training.evaluate.pictures import lossless_video

Keep = Callable[[int, Mapping[str, Tensor]], None]
"""Takes a frame's number and faces (3, S, S) uint8 by method, in any order of frames."""


def keep_nothing(frame: int, faces: Mapping[str, Tensor]) -> None:
    """For runs that save no videos."""


@contextmanager
def videos_of(folder: Path, example: Example) -> Iterator[Keep]:
    """What writes `FOLDER/METHOD/EXAMPLE.mkv`: all methods, the driver, the truth, and S beside.

    Raises:
        OutputError: the folder cannot be written.
    """
    size = example.driving.shape[-1]
    picture = np.ascontiguousarray(example.source.permute(1, 2, 0).numpy())
    (folder / "source").mkdir(parents=True, exist_ok=True)
    write_sheet(folder / "source" / f"{example.name}.png", picture)
    with ExitStack() as stack:
        writers: dict[str, Callable[[Tensor], None]] = {}
        waiting: dict[int, dict[str, Tensor]] = {}
        written = 0

        def keep(frame: int, faces: Mapping[str, Tensor]) -> None:
            nonlocal written
            waiting[frame] = {**faces, "driving": example.driving[frame]}
            if example.truth is not None:
                waiting[frame]["truth"] = example.truth[frame]
            while (ready := waiting.pop(written, None)) is not None:
                for name, face in ready.items():
                    if name not in writers:
                        path = folder / name / f"{example.name}.mkv"
                        writers[name] = stack.enter_context(lossless_video(path, size))
                    writers[name](face)
                written += 1

        yield keep
