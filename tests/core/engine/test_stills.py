"""Several pictures of one person as the source of a shot."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from reenact_core.engine.animate import Animation, perform_animation
from reenact_core.engine.events import ShotDone
from reenact_core.engine.performer import Crops, Floats
from reenact_core.engine.portrait import Portrait
from reenact_core.engine.render import shot_key
from reenact_core.engine.run_record import _inputs
from reenact_core.engine.stills import Stills, find_stills, strangers, whole_stills
from reenact_core.errors import FaceError, MediaError, TimelineError
from reenact_core.media.colour import to_rgb8
from reenact_core.settings import Settings
from reenact_core.timeline.plan import Cast, RenderedShot
from reenact_core.tracking.detect import Pixels
from reenact_core.tracking.likeness import Describer, five_in_track
from reenact_core.tracking.likeness import Floats as Vector
from tests.core.engine.shots import (
    ECHO,
    find_drawn_faces,
    plan_of,
    recast,
    render,
    shot_of,
    workshop_in,
)
from tests.echo import EchoPerformer
from tests.synthetic import DrawnFace, write_clip, write_portrait

DARK = (178, 128, 140)
"""Skin of a darker face."""


@dataclass(frozen=True, slots=True)
class Choosing(EchoPerformer):
    """Chooses the darkest still."""

    def choose_still(self, stills: Sequence[Floats], driving: Sequence[Crops]) -> int:
        """The darkest one, where something drives."""
        assert sum(map(len, driving)) > 0
        return int(np.argmin([float(one.mean()) for one in stills]))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("media") / "clip.mkv", 6)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three pictures of one drawn face; the second is darker, the third is the largest."""
    folder = tmp_path / "anna"
    folder.mkdir()
    write_portrait(folder / "a.png")
    write_portrait(folder / "b.png", face=DrawnFace(128, 128, 69, 0.9, 0.0, DARK))
    write_portrait(folder / "c.png", 512)
    return folder


def found_in(folder: Path) -> Stills:
    paths = sorted(folder.glob("*.png"))
    return find_stills(paths, None, ECHO, find_drawn_faces)


def of_folder(folder: Path) -> Cast:
    first, *rest = sorted(folder.glob("*.png"))
    return replace(recast(first), stills=tuple(rest))


def done(out: Path, folder: Path, clip: Path) -> RenderedShot:
    plan = plan_of(shot_of(clip, 0, 6, of_folder(folder)))
    events = render(out, plan, performer=Choosing())
    return next(event.rendered for event in events if isinstance(event, ShotDone))


def test_the_still_that_was_chosen_is_told(tmp_path: Path, folder: Path, clip: Path) -> None:
    notes = done(tmp_path / "out", folder, clip).notes
    assert any(note.startswith(f"b.png is the source: of 3 pictures in {folder}") for note in notes)


def test_all_others_are_given_beside_the_source(folder: Path) -> None:
    stills = found_in(folder)
    assert [path.name for path in stills.paths(1)] == ["b.png", "a.png", "c.png"]
    assert [len(one) for one in stills.others(1)] == [256, 256]
    assert np.array_equal(stills.others(1)[0], stills.portraits[0].pixels)


def test_a_tiny_picture_does_not_become_the_source(folder: Path) -> None:
    small = Image.open(folder / "a.png").resize((48, 48))
    Image.fromarray((0.5 * np.asarray(small)).astype(np.uint8)).save(folder / "tiny.png")
    stills = whole_stills(sorted(folder.glob("*.png")), Settings())
    assert [one.info.path.name for one in stills.portraits][-1] == "tiny.png"
    crops = Crops.__new__(Crops)
    object.__setattr__(crops, "numbers", np.zeros(1, np.int64))
    assert stills.portraits[stills.main(Choosing(), [crops])].info.path.name == "b.png"


def test_a_picture_without_one_clear_face_is_left_out_and_named(folder: Path) -> None:
    Image.new("RGB", (64, 64), (20, 40, 90)).save(folder / "wall.png")
    stills = found_in(folder)
    assert len(stills.portraits) == 3
    assert any("wall.png: no face was found" in note for note in stills.notes)
    assert any(note.endswith("it is left out.") for note in stills.notes)


def test_pictures_that_show_no_face_at_all_are_refused(folder: Path) -> None:
    for path in folder.glob("*.png"):
        Image.new("RGB", (64, 64), (20, 40, 90)).save(path)
    with pytest.raises(FaceError, match="none of its 3 pictures shows one clear face"):
        found_in(folder)


def test_what_is_no_picture_is_named(folder: Path, clip: Path) -> None:
    (folder / "b.png").write_bytes(b"no picture")
    with pytest.raises(MediaError, match=r"b\.png"):
        found_in(folder)
    (folder / "b.png").write_bytes(clip.read_bytes())
    with pytest.raises(MediaError, match=r"b\.png: is a video"):
        found_in(folder)


def by_skin(picture: Pixels, points: Vector) -> Vector:
    """A unit vector that tells dark skin from light."""
    x, y = points[:3].mean(0)  # between eyes and nose
    reach = int(0.3 * np.hypot(*(points[1] - points[0])))
    around = picture[int(y) - reach : int(y) + reach, int(x) - reach : int(x) + reach, 0]
    red = np.percentile(around, 75)
    return np.array([1.0, 0.0]) if red > 184 else np.array([0.0, 1.0])


def test_somebody_else_is_named_or_refused(folder: Path) -> None:
    portraits = found_in(folder).portraits
    looks = [by_skin(np.asarray(to_rgb8(one.picture)), five(one)) for one in portraits]
    assert looks[0] @ looks[2] == 1 and looks[0] @ looks[1] == 0
    sure = Describer(by_skin, 0.0, 0.4, 0.2)
    with pytest.raises(FaceError, match=r"b\.png may show somebody else than a\.png"):
        strangers(portraits, sure)
    assert strangers(portraits[::2], sure) == ()


def five(portrait: Portrait) -> Vector:
    assert portrait.track is not None
    return five_in_track(portrait.track, portrait.track.frames.start)


def test_drawn_pictures_of_one_face_are_taken_for_one_person(folder: Path) -> None:
    assert not any("somebody else" in note for note in found_in(folder).notes)


def test_every_picture_counts_for_the_shot(tmp_path: Path, folder: Path, clip: Path) -> None:
    shot = shot_of(clip, 0, 6, of_folder(folder))
    with workshop_in(tmp_path / "out") as workshop:
        before = shot_key(shot, workshop)
        write_portrait(folder / "c.png", 300)
        assert shot_key(shot, workshop) != before
    assert [path for path in _inputs(plan_of(shot)) if isinstance(path, Path)] == [
        clip, *sorted(folder.glob("*.png")),
    ]  # fmt: skip


def test_animate_takes_a_folder(tmp_path: Path, folder: Path, clip: Path) -> None:
    job = Animation(folder, clip, tmp_path / "face.mkv", codec="ffv1")
    events = list(perform_animation(job, Choosing(), ECHO, find_drawn_faces))
    rendered = events[-1].rendered if isinstance(events[-1], ShotDone) else None
    assert rendered is not None and rendered.output.path.is_file()
    assert any(note.startswith("b.png is the source: of 3 pictures") for note in rendered.notes)


def test_animate_refuses_a_folder_without_pictures(tmp_path: Path, clip: Path) -> None:
    (tmp_path / "none").mkdir()
    job = Animation(tmp_path / "none", clip, tmp_path / "face.mkv")
    with pytest.raises(TimelineError, match="holds no pictures"):
        list(perform_animation(job, Choosing(), ECHO, find_drawn_faces))
