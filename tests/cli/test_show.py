import json
from fractions import Fraction
from pathlib import Path

import pytest

from reenact_cli.show import counted, event_table, print_result, shown, ticking
from reenact_core.engine.events import Event, Progress, ShotDone, ShotFailed
from reenact_core.errors import FaceError
from reenact_core.timeline.plan import RenderedShot, Shot, Source
from reenact_core.timing import FrameRange

FRAMES = FrameRange(0, 3, Fraction(25))
SHOT = Shot("sh010", "sh010", (0, 0), Source(Path("a.mov"), FRAMES), FRAMES, Fraction(0), ())
DONE = ShotDone(RenderedShot(SHOT, Source(Path("out/sh010.mov"), FRAMES)))
EVENTS: list[Event] = [
    Progress("sh010", "track", 1, 3),
    Progress("sh010", "track", 3, 3),
    DONE,
    ShotFailed(SHOT, FaceError("sh010: no face")),
]


def test_events_pass_through_every_way_of_showing_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(shown(EVENTS, 2, "none")) == EVENTS
    assert capsys.readouterr().err == ""
    assert list(shown(EVENTS, 2, "tqdm")) == EVENTS
    assert "sh010: no face" in capsys.readouterr().err
    assert list(shown(EVENTS, 2, "json")) == EVENTS
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["event"] for line in lines] == ["progress", "progress", "shot_done", "shot_failed"]


def test_nothing_is_shown_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(shown(EVENTS, 2, "auto")) == EVENTS
    assert list(counted([1, 2], 2, "draw", "auto")) == [1, 2]
    assert capsys.readouterr().err == ""


def test_many_frames_do_not_flood_the_log_but_the_last_is_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    many: list[Event] = [Progress("sh010", "move", done, 5000) for done in range(1, 5001)]
    list(shown(many, 1, "json"))
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert len(lines) < 100 and lines[-1]["done"] == 5000


def test_what_is_counted_and_ticked_is_told_the_same_way(
    capsys: pytest.CaptureFixture[str],
) -> None:
    list(counted("ab", 2, "draw", "json"))
    with ticking("draw", "json") as tick:
        tick(2, 2)
    first, *_, last = capsys.readouterr().err.splitlines()
    assert json.loads(first) == {"event": "progress", "stage": "draw", "done": 1, "total": 2}
    assert json.loads(last) == {"event": "progress", "stage": "draw", "done": 2, "total": 2}


def test_a_finished_shot_names_its_file_and_a_failed_one_its_error() -> None:
    assert event_table(DONE) == {
        "event": "shot_done",
        "shot": "sh010",
        "file": "out/sh010.mov",
        "kept": False,
    }
    failed = event_table(EVENTS[-1])
    assert failed["error"] == {"code": "face", "message": "sh010: no face"}


def test_the_result_is_one_object_or_lines(capsys: pytest.CaptureFixture[str]) -> None:
    print_result({"a": "ü"}, ["one", "two"], as_json=True)
    assert json.loads(capsys.readouterr().out) == {"a": "ü"}
    print_result({"a": 1}, ["one", "two"], as_json=False)
    assert capsys.readouterr().out == "one\ntwo\n"
