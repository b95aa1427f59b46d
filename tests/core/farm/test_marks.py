"""Who marks what a farm makes: the assembly, and nothing before it."""

from dataclasses import replace
from pathlib import Path

import pytest

from reenact_core.farm.plan import read_plan
from reenact_core.provenance.mark import UNMARKED, Marking, open_marking
from reenact_core.provenance.verify import verify
from tests.core.engine.shots import recast, shot_of
from tests.core.farm.jobs import OPTIONS, assembled, desk_in, do_units, make_job, placed_at
from tests.synthetic import ClipFormat, write_clip, write_portrait


@pytest.fixture(scope="module")
def marking(tmp_path_factory: pytest.TempPathFactory) -> Marking:
    return open_marking(tmp_path_factory.mktemp("config"))


@pytest.mark.parametrize("codec", ["match", "png"])
def test_the_assembly_marks_the_whole_and_pieces_are_left_alone(
    tmp_path: Path, marking: Marking, codec: str
) -> None:
    clip = write_clip(tmp_path / "clip.mov", 6, form=ClipFormat("mjpeg", "yuvj420p", sound=True))
    shot = placed_at(shot_of(clip, 0, 6, recast(write_portrait(tmp_path / "face.png"))), 0)
    options = replace(OPTIONS, codec=codec)
    make_job(tmp_path / "job", shot, frames_per_unit=3, options=options)
    desk = desk_in(tmp_path / "job")
    do_units(desk)
    pieces = [path for path in (tmp_path / "job").rglob("*") if path.suffix in (".mov", ".png")]
    assert len(pieces) == (2 if codec == "match" else 6)
    assert not any(verify(path)[0].synthetic for path in pieces)
    made = assembled(desk, marking).rendered[0]
    marks = {"c2pa", "xmp", "comment"} if codec == "match" else {"c2pa sidecar", "xmp"}
    assert set(made.marks) == marks
    assert [report.status for report in verify(made.output.path)] == [0]
    assert assembled(desk, marking).rendered[0].marks == made.marks
    unmarked = assembled(desk, UNMARKED).rendered[0]
    assert unmarked.marks == () and verify(unmarked.output.path)[0].credentials.state == "none"


def test_a_plan_says_whether_marks_are_wanted(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mkv", 3)
    shot = placed_at(shot_of(clip, 0, 3, recast(write_portrait(tmp_path / "face.png"))), 0)
    plans = [
        make_job(tmp_path / str(wanted), shot, options=replace(OPTIONS, provenance=wanted))
        for wanted in (True, False)
    ]
    assert [read_plan(tmp_path / name).options.provenance for name in ("True", "False")] == [
        True,
        False,
    ]
    keys = [{unit.id: unit.key for unit in plan.units} for plan in plans]
    differing = [name for name in keys[0] if keys[0][name] != keys[1][name]]
    assert differing == ["assemble"]
