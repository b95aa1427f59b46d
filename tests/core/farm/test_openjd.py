"""The template is one that Open Job Description's own tools accept and run."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from reenact_core.errors import SettingsError
from reenact_core.farm.openjd import asset_references, template, write_template
from reenact_core.farm.plan import FarmPlan, with_limits
from reenact_core.farm.steps import Needs, Terms
from reenact_core.timeline.plan import Source
from reenact_core.timing import FrameRange
from tests.core.engine.shots import recast, shot_of
from tests.core.farm.jobs import make_job, placed_at
from tests.core.farm.test_plan import blank_shots
from tests.synthetic import write_clip, write_portrait

BUSY = Terms("cuda", Needs(gpu_memory=8192, tags=("fast", "pool=night", "pool=day")), 60, "q-1")
"""All that may be asked for."""


@pytest.fixture
def plan(tmp_path: Path) -> FarmPlan:
    clip = write_clip(tmp_path / "clip.mkv", 24)
    face = recast(write_portrait(tmp_path / "face.png"))
    shots = [placed_at(shot_of(clip, 12 * n, 12 * n + 12, face, name=f"s{n}"), n) for n in (0, 1)]
    return make_job(tmp_path / "job", *shots, frames_per_unit=4)


def openjd(*words: str) -> subprocess.CompletedProcess[str]:
    pytest.importorskip("openjd.cli", reason="openjd-cli is not installed")
    program = Path(sys.executable).with_name("openjd")
    return subprocess.run([str(program), *words], capture_output=True, text=True, timeout=200)


def units_of(step: dict[str, Any]) -> range:
    (parameter,) = step["parameterSpace"]["taskParameterDefinitions"]
    first, last = map(int, parameter["range"].split("-"))
    return range(first, last + 1)


def test_every_unit_is_in_one_task_and_after_what_it_needs(plan: FarmPlan) -> None:
    steps = {step["name"]: step for step in template(plan)["steps"]}
    work = [name for name in steps if "parameterSpace" in steps[name]]
    assert work == [f"{kind} {n + 1} s{n}" for n in (0, 1) for kind in ("Track", "Move", "Render")]
    made_in = {number: name for name in work for number in units_of(steps[name])}
    assert sorted(made_in) == list(range(len(plan.units) - 1))
    for name in work:
        before = after(steps[name])
        for number in units_of(steps[name]):
            needed = {made_in[plan.units.index(plan.by_id[id])] for id in plan.units[number].needs}
            assert needed <= before
        assert {other.split()[1] for other in before} <= {name.split()[1]}


def after(step: dict[str, Any]) -> set[str]:
    return {entry["dependsOn"] for entry in step.get("dependencies", [])}


def test_nothing_waits_for_a_step_that_fails_for_a_shot(plan: FarmPlan) -> None:
    steps = {step["name"]: step for step in template(plan)["steps"]}
    checks = {name for name in steps if name.startswith("Check")}
    assert checks == {"Check 1 s0", "Check 2 s1"}
    assert not any(checks & after(step) for step in steps.values())
    assert after(steps["Assemble"]) == steps.keys() - checks - {"Assemble"}
    for name, step in steps.items():
        args = step["script"]["actions"]["onRun"]["args"]
        assert ("--record-failures" in args) == (name not in (*checks, "Assemble"))
        assert ("--partial" in args) == (name == "Assemble")
    said = steps["Check 1 s0"]["script"]["actions"]["onRun"]["args"]
    assert said[:6] == ["farm", "status", "{{Param.JobDir}}", "0-0", "2-2", "4-6"]


def test_openjd_accepts_the_template(plan: FarmPlan, tmp_path: Path) -> None:
    long = replace(plan, timeline=tmp_path / ("x" * 100))
    for job, terms in ((plan, Terms()), (long, BUSY), (with_limits(plan, 1, 90.5), BUSY)):
        path = write_template(tmp_path, job, terms)
        done = openjd("check", str(path))
        assert done.returncode == 0, done.stdout + done.stderr


def test_hosts_have_the_memory_and_a_gpu_only_where_it_helps(plan: FarmPlan) -> None:
    value = template(plan, Terms(needs=Needs(3000, 6000)))
    asked = {step["name"].split()[0]: step.get("hostRequirements") for step in value["steps"]}
    memory = {"name": "amount.worker.memory", "min": 3000}
    gpu = [
        {"name": "amount.worker.gpu", "min": 1},
        {"name": "amount.worker.gpu.memory", "min": 6000},
    ]
    assert asked["Move"] == {"amounts": [memory, *gpu]}
    assert asked["Track"] == asked["Render"] == {"amounts": [memory]}
    nothing = template(plan, Terms(needs=Needs(memory=0)))
    assert not any("hostRequirements" in step for step in nothing["steps"])


def test_hosts_are_asked_for_by_tags(plan: FarmPlan) -> None:
    track = template(plan, BUSY)["steps"][0]
    assert track["hostRequirements"]["attributes"] == [
        {"name": "attr.tags", "allOf": ["fast"]},
        {"name": "attr.pool", "anyOf": ["night", "day"]},
    ]
    for tag in ("=", "a b", "a=", "=b", "1=b", "a=1"):
        with pytest.raises(SettingsError, match="--tag"):
            template(plan, Terms(needs=Needs(tags=(tag,))))


def test_a_task_is_one_unit_where_units_have_a_time_limit(plan: FarmPlan) -> None:
    limited = template(with_limits(plan, None, 90.5))
    (parameter,) = limited["steps"][0]["parameterSpace"]["taskParameterDefinitions"]
    assert parameter["chunks"] == {"defaultTaskCount": 1, "rangeConstraint": "CONTIGUOUS"}
    run = limited["steps"][0]["script"]["actions"]["onRun"]
    assert run["timeout"] == 91 + 30 + 120
    assert "timeout" not in template(plan)["steps"][0]["script"]["actions"]["onRun"]


def test_one_shot_is_done_alone(plan: FarmPlan) -> None:
    names = [step["name"] for step in template(plan, Terms(shots=frozenset({"s1"})))["steps"]]
    assert names == ["Track 1 s1", "Move 1 s1", "Render 1 s1", "Assemble", "Check 1 s1"]


def test_attachments_bring_the_footage_along(plan: FarmPlan, tmp_path: Path) -> None:
    path = write_template(tmp_path / "job", plan)
    held = yaml.safe_load((path.parent / "asset_references.yaml").read_text("utf-8"))
    files = [tmp_path / name for name in ("clip.mkv", "edit.otio", "face.png")]
    assert held["assetReferences"]["inputs"] == {
        "filenames": list(map(str, files)),
        "directories": [],
    }
    assert held["assetReferences"]["outputs"] == {"directories": []}
    elsewhere = asset_references(tmp_path / "job", replace(plan, out=tmp_path / "results"))
    assert elsewhere["assetReferences"]["outputs"]["directories"] == [str(tmp_path / "results")]


def test_attachments_name_every_picture_of_a_sequence(tmp_path: Path) -> None:
    (shot,) = blank_shots(tmp_path, 1)
    numbered = tmp_path / "plate.%04d.png"
    frames = FrameRange(2, 5, shot.target.frames.rate)
    target = Source(numbered, frames, 1001, 1)
    plan = make_job(tmp_path / "job", replace(shot, target=target, shown=frames))
    held = asset_references(tmp_path / "job", plan)["assetReferences"]["inputs"]["filenames"]
    pictures = [str(tmp_path / f"plate.{number}.png") for number in (1003, 1004, 1005)]
    assert [name for name in held if "plate" in name] == pictures


def test_openjd_runs_every_unit_and_assembles(plan: FarmPlan, tmp_path: Path) -> None:
    """With a stand-in for `reenact` that writes down what it was asked for."""
    words = tmp_path / "words"
    stand_in = tmp_path / "reenact"
    stand_in.write_text(f'#!/bin/sh\necho "$@" >> {words}\necho "openjd_progress: 100.0"\n')
    stand_in.chmod(0o755)
    job = tmp_path / "job"
    path = write_template(job, plan)
    given = [f"JobDir={job}", f"Reenact={stand_in}", "UnitsPerTask=4", "TargetSeconds=0"]
    done = openjd(
        "run", str(path), "--step", "Assemble", "--run-dependencies",
        *(word for value in given for word in ("-p", value)),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    said = words.read_text().splitlines()
    warm = [line for line in said if line.startswith("farm warm")]
    assert [line.split()[2] for line in warm] == [str(job), "--stop"]
    lines = [line for line in said if line not in warm]
    assert lines[-1].startswith(f"farm assemble {job}")
    ranges = [line.split()[3] for line in lines[:-1]]
    assert all(line.startswith(f"farm run-unit {job} ") for line in lines[:-1])
    assert all("--path-map /" in line for line in lines)
    bounds = [tuple(map(int, text.split("-"))) for text in ranges]
    done_units = [number for first, last in bounds for number in range(first, last + 1)]
    assert sorted(done_units) == list(range(len(plan.units) - 1))
    assert [done_units.index(number) for number in (0, 2, 4)] == [0, 1, 2]
    assert yaml.safe_load(path.read_text("utf-8"))["specificationVersion"] == "jobtemplate-2023-09"
