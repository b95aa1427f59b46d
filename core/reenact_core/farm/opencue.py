"""A farm job as a script for OpenCue's pyoutline: a layer for each kind of unit, then assembly."""

import shlex
from pathlib import Path
from typing import Any

from reenact_core.farm.plan import FarmPlan
from reenact_core.farm.steps import USUAL, Needs, steps
from reenact_core.files import written_whole

SCRIPT = "opencue-job.py"
FRAME = "#IFRAME#"
"""What OpenCue replaces by the number of a frame; ours are numbers of units."""

_TEXT = '''"""Hands a reenact job to OpenCue.

    python {name} [--show SHOW] [--shot SHOT] [--user USER] [--print]

With --print it prints the job's specification and hands nothing over. Needs pyoutline.
"""

import argparse

import outline
import outline.cuerun
from outline.modules.shell import Shell

LAYERS = {layers}

parser = argparse.ArgumentParser()
parser.add_argument("--show", default="testing")
parser.add_argument("--shot", default="reenact")
parser.add_argument("--user")
parser.add_argument("--print", action="store_true", dest="printed")
given = parser.parse_args()

job = outline.Outline({job!r}, show=given.show, shot=given.shot, user=given.user)
before = None
for arguments in LAYERS:
    layer = Shell(**arguments)
    if before is not None:
        layer.depend_all(before)
    job.add_layer(layer)
    before = layer
names = {{"show": given.show, "shot": given.shot, "user": given.user, "maxretries": 3}}
if given.printed:
    print(outline.cuerun.OutlineLauncher(job, **names).serialize(use_pycuerun=False))
else:
    outline.cuerun.launch(job, use_pycuerun=False, **names)
'''


def write_outline(
    folder: Path, plan: FarmPlan, *, device: str = "auto", needs: Needs = USUAL
) -> Path:
    """Write the script into a job folder; gives its path.

    Args:
        needs: of the hosts

    Raises:
        OutputError: the folder cannot be written.
    """
    layers = _layers(folder.absolute(), plan, device, needs)
    listed = "[\n" + "".join(f"    {layer!r},\n" for layer in layers) + "]"
    name = f"reenact-{plan.timeline.stem}"[:64]
    with written_whole(folder / SCRIPT) as partial:
        partial.write_text(_TEXT.format(name=SCRIPT, layers=listed, job=name), "utf-8")
    return folder / SCRIPT


def _layers(job: Path, plan: FarmPlan, device: str, needs: Needs) -> list[dict[str, Any]]:
    """The arguments of every layer; words are quoted, for a shell reads them."""
    quoted = shlex.quote(str(job))
    work = ["reenact", "farm", "run-unit", quoted, FRAME, "--device", shlex.quote(device)]
    layers: list[dict[str, Any]] = []
    for step in steps(plan):
        layer: dict[str, Any] = {
            "name": step.kind, "command": [*work, "--progress", "none"],
            "range": f"{step.first}-{step.last}", "chunk": 1,
        }  # fmt: skip
        if needs.memory:
            layer["memory"] = f"{needs.memory}m"
        if gpu := needs.gpu_of(step.kind):
            layer |= {"gpus": 1, "gpu_memory": f"{gpu}m"}
        layers.append(layer)
    assemble = ["reenact", "farm", "assemble", quoted]
    last = len(plan.units) - 1
    return [*layers, {"name": "assemble", "command": assemble, "range": f"{last}-{last}"}]
