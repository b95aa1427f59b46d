"""A farm job as an Open Job Description template: what AWS Deadline Cloud and `openjd run` take.

Four steps, one for each kind of unit, each after the one before; tasks are ranges of unit numbers.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from reenact_core.farm.plan import FarmPlan, UnitKind
from reenact_core.files import written_whole

TEMPLATE = "template.yaml"
NOTICE_SECONDS = 120
"""Between being asked to stop and being killed: a frame is finished in it."""


@dataclass(frozen=True, slots=True)
class OpenJdSettings:
    """What a farm must know beside the plan."""

    name: str
    """Of the job, as its queue shows it; at most 64 characters are used."""
    device: str = "auto"
    """Where the networks run on a worker."""
    gpu_memory: int = 0
    """MiB of GPU memory that a host needs for `move` units; 0: it needs no GPU."""


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
    kinds: tuple[UnitKind, ...] = ("track", "move", "render")
    present: list[UnitKind] = [kind for kind in kinds if plan.span(kind)]
    earlier: list[UnitKind | None] = [None, *present]
    steps = [
        _step(plan, kind, before, settings) for kind, before in zip(present, earlier, strict=False)
    ]
    return {
        "specificationVersion": "jobtemplate-2023-09",
        "extensions": ["TASK_CHUNKING"],
        "name": "{{Param.JobName}}",
        "parameterDefinitions": _parameters(settings),
        "steps": [*steps, _assemble(earlier[-1])],
    }


def _parameters(settings: OpenJdSettings) -> list[dict[str, Any]]:
    folder = {"type": "PATH", "objectType": "DIRECTORY", "dataFlow": "INOUT"}
    return [
        {"name": "JobName", "type": "STRING", "default": settings.name[:64], "maxLength": 64},
        {"name": "JobDir", **folder, "default": ".", "description": "The job folder."},
        {"name": "Reenact", "type": "STRING", "default": "reenact", "description": "The command."},
        {"name": "Device", "type": "STRING", "default": settings.device},
        {"name": "UnitsPerTask", "type": "INT", "default": 1, "minValue": 1},
        {
            "name": "TargetSeconds", "type": "INT", "default": 0, "minValue": 0,
            "description": "Length of a task that chunks are fitted to; 0: as UnitsPerTask says.",
        },
    ]  # fmt: skip


def _step(
    plan: FarmPlan, kind: UnitKind, before: UnitKind | None, settings: OpenJdSettings
) -> dict[str, Any]:
    span = plan.span(kind)
    chunks = {
        "defaultTaskCount": "{{Param.UnitsPerTask}}",
        "targetRuntimeSeconds": "{{Param.TargetSeconds}}",
        "rangeConstraint": "CONTIGUOUS",
    }
    numbers = {
        "name": "Unit", "type": "CHUNK[INT]", "range": f"{span.start}-{span.stop - 1}",
        "chunks": chunks,
    }  # fmt: skip
    step: dict[str, Any] = {"name": kind.capitalize(), **_after(before)}
    if kind == "move" and settings.gpu_memory:
        step["hostRequirements"] = {
            "amounts": [
                {"name": "amount.worker.gpu", "min": 1},
                {"name": "amount.worker.gpu.memory", "min": settings.gpu_memory},
            ]
        }
    step["parameterSpace"] = {"taskParameterDefinitions": [numbers]}
    words = ["run-unit", "{{Param.JobDir}}", "{{Task.Param.Unit}}", "--openjd"]
    step["script"] = _script([*words, "--device", "{{Param.Device}}"])
    return step


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
