"""Edits written back: the original stays, what was not asked for is untouched."""

import json
import os
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import opentimelineio as otio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reenact_core.errors import OutputError, TimelineError
from reenact_core.timeline.effects import plain
from reenact_core.timeline.plan import Plan, RenderedShot, Shot, Source
from reenact_core.timeline.read import Edit, make_plan, read_timeline
from reenact_core.timeline.request import Request
from reenact_core.timeline.write import write_timeline
from reenact_core.timing import FrameRange
from tests.core.timeline.edits import (
    HOUR,
    Facts,
    Prober,
    clip,
    dissolve,
    gap,
    put,
    recast,
    saved,
    stack,
    timeline,
    times,
    track,
    warp,
)

Relink = Literal["add", "swap", "track"]
ALL: tuple[Relink, ...] = ("add", "swap", "track")
HOURLONG = times(HOUR, 480)


def rendered(shot: Shot, folder: Path, suffix: str = ".mov") -> RenderedShot:
    frames = FrameRange(0, len(shot.target.frames), shot.target.frames.rate)
    if suffix == ".png":
        pattern = folder / shot.shot_id / f"{shot.shot_id}.%06d.png"
        return RenderedShot(shot, Source(pattern, frames, 1, 1))
    return RenderedShot(shot, Source(folder / f"{shot.shot_id}{suffix}", frames))


def planned(edit: Edit, handles: int = 8, probe: Prober | None = None) -> Plan:
    return make_plan(edit, Request(handles=handles), probe=probe or Prober())


def written(
    edit: Edit, plan: Plan, out: Path, relink: Relink = "add", suffix: str = ".mov"
) -> Edit:
    shots = [rendered(shot, out, suffix) for shot in plan.shots]
    write_timeline(edit, shots, out / "edit.otio", relink, {"sh010": {"checkpoint": "compact"}})
    return read_timeline(out / "edit.otio")


def clips(edit: Edit) -> list[Any]:
    return list(edit.timeline.find_clips())


def sample(*more: Any) -> Any:
    return timeline(
        track(
            clip("before", times(HOUR, 20), available=HOURLONG),
            clip("sh010", times(HOUR + 100, 48), available=HOURLONG, effects=[recast()]),
            *more,
        )
    )


def span(found: Any) -> tuple[float, float, float]:
    return found.start_time.value, found.duration.value, found.start_time.rate


def test_add_puts_the_new_file_beside_the_original(tmp_path: Path) -> None:
    edit = saved(sample(), tmp_path)
    original = clips(edit)[1].media_reference.clone()
    original.target_url = (tmp_path / "media" / "sh010.mov").as_uri()
    made = clips(written(edit, planned(edit), tmp_path / "out"))[1]
    references = made.media_references()
    assert made.active_media_reference_key == "reenact"
    assert references["DEFAULT_MEDIA"].is_equivalent_to(original)
    assert references["reenact"].target_url == "sh010.mov"
    assert span(references["reenact"].available_range) == (HOUR + 92, 64, 24)
    assert span(made.source_range) == (HOUR + 100, 48, 24)
    record = references["reenact"].metadata["reenact"]
    assert (record["version"], record["shot"], record["checkpoint"]) == (1, "sh010", "compact")
    assert list(record["frames"]) == [92, 156]


def test_swap_puts_the_new_file_where_every_host_looks(tmp_path: Path) -> None:
    edit = saved(sample(), tmp_path / "edit")
    original = clips(edit)[1].media_reference.clone()
    shots = [rendered(shot, tmp_path / "edit") for shot in planned(edit).shots]
    write_timeline(edit, shots, tmp_path / "edit" / "new.otio", "swap")
    made = clips(read_timeline(tmp_path / "edit" / "new.otio"))[1]
    references = made.media_references()
    assert made.active_media_reference_key == "DEFAULT_MEDIA"
    assert references["DEFAULT_MEDIA"].target_url == "sh010.mov"
    assert references["reenact_original"].is_equivalent_to(original)
    assert span(made.source_range) == (HOUR + 100, 48, 24)


def test_swap_loses_no_reference(tmp_path: Path) -> None:
    made = sample()
    asked = made.tracks[0][1]
    big = otio.schema.ExternalReference("big.mov", HOURLONG)
    references = {**asked.media_references(), "big": big}
    asked.set_media_references(references, "big")
    edit, big_url = saved(made, tmp_path), (tmp_path / "big.mov").as_uri()
    out = written(edit, planned(edit), tmp_path / "out", "swap")
    found = {key: ref.target_url for key, ref in clips(out)[1].media_references().items()}
    assert found == {
        "DEFAULT_MEDIA": "sh010.mov",
        "reenact_original": big_url,
        "reenact_default": "media/sh010.mov",
    }
    again = written(out, planned(out), tmp_path / "out", "add")
    found = {key: ref.target_url for key, ref in clips(again)[1].media_references().items()}
    assert found == {"DEFAULT_MEDIA": "media/sh010.mov", "big": big_url, "reenact": "sh010.mov"}


def test_track_leaves_the_clip_and_adds_one_above(tmp_path: Path) -> None:
    edit = saved(sample(), tmp_path)
    out = written(edit, planned(edit), tmp_path / "out", "track")
    assert out.timeline.tracks[0].is_equivalent_to(edit.timeline.tracks[0])
    above = out.timeline.tracks[1]
    assert [type(item).__name__ for item in above] == ["Gap", "Clip"]
    assert above[1].media_reference.target_url == "sh010.mov"
    assert span(above.range_of_child_at_index(1)) == (20, 48, 24)
    assert span(above[1].source_range) == (HOUR + 100, 48, 24)
    assert not [effect for effect in above[1].effects if effect.effect_name == "reenact"]


@pytest.mark.parametrize("relink", ALL)
@pytest.mark.parametrize("again", ALL)
def test_a_second_run_renders_the_original_again(
    tmp_path: Path, relink: Relink, again: Relink
) -> None:
    edit = saved(sample(), tmp_path)
    first = planned(edit)
    out = written(edit, first, tmp_path / "out", relink)
    second = planned(out)
    assert [shot.target for shot in second.shots] == [shot.target for shot in first.shots]
    assert [shot.shot_id for shot in second.shots] == ["sh010"]
    twice = written(out, second, tmp_path / "out", again)
    straight = written(edit, first, tmp_path / "out2", again)
    kept = [clip.media_references().keys() for clip in clips(twice)]
    assert kept == [clip.media_references().keys() for clip in clips(straight)] or (
        relink == "track" and again != "track"  # the earlier track stays above
    )


def test_a_reference_that_lost_our_metadata_is_still_known(tmp_path: Path) -> None:
    edit = saved(sample(), tmp_path)
    for relink in ("add", "swap"):
        out = written(edit, planned(edit), tmp_path / "out", relink)
        made = clips(out)[1]
        made.media_reference.metadata.clear()
        shot = planned(out).shots[0]
        assert shot.target.path == tmp_path / "media" / "sh010.mov"


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.sampled_from(["asked", "plain", "gap", "nest", "quick", "off"]), min_size=1),
    st.sampled_from(ALL),
)
def test_what_was_not_rendered_is_equivalent(
    tmp_path_factory: pytest.TempPathFactory, kinds: Sequence[str], relink: Relink
) -> None:
    base = tmp_path_factory.getbasetemp() / "equivalent"
    items = [_item(kind, index) for index, kind in enumerate(kinds)]
    made = timeline(track(*items), metadata={"Resolve_OTIO": {"x": [1, {"y": 2.5}]}})
    edit = saved(made, base)
    if "asked" not in kinds and "nest" not in kinds:
        return
    plan = planned(edit)
    before = edit.timeline.clone()
    out = written(edit, plan, base / "out", relink)
    assert edit.timeline.is_equivalent_to(before)
    touched = {shot.clip_path for shot in plan.shots}
    for index, item in enumerate(edit.timeline.tracks[0]):
        if (0, index) not in touched and kinds[index] != "nest":
            assert out.timeline.tracks[0][index].is_equivalent_to(item)
        if isinstance(item, otio.schema.Clip):
            assert out.timeline.tracks[0][index].source_range == item.source_range
    assert plain(out.timeline.metadata)["Resolve_OTIO"] == {"x": [1, {"y": 2.5}]}
    if relink == "track":
        reached = [shot.target.frames for shot in plan.shots]
        new = [item for lane in list(out.timeline.tracks)[1:] for item in lane.find_clips()]
        assert len(new) == len(reached)


def _item(kind: str, index: int) -> Any:
    name, source = f"c{index}", times(10 * index, 24)
    if kind == "gap":
        return gap(5)
    if kind == "nest":
        return stack(track(clip(name, source, effects=[recast()])), source=times(4, 9))
    effects = [recast()] if kind == "asked" else [warp(2)] if kind == "quick" else []
    made = clip(name, source, available=times(0, 480), effects=effects)
    made.enabled = kind != "off"
    return made


def test_new_media_cover_what_the_edit_shows(tmp_path: Path) -> None:
    edit = saved(sample(), tmp_path)
    made = clips(written(edit, planned(edit, handles=0), tmp_path / "out"))[1]
    assert made.available_range() == made.trimmed_range()


def test_24_for_23_976_stays_24(tmp_path: Path) -> None:
    edit = saved(sample(), tmp_path)
    probe = Prober(Facts(rate=Fraction(24000, 1001)))
    made = clips(written(edit, planned(edit, probe=probe), tmp_path / "out"))[1]
    assert span(made.available_range()) == (HOUR + 92, 64, 24)


def test_a_clock_from_zero_stays(tmp_path: Path) -> None:
    made = timeline(track(clip("sh010", times(100, 48), available=HOURLONG, effects=[recast()])))
    edit = saved(made, tmp_path)
    found = clips(written(edit, planned(edit), tmp_path / "out"))[0]
    assert span(found.available_range()) == (92, 64, 24)


def test_ntsc_rates_are_written_exactly(tmp_path: Path) -> None:
    made = timeline(track(clip("sh010", times(100, 48, 29.97), effects=[recast()])))
    edit = saved(made, tmp_path)
    probe = Prober(Facts(rate=Fraction(30000, 1001)))
    found = clips(written(edit, planned(edit, probe=probe), tmp_path / "out"))[0]
    assert span(found.available_range()) == (92, 64, 30000 / 1001)
    assert span(found.source_range) == (100, 48, 29.97)


def test_images_become_an_image_sequence(tmp_path: Path) -> None:
    edit = saved(sample(), tmp_path)
    out = tmp_path / "out"
    made = clips(written(edit, planned(edit), out, suffix=".png"))[1]
    reference = made.media_reference
    assert isinstance(reference, otio.schema.ImageSequenceReference)
    assert reference.target_url_for_image_number(0) == "sh010/sh010.000001.png"
    assert reference.number_of_images_in_sequence() == 64
    assert span(reference.available_range) == (HOUR + 92, 64, 24)


def test_a_file_elsewhere_gets_a_url(tmp_path: Path) -> None:
    edit = saved(sample(), tmp_path)
    shots = [rendered(shot, tmp_path / "far away") for shot in planned(edit).shots]
    write_timeline(edit, shots, tmp_path / "out" / "edit.otio")
    url = clips(read_timeline(tmp_path / "out" / "edit.otio"))[1].media_reference.target_url
    assert url == (tmp_path / "far away" / "sh010.mov").as_uri()


def test_nested_clips_are_changed_in_place(tmp_path: Path) -> None:
    made = timeline(track(stack(track(clip("in", times(0, 50), effects=[recast()])))))
    edit = saved(made, tmp_path)
    out = written(edit, planned(edit), tmp_path / "out")
    assert out.timeline.tracks[0][0][0][0].active_media_reference_key == "reenact"


def test_relative_media_are_found_again_from_another_folder(tmp_path: Path) -> None:
    edit = saved(sample(), tmp_path)
    shots = [rendered(shot, tmp_path / "out") for shot in planned(edit).shots]
    notes = write_timeline(edit, shots, tmp_path / "out" / "edit.otio")
    assert "relative" in notes[0]
    out = read_timeline(tmp_path / "out" / "edit.otio")
    assert planned(out).shots[0].target.path == tmp_path / "media" / "sh010.mov"
    home = [rendered(shot, tmp_path) for shot in planned(out).shots]
    assert write_timeline(out, home, tmp_path / "edit2.otio") == ()
    assert "media_root" not in str(read_timeline(tmp_path / "edit2.otio").timeline.metadata)


def test_relative_asks_are_found_again_too(tmp_path: Path) -> None:
    made = timeline(track(clip("sh010", times(0, 24), effects=[recast()])))
    edit = saved(made, tmp_path)
    out = written(edit, planned(edit), tmp_path / "out")
    assert planned(out).shots[0].casts[0].picture == tmp_path / "face.png"


def test_a_relative_path_that_would_mean_a_new_file_is_noted(tmp_path: Path) -> None:
    shared = "sh010.mov"
    made = timeline(
        track(
            clip("sh010", times(0, 24), url=shared, effects=[recast()]),
            clip("other", times(50, 24), url=shared),
        )
    )
    edit = saved(made, tmp_path)
    shots = [rendered(shot, tmp_path / "out") for shot in planned(edit).shots]
    notes = write_timeline(edit, shots, tmp_path / "out" / "edit.otio")
    assert ['"other"' in note and "new file" in note for note in notes] == [False, True]
    first = clips(read_timeline(tmp_path / "out" / "edit.otio"))[0].media_references()
    assert first["DEFAULT_MEDIA"].target_url == (tmp_path / shared).as_uri()


def test_foreign_metadata_survive(tmp_path: Path) -> None:
    made = sample()
    made.tracks[0][1].metadata["adobe"] = {"label": "violet"}
    made.tracks[0].metadata["Resolve_OTIO"] = {"Locked": False}
    edit = saved(made, tmp_path)
    out = written(edit, planned(edit), tmp_path / "out").timeline.tracks[0]
    assert plain(out[1].metadata) == {"adobe": {"label": "violet"}}
    assert plain(out.metadata) == {"Resolve_OTIO": {"Locked": False}}


def test_unknown_schemas_survive_everywhere(tmp_path: Path) -> None:
    """As effect, marker, reference, child and metadata; OTIO itself reads only the last."""
    saved(sample(), tmp_path)
    document = json.loads((tmp_path / "edit.otio").read_text())
    strange = {"OTIO_SCHEMA": "Sparkle.7", "name": "s", "glow": [1.5, {"OTIO_SCHEMA": "Ray.2"}]}
    lane = document["tracks"]["children"][0]["children"]
    lane[1]["effects"].append(strange)
    lane[0]["markers"].append(strange)
    lane[0]["media_references"]["odd"] = strange
    lane[0]["metadata"]["odd"] = strange
    lane.append({**strange, "source_range": lane[0]["source_range"]})
    (tmp_path / "edit.otio").write_text(json.dumps(document))
    edit = read_timeline(tmp_path / "edit.otio")
    plan = planned(edit)
    assert "Sparkle" in plan.notes[0]
    for relink in ALL:
        written(edit, plan, tmp_path / "out", relink)
        back = json.loads((tmp_path / "out" / "edit.otio").read_text())
        found = back["tracks"]["children"][0]["children"]
        assert found[0] == lane[0]
        assert found[2] == lane[2]
        assert found[1]["effects"] == lane[1]["effects"]


def test_old_readers_get_the_new_file(tmp_path: Path) -> None:
    edit = saved(sample(), tmp_path)
    out = written(edit, planned(edit), tmp_path / "out")
    old = otio.versioning.fetch_map("OTIO_CORE", "0.14.0")
    path = tmp_path / "old.otio"
    otio.adapters.write_to_file(out.timeline, str(path), target_schema_versions=old)
    assert "sh010.mov" in path.read_text() and "media/sh010.mov" not in path.read_text()


def test_a_timeline_is_written_as_otio_only(tmp_path: Path) -> None:
    with pytest.raises(TimelineError, match=r"\.otio"):
        write_timeline(saved(sample(), tmp_path), [], tmp_path / "edit.edl")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    edit = saved(sample(), tmp_path)
    (tmp_path / "shut").mkdir(mode=0o500)
    with pytest.raises(OutputError):
        write_timeline(edit, [], tmp_path / "shut" / "edit.otio")


def test_a_file_in_the_way_of_the_folder(tmp_path: Path) -> None:
    edit = saved(sample(), tmp_path)
    with pytest.raises(OutputError):
        write_timeline(edit, [], put(tmp_path / "shut") / "edit.otio")
    assert not list(tmp_path.glob("**/.partial*"))


def test_a_shot_of_another_timeline_is_a_mistake(tmp_path: Path) -> None:
    edit = saved(sample(), tmp_path)
    other = saved(timeline(track(gap(5))), tmp_path / "other")
    shots = [rendered(shot, tmp_path) for shot in planned(edit).shots]
    with pytest.raises(ValueError, match="not of this timeline"):
        write_timeline(other, shots, tmp_path / "out.otio")


def test_dissolves_stay_where_they_are(tmp_path: Path) -> None:
    made = sample(dissolve(), clip("after", times(HOUR + 50, 30), available=HOURLONG))
    edit = saved(made, tmp_path)
    for relink in ALL:
        out = written(edit, planned(edit), tmp_path / "out", relink)
        assert out.timeline.tracks[0][2].is_equivalent_to(edit.timeline.tracks[0][2])
