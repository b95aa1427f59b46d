"""The script for OpenCue, run under a stand-in for pyoutline.

With pyoutline 1.37 itself, `opencue-job.py --print` gives the same layers as XML.
"""

import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from reenact_core.farm.opencue import write_outline
from reenact_core.farm.plan import FarmPlan
from reenact_core.farm.steps import Needs
from tests.core.farm.jobs import make_job
from tests.core.farm.test_plan import blank_shots

OUTLINE = """
import json, sys
class Outline:
    def __init__(self, name, **given): self.table = {"job": name, **given, "layers": []}
    def add_layer(self, layer): self.table["layers"].append(layer.table)
"""
CUERUN = """
import json
def launch(job, **given): print(json.dumps({**job.table, "given": given}))
"""
SHELL = """
class Shell:
    def __init__(self, **given): self.table = {**given, "after": None}
    def depend_all(self, other): self.table["after"] = other.table["name"]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A job in a folder whose name has a blank."""
    return tmp_path / "a job"


@pytest.fixture
def plan(folder: Path, tmp_path: Path) -> FarmPlan:
    return make_job(folder, *blank_shots(tmp_path, 3), frames_per_unit=25)


def launched(script: Path, modules: Path) -> dict[str, Any]:
    """What the script hands over."""
    package = modules / "outline"
    (package / "modules").mkdir(parents=True)
    (package / "__init__.py").write_text(OUTLINE)
    (package / "cuerun.py").write_text(CUERUN)
    (package / "modules" / "__init__.py").touch()
    (package / "modules" / "shell.py").write_text(SHELL)
    command = [sys.executable, str(script), "--show", "film"]
    environment = {"PYTHONPATH": str(modules)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    table: dict[str, Any] = json.loads(done.stdout)
    return table


def test_every_unit_is_a_frame_of_a_layer_after_what_it_needs(
    plan: FarmPlan, folder: Path, tmp_path: Path
) -> None:
    table = launched(
        write_outline(folder, plan, needs=Needs(gpu_memory=8192)), tmp_path / "modules"
    )
    layers = {layer["name"]: layer for layer in table["layers"]}
    assert [layer["range"] for layer in layers.values()] == ["0-2", "3-5", "6-14", "15-15"]
    assert [layer["after"] for layer in layers.values()] == [None, "track", "move", "render"]
    assert [name for name, layer in layers.items() if layer.get("gpus")] == ["move"]
    assert [layer.get("memory") for layer in layers.values()] == ["2048m"] * 3 + [None]
    assert table["show"] == table["given"]["show"] == "film"
    words = shlex.split(" ".join(layers["render"]["command"]))
    assert words[:5] == ["reenact", "farm", "run-unit", str(folder), "#IFRAME#"]
    assert shlex.split(" ".join(layers["assemble"]["command"]))[-1] == str(folder)
