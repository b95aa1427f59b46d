"""An attempt at a unit ends when its time is over, even where it hangs."""

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from reenact_core.engine.performer import NewFace, Take
from reenact_core.farm.attempts import attempts_at
from reenact_core.farm.job_folder import JobFolder
from reenact_core.farm.plan import read_plan, with_limits, write_plan
from reenact_core.farm.records import read_done, read_failed
from tests.core.farm.jobs import desk_in, do_units, one_shot_job
from tests.echo import EchoPerformer

HANGING = """
import sys
from pathlib import Path
from reenact_core.farm import limit
from tests.core.farm.jobs import desk_in, do_units
from tests.core.farm.test_limit import Hanging

limit.GRACE_SECONDS = 0
desk = desk_in(Path(sys.argv[1]), Hanging())
do_units(desk, list(desk.plan.units[1:2]))
"""


class Hanging(EchoPerformer):
    """A performer on a machine whose driver does not answer."""

    def perform(self, takes: Sequence[Take]) -> Iterator[tuple[str, int, NewFace]]:
        time.sleep(600)
        return EchoPerformer.perform(self, takes)


@pytest.fixture
def job(tmp_path: Path) -> Path:
    return one_shot_job(tmp_path)


def limit_to(job: Path, seconds: float) -> None:
    write_plan(job, with_limits(read_plan(job), None, seconds))


def test_it_ends_between_two_frames_and_may_be_tried_again(job: Path) -> None:
    limit_to(job, 1e-6)
    (unit, *_) = read_plan(job).units
    assert do_units(desk_in(job), [unit])[0] == 14
    failed = read_failed(JobFolder(job), unit)
    assert failed is not None and failed.temporary and failed.code == "time"
    assert "took longer than the limit of 1e-06 s" in failed.message
    limit_to(job, 0)
    assert read_plan(job).limits.unit_seconds is None
    assert do_units(desk_in(job), [unit])[0] == 0


def test_its_process_ends_where_it_hangs(job: Path) -> None:
    do_units(desk_in(job), list(read_plan(job).units[:1]))
    limit_to(job, 2.0)
    done = subprocess.run([sys.executable, "-c", HANGING, str(job)], timeout=120)
    assert done.returncode == 14
    folder, unit = JobFolder(job), read_plan(job).units[1]
    failed = read_failed(folder, unit)
    assert failed is not None and failed.code == "time"
    (attempt,) = attempts_at(folder, unit)
    assert attempt.outcome == "failed" and "hangs" in attempt.path.read_text("utf-8")
    assert (folder.claims / unit.id).exists() and read_done(folder, unit) is None
