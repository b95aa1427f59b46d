"""A configuration whose run takes seconds, as a file."""

from pathlib import Path

TINY = """
model = "compact"
init = "nothing"
data = {data}
size = 64
out = "{out}"
device = "cpu"
{top}
[train]
steps = 4
batch = 1
warm_up = 2
rate = 1e-3
save_seconds = 0
{train}
[clips]
moments = 2
held_out = 0.3
{clips}
[watch]
every = 2
examples = 2
[compact]
motion_widths = [8, 8]
painter_widths = [4, 8, 8]
codes = 8
code_groups = 2
calibrator_widths = [8, 8]
"""


def write_config(
    path: Path, data: Path, *, out: str = "run", top: str = "", train: str = "", clips: str = ""
) -> Path:
    """The file of a run on a folder of clips; more lines go to their tables."""
    named = f'["{data.as_posix()}"]'
    path.write_text(TINY.format(data=named, out=out, top=top, train=train, clips=clips), "utf-8")
    return path
