"""FCP XML as Premiere Pro and Resolve write it, with what OpenTimelineIO's adapter drops."""

from fractions import Fraction
from pathlib import Path

import pytest

from reenact_core.errors import TimelineError
from reenact_core.timeline.plan import Plan
from reenact_core.timeline.read import make_plan, read_timeline
from reenact_core.timeline.request import Request
from tests.core.timeline.edits import Facts, Prober, put

pytest.importorskip("otio_fcp_adapter")

RATE = "<rate><timebase>25</timebase><ntsc>FALSE</ntsc></rate>"
ZERO = f"<timecode>{RATE}<string>00:00:00:00</string><frame>0</frame></timecode>"


def clip(name: str, start: int, end: int, content: str, *, enabled: str = "TRUE") -> str:
    return (
        f'<clipitem id="clip-{name}-{start}"><name>{name}</name><enabled>{enabled}</enabled>{RATE}'
        f"<start>{start}</start><end>{end}</end><in>5</in><out>{5 + end - start}</out>{content}"
        "</clipitem>"
    )


def file(name: str, url: str) -> str:
    return (
        f'<file id="file-{name}"><name>{name}</name><pathurl>{url}</pathurl>{RATE}'
        f"<duration>100</duration>{ZERO}</file>"
    )


def sequence(*items: str, name: str = "cut", track: str = "") -> str:
    return (
        f'<sequence id="seq-{name}"><name>{name}</name><duration>100</duration>{RATE}<media><video>'
        f"<track>{''.join(items)}{track}</track></video></media>{ZERO}</sequence>"
    )


def xmeml(folder: Path, *content: str, head: str = "", encoding: str = "utf-8") -> Path:
    put(folder / "face.png")
    whole = f'<?xml version="1.0" encoding="{encoding}"?>\n<!DOCTYPE xmeml{head}>\n'
    path = folder / "e.xml"
    path.write_bytes(f'{whole}<xmeml version="4">{"".join(content)}</xmeml>'.encode(encoding))
    return path


def planned(path: Path, roots: tuple[Path, ...] = ()) -> Plan:
    edit = read_timeline(path)
    probe = Prober(Facts(Fraction(25), 100))
    asked = Request(source=path.parent / "face.png", handles=0, roots=roots)
    return make_plan(edit, asked, probe=probe)


def shown(plan: Plan) -> dict[str, tuple[int, int]]:
    return {shot.clip_name: (shot.shown.start, shot.shown.stop) for shot in plan.shots}


def media(folder: Path, name: str) -> str:
    return file(name, put(folder / f"{name}.mov").as_uri().replace("file://", "file://localhost"))


def test_disabled_clips_and_tracks_are_left_alone(tmp_path: Path) -> None:
    off = clip("off", 10, 20, media(tmp_path, "off"), enabled="FALSE")
    on = clip("on", 20, 30, media(tmp_path, "on"))
    found = planned(xmeml(tmp_path, sequence(clip("a", 0, 10, media(tmp_path, "a")), off, on)))
    assert shown(found) == {"a": (5, 15), "on": (5, 15)}
    assert not found.refused
    dark = sequence(on, track="<enabled>FALSE</enabled><locked>FALSE</locked>")
    with pytest.raises(TimelineError, match="disabled"):
        planned(xmeml(tmp_path, dark))


def test_nested_sequences_are_read(tmp_path: Path) -> None:
    """Frames 5 to 12 of the inner sequence are seen: 5 to 10 are of x, the rest of y."""
    inner = sequence(
        clip("x", 0, 10, media(tmp_path, "x")),
        clip("y", 10, 40, media(tmp_path, "y")),
        name="inner",
    )
    found = planned(xmeml(tmp_path, sequence(clip("nest", 0, 7, inner))))
    assert shown(found) == {"x": (10, 15), "y": (5, 7)}


def test_a_sequence_that_is_defined_elsewhere_is_read_and_is_no_second_timeline(
    tmp_path: Path,
) -> None:
    inner = sequence(clip("x", 0, 10, media(tmp_path, "x")), name="inner")
    outer = sequence(clip("nest", 0, 5, '<sequence id="seq-inner"/>'))
    path = xmeml(tmp_path, f"<project><children>{outer}{inner}</children></project>")
    assert read_timeline(path).timeline.name == "cut"
    assert shown(planned(path)) == {"x": (10, 15)}


def test_a_nested_sequence_that_is_not_there_is_named(tmp_path: Path) -> None:
    lost = clip("nest", 0, 10, '<sequence id="seq-gone"/>')
    found = planned(xmeml(tmp_path, sequence(lost, clip("a", 10, 20, media(tmp_path, "a")))))
    assert shown(found) == {"a": (5, 15)}
    assert any("seq-gone" in note and "not read" in note for note in found.notes)


def test_a_sequence_in_itself_is_refused(tmp_path: Path) -> None:
    round_and_round = clip("nest", 0, 10, '<sequence id="seq-cut"/>')
    with pytest.raises(TimelineError, match="show themselves"):
        read_timeline(xmeml(tmp_path, sequence(round_and_round)))


@pytest.mark.parametrize(
    "content",
    [
        "",
        '<file id="file-none"/>',
        '<file id="f"><name>Title</name><mediaSource>GraphicAndType</mediaSource></file>',
        '<file id="f"><name>gone</name><pathurl/></file>',
        f'<file id="f"><name>odd</name>{RATE}<timecode>{RATE}</timecode></file>',
        '<multiclip id="m"><name>cameras</name></multiclip>',
    ],
)
def test_placeholders_refuse_nothing_else(tmp_path: Path, content: str) -> None:
    odd = clip("odd", 0, 10, content)
    found = planned(xmeml(tmp_path, sequence(odd, clip("a", 10, 20, media(tmp_path, "a")))))
    assert shown(found) == {"a": (5, 15)}
    assert [item.clip_name for item in found.refused] == ["odd"]


def test_an_item_without_a_place_is_where_its_neighbours_say(tmp_path: Path) -> None:
    items = [
        clip(name, 10 * n, 10 * n + 10, media(tmp_path, name)) for n, name in enumerate("abcd")
    ]
    lost = [
        items[0].replace("<start>0<", "<start>-1<"),
        items[1].replace("<start>10<", "<start>-1<").replace("<end>20<", "<end>-1<"),
        items[2],
        items[3].replace("<start>30<", "<start>-1<").replace("<end>40<", "<end>-1<"),
    ]
    path = xmeml(tmp_path, sequence(*lost))
    found = planned(path)
    assert shown(found) == dict.fromkeys("abcd", (5, 15))
    assert sum("no transition there" in note for note in found.notes) == 5
    edit = read_timeline(path)
    places = [clip.range_in_parent() for clip in edit.timeline.find_clips()]
    assert [(int(p.start_time.value), int(p.duration.value)) for p in places] == [
        (10 * number, 10) for number in range(4)
    ]


def test_a_transition_still_says_where_the_items_at_it_end(tmp_path: Path) -> None:
    one, two = clip("a", 0, 10, media(tmp_path, "a")), clip("b", 10, 20, media(tmp_path, "b"))
    fade = (
        f"<transitionitem>{RATE}<start>8</start><end>12</end><alignment>center</alignment>"
        "<effect><name>Cross Dissolve</name><effectid>Cross Dissolve</effectid>"
        "<effecttype>transition</effecttype></effect></transitionitem>"
    )
    one, two = one.replace("<end>10<", "<end>-1<"), two.replace("<start>10<", "<start>-1<")
    found = planned(xmeml(tmp_path, sequence(one, fade, two)))
    assert not any("no transition there" in note for note in found.notes)


def test_filters_that_are_disabled_or_empty_are_none(tmp_path: Path) -> None:
    remap = "<effect><name>Time Remap</name><effectid>timeremap</effectid></effect>"
    idle = f"<filter><enabled>FALSE</enabled>{remap}</filter><filter/>"
    found = planned(xmeml(tmp_path, sequence(clip("a", 0, 10, media(tmp_path, "a") + idle))))
    assert shown(found) == {"a": (5, 15)}


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "iso-8859-1"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    path = xmeml(tmp_path, sequence(clip("é", 0, 10, media(tmp_path, "a"))), encoding=encoding)
    if encoding == "utf-8-sig":
        path.write_bytes(path.read_bytes().replace(b"utf-8-sig", b"UTF-8"))
    assert shown(planned(path)) == {"é": (5, 15)}


@pytest.mark.parametrize(
    "head",
    [
        ' [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]',
        ' [<!ENTITY x SYSTEM "file:///etc/hostname">]',
        ' [<!ENTITY % p SYSTEM "http://127.0.0.1:9/x.dtd"> %p;]',
    ],
)
def test_entities_are_refused(tmp_path: Path, head: str) -> None:
    path = xmeml(tmp_path, sequence(clip("a", 0, 10, media(tmp_path, "a"))), head=head)
    with pytest.raises(TimelineError, match="entities"):
        read_timeline(path)


def test_depth_is_bounded(tmp_path: Path) -> None:
    path = xmeml(tmp_path, "<a>" * 5000 + "</a>" * 5000)
    with pytest.raises(TimelineError, match="nested more than"):
        read_timeline(path)


@pytest.mark.parametrize(
    "url",
    [
        "file://localhost/D%3a/Cards/My%20Clip%20%231.mov",
        "file:///D:/Cards/My%20Clip%20%231.mov",
        "file://localhost//nas/Cards/My%20Clip%20%231.mov",
        "file://localhost/Volumes/Cards/My%20Clip%20%231.mov",
    ],
)
def test_paths_of_other_machines_are_found_below_a_root(tmp_path: Path, url: str) -> None:
    there = put(tmp_path / "store" / "Cards" / "My Clip #1.mov")
    put(tmp_path / "cut" / "x")
    path = xmeml(tmp_path / "cut", sequence(clip("a", 0, 10, file("a", url))))
    assert "--root" in planned(path).refused[0].reason
    found = planned(path, roots=(tmp_path / "store",))
    assert [shot.target.path for shot in found.shots] == [there]
    assert any("found by its name" in note for note in found.notes)


def test_nests_that_show_each_other_many_times_are_bounded(tmp_path: Path) -> None:
    levels = []
    for level in range(12):
        inner = f'<sequence id="seq-{level + 1}"/>'
        clips = (clip("n", 10 * at, 10 * at + 10, inner) for at in range(10))
        levels.append(sequence(*clips, name=str(level)))
    path = xmeml(tmp_path, f"<project><children>{''.join(levels)}</children></project>")
    with pytest.raises(TimelineError, match="more than 200000 clips"):
        read_timeline(path)


def test_what_is_no_timeline_is_named(tmp_path: Path) -> None:
    (tmp_path / "e.xml").write_text("<html/>", "utf-8")
    with pytest.raises(TimelineError, match="a html"):
        read_timeline(tmp_path / "e.xml")
