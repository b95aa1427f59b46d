"""Whatever lies in an output folder stays, unless this job made it."""

from fractions import Fraction
from pathlib import Path

import pytest

from reenact_core.engine.events import ShotDone, ShotFailed
from reenact_core.engine.out_folder import fit_plan
from reenact_core.errors import OutputError
from reenact_core.journal import Journal, render_job
from reenact_core.timeline.plan import Plan
from tests.core.engine.shots import ECHO, plan_of, recast, render, shot_of
from tests.synthetic import write_clip, write_portrait


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    media = write_clip(tmp_path / "clip.mkv", 6)
    portrait = write_portrait(tmp_path / "face.png")
    return plan_of(shot_of(media, 0, 3, recast(portrait), name="b_master"))


@pytest.mark.parametrize(
    ("codec", "names"),
    [
        ("ffv1", ["b_master.mp4"]),
        ("ffv1", ["b_master.mp4.c2pa"]),
        ("png", ["b_master/b_master.000002.png"]),
        ("png", ["b_master/b_master.frames.json"]),
    ],
)
def test_a_shot_does_not_take_the_place_of_a_strangers_file(
    tmp_path: Path, plan: Plan, codec: str, names: list[str]
) -> None:
    out = tmp_path / "out"
    for name in names:
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_bytes(b"precious")
    fitted, _ = fit_plan(plan, out, codec)  # type: ignore[arg-type]
    assert not fitted.shots
    assert names[0] in fitted.refused[0].reason and "--overwrite" in fitted.refused[0].reason
    events = render(out, plan, codec=codec)  # by the engine alone, which was not asked before
    failed = [event for event in events if isinstance(event, ShotFailed)]
    assert len(failed) == 1 and isinstance(failed[0].error, OutputError)
    assert all((out / name).read_bytes() == b"precious" for name in names)
    assert fit_plan(plan, out, codec, overwrite=True)[0].shots  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["edit.otio", "run.json"])
def test_a_timeline_or_record_of_others_stops_the_run_before_any_work(
    tmp_path: Path, plan: Plan, name: str
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / name).write_text("{}")
    with pytest.raises(OutputError, match=name):
        fit_plan(plan, out, "ffv1")


@pytest.mark.parametrize("codec", ["ffv1", "png"])
def test_the_same_job_goes_on_in_its_own_folder(tmp_path: Path, plan: Plan, codec: str) -> None:
    out = tmp_path / "out"
    for restart in (False, False, True):
        events = render(out, plan, codec=codec, settings=ECHO, restart=restart)
        assert [type(e) for e in events if isinstance(e, ShotDone | ShotFailed)] == [ShotDone]
    other = render(out, plan, codec="h264")  # and comes back to a codec that it had before
    assert any(isinstance(event, ShotDone) for event in other)
    back = render(out, plan, codec=codec, restart=True)
    assert any(isinstance(event, ShotDone) for event in back)


def test_results_of_another_timeline_stay(tmp_path: Path, plan: Plan) -> None:
    out = tmp_path / "out"
    out.mkdir()
    made = out / "b_master.mp4"
    made.write_bytes(b"of another cut")
    Journal(out, render_job(tmp_path / "other.otio", out)).note(made, made)
    fitted, _ = fit_plan(plan, out, "ffv1")
    assert "was made by another job (render ../other.otio)" in fitted.refused[0].reason


def test_what_no_encoder_takes_is_refused_in_the_plan(tmp_path: Path) -> None:
    from tests.synthetic import ClipFormat

    media = write_clip(tmp_path / "small.mkv", 3, form=ClipFormat(width=48, height=32))
    shot = shot_of(media, 0, 3, recast(write_portrait(tmp_path / "face.png")))
    fitted, _ = fit_plan(Plan(Path("edit.otio"), (shot,)), tmp_path / "out", "dnxhr")
    assert "48x32" in fitted.refused[0].reason and "--codec" in fitted.refused[0].reason
    assert shot.target.frames.rate == Fraction(25)
