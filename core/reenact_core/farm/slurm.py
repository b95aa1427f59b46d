"""A farm job as Slurm scripts: one array for each kind of unit, each after the one before.

A preempted or failed task is requeued where its exit status says that another try may help, and
goes on from what it left: units are idempotent.
"""

import shlex
from collections.abc import Iterator
from pathlib import Path

from reenact_core.farm.plan import FarmPlan, UnitKind
from reenact_core.files import written_whole

UNIT, SUBMIT = "slurm-unit.sh", "slurm-submit.sh"
NOTICE_SECONDS = 120
"""Between being asked to stop and being killed: a frame is finished in it."""
KINDS: tuple[UnitKind, ...] = ("track", "move", "render")
AGAIN = (75, 130, 143)
"""Exit statuses of tasks that are requeued: temporary causes, and being stopped."""


def write_scripts(folder: Path, plan: FarmPlan, *, device: str = "auto", gpu: bool = False) -> Path:
    """Write the two scripts into a job folder; the one to run with `sh` is given.

    Args:
        gpu: whether `move` units ask for a GPU

    Raises:
        OutputError: the folder cannot be written.
    """
    job = folder.absolute()
    for name, text in ((UNIT, _unit(job, device)), (SUBMIT, _submit(job, plan, gpu=gpu))):
        with written_whole(folder / name) as partial:
            partial.write_text(text, "utf-8")
    return folder / SUBMIT


def _unit(job: Path, device: str) -> str:
    """The script of one task: the unit of its number."""
    run = f"reenact farm run-unit {shlex.quote(str(job))} "
    again = "|".join(map(str, AGAIN))
    return f"""#!/bin/sh
# One unit of a reenact job: the number of the array's task.
{run}"$SLURM_ARRAY_TASK_ID" --device {shlex.quote(device)} --progress none &
work=$!
trap 'kill -TERM $work' TERM
wait $work
status=$?
while kill -0 $work 2>/dev/null; do wait $work; status=$?; done
case $status in
    {again})
        if [ "${{SLURM_RESTART_COUNT:-0}}" -lt 5 ]; then
            scontrol requeue "${{SLURM_ARRAY_JOB_ID}}_${{SLURM_ARRAY_TASK_ID}}"
        fi;;
esac
exit $status
"""


def _submit(job: Path, plan: FarmPlan, *, gpu: bool) -> str:
    head = ("#!/bin/sh", "# Hands a reenact job to Slurm.", "set -eu")
    return "\n".join([*head, *_lines(job, plan, gpu=gpu), ""])


def _lines(job: Path, plan: FarmPlan, *, gpu: bool) -> Iterator[str]:
    script, quoted = shlex.quote(str(job / UNIT)), shlex.quote(str(job))
    before, kinds = "", KINDS
    common = f"sbatch --parsable --requeue --signal=B:TERM@{NOTICE_SECONDS} --chdir={quoted}"
    for kind in kinds:
        span = plan.span(kind)
        if span:
            asked = " --gres=gpu:1" if gpu and kind == "move" else ""
            after = f" --dependency=afterok:${before}" if before else ""
            array = f" --array={span.start}-{span.stop - 1} --job-name=reenact-{kind}"
            yield f"{kind}=$({common}{array}{asked}{after} {script})"
            before = kind
    after = f" --dependency=afterany:${before}" if before else ""
    assemble = shlex.quote(f"reenact farm assemble {quoted}")
    yield f"{common} --job-name=reenact-assemble{after} --wrap={assemble}"
