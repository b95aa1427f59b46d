"""Image sequences in every notation, told from stills, and what stands for images not there."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import opentimelineio as otio
import pytest

from reenact_core.errors import MediaError
from reenact_core.media.decode import decode
from reenact_core.media.probe import probe
from reenact_core.media.sequence import frame_path
from reenact_core.timeline.numbered import patterns_of
from reenact_core.timeline.plan import Plan
from reenact_core.timeline.read import make_plan, read_timeline
from reenact_core.timeline.request import Request
from reenact_core.timing import FrameRange
from tests.core.timeline.edits import clip, put, recast, timeline, times, track

NUMBERS = range(1001, 1021)


def write_picture(path: Path, value: int) -> None:
    path.parent.mkdir(exist_ok=True)
    assert cv2.imwrite(str(path), np.full((16, 16, 3), value, np.uint8))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in NUMBERS:
        write_picture(tmp_path / "seq" / f"sh.{number:04d}.png", number - 1000)
    return tmp_path


def planned(folder: Path, made: Any) -> Plan:
    put(folder / "face.png")
    otio.adapters.write_to_file(timeline(track(made)), str(folder / "edit.otio"))
    return make_plan(read_timeline(folder / "edit.otio"), Request(handles=4))


def named(url: str, source: Any, available: Any = None) -> Any:
    return clip("q", source, url=url, available=available, effects=[recast()])


@pytest.mark.parametrize(
    ("name", "patterns"),
    [
        ("sh.####.exr", ["sh.%04d.exr"]),
        ("sh.######.exr", ["sh.%06d.exr"]),
        ("sh.#.exr", ["sh.%04d.exr", "sh.%d.exr"]),
        ("sh.@@@@.exr", ["sh.%04d.exr"]),
        ("sh.@.exr", ["sh.%d.exr", "sh.%04d.exr"]),
        ("sh.%04d.exr", ["sh.%04d.exr"]),
        ("sh.%d.exr", ["sh.%d.exr", "sh.%04d.exr"]),
        ("sh.{:04d}.exr", ["sh.%04d.exr"]),
        ("sh.{frame:05d}.exr", ["sh.%05d.exr"]),
        ("sh.[1001-1020].exr", ["sh.%04d.exr", "sh.%d.exr"]),
        ("a#1/sh.####.exr", ["a#1/sh.%04d.exr"]),
        ("sh.1001.exr", []),
        ("sh{x}.exr", []),
    ],
)
def test_notations(name: str, patterns: list[str]) -> None:
    assert [pattern.name for pattern in patterns_of(name)] == patterns


@pytest.mark.parametrize(
    "url",
    [
        "seq/sh.####.png",
        "seq/sh.%23%23%23%23.png",
        "seq/sh.#.png",
        "seq/sh.%04d.png",
        "seq/sh.%2504d.png",
        "seq/sh.{:04d}.png",
        "seq/sh.%7B:04d%7D.png",
        "seq/sh.@@@@.png",
        "seq/sh.@.png",
        "seq/sh.[1001-1020].png",
        "seq/sh.1001.png",
        "file://localhost/D%3A/seq/sh.####.png",
        "D:\\elsewhere\\sh.%04d.png",
        "file:///gone/sh.[1001-1020].png",
    ],
)
def test_every_notation_is_the_sequence(folder: Path, url: str) -> None:
    found = planned(folder, named(url, times(1006, 10, 25), times(1001, 20, 25)))
    assert not found.refused, found.refused
    shot = found.shots[0]
    assert frame_path(shot.target.path, 1001) == folder / "seq" / "sh.1001.png"
    assert (shot.target.first_number, shot.shown.start, shot.shown.stop) == (1001, 5, 15)
    assert not shot.still and shot.target.frames.rate == 25


@pytest.mark.parametrize(
    ("source", "available", "still"),
    [
        (times(1006, 10, 25), times(1001, 20, 25), False),
        (times(5, 10, 25), times(0, 20, 25), False),  # as long as the run
        (times(1006, 10, 25), None, False),  # among the numbers
        (times(0, 72, 25), None, True),
        (times(0, 72, 25), times(0, 1, 25), True),
        (times(0, 72, 25), times(0, 125, 25), True),
        (times(90000, 72, 25), times(90000, 1250, 25), True),
    ],
)
def test_a_first_file_is_a_sequence_if_the_ranges_say_so(
    folder: Path, source: Any, available: Any, still: bool
) -> None:
    found = planned(folder, named("seq/sh.1001.png", source, available))
    assert not found.refused, found.refused
    assert found.shots[0].still == still
    said = "one still picture" if still else "read as the image sequence"
    assert any(said in note for note in found.notes)
    assert len(found.shots[0].shown) == (72 if still else 10)


def test_a_picture_without_numbered_neighbours_is_a_still_without_a_word(folder: Path) -> None:
    write_picture(folder / "alone.1001.png", 9)
    found = planned(folder, named("alone.1001.png", times(1001, 10, 25), times(1001, 20, 25)))
    assert found.shots[0].still and not found.notes


def test_numbers_before_the_available_range_are_no_frames_of_it(folder: Path) -> None:
    found = planned(folder, named("seq/sh.####.png", times(1011, 5, 25), times(1011, 10, 25)))
    target = found.shots[0].target
    assert (target.first_number, target.frames.start, target.frames.stop) == (1011, 0, 9)


def sequence(source: Any, policy: str, length: int = 20) -> Any:
    kind = otio.schema.ImageSequenceReference
    reference = kind(
        target_url_base="seq/",
        name_prefix="sh.",
        name_suffix=".png",
        start_frame=1001,
        frame_step=1,
        rate=25,
        frame_zero_padding=4,
        missing_frame_policy=getattr(kind.MissingFramePolicy, policy),
        available_range=times(0, length, 25),
    )
    return otio.schema.Clip("q", reference, source, effects=[recast()])


def brightness(found: Plan) -> list[int]:
    """Of each frame that is rendered, as the engine decodes it."""
    target = found.shots[0].target
    info = probe(
        target.path,
        first_number=target.first_number,
        missing=target.missing,
        frame_count=target.frames.stop,
    )
    return [int(picture.planes[0][0, 0]) for picture in decode(info, target.frames)]


def holed(folder: Path, *numbers: int) -> None:
    for number in numbers:
        (folder / "seq" / f"sh.{number}.png").unlink()


def test_missing_images_are_held_or_black_as_the_timeline_says(folder: Path) -> None:
    holed(folder, 1001, 1008, 1009, 1020)
    held = planned(folder, sequence(times(0, 20, 25), "hold"))
    assert brightness(held) == [2, 2, 3, 4, 5, 6, 7, 7, 7, *range(10, 20), 19]
    assert "sh.1008.png to sh.1009.png (frames 7-8)" in held.notes[0]
    assert "the image before each" in held.notes[0]
    black = planned(folder, sequence(times(0, 20, 25), "black"))
    assert brightness(black) == [0, 2, 3, 4, 5, 6, 7, 0, 0, *range(10, 20), 0]
    assert "black is taken" in black.notes[0]


def test_missing_images_refuse_a_clip_that_shows_them(folder: Path) -> None:
    holed(folder, 1008)
    found = planned(folder, sequence(times(0, 20, 25), "error"))
    assert not found.shots
    assert "sh.1008.png (frame 7) is missing" in found.refused[0].reason
    assert "missing_frame_policy" in found.refused[0].reason


def test_handles_end_at_missing_images(folder: Path) -> None:
    holed(folder, 1003, 1016)
    found = planned(folder, sequence(times(5, 8, 25), "error"))
    frames = found.shots[0].target.frames
    assert (frames.start, frames.stop) == (3, 15)
    assert "its handles end there" in found.notes[0]


def test_decoding_a_missing_image_names_it(folder: Path) -> None:
    holed(folder, 1008)
    info = probe(folder / "seq" / "sh.%04d.png")
    assert info.absent == {1008}
    with pytest.raises(MediaError, match=r"sh\.1008\.png: is missing"):
        list(decode(info, FrameRange(0, 20, Fraction(25))))


def test_a_base_of_another_machine_is_found_by_name(folder: Path) -> None:
    made = sequence(times(5, 10, 25), "error")
    made.media_reference.target_url_base = "file://localhost/D%3A/shots/"
    found = planned(folder, made)
    assert found.shots[0].target.path == folder / "seq" / "sh.%04d.png"
    assert any("found by its name" in note for note in found.notes)
