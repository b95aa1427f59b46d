"""Timelines as exported: edit lists, XML and image sequences on which users' tools failed."""

import shutil
from fractions import Fraction
from pathlib import Path

import pytest

from reenact_core.media.decode import decode
from reenact_core.media.probe import probe
from reenact_core.timeline.plan import Plan
from reenact_core.timeline.read import make_plan, read_timeline
from reenact_core.timeline.request import Request
from tests.core.timeline.edits import Facts, Prober
from tests.synthetic import write_portrait

FILM, NTSC = Fraction(24000, 1001), Fraction(30000, 1001)


def planned(cases: Path, name: str, folder: Path, *media: str, probe: Prober | None = None) -> Plan:
    """The plan of a case; `media` that it names and that nobody may commit are stood in for."""
    source = cases / name
    place = shutil.copytree(source.parent, folder / source.parent.name)
    for file in media:
        (place / file).parent.mkdir(parents=True, exist_ok=True)
        (place / file).write_bytes(b"x")
    edit = read_timeline(place / source.name, probe=probe)
    request = Request(source=write_portrait(folder / "face.png", 64), handles=0)
    return make_plan(edit, request, probe=probe)


def shown(plan: Plan) -> list[tuple[int, int]]:
    assert not plan.refused, plan.refused
    return [(shot.shown.start, shot.shown.stop) for shot in plan.shots]


def test_an_edl_with_a_byte_order_mark(cases: Path, tmp_path: Path) -> None:
    film = Prober(Facts(FILM, 96, "01:00:00:00"))
    found = planned(cases, "edl_text/bom.edl", tmp_path, "base23976.mov", probe=film)
    assert shown(found) == [(12, 24), (24, 48)]
    assert [shot.clip_name for shot in found.shots] == ["13A-1-C", "111B-1-B"]


def test_an_edl_in_latin_1(cases: Path, tmp_path: Path) -> None:
    film = Prober(Facts(FILM, 96, "01:00:00:00"))
    found = planned(cases, "edl_text/latin1.edl", tmp_path, "base23976.mov", probe=film)
    assert shown(found) == [(0, 24)]
    assert found.shots[0].clip_name == "Entrée"


def test_an_edl_at_the_rate_of_its_media(cases: Path, tmp_path: Path) -> None:
    pytest.importorskip("otio_cmx3600_adapter")
    assert shown(planned(cases, "edl_rate/thirty_silent.edl", tmp_path)) == [(40, 50)]


def test_drop_frame_with_colons(cases: Path, tmp_path: Path) -> None:
    tape = Prober(Facts(NTSC, 900, "01:00:00;00"))
    name = "edl_rate/drop_frame_with_colons.edl"
    found = planned(cases, name, tmp_path, "base2997df.mov", probe=tape)
    assert shown(found) == [(10, 40)]
    assert read_timeline(cases / name).rate == NTSC


def test_media_in_a_media_rep(cases: Path, tmp_path: Path) -> None:
    film = Prober(Facts(FILM, 72, "01:00:00:00"))
    found = planned(cases, "fcpxml/media_rep.fcpxml", tmp_path, "base23976.mov", probe=film)
    assert shown(found) == [(24, 48)]


def test_rates_of_1001(cases: Path, tmp_path: Path) -> None:
    found = planned(
        cases, "fcpxml/ntsc_2997.fcpxml", tmp_path, "notc30.mov", probe=Prober(Facts(NTSC, 90))
    )
    assert shown(found) == [(30, 60)]
    assert not found.notes


def test_windows_urls_name_whose_they_are_and_are_found_below_a_root(
    cases: Path, tmp_path: Path
) -> None:
    request = Request(source=write_portrait(tmp_path / "face.png", 64), handles=0)
    edit = read_timeline(cases / "fcp_xml" / "windows_urls.xml")
    reasons = [item.reason for item in make_plan(edit, request).refused]
    wanted = ["C:\\Users\\editor\\My Clip.mp4", "S:\\path\\file.mov", "(server",
              "C:\\Users\\E\\e.mp4", "/media/My Clip é #1.mp4"]  # fmt: skip
    assert [word in reason for word, reason in zip(wanted, reasons, strict=True)] == [True] * 5
    assert all("--root" in reason for reason in reasons)
    names = ["My Clip.mp4", "file.mov", "x.mov", "e.mp4", "My Clip é #1.mp4"]
    (tmp_path / "store" / "day").mkdir(parents=True)
    for name in names:
        (tmp_path / "store" / "day" / name).write_bytes(b"x")
    request = Request(source=request.source, handles=0, roots=(tmp_path / "store",))
    found = make_plan(edit, request, probe=Prober(Facts(Fraction(25), 50)))
    assert [shot.target.path.name for shot in found.shots] == names


def test_a_disabled_clip_is_left_alone(cases: Path) -> None:
    edit = read_timeline(cases / "fcp_xml" / "disabled_clip.xml")
    assert [clip.enabled for clip in edit.timeline.find_clips()] == [False, True]


@pytest.mark.parametrize("name", ["hashes", "braces", "first_file"])
def test_image_sequences_in_other_notations(cases: Path, tmp_path: Path, name: str) -> None:
    found = planned(cases, f"sequences/{name}.otio", tmp_path)
    assert shown(found) == [(5, 8)]
    target = found.shots[0].target
    assert (target.path.name, target.first_number) == ("sh.%04d.png", 1001)
    assert not found.shots[0].still


def test_holes_are_held(cases: Path, tmp_path: Path) -> None:
    found = planned(cases, "sequences/gap.otio", tmp_path)
    assert shown(found) == [(0, 20)]
    assert "sh.1008.png to sh.1009.png" in found.notes[0]
    target = found.shots[0].target
    info = probe(target.path, first_number=1001, missing=target.missing)
    pictures = [picture.planes[0].tobytes() for picture in decode(info, target.frames)]
    assert pictures[6] == pictures[7] == pictures[8] != pictures[9]
