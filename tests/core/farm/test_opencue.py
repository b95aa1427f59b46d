"""The script for OpenCue, run under a stand-in for pyoutline.

With pyoutline 1.37 itself, `opencue-job.py --print` gives the same layers as XML.
"""

import json
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reenact_core.farm.opencue import write_outline
from reenact_core.farm.plan import FarmPlan, with_limits
from reenact_core.farm.steps import Needs, Terms
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
    def __init__(self, **given): self.table = {**given, "after": []}
    def depend_all(self, other): self.table["after"].append(other.table["name"])
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
        write_outline(folder, plan, Terms(needs=Needs(gpu_memory=8192))), tmp_path / "modules"
    )
    layers = {layer["name"]: layer for layer in table["layers"]}
    kinds = ("track", "move", "render", "check")
    assert list(layers) == [f"{kind}-{n}" for n in (1, 2, 3) for kind in kinds] + ["assemble"]
    work = [layers[f"{kind}-2"] for kind in kinds]
    assert [layer["range"] for layer in work] == ["1-1", "4-4", "9-11", "1-1"]
    assert [layer["after"] for layer in work] == [[], ["track-2"], ["move-2"], ["render-2"]]
    assert [bool(layer.get("gpus")) for layer in work] == [False, True, False, False]
    assert [layer.get("memory") for layer in work] == ["2048m"] * 3 + [None]
    assert layers["assemble"]["after"] == ["render-1", "render-2", "render-3"]
    assert ["--record-failures" in layer["command"] for layer in work] == [True] * 3 + [False]
    assert layers["check-2"]["command"][-3:] == ["1-1", "4-4", "9-11"]
    assert table["given"]["maxretries"] == 3
    assert table["show"] == table["given"]["show"] == "film"
    words = shlex.split(" ".join(layers["render-1"]["command"]))
    assert words[:5] == ["reenact", "farm", "run-unit", str(folder), "#IFRAME#"]
    words = shlex.split(" ".join(layers["assemble"]["command"]))
    assert words == ["reenact", "farm", "assemble", str(folder), "--partial"]


def test_facility_priority_tags_and_retries_are_asked_for(
    plan: FarmPlan, folder: Path, tmp_path: Path
) -> None:
    asked = Terms(needs=Needs(tags=("general", "night")), priority=90, queue="cloud")
    chosen = replace(asked, shots=frozenset({"s1"}))
    script = write_outline(folder, with_limits(plan, 5, None), chosen)
    table = launched(script, tmp_path / "modules")
    names = ["track-1", "move-1", "render-1", "check-1", "assemble"]
    assert [layer["name"] for layer in table["layers"]] == names
    tags = [layer.get("tags") for layer in table["layers"]]
    assert tags == [["general", "night"]] * 3 + [None] * 2
    assert table["facility"] == "cloud"
    assert (table["given"]["priority"], table["given"]["maxretries"]) == (90, 6)
