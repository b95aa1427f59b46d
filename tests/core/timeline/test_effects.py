"""Wrong words in a timeline are named with the nearest right one."""

from typing import Any

import opentimelineio as otio
import pytest

from reenact_core.errors import TimelineError
from reenact_core.head.regions import RegionStrengths
from reenact_core.timeline.effects import asks_of, picks_of
from reenact_core.timeline.plan import FaceChoice
from tests.core.timeline.edits import ask, clip, times


def asked(**table: Any) -> Any:
    return asks_of(clip("a", times(0, 9), effects=[ask(**table)]), 'clip "a" on track V1')[0]


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"sorce": "a.png"}, ["sorce", "nearest: source"]),
        ({"zzzzz": 1}, ["zzzzz", "known: ", "strength"]),
        ({"mode": "recats"}, ["recast or redirect", "'recats'", "nearest: recast"]),
        ({"mode": 3}, ["recast or redirect", "3"]),
        ({"mode": ["recast"]}, ["recast or redirect"]),
        ({"source": 3}, ["source", "path", "3"]),
        ({"source": ""}, ["source", "path"]),
        ({"source": {"time": 2}}, ["source: path"]),
        ({"source": {"path": "a.mp4", "tme": 2}}, ["tme", "nearest: time"]),
        ({"source": {"path": "a.mp4", "time": -1}}, ["0 seconds or more"]),
        ({"driving": True}, ["driving", "path"]),
        ({"scheme": "subtel"}, ["nearest: subtle"]),
        ({"strength": 1.5}, ["from 0 to 1", "1.5"]),
        ({"strength": "1"}, ["strength", "number"]),
        ({"strength": True}, ["strength", "number"]),
        ({"expression": "absolut"}, ["nearest: absolute"]),
        ({"pose": 1}, ["auto or absolute or relative", "1"]),
        ({"strengths": 1.2}, ["strengths", "table", "1.2"]),
        ({"strengths": {"mouht": 1}}, ["mouht", "nearest: mouth"]),
        ({"strengths": {"gaze": 1.6}}, ["gaze", "from 0 to 1.5", "1.6"]),
        ({"face": "largest"}, ["face", "table"]),
        ({"face": {"select": "biggest"}}, ["largest or left or right"]),
        ({"face": {}}, ["one of select, id"]),
        ({"face": {"select": "left", "id": 1}}, ["one of select, id"]),
        ({"face": {"id": -1}}, ["id", "0 or more"]),
        ({"face": {"id": 1.5}}, ["id", "whole number"]),
        ({"face": {"point": [1]}}, ["point", "[x, y]"]),
        ({"face": {"point": [1, "2"]}}, ["point", "number"]),
        ({"face": {"frame": 2, "id": 1}}, ["one of select, id"]),
        ({"version": 2}, ["version 2", "update"]),
        ({"version": "1"}, ["version", "'1'"]),
        ({"version": True}, ["version"]),
        ({"mode": "recast", "source": "a.png", "driving": "b.mp4"}, ["recast takes no driving"]),
        ({"mode": "redirect", "source": "a.png"}, ["redirect takes no source"]),
        ({"source": "a.png", "driving": "b.mp4"}, ["keep one"]),
    ],
)
def test_wrong_metadata_is_named(table: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(TimelineError) as caught:
        asked(**table)
    message = str(caught.value)
    assert message.startswith('clip "a" on track V1')
    assert all(word in message for word in words), message
    assert "\n" not in message


def test_metadata_that_is_no_table() -> None:
    effect = otio.schema.Effect(effect_name="reenact", metadata={"reenact": "recast"})
    with pytest.raises(TimelineError, match="must be a table"):
        asks_of(clip("a", times(0, 9), effects=[effect]), "a")


def test_the_example_of_the_contract() -> None:
    said = asked(
        mode="recast",
        source="portrait.png",
        driving=None,
        face={"select": "largest"},
        scheme="subtle",
        strength=1.0,
    )
    assert (said.mode, said.source, said.driving, said.strength) == (
        "recast",
        "portrait.png",
        None,
        1,
    )
    assert said.face == FaceChoice()


def test_how_a_performance_is_carried_over() -> None:
    said = asked(expression="relative", pose="absolute", strengths={"mouth": 1.2, "gaze": None})
    assert (said.expression, said.pose) == ("relative", "absolute")
    assert said.strengths == RegionStrengths(mouth=1.2)
    assert (asked().expression, asked().pose, asked().strengths) == ("auto", "auto", None)


@pytest.mark.parametrize("wrap", [lambda way: way, lambda way: {"select": way}])
@pytest.mark.parametrize(
    ("way", "face"),
    [
        ({"id": 2}, FaceChoice(select=None, track_id=2)),
        ({"point": [3, 4.5], "frame": 7}, FaceChoice(select=None, point=(3, 4.5), frame=7)),
        ({"point": [3, 4.5]}, FaceChoice(select=None, point=(3, 4.5))),
    ],
)
def test_ways_to_name_a_face(wrap: Any, way: Any, face: FaceChoice) -> None:
    assert asked(face=wrap(way)).face == face


def test_a_reference_face() -> None:
    said = asked(face={"reference": "her.png"})
    assert (said.face, said.reference) == (None, "her.png")


def test_an_effect_without_metadata_leaves_all_open() -> None:
    effect = otio.schema.Effect(effect_name="reenact")
    said = asks_of(clip("a", times(0, 9), effects=[effect]), "a")[0]
    assert said.meant is None


def test_effects_of_others_are_none_of_ours() -> None:
    effect = otio.schema.Effect(effect_name="Blur", metadata={"reenact": {"zzz": 1}})
    assert asks_of(clip("a", times(0, 9), effects=[effect]), "a") == ()


def test_wrong_markers_are_named() -> None:
    made = clip("a", times(0, 9))
    made.markers.append(otio.schema.Marker(metadata={"reenact": {"pik": [1, 2]}}))
    with pytest.raises(TimelineError, match=r"marker.*nearest: pick"):
        picks_of(made, "a")


def test_markers_of_others_pick_nothing() -> None:
    made = clip("a", times(0, 9))
    made.markers.append(otio.schema.Marker(metadata={"other": {"pick": [1, 2]}}))
    assert picks_of(made, "a") == ()
