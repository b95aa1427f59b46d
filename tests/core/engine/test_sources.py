"""Sources are cut once more, as finely as their new faces will be seen."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reenact_core.crop.align import CropSettings
from reenact_core.crop.cut import cut
from reenact_core.crop.full_size import at_size
from reenact_core.engine.cut_face import as_kept
from reenact_core.engine.performer import Performer
from reenact_core.engine.portrait import find_portrait
from reenact_core.engine.prepare import PreparedShot, prepare_shot
from reenact_core.media.decode import decode
from reenact_core.settings import Settings
from reenact_core.timeline.plan import Cast
from reenact_core.timing import FrameRange
from tests.core.engine.shots import find_drawn_faces, recast, redirect, shot_of, workshop_in
from tests.echo import EchoPerformer, LargePerformer
from tests.synthetic import ClipFormat, one_face, write_clip, write_portrait

WIDTH, HEIGHT = 720, 540


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A close-up whose crops are about 620 pixels wide, and pictures of two sizes."""
    folder = tmp_path_factory.mktemp("media")
    form = ClipFormat(width=WIDTH, height=HEIGHT)
    write_clip(folder / "close.mkv", 5, one_face(WIDTH, HEIGHT), form)
    write_clip(folder / "small.mkv", 5)
    write_portrait(folder / "large.png", 700)
    write_portrait(folder / "small.png", 256)
    return folder


@contextmanager
def prepared(
    out: Path, media: Path, cast: Cast, performer: Performer, **crop: Any
) -> Iterator[PreparedShot]:
    """A shot ready to be moved."""
    settings = Settings(crop=CropSettings(**crop))
    with workshop_in(out, performer, settings=settings) as workshop, ExitStack() as stack:
        work = prepare_shot(shot_of(media, 0, 5, cast), workshop, stack)
        while True:
            try:
                next(work)
            except StopIteration as stop:
                yield stop.value
                return


def test_a_portrait_is_cut_as_finely_as_the_plate_shows_it(folder: Path, tmp_path: Path) -> None:
    cast = recast(folder / "large.png")
    with prepared(tmp_path, folder / "close.mkv", cast, LargePerformer()) as shot:
        [role] = shot.roles
        size = role.new.pixels.shape[0]
        assert size == 704  # 1.1 times 618 pixels, in steps of 64
        large = role.takes[0].large
        assert large is not None
        found = find_portrait(folder / "large.png", None, Settings(), find_drawn_faces)
        assert np.abs(large[0] - found.at(size).pixels).max() < 1e-4
        assert role.takes[0].source.shape == (256, 256, 3)
        assert role.bytes_to_make == 5 * size * size * 3


@pytest.mark.parametrize(
    ("media", "picture", "performer", "crop"),
    [
        ("close.mkv", "small.png", LargePerformer(), {}),
        ("small.mkv", "large.png", LargePerformer(), {}),
        ("close.mkv", "large.png", EchoPerformer(), {}),
        ("close.mkv", "large.png", LargePerformer(), {"largest": 256}),
    ],
    ids=["small picture", "small in the frame", "another method", "setting"],
)
def test_where_more_samples_show_nothing_more_there_are_none(
    folder: Path, tmp_path: Path, media: str, picture: str, performer: Performer, crop: Any
) -> None:
    cast = recast(folder / picture)
    with prepared(tmp_path, folder / media, cast, performer, **crop) as shot:
        [role] = shot.roles
        smallest = 384 if picture == "small.png" else 256  # its own crop is 359 pixels wide
        assert role.new.pixels.shape[0] <= smallest
        if role.new.pixels.shape[0] == 256:
            assert role.takes[0].large is None


def test_a_clip_s_own_face_is_cut_from_its_frame_once_more(folder: Path, tmp_path: Path) -> None:
    cast = redirect(folder / "small.mkv")
    with prepared(tmp_path, folder / "close.mkv", cast, LargePerformer()) as shot:
        [role] = shot.roles
        [take] = role.takes
        assert take.large is not None
        assert take.own is not None
        large = take.large[0]
        index = next(i for i in range(5) if np.array_equal(take.own[i], take.source))
        frames = FrameRange(index, index + 1, shot.clip.frames.rate)
        picture = next(decode(shot.clip.info, frames))
        to_crop = at_size(role.face.to_crop.matrix[index], 256, len(large))
        assert np.array_equal(large, as_kept(cut(picture, to_crop, len(large)), picture.layout))


def test_room_is_asked_for_with_the_size_known(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(
        "reenact_core.engine.prepare.require_space", lambda _, needed, __: asked.append(needed)
    )
    cast = recast(folder / "large.png")
    with prepared(tmp_path, folder / "close.mkv", cast, LargePerformer()):
        assert asked == [10 * 256 * 256 * 3, 5 * 704 * 704 * 3]
