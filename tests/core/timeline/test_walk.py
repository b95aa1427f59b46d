"""What is seen of nested, trimmed and retimed clips, against a slow walk along the record time."""

from collections import defaultdict
from fractions import Fraction
from typing import Any

import opentimelineio as otio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reenact_core.errors import TimelineError
from reenact_core.timeline.spans import Span, seconds, span_of
from reenact_core.timeline.walk import Place, walk
from tests.core.timeline.edits import (
    clip,
    dissolve,
    gap,
    stack,
    time,
    timeline,
    times,
    track,
    warp,
)

FRAME = Fraction(1, 24)


def places(made: Any) -> dict[str, Place]:
    return {place.clip.name: place for place in walk(made, lambda _: None)}


def frames(span: Span | None) -> tuple[float, float] | None:
    return None if span is None else (float(span.start * 24), float(span.stop * 24))


def slow_length(item: Any) -> Fraction:
    if item.source_range is not None:
        return seconds(item.source_range.duration)
    lengths = [slow_length(child) for child in item]
    return sum(lengths, Fraction(0)) if isinstance(item, otio.schema.Track) else max(lengths)


def slow_speed(item: Any) -> Fraction:
    speed = Fraction(1)
    for effect in item.effects:
        speed *= Fraction(effect.time_scalar)
    return speed


def slow_look(
    item: Any, at: Fraction, path: tuple[int, ...], seen: dict[Any, list[Any]], record: Fraction
) -> None:
    """Note what is seen `at` seconds into an item's output, in every clip below it."""
    start = span_of(item.source_range).start if item.source_range is not None else Fraction(0)
    speed = slow_speed(item)
    inside = start + (at * speed if speed >= 0 else (slow_length(item) - at) * -speed)
    if isinstance(item, otio.schema.Clip):
        seen[path].append((record, inside))
    if not isinstance(item, otio.core.Composition):
        return
    begin = Fraction(0)
    for index, child in enumerate(item):
        length = slow_length(child)
        if begin <= inside < begin + length:
            slow_look(child, inside - begin, (*path, index), seen, record)
        begin += length if isinstance(item, otio.schema.Track) else 0


speeds = st.sampled_from([1.0, 1.0, 2.0, 0.5, -1.0, -2.0, 0.0])
lengths = st.integers(1, 20)


@st.composite
def items(draw: st.DrawFn, depth: int) -> Any:
    effects = [warp(draw(speeds))] if draw(st.booleans()) else []
    kind = draw(st.sampled_from(["clip", "clip", "gap"] + ["nest"] * (depth > 0)))
    if kind == "clip":
        made = clip("a", times(draw(st.integers(0, 50)), draw(lengths)), effects=effects)
    elif kind == "gap":
        made = gap(draw(lengths))
    else:
        inner = draw(st.lists(items(depth - 1), min_size=1, max_size=3))
        made = stack(track(*inner))
        if draw(st.booleans()):
            made.append(track(*draw(st.lists(items(depth - 1), min_size=1, max_size=2))))
        if draw(st.booleans()):
            made.source_range = times(draw(st.integers(0, 15)), draw(lengths))
        made.effects.extend(effects)
    return made


@settings(max_examples=30, deadline=None)
@given(st.lists(items(depth=2), min_size=1, max_size=4))
def test_the_walk_agrees_with_a_look_at_every_moment(made: list[Any]) -> None:
    edit = timeline(track(*made))
    seen: dict[Any, list[Any]] = defaultdict(list)
    step = Fraction(1, 24 * 4)
    for tick in range(int(slow_length(edit.tracks) / step)):
        at = (tick + Fraction(1, 2)) * step
        slow_look(edit.tracks, at, (), seen, at)
    found = {place.path: place for place in walk(edit, lambda _: None)}
    for path, place in found.items():
        moments = seen.get(path, [])
        if place.cut is None or place.record is None:
            assert not moments
            continue
        assert all(place.record.start <= at < place.record.stop for at, _ in moments)
        assert all(place.cut.start <= inside <= place.cut.stop for _, inside in moments)
        if place.record.length > 2 * step:
            assert moments
            shown = [inside for _, inside in moments]
            fastest = 8 * step  # a clip at 2 in a nest at 2 in a nest at 2
            assert min(shown) - place.cut.start <= fastest
            assert place.cut.stop - max(shown) <= fastest


def test_a_trimmed_nest_trims_its_clips() -> None:
    nest = stack(track(clip("in1", times(0, 10)), clip("in2", times(0, 50))), source=times(5, 20))
    found = places(timeline(track(clip("before", times(0, 96)), nest)))
    assert frames(found["in1"].cut) == (5, 10)
    assert frames(found["in2"].cut) == (0, 15)
    assert frames(found["in1"].record) == (96, 101)
    assert frames(found["in2"].record) == (101, 116)


def test_a_clip_outside_its_nests_trim_is_not_seen() -> None:
    nest = stack(track(clip("in1", times(0, 10)), clip("in2", times(0, 50))), source=times(20, 5))
    found = places(timeline(track(nest)))
    assert (found["in1"].seen, found["in1"].record) == (None, None)


def test_a_dissolve_shows_handles_of_both_clips() -> None:
    found = places(
        timeline(track(clip("a", times(100, 48)), dissolve(4, 6), clip("b", times(200, 48))))
    )
    assert frames(found["a"].seen) == (100, 154)
    assert frames(found["b"].seen) == (196, 248)
    assert frames(found["a"].cut) == (100, 148)


def test_a_dissolve_shows_handles_of_a_nest() -> None:
    nest = stack(track(clip("in", times(100, 60))), source=times(10, 20))
    found = places(timeline(track(nest, dissolve(4, 6), clip("b", times(200, 48)))))
    assert frames(found["in"].seen) == (110, 136)
    assert frames(found["in"].cut) == (110, 130)


def test_handles_run_at_the_speed_of_the_retime() -> None:
    quick = clip("b", times(200, 10), effects=[warp(2)])
    found = places(timeline(track(clip("a", times(0, 48)), dissolve(3, 3), quick)))
    assert frames(found["b"].seen) == (194, 220)


def test_a_reversed_clip_has_its_head_handle_after_its_last_frame() -> None:
    back = clip("b", times(200, 10), effects=[warp(-1)])
    found = places(timeline(track(clip("a", times(0, 48)), dissolve(3, 0), back)))
    assert frames(found["b"].seen) == (200, 213)


def test_a_freeze_shows_one_instant() -> None:
    frozen = clip("a", times(30, 48), effects=[otio.schema.FreezeFrame()])
    assert frames(places(timeline(track(frozen)))["a"].seen) == (30, 30)


def test_another_time_effect_is_named() -> None:
    wild = clip("a", times(0, 10), effects=[otio.schema.TimeEffect(effect_name="SpeedRamp")])
    found = places(timeline(track(wild, clip("b", times(0, 10)))))
    assert "SpeedRamp" in (found["a"].fault or "")
    assert found["b"].fault is None
    assert frames(found["b"].record) == (10, 20)


def test_another_time_effect_on_a_nest_is_every_clips_fault() -> None:
    nest = stack(track(clip("in", times(0, 10))))
    nest.effects.append(otio.schema.TimeEffect(effect_name="SpeedRamp"))
    assert "SpeedRamp" in (places(timeline(track(nest)))["in"].fault or "")


def test_disabled_tracks_and_nests_disable_their_clips() -> None:
    off = clip("off", times(0, 10))
    off.enabled = False
    nest = stack(track(clip("in", times(0, 10))))
    nest.enabled = False
    dark = track(clip("dark", times(0, 10)), name="V2")
    dark.enabled = False
    found = places(timeline(track(off, nest, clip("on", times(0, 10))), dark))
    enabled = {name: place.enabled for name, place in found.items()}
    assert enabled == {"off": False, "in": False, "on": True, "dark": False}


def test_sound_tracks_are_left_out() -> None:
    sound = track(clip("speech", times(0, 10)), name="A1", kind="Audio")
    assert list(places(timeline(track(clip("a", times(0, 10))), sound))) == ["a"]


def test_mixed_rates_are_exact() -> None:
    film = clip("film", times(0, 24, 24))
    ntsc = clip("ntsc", times(0, 30, 29.97))
    found = places(timeline(track(film, ntsc, clip("last", times(0, 1)))))
    assert found["last"].record is not None
    assert found["last"].record.start == 1 + Fraction(30 * 1001, 30000)


def test_endless_nests_are_refused() -> None:
    nest = stack(track(clip("in", times(0, 10))))
    for _ in range(40):
        nest = stack(track(nest))
    with pytest.raises(TimelineError, match="deeper"):
        places(timeline(track(nest)))


def test_times_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(TimelineError):
        seconds(time(float("nan")))
    with pytest.raises(TimelineError):
        seconds(time(1, 0))
