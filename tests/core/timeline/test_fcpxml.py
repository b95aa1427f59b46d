"""FCPXML: exact rates, media of version 1.10 and later, and what a storyline can hold."""

from fractions import Fraction
from pathlib import Path

import pytest

from reenact_core.errors import TimelineError
from reenact_core.timeline.plan import Plan
from reenact_core.timeline.read import make_plan, read_timeline
from reenact_core.timeline.request import Request
from reenact_core.timeline.spans import Span
from reenact_core.timeline.walk import walk
from tests.core.timeline.edits import Facts, Prober, put

NTSC = Fraction(30000, 1001)
HEAD = """<?xml version="1.0" encoding="UTF-8"?><!DOCTYPE fcpxml><fcpxml version="1.11"><resources>
<format id="r0" frameDuration="1001/30000s" width="320" height="320"/>
<format id="s0" name="FFVideoFormatRateUndefined" width="320" height="320"/>
<asset id="a" name="a" start="0s" duration="900900/30000s" hasVideo="1" format="r0">
<media-rep kind="proxy-media" src="proxy/a.mov"/>
<media-rep kind="original-media" src="a%20b.mov"><bookmark>Ym9v</bookmark></media-rep></asset>
<asset id="old" name="old" src="a%20b.mov" start="0s" duration="900900/30000s" hasVideo="1"
 format="r0"/>
<asset id="snd" name="snd" src="s.wav" start="0s" duration="10s" hasAudio="1"/>
<asset id="lost" name="lost" start="0s" duration="10s" hasVideo="1" format="r0"/>
<effect id="e" name="Basic Title" uid="x"/>
<media id="m" name="compound"><sequence format="r0" tcStart="0s" duration="60060/30000s"><spine>
<asset-clip name="x" ref="a" offset="0s" start="10010/30000s" duration="30030/30000s"/>
<asset-clip name="y" ref="a" offset="30030/30000s" start="0s" duration="30030/30000s"/>
</spine></sequence></media>
"""


def document(*story: str, more: str = "") -> str:
    return (
        f"{HEAD}{more}</resources><library><event><project name='cut'><sequence format='r0' "
        f"tcStart='3600s'><spine>{''.join(story)}</spine></sequence></project></event></library>"
        "</fcpxml>"
    )


def at(frames: int) -> str:
    return f"{1001 * frames}/30000s"


def clip(
    name: str, start: int, frames: int, *, ref: str = "a", inner: str = "", **more: str
) -> str:
    said = "".join(f' {key}="{value}"' for key, value in more.items())
    return (
        f'<asset-clip name="{name}" ref="{ref}" start="{at(start)}" duration="{at(frames)}"{said}>'
        f"{inner}</asset-clip>"
    )


def planned(folder: Path, *story: str, more: str = "") -> Plan:
    put(folder / "a b.mov")
    put(folder / "face.png")
    path = folder / "e.fcpxml"
    path.write_text(document(*story, more=more), "utf-8")
    probe = Prober(Facts(NTSC, 900))
    return make_plan(
        read_timeline(path), Request(source=folder / "face.png", handles=0), probe=probe
    )


def shown(plan: Plan) -> dict[str, tuple[int, int]]:
    return {shot.clip_name: (shot.shown.start, shot.shown.stop) for shot in plan.shots}


def test_frames_are_exact_at_1001_rates(tmp_path: Path) -> None:
    starts = [0, 1, 30, 29, 599, 777]
    found = planned(tmp_path, *(clip(f"c{start}", start, 31) for start in starts))
    assert shown(found) == {f"c{start}": (start, start + 31) for start in starts}
    assert not found.refused and not found.notes


@pytest.mark.parametrize("ref", ["a", "old"])
def test_media_of_old_and_new_versions(tmp_path: Path, ref: str) -> None:
    found = planned(tmp_path, clip("c", 30, 30, ref=ref))
    assert found.shots[0].target.path == tmp_path / "a b.mov"
    assert shown(found) == {"c": (30, 60)}


def test_a_bundle_is_read(tmp_path: Path) -> None:
    bundle = tmp_path / "cut.fcpxmld"
    put(bundle / "a b.mov")
    (bundle / "Info.fcpxml").write_text(document(clip("c", 30, 30)), "utf-8")
    edit = read_timeline(bundle)
    request = Request(source=put(tmp_path / "face.png"), handles=0)
    found = make_plan(edit, request, probe=Prober(Facts(NTSC, 900)))
    assert found.shots[0].target.path == bundle / "a b.mov"
    with pytest.raises(TimelineError, match=r"Info\.fcpxml"):
        (tmp_path / "none.fcpxmld").mkdir()
        read_timeline(tmp_path / "none.fcpxmld")


def test_disabled_clips_and_sound_are_left_alone(tmp_path: Path) -> None:
    found = planned(
        tmp_path,
        clip("off", 0, 30, enabled="0"),
        clip("heard", 0, 30, srcEnable="audio"),
        clip("song", 0, 30, ref="snd"),
        clip("on", 0, 30),
    )
    assert list(shown(found)) == ["on"]
    assert not found.refused


def test_offline_media_and_titles_refuse_nothing_else(tmp_path: Path) -> None:
    title = f'<title name="T" ref="e" offset="3600s" duration="{at(10)}"/>'
    found = planned(tmp_path, title, clip("gone", 0, 30, ref="lost"), clip("on", 0, 30))
    assert list(shown(found)) == ["on"]
    reasons = {item.clip_name: item.reason for item in found.refused}
    assert "generated" in reasons["T"] and "missing" in reasons["gone"]


def test_a_retime_is_refused_by_name(tmp_path: Path) -> None:
    ramp = '<timeMap><timept time="0s" value="0s"/><timept time="1s" value="2s"/></timeMap>'
    found = planned(tmp_path, clip("fast", 0, 30, inner=ramp), clip("on", 0, 30))
    assert list(shown(found)) == ["on"]
    assert '"timeMap" is not supported' in found.refused[0].reason


def test_compound_clips_are_read(tmp_path: Path) -> None:
    """Frames 20 to 40 of the compound: x shows its 30 to 40, y its 0 to 10."""
    inside = f'<ref-clip name="n" ref="m" start="{at(20)}" duration="{at(20)}"/>'
    assert shown(planned(tmp_path, inside)) == {"x": (30, 40), "y": (0, 10)}


def test_a_compound_clip_in_itself_is_refused(tmp_path: Path) -> None:
    more = (
        '<media id="loop" name="loop"><sequence format="r0"><spine>'
        '<ref-clip name="l" ref="loop" duration="1s"/></spine></sequence></media>'
    )
    with pytest.raises(TimelineError, match="deep"):
        planned(tmp_path, '<ref-clip name="l" ref="loop" duration="1s"/>', more=more)


def test_clips_that_hold_video(tmp_path: Path) -> None:
    video = f'<video ref="a" offset="{at(100)}" start="{at(40)}" duration="{at(300)}"/>'
    sound = f'<audio ref="snd" lane="-1" offset="{at(100)}" duration="{at(300)}"/>'
    held = f'<clip name="c" start="{at(110)}" duration="{at(30)}">{video}{sound}</clip>'
    joined = (
        f'<sync-clip name="s" start="{at(5)}" duration="{at(30)}">{clip("i", 7, 90)}</sync-clip>'
    )
    assert shown(planned(tmp_path, held, joined)) == {"c": (50, 80), "s": (12, 42)}


def test_a_multicam_clip_shows_the_angle_that_is_chosen(tmp_path: Path) -> None:
    more = (
        '<media id="mc" name="cams"><multicam format="r0" tcStart="0s">'
        f'<mc-angle name="A" angleID="1">{clip("one", 0, 300)}</mc-angle>'
        f'<mc-angle name="B" angleID="2">{clip("two", 50, 300)}</mc-angle></multicam></media>'
    )
    picked = '<mc-source angleID="1" srcEnable="audio"/><mc-source angleID="2" srcEnable="video"/>'
    used = f'<mc-clip name="m" ref="mc" start="{at(10)}" duration="{at(30)}">{picked}</mc-clip>'
    assert shown(planned(tmp_path, used, more=more)) == {"two": (60, 90)}


def test_connected_clips_and_storylines_lie_where_they_are_anchored(tmp_path: Path) -> None:
    above = clip("above", 0, 15, lane="1", offset=at(45))
    over = clip("over", 0, 15, lane="1", offset=at(50))  # lies over `above`: a track of its own
    line = f'<spine lane="2" offset="{at(40)}">{clip("p", 0, 5)}{clip("q", 0, 5)}</spine>'
    put(tmp_path / "a b.mov")
    path = tmp_path / "e.fcpxml"
    gap = f'<gap offset="3600s" start="3600s" duration="{at(30)}"/>'
    path.write_text(document(gap, clip("main", 40, 60, inner=above + over + line)), "utf-8")
    records = {p.clip.name: p.record for p in walk(read_timeline(path).timeline, lambda _: None)}
    frame = 1 / NTSC

    def span(start: int, stop: int) -> Span:
        return Span(start * frame, stop * frame)

    assert records == {
        "main": span(30, 90),
        "above": span(35, 50),
        "over": span(40, 55),
        "p": span(30, 35),
        "q": span(35, 40),
    }


def test_frames_under_a_transition_are_shown(tmp_path: Path) -> None:
    dissolve = f'<transition name="X" offset="{3600 + 20 / NTSC}s" duration="{at(20)}"/>'
    found = planned(tmp_path, clip("a", 100, 30), dissolve, clip("b", 200, 30))
    assert shown(found) == {"a": (100, 140), "b": (190, 230)}


@pytest.mark.parametrize("time", ["one", "1/0s", "s"])
def test_what_is_no_time_is_said(tmp_path: Path, time: str) -> None:
    (tmp_path / "e.fcpxml").write_text(document(clip("a", 0, 9, offset=time)), "utf-8")
    with pytest.raises(TimelineError, match="is no time"):
        read_timeline(tmp_path / "e.fcpxml")


def test_a_document_without_a_project(tmp_path: Path) -> None:
    (tmp_path / "e.fcpxml").write_text(f"{HEAD}</resources></fcpxml>", "utf-8")
    with pytest.raises(TimelineError, match="no project"):
        read_timeline(tmp_path / "e.fcpxml")


def test_a_document_of_another_suffix_is_told_by_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "e.xml").write_text(document(clip("a", 0, 9)), "utf-8")
    assert read_timeline(tmp_path / "e.xml").timeline.name == "cut"


def test_compound_clips_that_show_each_other_many_times_are_bounded(tmp_path: Path) -> None:
    inner = '<ref-clip name="l" ref="m{}" duration="1s"/>'
    more = "".join(
        f'<media id="m{level}" name="m"><sequence format="r0"><spine>'
        f"{inner.format(level + 1) * 10}</spine></sequence></media>"
        for level in range(12)
    )
    (tmp_path / "e.fcpxml").write_text(document(inner.format(0), more=more), "utf-8")
    with pytest.raises(TimelineError, match="more than 200000 clips"):
        read_timeline(tmp_path / "e.fcpxml")
