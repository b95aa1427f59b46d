import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest

from reenact_core.engine.digest import Digests, key_of
from reenact_core.engine.resume import RunFolder, open_run
from reenact_core.errors import MediaError, OutputError
from reenact_core.timeline.plan import Cast, FaceChoice, RenderedShot, Shot, Source
from reenact_core.timing import FrameRange

RATE = Fraction(25)


def shot_of(media: Path, portrait: Path, frames: int = 10) -> Shot:
    span = FrameRange(0, frames, RATE)
    cast = Cast(FaceChoice(), "recast", portrait, None, None)
    return Shot("sh010", "sh010", (0, 0), Source(media, span), span, Fraction(0), (cast,))


@pytest.fixture
def shot(tmp_path: Path) -> Shot:
    media, portrait = tmp_path / "clip.mov", tmp_path / "face.png"
    media.write_bytes(b"media")
    portrait.write_bytes(b"portrait")
    return shot_of(media, portrait)


def finish(folder: RunFolder, shot: Shot, key: str) -> RenderedShot:
    made = folder.out / "sh010.mov"
    made.write_bytes(b"rendered")
    output = Source(made, FrameRange(0, 10, RATE))
    rendered = RenderedShot(shot, output, 1.5, 1, ("a note",))
    folder.record(rendered, key, [made])
    return rendered


def test_a_finished_shot_is_known_again(tmp_path: Path, shot: Shot) -> None:
    with open_run(tmp_path / "out") as folder:
        rendered = finish(folder, shot, "key")
    with open_run(tmp_path / "out") as folder:
        assert folder.finished(shot, "key") == rendered


@pytest.mark.parametrize("spoil", ["other key", "changed file", "missing file", "restart"])
def test_a_shot_that_is_not_the_same_or_not_whole_is_rendered_again(
    tmp_path: Path, shot: Shot, spoil: str
) -> None:
    with open_run(tmp_path / "out") as folder:
        made = finish(folder, shot, "key").output.path
    if spoil == "changed file":
        made.write_bytes(b"RENDERED")
    if spoil == "missing file":
        made.unlink()
    with open_run(tmp_path / "out", restart=spoil == "restart") as folder:
        assert folder.finished(shot, "other" if spoil == "other key" else "key") is None


def test_a_second_run_in_the_same_folder_is_refused(
    tmp_path: Path,
) -> None:
    with (
        open_run(tmp_path / "out"),
        pytest.raises(OutputError, match=rf"process {os.getpid()}"),
        open_run(tmp_path / "out"),
    ):
        pass
    with open_run(tmp_path / "out"):
        pass


def test_leftovers_of_dead_runs_are_cleared_and_no_others(
    tmp_path: Path,
) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    out = tmp_path / "out"
    spool = out / ".reenact" / "spool" / "crops"
    spool.parent.mkdir(parents=True)
    spool.write_bytes(b"x")
    left = out / f".partial-{dead.pid}-sh010.mov"
    left.write_bytes(b"x")
    alive = out / f".partial-{os.getppid()}-other.mov"
    alive.write_bytes(b"x")
    with open_run(out):
        assert not left.exists()
        assert not spool.exists()
        assert alive.exists()


def test_an_unwritable_folder_is_one_sentence(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_bytes(b"")
    with pytest.raises(OutputError, match="choose another folder"), open_run(blocked / "out"):
        pass


def test_a_key_goes_by_content_and_not_by_place(tmp_path: Path, shot: Shot) -> None:
    digests = Digests(tmp_path / "hashes.json")
    moved = tmp_path / "elsewhere.mov"
    moved.write_bytes(b"media")
    same = shot_of(moved, tmp_path / "face.png")
    other = tmp_path / "other.png"
    other.write_bytes(b"another portrait")
    assert key_of(shot, digests) == key_of(same, digests)
    assert key_of(shot, digests) != key_of(shot_of(moved, other), digests)
    assert key_of(shot, digests) != key_of(shot_of(moved, tmp_path / "face.png", 9), digests)


def test_a_changed_file_is_hashed_anew(tmp_path: Path) -> None:
    path = tmp_path / "clip.mov"
    path.write_bytes(b"before")
    digests = Digests(tmp_path / "hashes.json")
    before = digests.of_file(path)
    digests.save()
    path.write_bytes(b"after, longer")
    assert Digests(tmp_path / "hashes.json").of_file(path) != before


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"gone\.mov"):
        Digests(tmp_path / "hashes.json").of_file(tmp_path / "gone.mov")


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mov")
    with pytest.raises(MediaError, match=r"pipe\.mov: is a device or a pipe"):
        Digests(tmp_path / "hashes.json").of_file(tmp_path / "pipe.mov")
