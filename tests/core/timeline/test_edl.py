"""Edit decision lists as systems export them: their text, their rate, their drop frame timecode."""

from fractions import Fraction
from pathlib import Path

import opentimelineio as otio
import pytest

from reenact_core.errors import TimelineError
from reenact_core.timeline.plan import Plan
from reenact_core.timeline.read import Edit, make_plan, read_timeline
from reenact_core.timeline.request import Request
from tests.core.timeline.edits import Facts, Prober, put

pytest.importorskip("otio_cmx3600_adapter")

FILM, NTSC = Fraction(24000, 1001), Fraction(30000, 1001)
THIRTY = Prober(Facts(Fraction(30), 900, "10:00:00:00"))


def event(codes: str, *, reel: str = "AX", name: str = "one", media: str | None = "a.mov") -> str:
    lines = [f"001  {reel}  V  C  {codes}", f"* FROM CLIP NAME: {name}"]
    return "\n".join([*lines, *([f"* FROM CLIP: {media}"] if media else [])]) + "\n"


def edl(folder: Path, *parts: str, encoding: str = "utf-8") -> Path:
    path = folder / "e.edl"
    path.write_bytes("\n".join(("TITLE: cut", *parts)).encode(encoding))
    put(folder / "face.png")
    return path


def planned(edit: Edit, probe: Prober, roots: tuple[Path, ...] = ()) -> Plan:
    source = edit.path.parent / "face.png"
    return make_plan(edit, Request(source=source, handles=0, roots=roots), probe=probe)


def shown(plan: Plan) -> list[tuple[int, int]]:
    assert not plan.refused, plan.refused
    return [(shot.shown.start, shot.shown.stop) for shot in plan.shots]


CODES = "10:00:01:10 10:00:01:20 01:00:00:00 01:00:00:10"


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1"]
)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_text_of_any_encoding_is_read(tmp_path: Path, encoding: str, end: str) -> None:
    whole = f"TITLE: Café\n\n{event(CODES, name='Entrée')}\x1a".replace("\n", end)
    (tmp_path / "e.edl").write_bytes(whole.encode(encoding))
    edit = read_timeline(tmp_path / "e.edl")
    assert edit.timeline.name == "Café"
    assert [clip.name for clip in edit.timeline.find_clips()] == ["Entrée"]
    assert any("Latin-1" in note for note in edit.notes) == (encoding == "latin-1")


def test_the_rate_is_that_of_the_media(tmp_path: Path) -> None:
    put(tmp_path / "a.mov")
    edit = read_timeline(edl(tmp_path, "FCM: NON-DROP FRAME", event(CODES)), probe=THIRTY)
    assert edit.rate == 30
    assert shown(planned(edit, THIRTY)) == [(40, 50)]
    assert any("30 of its media" in note for note in edit.notes)


def test_without_media_the_lowest_rate_that_fits_is_said(tmp_path: Path) -> None:
    for frames, rate in (("10", 24), ("24", 25), ("29", 30), ("49", 50)):
        codes = f"10:00:01:00 10:00:01:{frames} 01:00:00:00 01:00:00:{frames}"
        edit = read_timeline(edl(tmp_path, event(codes)))
        assert edit.rate == rate
        assert "lowest that fits" in edit.notes[0] and "--rate" in edit.notes[0]


def test_lengths_that_agree_at_one_rate_only_tell_it(tmp_path: Path) -> None:
    codes = "01:00:00:20 01:00:01:05 02:00:00:00 02:00:00:10"  # 10 frames at 25, 9 at 24
    assert read_timeline(edl(tmp_path, event(codes))).rate == 25


def test_drop_frame_comes_before_the_media(tmp_path: Path) -> None:
    put(tmp_path / "a.mov")
    codes = "01:01:00:02 01:01:01:02 01:00:00:00 01:00:01:00"
    path = edl(tmp_path, "FCM: DROP FRAME", event(codes))
    probe = Prober(Facts(NTSC, 3000, "01:00:00;00"))
    edit = read_timeline(path, probe=probe)
    assert edit.rate == NTSC
    assert shown(planned(edit, probe)) == [(1800, 1830)]  # the minute begins with frame 2
    assert "drop frame" in edit.notes[0]
    other = read_timeline(path, probe=Prober(Facts(Fraction(25), 3000)))
    assert other.rate == NTSC and "though its media have 25" in other.notes[0]


def test_semicolons_everywhere_are_drop_frame(tmp_path: Path) -> None:
    codes = "01;01;00;02 01;01;01;02 01;00;00;00 01;00;01;00"
    edit = read_timeline(edl(tmp_path, event(codes)))
    assert edit.rate == NTSC
    clip = next(iter(edit.timeline.find_clips()))
    hour = otio.opentime.from_timecode("01:00:00;00", float(NTSC))
    assert clip.source_range.start_time - hour == otio.opentime.RationalTime(1800, float(NTSC))


def test_double_rates_drop_twice_as_many(tmp_path: Path) -> None:
    codes = "01:00:00:10 01:00:01:50 01:00:00:00 01:00:01:40"
    edit = read_timeline(edl(tmp_path, "FCM: DROP FRAME", event(codes)))
    assert edit.rate == Fraction(60000, 1001)


def test_a_rate_that_is_asked_for_wins_and_what_speaks_against_it_is_said(tmp_path: Path) -> None:
    put(tmp_path / "a.mov")
    path = edl(tmp_path, "FCM: NON-DROP FRAME", event(CODES))
    edit = read_timeline(path, rate=Fraction(25), probe=THIRTY)
    assert edit.rate == 25
    assert "as asked, though its media have 30" in edit.notes[0]
    assert not read_timeline(path, rate=Fraction(30), probe=THIRTY).notes
    dropping = edl(tmp_path, "FCM: DROP FRAME", event(CODES, media="none.mov"))
    assert "does not have" in read_timeline(dropping, rate=Fraction(25)).notes[0]
    meant = read_timeline(dropping, rate=Fraction(30))
    assert meant.rate == NTSC and "29.97, not 30" in meant.notes[0]


def test_a_rate_below_the_timecodes_is_refused(tmp_path: Path) -> None:
    codes = "10:00:01:00 10:00:01:29 01:00:00:00 01:00:00:29"
    with pytest.raises(TimelineError, match=r"frame 29 in a timecode.*--rate"):
        read_timeline(edl(tmp_path, event(codes)), rate=Fraction(24))


def test_a_rate_for_other_timelines_is_said_to_be_idle(tmp_path: Path) -> None:
    otio.adapters.write_to_file(otio.schema.Timeline("cut"), str(tmp_path / "a.otio"))
    edit = read_timeline(tmp_path / "a.otio", rate=Fraction(25))
    assert "--rate is of EDLs" in edit.notes[0] and edit.rate is None


@pytest.mark.parametrize(
    ("file", "reel", "name", "media", "by"),
    [
        ("a.mov", "AX", "one", "a.mov", None),
        ("a.mp4", "AX", "one", "a.mov", "its name without suffix"),
        ("day 1/a.mov", "AX", "one", "a.mov", "its name"),
        ("day 1/A.MOV", "AX", "one", "D:\\cards\\a.mov", "its name"),
        ("one.mov", "AX", "one", None, "its name without suffix"),
        ("one.mov", "AX", "one.mov", None, "its name"),
        ("A001C003.mxf", "A001C003", "shot", None, "its reel"),
        ("a001c003_260101_r1ab.mov", "A001C003", "shot", None, "its reel, with which"),
    ],
)
def test_media_are_found_by_name_and_reel(
    tmp_path: Path, file: str, reel: str, name: str, media: str | None, by: str | None
) -> None:
    put(tmp_path / file)
    put(tmp_path / "one.wav")
    put(tmp_path / "a.txt")
    path = edl(tmp_path, event(CODES, reel=reel, name=name, media=media))
    edit = read_timeline(path, probe=THIRTY)
    found = planned(edit, THIRTY)
    assert shown(found) == [(40, 50)]
    assert found.shots[0].target.path == tmp_path / file
    said = [note for note in found.notes if "is taken, found by" in note]
    assert [f"{by}" in note for note in said] == ([True] if by else [])


def test_a_picture_of_a_films_name_is_not_the_film(tmp_path: Path) -> None:
    put(tmp_path / "a.jpg")
    found = planned(read_timeline(edl(tmp_path, event(CODES))), THIRTY)
    assert "a.mov is missing" in found.refused[0].reason


def test_media_are_found_below_a_root(tmp_path: Path) -> None:
    film = put(tmp_path / "store" / "cards" / "a.mov")
    put(tmp_path / "cut" / "x")
    path = edl(tmp_path / "cut", event(CODES))
    alone = planned(read_timeline(path, probe=THIRTY), THIRTY)
    assert "--root" in alone.refused[0].reason
    roots = (tmp_path / "store",)
    edit = read_timeline(path, probe=THIRTY, roots=roots)
    assert edit.rate == 30
    assert planned(edit, THIRTY, roots=roots).shots[0].target.path == film


def test_of_several_files_none_is_guessed(tmp_path: Path) -> None:
    for folder in ("card1", "card2"):
        put(tmp_path / folder / "a.mov")
    found = planned(read_timeline(edl(tmp_path, event(CODES))), THIRTY)
    assert "could be any of" in found.refused[0].reason
    named = edl(tmp_path, event(CODES, media="D:/show/card2/a.mov"))
    plan = planned(read_timeline(named), THIRTY)
    assert plan.shots[0].target.path == tmp_path / "card2" / "a.mov"


def test_results_of_earlier_runs_are_never_what_was_shot(tmp_path: Path) -> None:
    put(tmp_path / "out" / "one.mov")
    put(tmp_path / "out" / "run.json")
    found = planned(read_timeline(edl(tmp_path, event(CODES, media=None))), THIRTY)
    assert "bears its name or its reel" in found.refused[0].reason


def test_a_retime_is_told_by_whole_frames(tmp_path: Path) -> None:
    put(tmp_path / "a.mov")
    event_lines = event("01:00:00:00 01:00:02:00 01:00:00:00 01:00:01:00")
    path = edl(tmp_path, event_lines, "M2   AX       048.0                01:00:00:00")
    probe = Prober(Facts(FILM, 480, "01:00:00:00"))
    edit = read_timeline(path, probe=probe)
    assert edit.rate == FILM
    assert shown(planned(edit, probe)) == [(0, 48)]


def test_what_is_faded_in_has_its_own_media(tmp_path: Path) -> None:
    put(tmp_path / "a.mov")
    put(tmp_path / "b.mov")
    put(tmp_path / "CARD.mov")
    head = event("01:00:00:00 01:00:01:00 01:00:00:00 01:00:01:00")
    fade = """002  A     V  C      01:00:01:00 01:00:01:00 01:00:01:00 01:00:01:00
002  CARD  V  D 012  01:00:02:00 01:00:04:00 01:00:01:00 01:00:03:00
* FROM CLIP NAME: one
* FROM CLIP: a.mov
* TO CLIP NAME: two
"""
    probe = Prober(Facts(Fraction(24), 480, "01:00:00:00"))
    by_reel = planned(read_timeline(edl(tmp_path, head, fade), probe=probe), probe)
    assert [shot.target.path.name for shot in by_reel.shots] == ["a.mov", "CARD.mov"]
    named = edl(tmp_path, head, f"{fade}* TO CLIP: b.mov\n")
    by_name = planned(read_timeline(named, probe=probe), probe)
    assert [shot.target.path.name for shot in by_name.shots] == ["a.mov", "b.mov"]
    assert shown(by_name) == [(0, 36), (48, 96)]
