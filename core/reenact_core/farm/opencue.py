"""A farm job as a script for OpenCue's pyoutline: layers for each group of shots, then assembly.

A layer begins when all frames of the one before have succeeded: so units that are given up are on
record, and their frames succeed. What fails is shown by a layer of its own, for which none waits.
"""

import shlex
from pathlib import Path
from typing import Any

from reenact_core.farm.plan import FarmPlan, UnitKind
from reenact_core.farm.steps import USUAL, Needs, Terms, groups
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

job = outline.Outline({job!r}, show=given.show, shot=given.shot, user=given.user, **{place!r})
layers = {{}}
for after, arguments in LAYERS:
    layer = layers[arguments["name"]] = Shell(**arguments)
    for name in after:
        layer.depend_all(layers[name])
    job.add_layer(layer)
names = {{"show": given.show, "shot": given.shot, "user": given.user, **{given!r}}}
if given.printed:
    print(outline.cuerun.OutlineLauncher(job, **names).serialize(use_pycuerun=False))
else:
    outline.cuerun.launch(job, use_pycuerun=False, **names)
'''


def write_outline(folder: Path, plan: FarmPlan, terms: Terms = USUAL) -> Path:
    """Write the script into a job folder; gives its path.

    Raises:
        OutputError: the folder cannot be written.
    """
    layers = _layers(folder.absolute(), plan, terms)
    listed = "[\n" + "".join(f"    {layer!r},\n" for layer in layers) + "]"
    name = f"reenact-{plan.timeline.stem}"[:64]
    given: dict[str, Any] = {"maxretries": plan.limits.retries + 1}
    given |= {} if terms.priority is None else {"priority": terms.priority}
    place = {} if terms.queue is None else {"facility": terms.queue}
    text = _TEXT.format(name=SCRIPT, layers=listed, job=name, given=given, place=place)
    with written_whole(folder / SCRIPT) as partial:
        partial.write_text(text, "utf-8")
    return folder / SCRIPT


Layer = tuple[list[str], dict[str, Any]]
"""Names of the layers that must be done before, and what it is made with."""


def _layers(job: Path, plan: FarmPlan, terms: Terms) -> list[Layer]:
    """The arguments of every layer; words are quoted, for a shell reads them."""
    quoted = shlex.quote(str(job))
    work = ["reenact", "farm", "run-unit", quoted, FRAME, "--record-failures"]
    work += ["--device", shlex.quote(terms.device), "--progress", "none"]
    layers: list[Layer] = []
    ends: list[str] = []
    for group in groups(plan, terms.shots):
        before: list[str] = []
        for step in group.steps:
            name = f"{step.kind}-{group.number}"
            layer = {"name": name, "command": work, "range": step.units, "chunk": 1}
            layers.append((before, layer | _hosts(terms.needs, step.kind)))
            before = [name]
        check = ["reenact", "farm", "status", quoted, *(step.units for step in group.steps)]
        layers.append((before, _single(f"check-{group.number}", check, group.steps[0].first)))
        ends += before
    assemble = ["reenact", "farm", "assemble", quoted, "--partial"]
    return [*layers, (ends, _single("assemble", assemble, len(plan.units) - 1))]


def _single(name: str, command: list[str], frame: int) -> dict[str, Any]:
    """A layer of one frame."""
    return {"name": name, "command": command, "range": f"{frame}-{frame}"}


def _hosts(needs: Needs, kind: UnitKind) -> dict[str, Any]:
    """What a layer asks of its hosts."""
    asked: dict[str, Any] = {"memory": f"{needs.memory}m"} if needs.memory else {}
    asked |= {"tags": list(needs.tags)} if needs.tags else {}
    if gpu := needs.gpu_of(kind):
        asked |= {"gpus": 1, "gpu_memory": f"{gpu}m"}
    return asked
