"""A farm job as an Open Job Description template: what AWS Deadline Cloud and `openjd run` take.

For each group of shots four steps: one for each kind of unit, each after those before, whose tasks
are ranges of unit numbers, and one that fails where one of the shots has. Nothing waits for that
one, while whatever another step waits for must succeed: so units that are given up are on record,
and their tasks succeed.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from reenact_core.farm.plan import FarmPlan, UnitKind
from reenact_core.farm.steps import NOTICE_SECONDS, USUAL, Group, Needs, Step, groups
from reenact_core.files import written_whole

TEMPLATE = "template.yaml"
MAPPED = ["--path-map", "{{Session.PathMappingRulesFile}}"]
"""The session's path mapping."""
MOST_OF_A_NAME = 64
"""Characters of a job's or a step's name."""
TARGET_SECONDS = 60
"""Units are put together to tasks of about this length: a task that is lost costs no more."""


@dataclass(frozen=True, slots=True)
class OpenJdSettings:
    """What a farm must know beside the plan."""

    name: str
    """Of the job, as its queue shows it; at most 64 characters are used."""
    device: str = "auto"
    """Where the networks run on a worker."""
    needs: Needs = USUAL
    """Of its hosts."""


def write_template(folder: Path, plan: FarmPlan, settings: OpenJdSettings) -> Path:
    """Write `template.yaml` into a job folder, which is then a job bundle.

    Raises:
        OutputError: the folder cannot be written.
    """
    path = folder / TEMPLATE
    with written_whole(path) as partial:
        text = yaml.safe_dump(template(plan, settings), sort_keys=False, width=100)
        partial.write_text(text, "utf-8")
    return path


def template(plan: FarmPlan, settings: OpenJdSettings) -> dict[str, Any]:
    """The template's value, specification 2023-09 with TASK_CHUNKING."""
    every = groups(plan)
    work = {group.number: _work(group, settings) for group in every}
    names = [step["name"] for steps in work.values() for step in steps]
    return {
        "specificationVersion": "jobtemplate-2023-09",
        "extensions": ["TASK_CHUNKING"],
        "name": "{{Param.JobName}}",
        "parameterDefinitions": _parameters(settings),
        "jobEnvironments": [_warm()],
        "steps": [
            *(step for steps in work.values() for step in steps),
            _assemble(names),
            *(_check(group, work[group.number]) for group in every),
        ],
    }


def _parameters(settings: OpenJdSettings) -> list[dict[str, Any]]:
    folder = {"type": "PATH", "objectType": "DIRECTORY", "dataFlow": "INOUT"}
    return [
        {"name": "JobName", "type": "STRING", "default": settings.name[:MOST_OF_A_NAME],
         "maxLength": MOST_OF_A_NAME},
        {"name": "JobDir", **folder, "default": ".", "description": "The job folder."},
        {"name": "Reenact", "type": "STRING", "default": "reenact", "description": "The command."},
        {"name": "Device", "type": "STRING", "default": settings.device},
        {
            "name": "UnitsPerTask", "type": "INT", "default": 1, "minValue": 1,
            "description": "Of the first tasks, and of all where TargetSeconds is 0.",
        },
        {
            "name": "TargetSeconds", "type": "INT", "default": TARGET_SECONDS, "minValue": 0,
            "description": "Length that tasks are fitted to; 0: as UnitsPerTask says.",
        },
    ]  # fmt: skip


def _work(group: Group, settings: OpenJdSettings) -> list[dict[str, Any]]:
    """The steps of a group, each after all before: what those made is brought along, too."""
    done: list[dict[str, Any]] = []
    for step in group.steps:
        name = _name(step.kind, group)
        done.append({"name": name, **_after(done), **_step(step, settings)})
    return done


def _name(what: str, group: Group) -> str:
    return f"{what.capitalize()} {group.number} {group.label}"[:MOST_OF_A_NAME]


def _step(step: Step, settings: OpenJdSettings) -> dict[str, Any]:
    chunks = {
        "defaultTaskCount": "{{Param.UnitsPerTask}}",
        "targetRuntimeSeconds": "{{Param.TargetSeconds}}",
        "rangeConstraint": "CONTIGUOUS",
    }
    numbers = {"name": "Unit", "type": "CHUNK[INT]", "range": step.units, "chunks": chunks}
    table: dict[str, Any] = {}
    if amounts := _amounts(settings.needs, step.kind):
        table["hostRequirements"] = {"amounts": amounts}
    table["parameterSpace"] = {"taskParameterDefinitions": [numbers]}
    words = ["run-unit", "{{Param.JobDir}}", "{{Task.Param.Unit}}", "--record-failures"]
    device = ["--device", "{{Param.Device}}", *MAPPED]
    return {**table, "script": _script([*words, *device])}


def _check(group: Group, before: list[dict[str, Any]]) -> dict[str, Any]:
    """Fails where a unit of the group has, and says which."""
    units = [step.units for step in group.steps]
    script = _script(["status", "{{Param.JobDir}}", *units])
    return {"name": _name("check", group), **_after(before), "script": script}


def _amounts(needs: Needs, kind: UnitKind) -> list[dict[str, Any]]:
    gpu = needs.gpu_of(kind)
    asked = {
        "amount.worker.memory": needs.memory,
        "amount.worker.gpu": 1 if gpu else 0,
        "amount.worker.gpu.memory": gpu,
    }
    return [{"name": name, "min": least} for name, least in asked.items() if least]


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


def _script(words: list[str]) -> dict[str, Any]:
    """`reenact farm ...`, asked to stop before it is killed."""
    stop = {"mode": "NOTIFY_THEN_TERMINATE", "notifyPeriodInSeconds": NOTICE_SECONDS}
    run = {
        "command": "{{Param.Reenact}}",
        "args": ["farm", *words, "--openjd", "--progress", "none"],
        "cancelation": stop,
    }
    return {"actions": {"onRun": run}}
