"""A farm job as an Open Job Description template: what AWS Deadline Cloud and `openjd run` take.

For each group of shots four steps: one for each kind of unit, each after those before, whose tasks
are ranges of unit numbers, and one that fails where one of the shots has. Nothing waits for that
one, while whatever another step waits for must succeed: so units that are given up are on record,
and their tasks succeed.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from math import ceil
from pathlib import Path
from typing import Any

import yaml

from reenact_core.engine.digest import sequence_files
from reenact_core.errors import SettingsError
from reenact_core.farm.limit import GRACE_SECONDS
from reenact_core.farm.plan import FarmPlan, Limits, UnitKind
from reenact_core.farm.steps import NOTICE_SECONDS, USUAL, Group, Needs, Step, Terms, groups
from reenact_core.files import written_whole
from reenact_core.timeline.plan import Shot

TEMPLATE, ASSETS = "template.yaml", "asset_references.yaml"
_VALUE = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*")
MAPPED = ["--path-map", "{{Session.PathMappingRulesFile}}"]
"""The session's path mapping."""
MOST_OF_A_NAME = 64
"""Characters of a job's or a step's name."""
TARGET_SECONDS = 60
"""Units are put together to tasks of about this length: a task that is lost costs no more."""


def write_template(folder: Path, plan: FarmPlan, terms: Terms = USUAL) -> Path:
    """Write `template.yaml` and `asset_references.yaml` into a job folder: a job bundle.

    Raises:
        OutputError: the folder cannot be written.
        SettingsError: a tag is none that Open Job Description knows.
    """
    tables = {TEMPLATE: template(plan, terms), ASSETS: asset_references(folder, plan, terms)}
    for name, table in tables.items():
        with written_whole(folder / name) as partial:
            text = yaml.safe_dump(table, sort_keys=False, width=100, allow_unicode=True)
            partial.write_text(text, "utf-8")
    return folder / TEMPLATE


def template(plan: FarmPlan, terms: Terms = USUAL) -> dict[str, Any]:
    """The template's value, specification 2023-09 with TASK_CHUNKING."""
    every = groups(plan, terms.shots)
    work = {group.number: _work(group, plan, terms) for group in every}
    names = [step["name"] for steps in work.values() for step in steps]
    return {
        "specificationVersion": "jobtemplate-2023-09",
        "extensions": ["TASK_CHUNKING"],
        "name": "{{Param.JobName}}",
        "parameterDefinitions": _parameters(plan, terms),
        "jobEnvironments": [_warm()],
        "steps": [
            *(step for steps in work.values() for step in steps),
            _assemble(names),
            *(_check(group, work[group.number]) for group in every),
        ],
    }


def asset_references(folder: Path, plan: FarmPlan, terms: Terms = USUAL) -> dict[str, Any]:
    """The files that a job reads and the folders that it writes outside its own folder.

    Job attachments of AWS Deadline Cloud bring the ones to workers and the others back; the job
    folder itself is the parameter JobDir.
    """
    shots = [shot for shot in plan.shots if terms.shots is None or shot.shot_id in terms.shots]
    read = {path for shot in shots for path in _files_of(shot, plan)}
    timeline = {"filenames" if plan.timeline.is_file() else "directories": [str(plan.timeline)]}
    inputs: dict[str, list[str]] = {"filenames": [], "directories": [], **timeline}
    inputs["filenames"] = sorted({*inputs["filenames"], *map(str, read)})
    out = folder.absolute() / plan.out
    outside = [] if out.is_relative_to(folder.absolute()) else [str(out)]
    return {
        "assetReferences": {
            "inputs": inputs,
            "outputs": {"directories": outside},
            "referencedPaths": [],
        }
    }


def _files_of(shot: Shot, plan: FarmPlan) -> Iterator[Path]:
    """What a shot reads, an image sequence picture by picture."""
    for entry in plan.inputs_of(shot.shot_id):
        if entry.path == shot.target.path and shot.target.first_number is not None:
            yield from sequence_files(shot.target)
        else:
            yield entry.path


def _parameters(plan: FarmPlan, terms: Terms) -> list[dict[str, Any]]:
    name = f"reenact {plan.timeline.stem}"[:MOST_OF_A_NAME]
    folder = {"type": "PATH", "objectType": "DIRECTORY", "dataFlow": "INOUT"}
    return [
        {"name": "JobName", "type": "STRING", "default": name,
         "maxLength": MOST_OF_A_NAME},
        {"name": "JobDir", **folder, "default": ".", "description": "The job folder."},
        {"name": "Reenact", "type": "STRING", "default": "reenact", "description": "The command."},
        {"name": "Device", "type": "STRING", "default": terms.device},
        {
            "name": "UnitsPerTask", "type": "INT", "default": 1, "minValue": 1,
            "description": "Of the first tasks, and of all where TargetSeconds is 0.",
        },
        {
            "name": "TargetSeconds", "type": "INT", "default": TARGET_SECONDS, "minValue": 0,
            "description": "Length that tasks are fitted to; 0: as UnitsPerTask says.",
        },
    ]  # fmt: skip


def _work(group: Group, plan: FarmPlan, terms: Terms) -> list[dict[str, Any]]:
    """The steps of a group, each after all before: what those made is brought along, too."""
    done: list[dict[str, Any]] = []
    for step in group.steps:
        name = _name(step.kind, group)
        done.append({"name": name, **_after(done), **_step(step, plan.limits, terms)})
    return done


def _name(what: str, group: Group) -> str:
    return f"{what.capitalize()} {group.number} {group.label}"[:MOST_OF_A_NAME]


def _step(step: Step, limits: Limits, terms: Terms) -> dict[str, Any]:
    chunks: dict[str, Any] = {
        "defaultTaskCount": "{{Param.UnitsPerTask}}",
        "targetRuntimeSeconds": "{{Param.TargetSeconds}}",
        "rangeConstraint": "CONTIGUOUS",
    }
    longest = None
    if limits.unit_seconds is not None:  # of a unit: so a task is one
        chunks = {"defaultTaskCount": 1, "rangeConstraint": "CONTIGUOUS"}
        longest = ceil(limits.unit_seconds) + GRACE_SECONDS + NOTICE_SECONDS
    numbers = {"name": "Unit", "type": "CHUNK[INT]", "range": step.units, "chunks": chunks}
    table: dict[str, Any] = {}
    if hosts := _hosts(terms.needs, step.kind):
        table["hostRequirements"] = hosts
    table["parameterSpace"] = {"taskParameterDefinitions": [numbers]}
    words = ["run-unit", "{{Param.JobDir}}", "{{Task.Param.Unit}}", "--record-failures"]
    device = ["--device", "{{Param.Device}}", *MAPPED]
    return {**table, "script": _script([*words, *device], longest)}


def _check(group: Group, before: list[dict[str, Any]]) -> dict[str, Any]:
    """Fails where a unit of the group has, and says which."""
    units = [step.units for step in group.steps]
    script = _script(["status", "{{Param.JobDir}}", *units])
    return {"name": _name("check", group), **_after(before), "script": script}


def _hosts(needs: Needs, kind: UnitKind) -> dict[str, Any]:
    """What a host must have; empty where nothing is asked for."""
    gpu = needs.gpu_of(kind)
    asked = {
        "amount.worker.memory": needs.memory,
        "amount.worker.gpu": 1 if gpu else 0,
        "amount.worker.gpu.memory": gpu,
    }
    amounts = [{"name": name, "min": least} for name, least in asked.items() if least]
    table = {"amounts": amounts, "attributes": _attributes(needs.tags)}
    return {name: entries for name, entries in table.items() if entries}


def _attributes(tags: Sequence[str]) -> list[dict[str, Any]]:
    """NAME=VALUE asks for the attribute `attr.NAME`; a bare VALUE is one of `attr.tags`."""
    bare: list[str] = []
    named = defaultdict[str, list[str]](list)
    for tag in tags:
        name, equals, value = tag.rpartition("=")
        if not _VALUE.fullmatch(value) or not (_NAME.fullmatch(name) or not equals):
            raise SettingsError(
                f"--tag {tag}: Open Job Description knows tags as VALUE or as NAME=VALUE, of "
                "letters, digits and _, as fast or pool=night"
            )
        (named[f"attr.{name}"] if equals else bare).append(value)
    found: list[dict[str, Any]] = [{"name": "attr.tags", "allOf": bare}] if bare else []
    return found + [{"name": name, "anyOf": values} for name, values in named.items()]


def _warm() -> dict[str, Any]:
    """A process that keeps networks loaded from task to task, for as long as a session lasts."""
    start = ["farm", "warm", "{{Param.JobDir}}", "--openjd", "--device", "{{Param.Device}}"]
    actions = {
        "onEnter": {"command": "{{Param.Reenact}}", "args": [*start, *MAPPED]},
        "onExit": {"command": "{{Param.Reenact}}", "args": ["farm", "warm", "--stop"]},
    }
    return {"name": "Warm", "script": {"actions": actions}}


def _assemble(names: list[str]) -> dict[str, Any]:
    words = ["assemble", "{{Param.JobDir}}", "--partial", *MAPPED]
    before = [{"name": name} for name in names]
    return {"name": "Assemble", **_after(before), "script": _script(words)}


def _after(before: list[dict[str, Any]]) -> dict[str, Any]:
    if not before:
        return {}
    return {"dependencies": [{"dependsOn": step["name"]} for step in before]}


def _script(words: list[str], longest: int | None = None) -> dict[str, Any]:
    """`reenact farm ...`, asked to stop before it is killed, or after so many seconds."""
    stop = {"mode": "NOTIFY_THEN_TERMINATE", "notifyPeriodInSeconds": NOTICE_SECONDS}
    run: dict[str, Any] = {
        "command": "{{Param.Reenact}}",
        "args": ["farm", *words, "--openjd", "--progress", "none"],
        **({} if longest is None else {"timeout": longest}),
        "cancelation": stop,
    }
    return {"actions": {"onRun": run}}
