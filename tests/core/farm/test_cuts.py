"""However a shot is cut into units, its file is the one that an unbroken render writes."""

import json
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import pytest

from reenact_core.engine.performer import Performer
from reenact_core.farm.plan import write_plan
from reenact_core.farm.planner import recut
from reenact_core.media.codecs import Codec
from reenact_core.media.probe import probe
from tests.core.engine.shots import frames_of, picture_hash, plan_of, recast, render, shot_of
from tests.core.farm.jobs import OPTIONS, assembled, desk_in, do_units, make_job, placed_at
from tests.echo import EchoPerformer, LargePerformer, MaskedPerformer
from tests.synthetic import ClipFormat, write_clip, write_portrait

VISIBLE = EchoPerformer(gain=0.7)


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("media")
    write_clip(folder / "clip.mov", 30, form=ClipFormat(sound=True, codec="h264"))
    write_portrait(folder / "face.png")
    return folder


def whole(out: Path, media: Path, codec: Codec, performer: Performer = VISIBLE) -> Path:
    """The unbroken render."""
    shot = shot_of(media / "clip.mov", 3, 27, recast(media / "face.png"))
    render(out, plan_of(shot), performer, codec=codec)
    return next(path for path in out.iterdir() if path.stem == "sh010")


def cut(
    out: Path,
    media: Path,
    codec: Codec,
    frames_per_unit: int,
    edges: Sequence[int] = (),
    performer: Performer = VISIBLE,
) -> Path:
    """The same from units, done in another order than they stand in the plan."""
    shot = shot_of(media / "clip.mov", 3, 27, recast(media / "face.png"))
    options = replace(OPTIONS, codec=codec)
    plan = make_job(
        out / "job", placed_at(shot, 0), frames_per_unit=frames_per_unit, options=options
    )
    if edges:
        plan = recut(plan, "sh010", edges)
        write_plan(out / "job", plan)
    desk = desk_in(out / "job", performer)
    renders = [unit for unit in plan.units if unit.kind == "render"]
    assert do_units(desk, list(plan.units[:2]))[0] == 0
    assert do_units(desk, renders[::-1])[0] == 0
    result = assembled(desk)
    assert result.complete
    return result.rendered[0].output.path


@pytest.fixture(scope="module")
def unbroken(media: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    return picture_hash(whole(tmp_path_factory.mktemp("whole"), media, "ffv1"))


@pytest.mark.parametrize("frames_per_unit", [24, 8, 7, 1])
def test_every_cut_gives_the_samples_and_times_of_the_unbroken_render(
    media: Path, unbroken: str, tmp_path: Path, frames_per_unit: int
) -> None:
    assert picture_hash(cut(tmp_path, media, "ffv1", frames_per_unit)) == unbroken


@pytest.mark.parametrize("seed", [1, 2])
def test_cuts_by_chance_give_them_too(
    media: Path, unbroken: str, tmp_path: Path, seed: int
) -> None:
    """And no step where a cut is, for every sample is that of the unbroken render."""
    edges = sorted(random.Random(seed).sample(range(4, 27), 5))
    assert picture_hash(cut(tmp_path, media, "ffv1", 24, edges)) == unbroken


def test_large_faces_are_left_to_whoever_pastes(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    media = tmp_path_factory.mktemp("close")
    form = ClipFormat(width=480, height=360, codec="h264")
    write_clip(media / "clip.mov", 30, form=form)
    write_portrait(media / "face.png", 512)
    one = whole(tmp_path / "whole", media, "ffv1", LargePerformer())
    other = cut(tmp_path, media, "ffv1", 10, performer=LargePerformer())
    assert picture_hash(other) == picture_hash(one)
    shapes = [role["face_shape"] for role in _roles(tmp_path / "job")]
    assert shapes == [[512, 512, 3]]


def test_masks_are_left_to_whoever_pastes(tmp_path: Path, media: Path) -> None:
    performer = MaskedPerformer(0.7)
    one = whole(tmp_path / "whole", media, "ffv1", performer)
    assert picture_hash(one) != picture_hash(whole(tmp_path / "points", media, "ffv1"))
    assert picture_hash(cut(tmp_path, media, "ffv1", 10, performer=performer)) == picture_hash(one)


def _roles(job: Path) -> list[dict[str, Any]]:
    """What `move` wrote down of its roles."""
    [table] = job.rglob("roles.json")
    roles: list[dict[str, Any]] = json.loads(table.read_text("utf-8"))["roles"]
    return roles


@pytest.mark.parametrize("codec", ["match", "prores", "hevc"])
def test_joined_pieces_are_described_as_one_encoder_describes_them(
    media: Path, tmp_path: Path, codec: Codec
) -> None:
    one = whole(tmp_path / "whole", media, codec)
    other = cut(tmp_path, media, codec, 9)
    assert other.name == one.name
    mine, theirs = probe(other), probe(one)
    for name in ("rate", "frame_count", "layout", "colour", "pixel_aspect", "timecode", "codec",
                 "container", "sound_codecs", "time_base", "start_time", "interlaced"):  # fmt: skip
        assert getattr(mine, name) == getattr(theirs, name), name
    assert [time for time, _ in frames_of(other)] == [time for time, _ in frames_of(one)]
    assert sound_of(other) == sound_of(one)


def sound_of(path: Path) -> list[tuple[int | None, bytes]]:
    with av.open(str(path)) as container:
        return [(packet.pts, bytes(packet)) for packet in container.demux(audio=0) if packet.size]


def test_pictures_are_numbered_as_those_of_an_unbroken_render(media: Path, tmp_path: Path) -> None:
    one, other = whole(tmp_path / "whole", media, "png"), cut(tmp_path, media, "png", 9)
    names = sorted(path.name for path in one.iterdir())
    assert sorted(path.name for path in other.parent.iterdir()) == names
    assert all((one / name).read_bytes() == (other.parent / name).read_bytes() for name in names)
