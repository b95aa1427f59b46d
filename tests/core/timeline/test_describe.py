"""What `reenact inspect` says of a timeline."""

import json
from pathlib import Path

import opentimelineio as otio

from reenact_core.timeline.describe import describe, describe_text
from tests.core.timeline.edits import (
    Prober,
    ask,
    clip,
    recast,
    saved,
    stack,
    timeline,
    times,
    track,
)


def test_tracks_clips_shots_and_refusals(tmp_path: Path) -> None:
    lost = clip("lost", times(0, 24), effects=[recast()])
    lost.media_reference = otio.schema.MissingReference()
    nest = stack(track(clip("in", times(0, 24))))
    edit = saved(timeline(track(clip("a", times(0, 24), effects=[recast()]), lost, nest)), tmp_path)
    said = describe(edit, probe=Prober())
    assert json.loads(json.dumps(said)) == said
    assert (said["name"], said["seconds"], said["problem"]) == ("edit", 3.0, None)
    assert [item["name"] for item in said["tracks"][0]["clips"]] == ["a", "lost", "in"]
    assert [item["asks"] for item in said["tracks"][0]["clips"]] == ["recast", "recast", ""]
    assert [shot["shot"] for shot in said["shots"]] == ["a"]
    assert said["refused"][0]["clip"] == "lost"
    text = describe_text(said)
    assert "will render a: frames 0-31" in text
    assert 'refused: clip "lost"' in text


def test_a_wrong_ask_is_said_and_the_rest_shown(tmp_path: Path) -> None:
    edit = saved(timeline(track(clip("a", times(0, 24), effects=[ask(sorce="x")]))), tmp_path)
    said = describe(edit, probe=Prober())
    assert said["problem"] is None
    assert "nearest: source" in said["refused"][0]["reason"]
    assert said["tracks"][0]["clips"][0]["asks"] == "wrong, see below"
    assert "nearest: source" in describe_text(said)


def test_a_timeline_that_asks_nothing(tmp_path: Path) -> None:
    edit = saved(timeline(track(clip("a", times(0, 24)))), tmp_path)
    assert "nothing is asked" in describe(edit, probe=Prober())["problem"]
