import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import opentimelineio as otio
import pytest

from reenact_core.devices import Compute
from reenact_core.engine.events import ShotDone, ShotFailed
from reenact_core.engine.render import render_shots
from reenact_core.engine.run_record import Outcome, RunFacts
from reenact_core.engine.timeline_run import RunResult, conclude
from reenact_core.files import sha256
from reenact_core.timeline.read import make_plan, read_timeline
from reenact_core.timeline.request import Request
from tests.core.engine.shots import frames_of, workshop_in
from tests.synthetic import ClipFormat, TimelineClip, write_clip, write_portrait, write_timeline


@pytest.fixture(scope="module")
def edit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three clips of one file: one untouched, one to recast, one whose portrait is missing."""
    folder = tmp_path_factory.mktemp("edit")
    media = write_clip(folder / "clip.mkv", 40, form=ClipFormat(sound=True))
    write_portrait(folder / "face.png")
    recast = {"version": 1, "mode": "recast", "source": "face.png"}
    gone = {**recast, "source": "gone.png"}
    clips = [
        TimelineClip("keep", media, 0, 10, 40),
        TimelineClip("change", media, 10, 10, 40, recast),
        TimelineClip("lost", media, 20, 10, 40, gone),
    ]
    return write_timeline(folder / "edit.otio", clips)


def run(path: Path, out: Path) -> RunResult:
    edit = read_timeline(path)
    plan = make_plan(edit, Request(handles=3))
    with workshop_in(out) as workshop:
        events = list(render_shots(plan, workshop))
    outcomes: list[Outcome] = [e for e in events if isinstance(e, ShotDone | ShotFailed)]
    facts = RunFacts(datetime.now(UTC), 1.0, {}, {"file": "echo", "sha256": "0"}, Compute())
    return conclude(edit, plan, out, outcomes, facts)


def read_json(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def test_a_timeline_comes_out_with_both_references(tmp_path: Path, edit: Path) -> None:
    result = run(edit, tmp_path / "out")
    assert result.timeline == tmp_path / "out" / "edit.otio"
    before = {c.name: c for c in otio.adapters.read_from_file(str(edit)).find_clips()}
    after = {c.name: c for c in otio.adapters.read_from_file(str(result.timeline)).find_clips()}
    changed = after["change"]
    assert set(changed.media_references()) == {"DEFAULT_MEDIA", "reenact"}
    assert changed.active_media_reference_key == "reenact"
    assert changed.source_range == before["change"].source_range
    assert after["keep"].is_equivalent_to(before["keep"])
    assert after["lost"].is_equivalent_to(before["lost"])


def test_handles_are_rendered_around_what_is_shown(tmp_path: Path, edit: Path) -> None:
    (shot,) = run(edit, tmp_path / "out").rendered
    assert (shot.shot.target.frames.start, shot.shot.target.frames.stop) == (7, 23)
    assert len(frames_of(shot.output.path)) == 16


def test_what_could_not_be_done_is_in_the_result(tmp_path: Path, edit: Path) -> None:
    result = run(edit, tmp_path / "out")
    sentences = [str(one.error) for one in result.failed] + [one.reason for one in result.refused]
    assert not result.complete
    assert any("gone.png" in sentence for sentence in sentences)


def test_the_record_names_inputs_results_and_versions(tmp_path: Path, edit: Path) -> None:
    result = run(edit, tmp_path / "out")
    record = read_json(result.record)
    assert record["version"] == 1
    assert record["timeline"]["sha256"] == sha256(edit)
    assert record["output"] == "edit.otio"
    inputs = {Path(one["path"]).name: one for one in record["inputs"]}
    assert inputs["clip.mkv"]["sha256"] == sha256(edit.parent / "clip.mkv")
    assert inputs["face.png"]["bytes"] == (edit.parent / "face.png").stat().st_size
    (shot,) = [one for one in record["shots"] if one["status"] == "rendered"]
    made = tmp_path / "out" / shot["file"]
    assert shot["sha256"] == sha256(made)
    assert shot["frames"] == 16
    assert shot["faces"] == 1
    assert {"reenact", "torch", "python"} <= set(record["versions"])


def test_a_second_run_says_what_it_kept(tmp_path: Path, edit: Path) -> None:
    run(edit, tmp_path / "out")
    record = read_json(run(edit, tmp_path / "out").record)
    assert "kept" in [one["status"] for one in record["shots"]]
