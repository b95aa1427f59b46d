"""What a run marks, and what a later run keeps of it."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from reenact_core.devices import Compute
from reenact_core.engine import render as rendering
from reenact_core.engine.animate import Animation, perform_animation
from reenact_core.engine.events import Event, ShotDone
from reenact_core.engine.run_record import RunFacts
from reenact_core.engine.timeline_run import conclude
from reenact_core.media.codecs import Codec
from reenact_core.provenance.manifest import COMPOSITE, GENERATED
from reenact_core.provenance.mark import UNMARKED, Marking, open_marking
from reenact_core.provenance.verify import verify
from reenact_core.settings import Settings
from reenact_core.timeline.plan import RenderedShot
from reenact_core.timeline.read import make_plan, read_timeline
from reenact_core.timeline.request import Request
from tests.core.engine.shots import find_drawn_faces, plan_of, recast, render, shot_of, workshop_in
from tests.echo import EchoPerformer
from tests.synthetic import ClipFormat, TimelineClip, write_clip, write_portrait, write_timeline


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("media")


@pytest.fixture(scope="module")
def clip(folder: Path) -> Path:
    form = ClipFormat("mjpeg", "yuvj420p", sound=True)
    return write_clip(folder / "clip.mov", 6, form=form)


@pytest.fixture(scope="module")
def portrait(folder: Path) -> Path:
    return write_portrait(folder / "face.png")


@pytest.fixture(scope="module")
def marking(tmp_path_factory: pytest.TempPathFactory) -> Marking:
    return open_marking(tmp_path_factory.mktemp("config"))


def last(events: list[Event]) -> tuple[RenderedShot, bool]:
    done = events[-1]
    assert isinstance(done, ShotDone)
    return done.rendered, done.kept


def test_a_shot_is_marked_and_a_run_that_goes_on_keeps_it_with_its_marks(
    tmp_path: Path, clip: Path, portrait: Path, marking: Marking
) -> None:
    plan = plan_of(shot_of(clip, 1, 4, recast(portrait)))
    given: dict[str, Any] = {"codec": "match", "marking": marking}
    made, kept = last(render(tmp_path, plan, **given))
    assert not kept and set(made.marks) == {"c2pa", "xmp", "comment"}
    content = made.output.path.read_bytes()
    again, kept = last(render(tmp_path, plan, **given))
    assert kept and again.marks == made.marks
    assert made.output.path.read_bytes() == content
    (found,) = verify(made.output.path)
    assert found.status == 0 and found.credentials.source_types == (COMPOSITE,)


def test_a_shot_is_made_anew_when_marks_are_not_wanted_any_more_or_were_never_made(
    tmp_path: Path,
    clip: Path,
    portrait: Path,
    marking: Marking,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plan = plan_of(shot_of(clip, 1, 4, recast(portrait)))
    with monkeypatch.context() as before:
        before.setattr(rendering, "FORMAT", 1)  # of the versions that did not mark
        render(tmp_path, plan, codec="match")
    made, kept = last(render(tmp_path, plan, codec="match", marking=marking))
    assert not kept and verify(made.output.path)[0].status == 0
    made, kept = last(render(tmp_path, plan, codec="match", marking=UNMARKED))
    assert not kept and made.marks == () and not verify(made.output.path)[0].synthetic


@pytest.mark.parametrize("codec", ["match", "png"])
def test_a_sidecar_that_is_gone_is_made_again(
    tmp_path: Path, portrait: Path, marking: Marking, codec: Codec
) -> None:
    clip = write_clip(tmp_path / "clip.mkv", 6)
    plan = plan_of(shot_of(clip, 1, 4, recast(portrait)))
    given: dict[str, Any] = {"codec": codec, "marking": marking}
    render(tmp_path / "out", plan, **given)
    (sidecar,) = (tmp_path / "out").rglob("*.c2pa")
    sidecar.unlink()
    made, kept = last(render(tmp_path / "out", plan, **given))
    assert not kept and verify(made.output.path)[0].status == 0


def test_an_animation_is_wholly_made_unless_it_is_pasted_back(
    tmp_path: Path, clip: Path, portrait: Path, marking: Marking
) -> None:
    for paste_back, kind in ((False, GENERATED), (True, COMPOSITE)):
        job = Animation(
            portrait,
            clip,
            tmp_path / f"{paste_back}.mov",
            paste_back=paste_back,
            codec="prores",
            marking=marking,
        )
        list(perform_animation(job, EchoPerformer(), Settings(), find_drawn_faces))
        (found,) = verify(job.out)
        assert found.status == 0 and found.credentials.source_types == (kind,)
        assert found.credentials.made_from == (("face.png",) if paste_back else ())


@pytest.mark.parametrize("wanted", [True, False])
def test_a_run_records_how_its_files_are_marked_and_says_where_they_are_not(
    tmp_path: Path, clip: Path, portrait: Path, marking: Marking, wanted: bool
) -> None:
    ask = {"version": 1, "mode": "recast", "source": str(portrait)}
    clips = [TimelineClip("sh010", clip, 0, 3, 6, ask)]
    edit = read_timeline(write_timeline(tmp_path / "edit.otio", clips))
    plan, used = make_plan(edit, Request()), marking if wanted else UNMARKED
    with workshop_in(tmp_path / "out", codec="match", marking=used) as workshop:
        done = [e for e in rendering.render_shots(plan, workshop) if isinstance(e, ShotDone)]
    facts = RunFacts(datetime.now(UTC), 1.0, {}, {"file": "echo"}, Compute(), used)
    result = conclude(edit, plan, tmp_path / "out", list(done), facts)
    record = json.loads(result.record.read_text())
    assert record["provenance"]["marked"] is wanted
    assert record["provenance"]["signed_by"] == ("local" if wanted else None)
    assert record["shots"][0]["synthetic"] is True
    assert bool(record["shots"][0]["marks"]) is wanted
    assert any("article 50" in note for note in result.notes) is not wanted
    found = {report.path.suffix: report for report in verify(result.timeline)}
    assert found[".mov"].timeline is True and found[".mov"].recorded == "same"
    assert found[".mov"].status == (0 if wanted else 3) and found[".mov"].synthetic
