"""Timelines are read from every format, and what is none is said in one sentence."""

import gc
import json
import warnings
from fractions import Fraction
from pathlib import Path
from typing import Any

import opentimelineio as otio
import pytest

from reenact_core.errors import TimelineError
from reenact_core.timeline import open_file
from reenact_core.timeline.read import make_plan, read_timeline
from reenact_core.timeline.request import Request
from reenact_core.timeline.spans import Span
from reenact_core.timeline.walk import walk
from tests.core.timeline.edits import HOUR, Facts, Prober, clip, put, timeline, times, track, warp


def text(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def message(path: Path) -> str:
    with pytest.raises(TimelineError) as caught:
        read_timeline(path)
    found = str(caught.value)
    assert str(path) in found and "\n" not in found
    return found


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "empty"),
        ("   \n", "empty"),
        ("{", "not a timeline"),
        ("hello", "not a timeline"),
        (b"\xff\xfe\x00\x01", "no UTF-8"),
        ("{}", "other JSON"),
        ("[1, 2]", "other JSON"),
        ('"x"', "other JSON"),
        ("null", "other JSON"),
        ('{"OTIO_SCHEMA": "Foo.1"}', "UnknownSchema"),
        ('{"OTIO_SCHEMA": "Timeline.x"}', "not a timeline"),
        ('{"OTIO_SCHEMA": "Timeline.1", "tracks": 3}', "not a timeline"),
        ('{"OTIO_SCHEMA": "Track.1", "children": [{"OTIO_SCHEMA": 3}]}', "not a timeline"),
    ],
)
def test_what_is_no_timeline(tmp_path: Path, content: str | bytes, words: str) -> None:
    assert words in message(text(tmp_path / "a.otio", content))


@pytest.mark.parametrize("sign", ["[]", "{}"])
def test_brackets_without_end(tmp_path: Path, sign: str) -> None:
    deep = sign[0] * 200_000 + sign[1] * 200_000
    assert "nested too deeply" in message(text(tmp_path / "a.otio", deep))


def test_a_newer_schema_is_named(tmp_path: Path) -> None:
    made = json.loads(timeline(track(clip("a", times(0, 9)))).to_json_string())
    made["OTIO_SCHEMA"] = "Timeline.9"
    found = message(text(tmp_path / "a.otio", json.dumps(made)))
    assert "newer OpenTimelineIO" in found and "Timeline.9" in found


def test_a_clip_alone(tmp_path: Path) -> None:
    otio.adapters.write_to_file(clip("a", times(0, 9)), str(tmp_path / "a.otio"))
    assert "it holds a Clip" in message(tmp_path / "a.otio")


def collection(*items: Any) -> Any:
    made = otio.schema.SerializableCollection()
    made.extend(items)
    return made


def test_a_collection_of_one_timeline_is_that(tmp_path: Path) -> None:
    made = collection(timeline(name="cut"), clip("a", times(0, 9)))
    otio.adapters.write_to_file(made, str(tmp_path / "a.otio"))
    assert read_timeline(tmp_path / "a.otio").timeline.name == "cut"


def test_several_timelines_are_named(tmp_path: Path) -> None:
    made = collection(timeline(name="one"), timeline(name="two"))
    otio.adapters.write_to_file(made, str(tmp_path / "a.otio"))
    assert '"one", "two"' in message(tmp_path / "a.otio")


def test_a_collection_without_a_timeline(tmp_path: Path) -> None:
    otio.adapters.write_to_file(collection(clip("a", times(0, 9))), str(tmp_path / "a.otio"))
    assert "without a timeline" in message(tmp_path / "a.otio")


def test_no_such_file(tmp_path: Path) -> None:
    assert "no such file" in message(tmp_path / "a.otio")


def test_folders_and_unknown_names(tmp_path: Path) -> None:
    (tmp_path / "a.otio").mkdir()
    (tmp_path / "b.otiod").mkdir()
    assert "folder" in message(tmp_path / "a.otio")
    assert "content.otio" in message(tmp_path / "b.otiod")
    assert ".otio, .otioz" in message(text(tmp_path / "c.mov", "x"))


def test_a_byte_order_mark_is_no_matter(tmp_path: Path) -> None:
    made = b"\xef\xbb\xbf" + timeline(name="cut").to_json_string().encode()
    assert read_timeline(text(tmp_path / "a.otio", made)).timeline.name == "cut"


def test_a_missing_adapter_names_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(open_file.EXTRAS, "edl", ("edl", "no_such_adapter"))
    with pytest.raises(TimelineError, match=r"pip install 'reenact\[edl\]'"):
        read_timeline(text(tmp_path / "a.edl", "x"))


@pytest.mark.parametrize(
    ("suffix", "module"),
    [
        ("edl", "otio_cmx3600_adapter"),
        ("xml", "otio_fcp_adapter"),
        ("fcpxml", "opentimelineio"),
        ("aaf", "otio_aaf_adapter"),
    ],
)
def test_damaged_files_of_other_formats(tmp_path: Path, suffix: str, module: str) -> None:
    pytest.importorskip(module)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # the AAF adapter leaves the file open
        assert f".{suffix}" in message(text(tmp_path / f"a.{suffix}", "001  X V C nonsense <"))
        gc.collect()


def exported(folder: Path, suffix: str) -> Path:
    url = put(folder / "a.mov").as_uri()
    made = timeline(
        track(
            clip("sh010", times(HOUR + 48, 48), url=url, available=times(HOUR, 480)),
            clip("sh020", times(HOUR + 100, 24), url=url, available=times(HOUR, 480)),
        )
    )
    path = folder / f"edit.{suffix}"
    otio.adapters.write_to_file(made, str(path))
    return path


@pytest.mark.parametrize(
    ("suffix", "module"),
    [
        ("edl", "otio_cmx3600_adapter"),
        ("xml", "otio_fcp_adapter"),
        ("fcpxml", "otio_fcpx_xml_adapter"),
    ],
)
def test_other_formats_plan_the_same_frames(tmp_path: Path, suffix: str, module: str) -> None:
    pytest.importorskip(module)
    edit = read_timeline(exported(tmp_path, suffix))
    probe = Prober(Facts(timecode="01:00:00:00"))
    request = Request(("sh010", "sh020"), put(tmp_path / "f.png"), handles=0)
    found = make_plan(edit, request, probe=probe)
    assert not found.refused
    shown = [(shot.shown.start, shot.shown.stop) for shot in found.shots]
    assert shown == [(48, 96), (100, 124)]


@pytest.mark.parametrize(("speed", "refused"), [("50", 1), ("100", 0)])
def test_a_time_remap_of_fcp_xml_is_refused(tmp_path: Path, speed: str, refused: int) -> None:
    pytest.importorskip("otio_fcp_adapter")
    url = put(tmp_path / "a.mov").as_uri()
    made = timeline(track(clip("a", times(48, 24), url=url, available=times(0, 480))))
    otio.adapters.write_to_file(made, str(tmp_path / "e.xml"))
    remap = (
        "<filter><effect><name>Time Remap</name><effectid>timeremap</effectid>"
        "<parameter><parameterid>variablespeed</parameterid><value>0</value></parameter>"
        f"<parameter><parameterid>speed</parameterid><value>{speed}</value></parameter>"
        "<parameter><parameterid>reverse</parameterid><value>FALSE</value></parameter>"
        "</effect></filter></clipitem>"
    )
    whole = (tmp_path / "e.xml").read_text().replace("</clipitem>", remap)
    (tmp_path / "e.xml").write_text(whole)
    edit = read_timeline(tmp_path / "e.xml")
    found = make_plan(edit, Request(source=put(tmp_path / "f.png")), probe=Prober())
    assert len(found.refused) == refused
    assert not refused or '"Time Remap"' in found.refused[0].reason


def test_an_edl_keeps_a_retime(tmp_path: Path) -> None:
    pytest.importorskip("otio_cmx3600_adapter")
    url = put(tmp_path / "a.mov").as_uri()
    quick = clip("a", times(48, 24), url=url, available=times(0, 480), effects=[warp(2)])
    otio.adapters.write_to_file(timeline(track(quick)), str(tmp_path / "e.edl"))
    edit = read_timeline(tmp_path / "e.edl")
    request = Request(source=put(tmp_path / "f.png"), handles=0)
    shot = make_plan(edit, request, probe=Prober()).shots[0]
    assert (shot.shown.start, shot.shown.stop) == (48, 96)


def test_record_times_of_an_edl_are_the_timelines_start(tmp_path: Path) -> None:
    pytest.importorskip("otio_cmx3600_adapter")
    put(tmp_path / "a.mov")
    lines = """TITLE: t

001  A        V     C        01:00:10:00 01:00:12:00 01:00:00:00 01:00:02:00
* FROM CLIP NAME:  one
* FROM CLIP: a.mov
002  A        V     C        01:00:11:00 01:00:11:01 01:00:03:00 01:00:04:00
M2   A              000.0                01:00:11:00
* FROM CLIP NAME:  two
* FROM CLIP: a.mov
* * FREEZE FRAME
003  A        V2    C        01:00:01:00 01:00:02:00 01:00:01:00 01:00:02:00
* FROM CLIP NAME:  above
* FROM CLIP: a.mov
"""
    edit = read_timeline(text(tmp_path / "e.edl", lines))
    probe = Prober(Facts(timecode="01:00:00:00"))
    found = make_plan(edit, Request(source=put(tmp_path / "f.png"), handles=0), probe=probe)
    shown = {shot.clip_name: (shot.shown.start, shot.shown.stop) for shot in found.shots}
    assert shown == {"one": (240, 288), "two": (264, 265), "above": (24, 48)}
    records = {p.clip.name: p.record for p in walk(edit.timeline, lambda _: None)}
    assert records["one"] == Span(Fraction(0), Fraction(2))
    assert records["above"] == Span(Fraction(1), Fraction(2))
    assert edit.timeline.global_start_time.value == HOUR


def test_settings_of_the_timeline(tmp_path: Path) -> None:
    made = timeline(metadata={"reenact": {"version": 1, "settings": {"crop": {"scale": 2}}}})
    otio.adapters.write_to_file(made, str(tmp_path / "a.otio"))
    assert read_timeline(tmp_path / "a.otio").settings == {"crop": {"scale": 2}}
