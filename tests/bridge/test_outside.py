"""What a plan tells of files outside the roots: nothing, whether they are there or not."""

from pathlib import Path
from typing import Any

import opentimelineio as otio
import pytest

from reenact_bridge.errors import ProtocolError
from reenact_bridge.render_job import describe
from reenact_bridge.roots import Roots
from reenact_bridge.warm import Warm
from reenact_core.errors import ReenactError
from tests.synthetic import TimelineClip, write_clip, write_portrait, write_timeline

LENGTH = 4


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root, with links to what is there outside and to what is not."""
    root = tmp_path / "root"
    root.mkdir()
    write_clip(root / "own.mkv", LENGTH)
    (tmp_path / "out").mkdir()
    write_clip(tmp_path / "out" / "there.mkv", LENGTH)
    for number in (1, 2):
        (tmp_path / "out" / f"sh.{number}.png").write_bytes(b"none")
    for name in ("there", "none"):
        (root / f"link-{name}.mkv").symlink_to(tmp_path / "out" / f"{name}.mkv")
        (root / f"pictures-{name}").mkdir()
    (root / "pictures-there" / "sh.1.png").symlink_to(tmp_path / "out" / "sh.1.png")
    (root / "pictures-none" / "sh.1.png").symlink_to(tmp_path / "out" / "gone.png")
    return root


def told(root: Path, timeline: Path) -> str:
    """All that a plan tells, or the error in its place."""
    work: dict[str, Any] = {"timeline": str(timeline), "out": None, "options": {}}
    try:
        return str(describe(work, Warm("cpu", Roots.of([root]))))
    except (ReenactError, ProtocolError) as error:
        return f"{type(error).__name__}: {error}"


def with_media(root: Path, name: str, media: Any) -> Path:
    ask = {"version": 1, "mode": "redirect", "driving": str(root / "own.mkv")}
    path = write_timeline(
        root / f"{name}.otio", [TimelineClip("sh", root / "own.mkv", 0, LENGTH, LENGTH, ask)]
    )
    timeline = otio.adapters.read_from_file(str(path))
    for clip in timeline.find_clips():
        clip.media_reference = media
    otio.adapters.write_to_file(timeline, str(path))
    return path


def same(one: str, other: str) -> None:
    """Both say that something is outside, in the same words."""
    assert "outside the folders" in one
    assert one.replace("there", "NAME") == other.replace("none", "NAME")


@pytest.mark.parametrize(
    "url",
    ["{out}/{name}.mkv", "file://{out}/{name}.mkv", "{root}/link-{name}.mkv", "link-{name}.mkv",
     "../out/{name}.mkv", "{out}/%74here/../{name}.mkv"],
)  # fmt: skip
def test_media_outside_are_refused_alike(root: Path, url: str) -> None:
    out = root.parent / "out"

    def of(name: str) -> str:
        written = url.format(out=out, root=root, name=name)
        return told(root, with_media(root, name, otio.schema.ExternalReference(written)))

    same(of("there"), of("none"))


@pytest.mark.parametrize("folder", ["{out}/{name}", "pictures-{name}"])
def test_sequences_outside_are_refused_alike(root: Path, folder: str) -> None:
    (root.parent / "out" / "there").mkdir()

    def of(name: str) -> str:
        place = folder.format(out=root.parent / "out", name=name)
        media = otio.schema.ImageSequenceReference(place, "sh.", ".png", 1, 1, 25.0)
        return told(root, with_media(root, name, media))

    same(of("there"), of("none"))


@pytest.mark.parametrize("what", ["source", "driving", "reference"])
@pytest.mark.parametrize("place", ["{out}/{name}.mkv", "{root}/link-{name}.mkv"])
def test_faces_outside_are_refused_alike(root: Path, what: str, place: str) -> None:
    def of(name: str) -> str:
        written = place.format(out=root.parent / "out", root=root, name=name)
        ask: dict[str, Any] = {"version": 1, "mode": "recast", "source": str(root / "own.mkv")}
        if what == "driving":
            ask = {"version": 1, "mode": "redirect", "driving": written}
        elif what == "source":
            ask["source"] = written
        else:
            ask["face"] = {"reference": written}
        clip = TimelineClip("sh", root / "own.mkv", 0, LENGTH, LENGTH, ask)
        return told(root, write_timeline(root / f"{name}.otio", [clip]))

    same(of("there"), of("none"))


def test_links_in_a_folder_of_pictures_are_refused_alike(root: Path) -> None:
    def of(name: str) -> str:
        folder = root / f"anna-{name}"
        folder.mkdir()
        write_portrait(folder / "a.png")
        (folder / "b.png").symlink_to(root.parent / "out" / f"{name}.mkv")
        ask = {"version": 1, "mode": "recast", "source": str(folder)}
        clip = TimelineClip("sh", root / "own.mkv", 0, LENGTH, LENGTH, ask)
        return told(root, write_timeline(root / f"{name}.otio", [clip]))

    same(of("there"), of("none"))


def test_a_folder_of_pictures_outside_is_refused_as_any_file(root: Path) -> None:
    (root.parent / "out" / "there").mkdir()
    write_portrait(root.parent / "out" / "there" / "a.png")

    def of(name: str) -> str:
        ask = {"version": 1, "mode": "recast", "source": str(root.parent / "out" / name)}
        clip = TimelineClip("sh", root / "own.mkv", 0, LENGTH, LENGTH, ask)
        return told(root, write_timeline(root / f"{name}.otio", [clip]))

    same(of("there"), of("none"))


def test_the_folder_that_our_output_names_is_not_looked_for_outside(root: Path) -> None:
    def of(name: str) -> str:
        path = with_media(root, name, otio.schema.ExternalReference("clip.mkv"))
        timeline = otio.adapters.read_from_file(str(path))
        timeline.metadata["reenact"] = {"media_root": str(root.parent / name)}
        otio.adapters.write_to_file(timeline, str(path))
        return told(root, path)

    (root.parent / "there").mkdir()
    assert of("there") == of("none")


def test_the_timeline_in_a_bundle_may_not_be_a_link_out(root: Path) -> None:
    for name in ("there", "none"):
        (root / f"{name}.otiod").mkdir()
        (root / f"{name}.otiod" / "content.otio").symlink_to(root.parent / "out" / f"{name}.mkv")
    same(told(root, root / "there.otiod"), told(root, root / "none.otiod"))
