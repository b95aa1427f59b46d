"""A folder of pictures as a source."""

from pathlib import Path

import pytest

from reenact_core.errors import TimelineError
from reenact_core.timeline.stills_folder import MOST, pictures_in


def filled(folder: Path, *names: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).write_bytes(b"picture")
    return folder


def test_pictures_come_by_name_and_other_files_do_not(tmp_path: Path) -> None:
    folder = filled(tmp_path / "anna", "b.PNG", "a.jpg", "c.tif", ".d.png", "notes.txt", "take.mov")
    (folder / "more.png").mkdir()
    assert [path.name for path in pictures_in(folder)] == ["a.jpg", "b.PNG", "c.tif"]


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TimelineError, match="anna: holds no pictures"):
        pictures_in(filled(tmp_path / "anna", "notes.txt"))


def test_too_many_pictures_are_refused_with_the_limit(tmp_path: Path) -> None:
    folder = filled(tmp_path / "anna", *(f"{number}.png" for number in range(MOST)))
    assert len(pictures_in(folder)) == MOST
    filled(folder, "more.png")
    with pytest.raises(TimelineError, match=f"holds {MOST + 1} pictures.*at most {MOST}"):
        pictures_in(folder)


def test_links_are_asked_for_before_they_are_followed(tmp_path: Path) -> None:
    folder = filled(tmp_path / "anna", "a.png")
    (folder / "b.png").symlink_to(tmp_path / "nowhere.png")
    assert [path.name for path in pictures_in(folder)] == ["a.png"]

    def refuse(path: Path) -> None:
        raise TimelineError(f"{path} is outside")

    with pytest.raises(TimelineError, match=r"b\.png is outside"):
        pictures_in(folder, refuse)
