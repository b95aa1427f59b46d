"""New tracks show new clips when the old ones are shown."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import opentimelineio as otio
from hypothesis import given, settings
from hypothesis import strategies as st

from reenact_core.timeline.plan import RenderedShot, Source
from reenact_core.timeline.read import Edit, make_plan, read_timeline
from reenact_core.timeline.request import Request
from reenact_core.timeline.walk import Place, walk
from reenact_core.timeline.write import write_timeline
from reenact_core.timing import FrameRange
from tests.core.timeline.edits import (
    Prober,
    clip,
    dissolve,
    gap,
    recast,
    saved,
    stack,
    timeline,
    times,
    track,
    warp,
)


def overlaid(made: Any, folder: Path) -> tuple[Edit, tuple[str, ...]]:
    edit = saved(made, folder)
    shots = [
        RenderedShot(
            shot,
            Source(
                folder / f"{shot.shot_id}.mov", FrameRange(0, len(shot.target.frames), Fraction(24))
            ),
        )
        for shot in make_plan(edit, Request(handles=8), probe=Prober()).shots
    ]
    notes = write_timeline(edit, shots, folder / "out.otio", "track")
    return read_timeline(folder / "out.otio"), notes


def asked(name: str, start: int, length: int, *effects: Any) -> Any:
    return clip(name, times(start, length), effects=[*effects, recast()])


def kinds(lane: Any) -> list[str]:
    return [type(item).__name__ for item in lane]


def test_neighbours_keep_the_dissolve_between_them(tmp_path: Path) -> None:
    made = timeline(track(gap(10), asked("a", 0, 24), dissolve(), asked("b", 30, 24)))
    lane = overlaid(made, tmp_path)[0].timeline.tracks[1]
    assert kinds(lane) == ["Gap", "Clip", "Transition", "Clip"]
    assert lane.range_of_child_at_index(3).start_time.value == 34


def test_a_dissolve_to_a_clip_that_was_not_rendered_fades_out(tmp_path: Path) -> None:
    made = timeline(
        track(asked("a", 0, 24), dissolve(), clip("x", times(9, 24)), gap(3), asked("b", 30, 24))
    )
    lane = overlaid(made, tmp_path)[0].timeline.tracks[1]
    assert kinds(lane) == ["Clip", "Transition", "Gap", "Clip"]
    assert lane.range_of_child_at_index(3).start_time.value == 51


def test_retimes_come_along(tmp_path: Path) -> None:
    nest = stack(track(asked("in", 100, 40, warp(2))), source=times(10, 20))
    nest.effects.append(warp(0.5))
    out, _ = overlaid(timeline(track(gap(7), nest)), tmp_path)
    new = out.timeline.tracks[1][1]
    scalars = [effect.time_scalar for effect in new.effects]
    assert sorted(scalars) == [0.5, 2.0]
    assert new.trimmed_range().duration.value == 20


def test_shots_over_each_other_get_a_track_each(tmp_path: Path) -> None:
    made = timeline(
        track(asked("low", 0, 24), name="V1"), track(gap(10), asked("high", 0, 24), name="V2")
    )
    out, notes = overlaid(made, tmp_path)
    names = [(lane.name, [item.name for item in lane.find_clips()]) for lane in out.timeline.tracks]
    assert names[2:] == [("reenact", ["low"]), ("reenact 2", ["high"])]
    assert "low" not in "".join(notes)


def test_a_clip_that_comes_on_top_is_noted(tmp_path: Path) -> None:
    made = timeline(
        track(asked("low", 0, 24), name="V1"), track(gap(10), clip("title", times(0, 5)), name="V2")
    )
    _, notes = overlaid(made, tmp_path)
    assert "title" in notes[0] and "on top" in notes[0]


def test_a_second_run_replaces_the_track(tmp_path: Path) -> None:
    out, _ = overlaid(timeline(track(asked("a", 0, 24))), tmp_path)
    again, _ = overlaid(out.timeline, tmp_path / "again")
    assert [lane.name for lane in again.timeline.tracks] == ["V1", "reenact"]


@st.composite
def lanes(draw: st.DrawFn) -> Any:
    items: list[Any] = []
    for index in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(["asked", "plain", "gap", "nest"]))
        length, start = draw(st.integers(2, 20)), draw(st.integers(0, 50))
        effects = [warp(draw(st.sampled_from([2.0, 0.5, -1.0])))] if draw(st.booleans()) else []
        if kind == "gap":
            items.append(gap(length))
        elif kind == "nest":
            inner = stack(track(asked(f"n{index}", start, 20, *effects), asked("m", 3, 9)))
            inner.source_range = times(draw(st.integers(0, 10)), draw(st.integers(1, 19)))
            inner.effects.extend(
                [warp(draw(st.sampled_from([0.5, -1.0])))] if draw(st.booleans()) else []
            )
            items.append(inner)
        else:
            made = asked if kind == "asked" else lambda n, s, d, *e: clip(n, times(s, d), effects=e)
            items.append(made(f"c{index}", start, length, *effects))
    return track(*items)


@settings(max_examples=60, deadline=None)
@given(st.lists(lanes(), min_size=1, max_size=2))
def test_new_clips_show_the_same_media_at_the_same_time(
    tmp_path_factory: Any, made: list[Any]
) -> None:
    folder = tmp_path_factory.getbasetemp() / "overlay"
    if not any(
        effect.effect_name == "reenact"
        for item in made
        for c in item.find_clips()
        for effect in c.effects
    ):
        return
    edit = saved(timeline(*made), folder)
    shots = make_plan(edit, Request(), probe=Prober()).shots
    out, _ = overlaid(timeline(*made), folder)
    old = {place.path: place for place in walk(edit.timeline, lambda _: None)}
    before = [_looks(old[shot.clip_path]) for shot in shots]
    # The new tracks alone; our mark would keep the walk from looking into them.
    fresh = otio.schema.Timeline()
    for lane in list(out.timeline.tracks)[len(made) :]:
        copied = lane.clone()
        copied.metadata.clear()
        fresh.tracks.append(copied)
    after = [_looks(place) for place in walk(fresh, lambda _: None)]
    assert sorted(before) == sorted(after)


def _looks(place: Place) -> tuple[str, Any, Any, Any, Any]:
    assert place.record is not None and place.cut is not None
    cut = place.cut
    return place.clip.name, place.record.start, place.record.stop, cut.start, cut.stop
