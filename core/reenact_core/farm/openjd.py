"""A farm job as an Open Job Description template: what AWS Deadline Cloud and `openjd run` take.

Four steps, one for each kind of unit, each after the one before; tasks are ranges of unit numbers.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from reenact_core.farm.plan import FarmPlan, UnitKind
from reenact_core.farm.steps import NOTICE_SECONDS, USUAL, Needs, Step, steps
from reenact_core.files import written_whole

TEMPLATE = "template.yaml"
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
    every = list(steps(plan))
    return {
        "specificationVersion": "jobtemplate-2023-09",
        "extensions": ["TASK_CHUNKING"],
        "name": "{{Param.JobName}}",
        "parameterDefinitions": _parameters(settings),
        "steps": [
            *(_step(step, settings) for step in every),
            _assemble(every[-1].kind if every else None),
        ],
    }


def _parameters(settings: OpenJdSettings) -> list[dict[str, Any]]:
    folder = {"type": "PATH", "objectType": "DIRECTORY", "dataFlow": "INOUT"}
    return [
        {"name": "JobName", "type": "STRING", "default": settings.name[:64], "maxLength": 64},
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


def _step(step: Step, settings: OpenJdSettings) -> dict[str, Any]:
    chunks = {
        "defaultTaskCount": "{{Param.UnitsPerTask}}",
        "targetRuntimeSeconds": "{{Param.TargetSeconds}}",
        "rangeConstraint": "CONTIGUOUS",
    }
    numbers = {
        "name": "Unit", "type": "CHUNK[INT]", "range": f"{step.first}-{step.last}",
        "chunks": chunks,
    }  # fmt: skip
    table: dict[str, Any] = {"name": step.kind.capitalize(), **_after(step.after)}
    if amounts := _amounts(settings.needs, step.kind):
        table["hostRequirements"] = {"amounts": amounts}
    table["stepEnvironments"] = [_warm()]
    table["parameterSpace"] = {"taskParameterDefinitions": [numbers]}
    words = ["run-unit", "{{Param.JobDir}}", "{{Task.Param.Unit}}", "--openjd"]
    table["script"] = _script([*words, "--device", "{{Param.Device}}"])
    return table


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
    mapped = ["--path-map", "{{Session.PathMappingRulesFile}}"]
    start = ["farm", "warm", "{{Param.JobDir}}", "--openjd", "--device", "{{Param.Device}}"]
    actions = {
        "onEnter": {"command": "{{Param.Reenact}}", "args": [*start, *mapped]},
        "onExit": {"command": "{{Param.Reenact}}", "args": ["farm", "warm", "--stop"]},
    }
    return {"name": "Warm", "script": {"actions": actions}}


def _assemble(before: UnitKind | None) -> dict[str, Any]:
    return {
        "name": "Assemble",
        **_after(before),
        "script": _script(["assemble", "{{Param.JobDir}}"]),
    }


def _after(before: UnitKind | None) -> dict[str, Any]:
    return {"dependencies": [{"dependsOn": before.capitalize()}]} if before else {}


def _script(words: list[str]) -> dict[str, Any]:
    """`reenact farm ...` with the session's path mapping, asked to stop before it is killed."""
    stop = {"mode": "NOTIFY_THEN_TERMINATE", "notifyPeriodInSeconds": NOTICE_SECONDS}
    mapped = ["--path-map", "{{Session.PathMappingRulesFile}}", "--progress", "none"]
    run = {
        "command": "{{Param.Reenact}}",
        "args": ["farm", *words, *mapped],
        "cancelation": stop,
    }
    return {"actions": {"onRun": run}}
