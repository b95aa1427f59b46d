"""A farm job as Slurm scripts: for each group of shots an array for each kind of unit.

An array begins when the one before has ended, however it did: what needs a unit that failed says
so and fails, too, and the assembly takes what is there. A preempted or failed task is requeued
where its exit status says that another try may help, and goes on from what it left: units are
idempotent.
"""

import shlex
from collections.abc import Iterator
from math import ceil
from pathlib import Path

from reenact_core.farm.limit import GRACE_SECONDS
from reenact_core.farm.plan import FarmPlan
from reenact_core.farm.records import MEMORY, TEMPORARY, TIME
from reenact_core.farm.steps import NOTICE_SECONDS, USUAL, Terms, groups
from reenact_core.files import written_whole

UNIT, SUBMIT = "slurm-unit.sh", "slurm-submit.sh"
MOST_TASKS = 1000
"""Of an array: what Slurm allows where nobody has raised `MaxArraySize`. A task does more units."""
STOPPED = (130, 143)
"""Exit statuses of tasks that were asked to stop: they are requeued, up to five times."""


def write_scripts(folder: Path, plan: FarmPlan, terms: Terms = USUAL) -> Path:
    """Write the two scripts into a job folder; the one to run with `sh` is given.

    Args:
        terms: of a GPU only whether it is there is asked for

    Raises:
        OutputError: the folder cannot be written.
    """
    job = folder.absolute()
    for name, text in ((UNIT, _unit(job, plan, terms.device)), (SUBMIT, _submit(job, plan, terms))):
        with written_whole(folder / name) as partial:
            partial.write_text(text, "utf-8")
    return folder / SUBMIT


def _unit(job: Path, plan: FarmPlan, device: str) -> str:
    """The script of one task: the units from FIRST on, of which each task has COUNT, up to LAST."""
    run = f"reenact farm run-unit {shlex.quote(str(job))} "
    stopped = "|".join(map(str, STOPPED))
    again = "|".join(map(str, (MEMORY, TIME, TEMPORARY)))
    return f"""#!/bin/sh
# Some units of a reenact job, by the number of the array's task.
from=$((FIRST + SLURM_ARRAY_TASK_ID * COUNT))
to=$((from + COUNT - 1))
if [ $to -gt "$LAST" ]; then to=$LAST; fi
{run}"$from-$to" --device {shlex.quote(device)} --progress none &
work=$!
trap 'kill -TERM $work' TERM
wait $work
status=$?
while kill -0 $work 2>/dev/null; do wait $work; status=$?; done
case $status in
    {stopped}) most=5;;
    {again}) most={plan.limits.retries};;
    *) most=0;;
esac
if [ "${{SLURM_RESTART_COUNT:-0}}" -lt "$most" ]; then
    scontrol requeue "${{SLURM_ARRAY_JOB_ID}}_${{SLURM_ARRAY_TASK_ID}}"
fi
exit $status
"""


def _submit(job: Path, plan: FarmPlan, terms: Terms) -> str:
    head = ("#!/bin/sh", "# Hands a reenact job to Slurm.", "set -eu")
    return "\n".join([*head, *_lines(job, plan, terms), ""])


def _lines(job: Path, plan: FarmPlan, terms: Terms) -> Iterator[str]:
    script, quoted = shlex.quote(str(job / UNIT)), shlex.quote(str(job))
    common = f"sbatch --parsable --requeue --signal=B:TERM@{NOTICE_SECONDS} --chdir={quoted}"
    common += "" if terms.queue is None else f" --partition={shlex.quote(terms.queue)}"
    common += "" if terms.priority is None else f" --priority={terms.priority}"
    needs, limit = terms.needs, plan.limits.unit_seconds
    hosts = f" --constraint={shlex.quote('&'.join(needs.tags))}" if needs.tags else ""
    ends: list[str] = []
    for group in groups(plan, terms.shots):
        before: str | None = None
        yield f"# {' '.join(group.label.split())}"
        for step in group.steps:
            name = f"{step.kind}_{group.number}"
            units = step.last - step.first + 1
            count = -(-units // MOST_TASKS)
            asked = hosts + (f" --mem={needs.memory}M" if needs.memory else "")
            asked += " --gres=gpu:1" if needs.gpu_of(step.kind) else ""
            asked += "" if limit is None else f" --time={_minutes(count * limit)}"
            after = f" --dependency=afterany:${before}" if before else ""
            array = f" --array=0-{-(-units // count) - 1} --job-name=reenact-{name}"
            given = f" --export=ALL,FIRST={step.first},LAST={step.last},COUNT={count}"
            yield f"{name}=$({common}{array}{given}{asked}{after} {script})"
            before = name
        ends.append(f"${before}")
    after = f" --dependency=afterany:{':'.join(ends)}" if ends else ""
    assemble = shlex.quote(f"reenact farm assemble {quoted} --partial")
    yield f"{common} --job-name=reenact-assemble{after} --wrap={assemble}"


def _minutes(seconds: float) -> int:
    """Of a task: what its units may take, with the time in which they stop by themselves."""
    return ceil((seconds + GRACE_SECONDS + NOTICE_SECONDS) / 60)
