"""Plans of edits: frames of the media, clocks, stills, sequences, faces, refusals."""

from dataclasses import replace
from fractions import Fraction
from math import floor
from pathlib import Path
from typing import Any

import opentimelineio as otio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reenact_core.errors import MediaError, TimelineError
from reenact_core.head.regions import RegionStrengths
from reenact_core.timeline.describe import shot_table
from reenact_core.timeline.plan import FaceChoice, Plan, Shot
from reenact_core.timeline.read import Edit, make_plan, read_timeline
from reenact_core.timeline.request import Request
from reenact_core.timing import snap_rate
from tests.core.timeline.edits import (
    HOUR,
    Facts,
    Prober,
    ask,
    clip,
    dissolve,
    put,
    recast,
    saved,
    stack,
    time,
    timeline,
    times,
    track,
    warp,
)
from tests.synthetic import ClipFormat, write_clip, write_portrait

NONE = Request(handles=0)
FILM, NTSC = Fraction(24000, 1001), Fraction(30000, 1001)


def plan(made: Any, folder: Path, request: Request = NONE, probe: Prober | None = None) -> Plan:
    return make_plan(saved(made, folder), request, probe=probe or Prober())


def shot(made: Any, folder: Path, request: Request = NONE, probe: Prober | None = None) -> Shot:
    found = plan(made, folder, request, probe)
    assert not found.refused
    assert len(found.shots) == 1
    return found.shots[0]


def one(
    source: Any, *effects: Any, available: Any = None, markers: tuple[Any, ...] = (), **table: Any
) -> Any:
    made = clip("sh010", source, available=available, effects=[*effects, recast(**table)])
    made.markers.extend(markers)
    return timeline(track(made))


def shown(found: Shot) -> tuple[int, int]:
    return found.shown.start, found.shown.stop


def target(found: Shot) -> tuple[int, int]:
    return found.target.frames.start, found.target.frames.stop


def refusal(made: Any, folder: Path, probe: Prober | None = None) -> str:
    found = plan(made, folder, NONE, probe)
    assert not found.shots
    assert len(found.refused) == 1
    return found.refused[0].reason


# Frames


def test_a_clip_is_rendered_with_handles(tmp_path: Path) -> None:
    found = shot(one(times(100, 48)), tmp_path, Request(handles=8))
    assert (shown(found), target(found)) == ((100, 148), (92, 156))


def test_handles_end_where_the_media_end(tmp_path: Path) -> None:
    found = shot(one(times(3, 474)), tmp_path, Request(handles=8))
    assert target(found) == (0, 480)


def test_frames_under_a_dissolve_are_shown(tmp_path: Path) -> None:
    made = timeline(
        track(clip("a", times(100, 48), effects=[recast()]), dissolve(4, 6), clip("b", times(0, 9)))
    )
    assert shown(shot(made, tmp_path)) == (100, 154)


def test_a_start_timecode_is_the_files_first_frame(tmp_path: Path) -> None:
    found = shot(one(times(HOUR + 48, 48), available=times(HOUR, 480)), tmp_path)
    assert (shown(found), float(found.start_time)) == ((48, 96), HOUR)


def test_without_an_available_range_the_files_timecode_counts(tmp_path: Path) -> None:
    probe = Prober(Facts(timecode="01:00:00:00"))
    found = shot(one(times(HOUR + 48, 48)), tmp_path, probe=probe)
    assert (shown(found), float(found.start_time)) == ((48, 96), HOUR)


def test_an_available_range_may_be_a_part_of_the_file(tmp_path: Path) -> None:
    probe = Prober(Facts(timecode="01:00:00:00"))
    made = one(times(HOUR + 120, 24), available=times(HOUR + 100, 200))
    assert shown(shot(made, tmp_path, probe=probe)) == (120, 144)


@pytest.mark.parametrize("available", [times(HOUR, 480), None])
def test_a_writer_that_counts_from_zero_is_understood(tmp_path: Path, available: Any) -> None:
    probe = Prober(Facts(timecode="01:00:00:00"))
    found = plan(one(times(48, 24), available=available), tmp_path, probe=probe)
    assert shown(found.shots[0]) == (48, 72)
    assert found.shots[0].start_time == 0
    assert "counts from 0" in found.notes[0]


def test_drop_frame_timecode(tmp_path: Path) -> None:
    first = 107892  # 01:00:00;00 is 108000 numbers, of which 108 are skipped
    probe = Prober(Facts(rate=NTSC, timecode="01:00:00;00", frame_count=600))
    assert shown(shot(one(times(first + 60, 30, 29.97)), tmp_path, probe=probe)) == (60, 90)


def test_non_drop_timecode(tmp_path: Path) -> None:
    probe = Prober(Facts(rate=NTSC, timecode="01:00:00:00", frame_count=600))
    assert shown(shot(one(times(108060, 30, 29.97)), tmp_path, probe=probe)) == (60, 90)


def test_23_976_in_all_its_spellings(tmp_path: Path) -> None:
    probe = Prober(Facts(rate=FILM))
    for rate in (23.976, 23.98, 24000 / 1001, 23.976024):
        found = shot(
            one(times(100, 48, rate), available=times(0, 480, rate)), tmp_path, probe=probe
        )
        assert shown(found) == (100, 148)
        assert found.target.frames.rate == FILM


def test_24_said_for_23_976_counts_frames(tmp_path: Path) -> None:
    probe = Prober(Facts(rate=FILM, frame_count=100_000))
    found = shot(
        one(times(HOUR + 90_000, 48), available=times(HOUR, 100_000)), tmp_path, probe=probe
    )
    assert shown(found) == (90_000, 90_048)
    assert (found.target.frames.rate, found.clock) == (FILM, Fraction(24))


def test_24_for_23_976_in_the_source_range_only_is_noted(tmp_path: Path) -> None:
    probe = Prober(Facts(rate=FILM))
    made = one(times(HOUR + 48, 24, 24), available=times(HOUR, 480, 24000 / 1001))
    found = plan(made, tmp_path, probe=probe)
    assert shown(found.shots[0]) == (48, 72)
    assert "taken as frame numbers" in found.notes[0]


def test_mixed_rates_round_to_the_frames_that_are_touched(tmp_path: Path) -> None:
    probe = Prober(Facts(rate=Fraction(25)))
    # 10/24 s is frame 10.4 of 25 a second; 22/24 s is frame 22.9
    found = shot(one(times(10, 12), available=times(0, 480, 25)), tmp_path, probe=probe)
    assert shown(found) == (10, 23)


@settings(max_examples=60, deadline=None)
@given(
    start=st.integers(0, 100),
    length=st.integers(1, 40),
    rates=st.sampled_from([(24.0, 25), (25.0, 24), (23.976, 25), (29.97, 24), (30.0, 60)]),
    speed=st.sampled_from([1.0, 2.0, 0.5, 1.25, -1.0, -0.5]),
)
def test_every_record_frame_is_in_the_shown_frames(
    tmp_path_factory: pytest.TempPathFactory,
    start: int,
    length: int,
    rates: tuple[float, int],
    speed: float,
) -> None:
    edit_rate, media_rate = rates
    folder = tmp_path_factory.getbasetemp() / "every"
    probe = Prober(Facts(rate=Fraction(media_rate), frame_count=4800))
    made = one(
        times(start, length, edit_rate), warp(speed), available=times(0, 4800, float(media_rate))
    )
    found = shot(made, folder, probe=probe)
    exact, wanted = snap_rate(edit_rate), set()
    for index in range(length):
        at = Fraction(index) if speed > 0 else Fraction(length - 1 - index)
        wanted.add(floor((start + at * Fraction(abs(speed))) / exact * media_rate))
    reach = range(*shown(found))
    assert wanted <= set(reach)
    spare = 1 + max(1, abs(speed)) * media_rate / exact
    assert min(wanted) - reach[0] <= 1 and reach[-1] - max(wanted) <= spare


UNEVEN = Facts(Fraction(10), 4, variable_rate=True, times=(500, 600, 900, 950))
"""Frames are shown from 0, 0.1, 0.4 and 0.45 seconds on, the last one for 0.1."""


@pytest.mark.parametrize(
    ("start", "length", "frames"),
    [
        (0, 1, (0, 1)),
        (2, 1, (1, 2)),
        (2, 2, (1, 2)),
        (2, 3, (1, 4)),
        (0, 10, (0, 4)),
        (4, 2, (2, 4)),
    ],
)
def test_frames_of_a_variable_rate_go_by_their_times(
    tmp_path: Path, start: int, length: int, frames: tuple[int, int]
) -> None:
    found = shot(one(times(start, length, 10)), tmp_path, probe=Prober(UNEVEN))
    assert shown(found) == frames


def test_a_variable_rate_has_its_span_in_seconds(tmp_path: Path) -> None:
    found = shot(one(times(2, 2, 10)), tmp_path, probe=Prober(UNEVEN))
    assert found.uneven == (Fraction(1, 10), Fraction(4, 10))


def test_only_the_visible_part_of_a_nested_clip_is_rendered(tmp_path: Path) -> None:
    inner = clip("in", times(100, 100), effects=[recast()])
    made = timeline(track(stack(track(inner), source=times(10, 20))))
    assert shown(shot(made, tmp_path)) == (110, 130)


def test_a_clip_without_a_source_range_keeps_its_length(tmp_path: Path) -> None:
    inner = clip("in", None, available=times(0, 480), effects=[recast()])
    made = timeline(track(stack(track(inner), source=times(10, 20))))
    assert target(shot(made, tmp_path, Request(handles=8))) == (0, 480)


def test_a_clip_without_any_range_is_as_long_as_its_file(tmp_path: Path) -> None:
    made = timeline(track(clip("a"), clip("b", effects=[recast()])))
    found = shot(made, tmp_path, probe=Prober(a=Facts(frame_count=100), b=Facts(frame_count=50)))
    assert shown(found) == (0, 50)


def test_a_fast_clip_uses_more_media(tmp_path: Path) -> None:
    assert shown(shot(one(times(100, 48), warp(2)), tmp_path)) == (100, 196)


def test_a_reversed_clip_uses_the_media_from_its_start(tmp_path: Path) -> None:
    assert shown(shot(one(times(100, 48), warp(-1)), tmp_path)) == (100, 148)


def test_a_freeze_is_one_frame(tmp_path: Path) -> None:
    assert shown(shot(one(times(100, 48), otio.schema.FreezeFrame()), tmp_path)) == (100, 101)


def test_media_that_end_early_are_noted(tmp_path: Path) -> None:
    found = plan(one(times(400, 100)), tmp_path)
    assert shown(found.shots[0]) == (400, 480)
    assert "lacks 20" in found.notes[0]


def test_a_source_range_beyond_the_media_is_refused(tmp_path: Path) -> None:
    reason = refusal(one(times(5000, 10), available=times(0, 480)), tmp_path)
    assert "5000" in reason and "480" in reason and "sh010" in reason


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    made = one(times(300, 10), available=times(0, 480))
    assert "which has 100" in refusal(made, tmp_path, Prober(Facts(frame_count=100)))


# Kinds of media


def test_a_still_picture_is_as_long_as_it_is_seen(tmp_path: Path) -> None:
    put(tmp_path / "act.mp4")
    portrait = clip("her", times(0, 72), url="her.png", effects=[ask(driving="act.mp4")])
    found = shot(
        timeline(track(portrait)), tmp_path, probe=Prober(her=Facts(Fraction(25), 1, still=True))
    )
    assert found.still
    assert (target(found), shown(found), float(found.target.frames.rate)) == ((0, 72), (0, 72), 24)
    assert found.casts[0].mode == "redirect"


def test_a_still_picture_is_not_seen_for_years(tmp_path: Path) -> None:
    put(tmp_path / "act.mp4")
    endless = clip("her", times(0, 4e9), url="her.png", effects=[ask(driving="act.mp4")])
    probe = Prober(her=Facts(Fraction(25), 1, still=True))
    assert "4000000000" in refusal(timeline(track(endless)), tmp_path, probe)


def test_an_image_sequence(tmp_path: Path) -> None:
    reference = otio.schema.ImageSequenceReference(
        target_url_base="frames/",
        name_prefix="sh010.",
        name_suffix=".png",
        start_frame=1001,
        frame_step=2,
        rate=24,
        frame_zero_padding=5,
        available_range=times(HOUR, 960),
    )
    put(tmp_path / "frames" / "sh010.01001.png")
    made = otio.schema.Clip("sh010", reference, times(HOUR + 48, 48), effects=[recast()])
    probe = Prober()
    found = shot(timeline(track(made)), tmp_path, probe=probe)
    assert found.target.path == tmp_path / "frames" / "sh010.%05d.png"
    assert (found.target.first_number, found.target.number_step) == (1001, 2)
    assert (shown(found), float(found.target.frames.rate)) == ((24, 48), 12)
    assert probe.looked == [(found.target.path, 1001, 2)]


def test_an_image_sequence_counted_by_its_numbers(tmp_path: Path) -> None:
    reference = otio.schema.ImageSequenceReference(
        "", "a.", ".png", start_frame=1001, rate=24, frame_zero_padding=4
    )
    put(tmp_path / "a.1001.png")
    made = otio.schema.Clip("a", reference, times(1011, 10), effects=[recast()])
    assert shown(shot(timeline(track(made)), tmp_path)) == (10, 20)


def test_missing_media_are_refused_and_the_others_go_on(tmp_path: Path) -> None:
    lost, gone = (clip(name, times(0, 9), effects=[recast()]) for name in ("lost", "gone"))
    lost.media_reference = otio.schema.MissingReference()
    edit = saved(timeline(track(lost, gone, clip("a", times(0, 9), effects=[recast()]))), tmp_path)
    (tmp_path / "media" / "gone.mov").unlink()
    found = make_plan(edit, NONE, probe=Prober())
    assert [item.clip_name for item in found.shots] == ["a"]
    assert [item.clip_name for item in found.refused] == ["lost", "gone"]
    assert "relink" in found.refused[0].reason
    assert "gone.mov is missing" in found.refused[1].reason


def test_an_active_reference_that_is_not_there_is_refused(tmp_path: Path) -> None:
    edit = saved(one(times(0, 9)), tmp_path)
    text = edit.path.read_text().replace('_key": "DEFAULT_MEDIA"', '_key": "proxy"')
    edit.path.write_text(text)
    found = make_plan(read_timeline(edit.path), NONE, probe=Prober())
    assert '"proxy"' in found.refused[0].reason


def test_generated_media_are_refused(tmp_path: Path) -> None:
    made = otio.schema.Clip(
        "bars", otio.schema.GeneratorReference("b", "SMPTEBars"), times(0, 9), effects=[recast()]
    )
    assert "SMPTEBars" in refusal(timeline(track(made)), tmp_path)


def test_what_the_probe_cannot_read_is_refused(tmp_path: Path) -> None:
    class Broken(Prober):
        def __call__(self, path: Path, **_: Any) -> Facts:
            raise MediaError(f"{path}: damaged")

    assert "damaged" in refusal(one(times(0, 9)), tmp_path, Broken())


def test_another_time_effect_is_refused_by_name(tmp_path: Path) -> None:
    made = one(times(0, 9), otio.schema.TimeEffect(effect_name="SpeedRamp"))
    assert "SpeedRamp" in refusal(made, tmp_path)


def test_relative_media_outside_the_folder_are_refused(tmp_path: Path) -> None:
    put(tmp_path / "outside.mov")
    made = timeline(track(clip("a", times(0, 9), url="../outside.mov", effects=[recast()])))
    assert "leads out" in refusal(made, tmp_path / "edit")
    edit = saved(made, tmp_path / "edit")
    allowed = make_plan(edit, replace(NONE, roots=(tmp_path,)), probe=Prober())
    assert len(allowed.shots) == 1


# What is asked


def test_nothing_asked_for(tmp_path: Path) -> None:
    with pytest.raises(TimelineError, match="nothing is asked for"):
        plan(timeline(track(clip("a", times(0, 9)))), tmp_path)


def test_an_ask_that_nobody_sees_is_noted(tmp_path: Path) -> None:
    inner = [clip(name, times(0, 10), effects=[recast()]) for name in ("seen", "unseen")]
    found = plan(timeline(track(stack(track(*inner), source=times(0, 10)))), tmp_path)
    assert [item.clip_name for item in found.shots] == ["seen"]
    assert '"unseen"' in found.notes[0]


def test_a_time_that_is_no_number_names_its_clip(tmp_path: Path) -> None:
    edit = saved(timeline(track(clip("a", times(0, 10), effects=[recast()]))), tmp_path)
    edit.timeline.tracks[0][0].source_range = times(float("nan"), 10)
    with pytest.raises(TimelineError, match='Clip "a"'):
        make_plan(edit, NONE, probe=Prober())


def test_real_media_and_the_real_probe(tmp_path: Path) -> None:
    media = write_clip(tmp_path / "real.mkv", 20, form=ClipFormat(rate=FILM, width=64, height=48))
    images = [f"image.{number}.png" for number in (7, 8, 9)]
    for name in (*images, "her.png", "face.png"):
        write_portrait(tmp_path / name, 64)
    sequence = otio.schema.ImageSequenceReference("", "image.", ".png", start_frame=7, rate=24)
    made = timeline(
        track(
            clip("film", times(5, 10, 23.976), url=media.name),
            clip("still", times(0, 30), url="her.png"),
            otio.schema.Clip("images", sequence, times(8, 2)),
        )
    )
    otio.adapters.write_to_file(made, str(tmp_path / "edit.otio"))
    request = replace(NONE, source=tmp_path / "face.png")
    found = make_plan(read_timeline(tmp_path / "edit.otio"), request)
    assert not found.refused
    shots = {item.clip_name: (shown(item), item.still) for item in found.shots}
    assert shots == {"film": ((5, 15), False), "still": ((0, 30), True), "images": ((1, 3), False)}


def test_an_empty_timeline_has_nothing_to_ask(tmp_path: Path) -> None:
    with pytest.raises(TimelineError, match="of 0 video clips"):
        plan(timeline(), tmp_path, replace(NONE, source=put(tmp_path / "f.png")))


def test_asks_of_nothing_but_disabled_clips_are_said(tmp_path: Path) -> None:
    off = clip("a", times(0, 9), effects=[recast()])
    off.enabled = False
    with pytest.raises(TimelineError, match="disabled"):
        plan(timeline(track(off)), tmp_path)


def test_a_source_alone_means_all_clips(tmp_path: Path) -> None:
    made = timeline(track(clip("a", times(0, 9)), clip("b", times(0, 9))))
    found = plan(made, tmp_path, replace(NONE, source=put(tmp_path / "other.png")))
    assert [item.clip_name for item in found.shots] == ["a", "b"]


def test_a_source_fills_in_where_an_effect_is_silent(tmp_path: Path) -> None:
    other = put(tmp_path / "other.png")
    made = timeline(
        track(
            clip("a", times(0, 9), effects=[recast()]),
            clip("b", times(0, 9), effects=[ask()]),
            clip("c", times(0, 9)),
        )
    )
    found = plan(made, tmp_path, replace(NONE, source=other))
    pictures = {item.clip_name: item.casts[0].picture for item in found.shots}
    assert pictures == {"a": tmp_path / "face.png", "b": other}


def test_a_named_clip_follows_the_command_line(tmp_path: Path) -> None:
    video = put(tmp_path / "act.mp4")
    made = timeline(track(clip("a", times(0, 9), effects=[recast(strength=0.5)])))
    found = shot(made, tmp_path, replace(NONE, clips=("a",), driving=video))
    cast = found.casts[0]
    assert (cast.mode, cast.driving, cast.picture, cast.strength) == ("redirect", video, None, 0.5)


def test_a_named_clip_takes_how_it_is_carried_over_from_the_command_line(tmp_path: Path) -> None:
    effect = recast(expression="relative", pose="relative", strengths={"mouth": 0.5})
    made = timeline(track(clip("a", times(0, 9), effects=[effect])))
    line = replace(NONE, expression="absolute")
    unnamed = shot(made, tmp_path, line).casts[0]
    assert (unnamed.expression, unnamed.pose) == ("relative", "relative")
    named = shot(made, tmp_path, replace(line, clips=("a",))).casts[0]
    assert (named.expression, named.pose) == ("absolute", "relative")
    assert named.strengths == unnamed.strengths == RegionStrengths(mouth=0.5)


def test_a_disabled_effect_asks_nothing(tmp_path: Path) -> None:
    off = recast()
    off.enabled = False
    made = timeline(
        track(clip("a", times(0, 9), effects=[off]), clip("b", times(0, 9), effects=[recast()]))
    )
    assert shot(made, tmp_path).clip_name == "b"


def test_disabled_clips_are_not_rendered(tmp_path: Path) -> None:
    off = clip("a", times(0, 9), effects=[recast()])
    off.enabled = False
    made = timeline(track(off, clip("b", times(0, 9), effects=[recast()])))
    assert shot(made, tmp_path).clip_name == "b"
    named = plan(made, tmp_path, replace(NONE, clips=("a",)))
    assert "disabled" in named.refused[0].reason


def test_a_name_that_no_clip_bears(tmp_path: Path) -> None:
    made = timeline(track(clip("sh010", times(0, 9)), clip("wide", times(0, 9))))
    with pytest.raises(TimelineError, match=r'"sh100".*nearest: sh010'):
        plan(made, tmp_path, Request(clips=("sh100",), source=put(tmp_path / "f.png")))


def test_a_name_on_a_sound_track_only(tmp_path: Path) -> None:
    made = timeline(
        track(clip("a", times(0, 9))), track(clip("speech", times(0, 9)), name="A1", kind="Audio")
    )
    with pytest.raises(TimelineError, match="sound track"):
        plan(made, tmp_path, Request(clips=("speech",), source=put(tmp_path / "f.png")))


def test_two_clips_of_one_name_are_both_rendered(tmp_path: Path) -> None:
    made = timeline(track(*(clip("sh010", times(at, 9)) for at in (0, 50))))
    found = plan(made, tmp_path, Request(clips=("sh010",), source=put(tmp_path / "f.png")))
    assert [item.shot_id for item in found.shots] == ["sh010", "sh010-2"]
    assert "2 clips" in found.notes[0]


def test_ids_do_not_depend_on_what_is_asked(tmp_path: Path) -> None:
    made = timeline(track(clip("a", times(0, 9)), clip("a", times(50, 9), effects=[recast()])))
    assert shot(made, tmp_path).shot_id == "a-2"


def test_several_effects_are_several_faces(tmp_path: Path) -> None:
    put(tmp_path / "other.png")
    made = one(times(0, 9), ask(source="other.png", face={"select": "left"}), face={"id": 3})
    casts = shot(made, tmp_path).casts
    assert [cast.face for cast in casts] == [
        FaceChoice(select="left"),
        FaceChoice(select=None, track_id=3),
    ]
    assert [cast.picture and cast.picture.name for cast in casts] == ["other.png", "face.png"]


def test_a_source_video_has_a_time(tmp_path: Path) -> None:
    made = timeline(
        track(clip("a", times(0, 9), effects=[ask(source={"path": "v.mp4", "time": 1.2})]))
    )
    put(tmp_path / "v.mp4")
    assert shot(made, tmp_path).casts[0].picture_time == Fraction(6, 5)


def pick(x: float, y: float, at: float) -> Any:
    return otio.schema.Marker(marked_range=times(at, 1), metadata={"reenact": {"pick": [x, y]}})


def test_a_marker_picks_a_face(tmp_path: Path) -> None:
    made = one(times(HOUR + 10, 20), available=times(HOUR, 480), markers=(pick(5, 6, HOUR + 12),))
    assert shot(made, tmp_path).casts[0].face == FaceChoice(select=None, point=(5, 6), frame=12)


def test_two_markers_for_one_effect_are_two_faces(tmp_path: Path) -> None:
    made = one(times(10, 20), markers=(pick(5, 6, 12), pick(7, 8, 11)))
    points = [cast.face.point for cast in shot(made, tmp_path).casts]
    assert points == [(7, 8), (5, 6)]


def test_two_effects_and_one_marker_are_refused(tmp_path: Path) -> None:
    made = one(times(10, 20), recast(), markers=(pick(5, 6, 12),))
    assert "2 effects name no face and 1 markers" in refusal(made, tmp_path)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"mode": "remix"}, "mode must be recast or redirect"),
        ({"sorce": "x.png"}, "nearest: source"),
        ({"version": 2}, "update it"),
        ({"driving": "d.mp4"}, "recast takes no driving"),
    ],
)
def test_a_wrong_ask_refuses_its_clip_and_no_other(
    tmp_path: Path, wrong: dict[str, Any], said: str
) -> None:
    effects = [ask(**{"mode": "recast", "source": "x.png", **wrong})]
    made = timeline(
        track(clip("a", times(0, 9), effects=effects), clip("b", times(0, 9), effects=[recast()]))
    )
    found = plan(made, tmp_path)
    assert [item.clip_name for item in found.shots] == ["b"]
    assert found.refused[0].reason.startswith('clip "a" on track V1: ')
    assert said in found.refused[0].reason


def test_a_point_outside_the_picture_is_refused(tmp_path: Path) -> None:
    assert "640x360" in refusal(one(times(10, 20), face={"point": [700, 20]}), tmp_path)


def test_a_pick_outside_the_shot_is_refused(tmp_path: Path) -> None:
    assert "not rendered" in refusal(one(times(10, 20), markers=(pick(5, 6, 99),)), tmp_path)


def test_a_missing_source_refuses_its_clip(tmp_path: Path) -> None:
    made = timeline(
        track(
            clip("a", times(0, 9), effects=[ask(source="nobody.png")]),
            clip("b", times(0, 9), effects=[recast()]),
        )
    )
    found = plan(made, tmp_path)
    assert [item.clip_name for item in found.shots] == ["b"]
    assert "nobody.png is missing" in found.refused[0].reason


def from_source(source: Any) -> Any:
    return timeline(track(clip("sh010", times(0, 9), effects=[ask(mode="recast", source=source)])))


def test_a_folder_of_pictures_is_a_source(tmp_path: Path) -> None:
    folder = put(tmp_path / "anna" / "b.png").parent
    put(folder / "a.jpg")
    unasked = timeline(track(clip("a", times(0, 9))))
    by_request = shot(unasked, tmp_path, replace(NONE, source=folder))
    by_effect = shot(from_source("anna"), tmp_path)
    for cast in (by_request.casts[0], by_effect.casts[0]):
        assert (cast.picture, cast.stills) == (folder / "a.jpg", (folder / "b.png",))
        assert cast.source == folder and cast.files == (folder / "a.jpg", folder / "b.png")
    (table,) = shot_table(by_effect)["faces"]
    assert (table["with"], table["pictures"]) == (str(folder), ["a.jpg", "b.png"])


def test_a_folder_of_one_picture_is_that_picture(tmp_path: Path) -> None:
    path = put(tmp_path / "anna" / "a.png")
    cast = shot(from_source("anna"), tmp_path).casts[0]
    assert (cast.picture, cast.stills, cast.source) == (path, (), path)


def test_a_folder_of_pictures_has_no_time_and_may_not_be_empty(tmp_path: Path) -> None:
    put(tmp_path / "anna" / "a.png")
    (tmp_path / "none").mkdir()
    timed = from_source({"path": "anna", "time": 1.0})
    assert "a folder of pictures, which have no time" in refusal(timed, tmp_path)
    assert "holds no pictures" in refusal(from_source("none"), tmp_path)


def test_a_link_in_a_folder_of_pictures_may_not_lead_out(tmp_path: Path) -> None:
    inside, outside = tmp_path / "show", put(tmp_path / "b.png")
    put(inside / "anna" / "a.png")
    (inside / "anna" / "b.png").symlink_to(outside)
    assert "leads out of the timeline's folder" in refusal(from_source("anna"), inside)


def test_a_missing_source_of_the_request_stops_at_once(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="no such file"):
        plan(one(times(0, 9)), tmp_path, Request(source=tmp_path / "none.png"))


def test_source_and_driving_together_need_a_mode(tmp_path: Path) -> None:
    made = timeline(track(clip("a", times(0, 9))))
    both = Request(("a",), put(tmp_path / "f.png"), driving=put(tmp_path / "d.mp4"))
    for request in (both, replace(both, clips=())):
        refused = plan(made, tmp_path, request).refused
        assert ["say which --mode" in item.reason for item in refused] == [True]
    assert shot(made, tmp_path, replace(both, mode="redirect")).casts[0].mode == "redirect"


def test_an_effect_on_a_track_is_refused(tmp_path: Path) -> None:
    lane = track(clip("a", times(0, 9)))
    lane.effects.append(recast())
    with pytest.raises(TimelineError, match='Track "V1"'):
        plan(timeline(lane), tmp_path)


def test_each_file_is_looked_at_once(tmp_path: Path) -> None:
    probe = Prober()
    made = timeline(
        track(*(clip(f"c{n}", times(n, 9), url="a.mov", effects=[recast()]) for n in range(5)))
    )
    assert len(plan(made, tmp_path, probe=probe).shots) == 5
    assert len(probe.looked) == 1


def test_planning_leaves_the_edit_as_it_was(tmp_path: Path) -> None:
    edit: Edit = saved(one(times(0, 9)), tmp_path)
    before = edit.timeline.clone()
    make_plan(edit, NONE, probe=Prober())
    assert edit.timeline.is_equivalent_to(before)
    assert time(1) == time(1)
