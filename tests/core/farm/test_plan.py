import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reenact_core.errors import SettingsError
from reenact_core.farm.board import Board, look
from reenact_core.farm.job_folder import JobFolder
from reenact_core.farm.opencue import write_outline
from reenact_core.farm.openjd import template
from reenact_core.farm.plan import KINDS, FarmPlan, Limits, read_plan, write_plan
from reenact_core.farm.planner import even_ranges, recut
from reenact_core.farm.slurm import write_scripts
from reenact_core.farm.unit_names import NoSuchUnitError, named_units
from reenact_core.head.regions import RegionStrengths
from reenact_core.timeline.plan import Cast, FaceChoice, Shot, Source
from reenact_core.timing import FrameRange
from tests.core.farm.jobs import make_job

RATE = Fraction(24)


def blank_shots(folder: Path, count: int) -> list[Shot]:
    media, face = folder / "clip.mov", folder / "face.png"
    media.write_bytes(b"clip")
    face.write_bytes(b"face")
    frames = FrameRange(5, 65, Fraction(30000, 1001))
    cast = Cast(FaceChoice(None, point=(1.5, 2), frame=7), "recast", face, Fraction(1, 3), None)
    cast = replace(cast, expression="absolute", strengths=RegionStrengths(gaze=0.25))
    first = Shot("", "", (), Source(media, frames), frames, Fraction(7), (cast,))
    first = replace(first, uneven=(Fraction(1), Fraction(2)))
    return [
        replace(first, shot_id=f"s{n}", clip_name=f"s{n}", clip_path=(0, n)) for n in range(count)
    ]


@pytest.fixture
def job(tmp_path: Path) -> Path:
    make_job(tmp_path / "job", *blank_shots(tmp_path, 3), frames_per_unit=25)
    return tmp_path / "job"


def test_a_plan_is_read_as_it_was_written(job: Path) -> None:
    plan = read_plan(job)
    write_plan(job, plan)
    assert read_plan(job) == plan


def test_units_of_a_kind_lie_side_by_side_and_cover_every_frame(job: Path) -> None:
    plan = read_plan(job)
    assert [range(0, 3), range(3, 6), range(6, 15), range(15, 16)] == list(map(plan.span, KINDS))
    for shot in plan.shots:
        parts = [unit for unit in plan.units if unit.kind == "render" and unit.shot == shot.shot_id]
        frames = [frame for unit in parts for frame in range(unit.start, unit.stop)]
        assert frames == list(range(5, 65))


def test_planning_again_gives_the_same_keys_and_another_input_others(
    job: Path, tmp_path: Path
) -> None:
    before = read_plan(job)
    again = make_job(job, *blank_shots(tmp_path, 3), frames_per_unit=25)
    assert again == before
    (tmp_path / "face.png").write_bytes(b"other face")
    other = make_job(job, *before.shots, frames_per_unit=25)
    changed = {unit.kind for unit, old in zip(other.units, before.units, strict=True)
               if unit.key != old.key}  # fmt: skip
    assert changed == {"move", "render", "assemble"}


def broken(plan: FarmPlan, fault: str) -> FarmPlan:
    units = list(plan.units)
    if fault == "overlap":
        units[7] = replace(units[7], start=units[7].start - 1)
    elif fault == "gap":
        del units[7]
    elif fault == "twice":
        units.insert(7, units[6])
    elif fault == "end":
        del units[14]
    elif fault == "needs":
        units[7] = replace(units[7], needs=("nobody",))
    return replace(plan, units=tuple(units))


@pytest.mark.parametrize("fault", ["overlap", "gap", "twice", "end", "needs"])
def test_pieces_that_overlap_or_leave_gaps_are_refused(job: Path, fault: str) -> None:
    write_plan(job, broken(read_plan(job), fault))
    with pytest.raises(SettingsError, match=r"plan\.json"):
        read_plan(job)


def test_another_version_is_refused_by_workers_and_shown_by_status(job: Path) -> None:
    plan = replace(read_plan(job), reenact="0.0.0")
    write_plan(job, plan)
    with pytest.raises(SettingsError, match=r"0\.0\.0"):
        read_plan(job)
    assert read_plan(job, any_version=True) == plan


@pytest.mark.parametrize("text", ["", "[]", '{"version": 2}', '{"version": 1}'])
def test_what_is_no_plan_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text(text)
    with pytest.raises(SettingsError, match=r"plan\.json"):
        read_plan(tmp_path)


def test_a_plan_of_before_a_field_is_opened(job: Path) -> None:
    """What has a default may be missing; the rest may not."""
    table = json.loads((job / "plan.json").read_text())
    del table["options"]["provenance"], table["limits"]
    (job / "plan.json").write_text(json.dumps(table))
    assert read_plan(job).options.provenance and read_plan(job).limits == Limits()
    del table["options"]["codec"]
    (job / "plan.json").write_text(json.dumps(table))
    with pytest.raises(SettingsError, match=r"plan\.options has no codec; plan the job again"):
        read_plan(job)


def test_a_value_of_a_wrong_type_is_named(job: Path) -> None:
    table = json.loads((job / "plan.json").read_text())
    table["units"][3]["start"] = "five"
    (job / "plan.json").write_text(json.dumps(table))
    with pytest.raises(SettingsError, match=r"plan\.units\[3\]\.start"):
        read_plan(job)


def test_units_are_named_by_id_number_and_range(job: Path) -> None:
    plan = read_plan(job)
    found = named_units(plan, ["s1.move", "0-2", "4"])
    assert [plan.units.index(unit) for unit in found] == [4, 0, 1, 2]
    for name in ("99", "s9.move", "3-99", "-", "5-3", "1-", "\u00b2", "s1"):
        with pytest.raises(NoSuchUnitError, match="names no unit"):
            named_units(plan, [name])
    for name in ("assemble", "15", "0-15"):
        with pytest.raises(NoSuchUnitError, match="reenact farm assemble"):
            named_units(plan, [name])


def test_thousands_of_tiny_clips(tmp_path: Path) -> None:
    """They are planned, written, read, looked at, and handed to every engine."""
    shots = [
        replace(shot, target=replace(shot.target, frames=one), shown=one)
        for shot in blank_shots(tmp_path, 1001)
        for one in [FrameRange(0, 1, RATE)]
    ]
    job = tmp_path / "job"
    plan = make_job(job, *shots)
    assert len(plan.units) == 3004
    assert read_plan(job).by_id["s1000.render.000000-000000"].frames == 1
    board = Board(plan)
    look(board, JobFolder(job))
    assert len(list(board.tries(Random(0)))) == 1001
    assert template(plan)["steps"][0]["name"] == "Track 1 s0 to s49"
    assert "--array=0-49" in (write_scripts(job, plan)).read_text()
    assert "'range': '0-49'" in write_outline(job, plan).read_text()


def test_a_clip_of_three_hours(tmp_path: Path) -> None:
    """Its recurrence is one unit, its pieces are many."""
    frames = FrameRange(0, 3 * 3600 * 24, RATE)
    (shot,) = blank_shots(tmp_path, 1)
    plan = make_job(tmp_path / "job", replace(shot, target=replace(shot.target, frames=frames)))
    assert len(plan.renders("s0")) == 1080
    assert [unit.kind for unit in plan.units if unit.frames == len(frames)] == ["track", "move"]


@pytest.mark.parametrize("edges", [[6], [20, 21, 64]])
def test_a_shot_may_be_cut_anywhere(job: Path, edges: list[int]) -> None:
    plan = recut(read_plan(job), "s1", edges)
    write_plan(job, plan)
    assert [unit.start for unit in read_plan(job).renders("s1")] == [5, *edges]
    assert len({unit.key for unit in plan.renders("s1")}) == len(edges) + 1


@given(st.integers(0, 50), st.integers(1, 5000), st.integers(1, 500))
def test_even_ranges_cover_everything_and_are_nearly_equal(
    start: int, count: int, most: int
) -> None:
    parts = even_ranges(start, start + count, most)
    assert [frame for part in parts for frame in part] == list(range(start, start + count))
    sizes = {len(part) for part in parts}
    assert max(sizes) <= most
    assert max(sizes) - min(sizes) <= 1
