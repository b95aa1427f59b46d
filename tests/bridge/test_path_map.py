import opentimelineio as otio
import pytest

from reenact_blender.timeline import Asked, write
from reenact_bridge.client import PathMap

SHOW = PathMap((("P:\\show", "/show"), ("P:\\show\\old", "/archive"), ("/mnt/q/", "/q")))


@pytest.mark.parametrize(
    ("here", "there"),
    [
        ("P:\\show\\a\\b.mov", "/show/a/b.mov"),
        ("p:/Show/a/b.mov", "/show/a/b.mov"),
        ("P:\\show", "/show"),
        ("P:\\shows\\a.mov", "P:\\shows\\a.mov"),
        ("P:\\show\\old\\a.mov", "/archive/a.mov"),
        ("/mnt/q/a.mov", "/q/a.mov"),
        ("/mnt/query/a.mov", "/mnt/query/a.mov"),
        ("/elsewhere/a.mov", "/elsewhere/a.mov"),
    ],
)
def test_a_path_is_known_by_the_servers_name(here: str, there: str) -> None:
    assert SHOW.there(here) == there


@pytest.mark.parametrize("path", ["P:\\show\\a\\b.mov", "P:\\show\\old\\a.mov", "/mnt/q/a.mov"])
def test_there_and_back_is_the_same(path: str) -> None:
    assert SHOW.here(SHOW.there(path)) == path


def test_media_inside_a_timeline_are_translated_and_nothing_else() -> None:
    effect = {"mode": "recast", "source": "P:\\show\\her face.png", "scheme": "subtle"}
    asked = [
        Asked("P:\\show", "file:///P:/show/a%20b.mov", 24.0, 3, 9, 48, effect),
        Asked("two", "file:///elsewhere/c.mov", 25.0, 0, 5, 5, {"mode": "recast"}),
    ]
    timeline = otio.adapters.read_from_string(SHOW.timeline(write("P:\\show", asked)), "otio_json")
    first, second = timeline.find_clips()
    assert (timeline.name, first.name) == ("P:\\show", "P:\\show")
    assert first.media_reference.target_url == "/show/a b.mov"
    assert first.effects[0].metadata["reenact"]["source"] == "/show/her face.png"
    assert second.media_reference.target_url == "file:///elsewhere/c.mov"


def test_the_timeline_that_the_add_on_writes_is_what_otio_reads() -> None:
    effect = {"mode": "redirect", "driving": "/d.mov", "face": {"point": [3.5, 4], "frame": 4}}
    text = write("edit", [Asked("sh010", "/a.mov", 30000 / 1001, 3, 9, 48, effect)])
    timeline = otio.adapters.read_from_string(text, "otio_json")
    [clip] = timeline.find_clips()
    assert (clip.source_range.start_time.value, clip.source_range.duration.value) == (3, 6)
    assert clip.available_range().duration.value == 48
    assert dict(clip.effects[0].metadata["reenact"])["version"] == 1
    assert clip.effects[0].effect_name == "reenact"
