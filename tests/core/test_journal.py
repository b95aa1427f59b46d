import os
from pathlib import Path

import pytest

from reenact_core.errors import OutputError
from reenact_core.files import written_whole
from reenact_core.journal import Journal, render_job


def write(journal: Journal, name: str, text: str) -> Path:
    path = journal.folder / name
    with written_whole(path, admit=journal.admit) as partial:
        partial.write_text(text)
    return path


def test_a_job_replaces_what_an_earlier_run_of_it_made(tmp_path: Path) -> None:
    write(Journal(tmp_path, "render cut.otio"), "sh010.mov", "first")
    path = write(Journal(tmp_path, "render cut.otio"), "sh010.mov", "second")
    assert path.read_text() == "second"


@pytest.mark.parametrize("whose", ["a stranger's", "another job's", "changed since", "a link"])
def test_nobody_elses_file_is_replaced(tmp_path: Path, whose: str) -> None:
    path = tmp_path / "sh010.mov"
    if whose == "a stranger's":
        path.write_text("kept")
    if whose == "another job's":
        write(Journal(tmp_path, "render other.otio"), "sh010.mov", "kept")
    if whose == "changed since":
        write(Journal(tmp_path, "render cut.otio"), "sh010.mov", "made")
        path.write_text("kept")
    if whose == "a link":
        write(Journal(tmp_path, "render cut.otio"), "sh010.mov", "kept")
        os.rename(path, tmp_path / "real.mov")
        path.symlink_to(tmp_path / "real.mov")
    with pytest.raises(OutputError, match=r"sh010\.mov: is there already and .*--overwrite"):
        write(Journal(tmp_path, "render cut.otio"), "sh010.mov", "new")
    assert path.read_text() == "kept"
    assert not list(tmp_path.glob(".partial-*"))


def test_overwrite_replaces_and_owns_from_then_on(tmp_path: Path) -> None:
    (tmp_path / "sh010.mov").write_text("a stranger's")
    write(Journal(tmp_path, "render cut.otio", overwrite=True), "sh010.mov", "new")
    path = write(Journal(tmp_path, "render cut.otio"), "sh010.mov", "newer")
    assert path.read_text() == "newer"


def test_a_file_that_was_copied_with_its_folder_is_known_by_what_it_holds(tmp_path: Path) -> None:
    write(Journal(tmp_path, "job"), "a.png", "made")
    os.utime(tmp_path / "a.png", ns=(1, 1))
    assert Journal(tmp_path, "job").owns(tmp_path / "a.png")


def test_a_process_that_dies_before_the_name_is_given_locks_nobody_out(tmp_path: Path) -> None:
    partial = tmp_path / ".partial-1-a.mov"
    partial.write_text("made")
    Journal(tmp_path, "job").admit(partial, tmp_path / "a.mov")
    os.rename(partial, tmp_path / "a.mov")  # or not: either way the next run may go on
    assert write(Journal(tmp_path, "job"), "a.mov", "again").read_text() == "again"


def test_a_damaged_line_takes_nothing_else_with_it(tmp_path: Path) -> None:
    write(Journal(tmp_path, "job"), "a.mov", "made")
    with (tmp_path / ".reenact" / "made.jsonl").open("a") as stream:
        stream.write('{"path": "b.mov", "jo')
    assert Journal(tmp_path, "job").owns(tmp_path / "a.mov")


def test_a_journal_elsewhere_leaves_nothing_beside_the_file(tmp_path: Path) -> None:
    place = tmp_path / "settings" / "made.jsonl"
    out = tmp_path / "out"
    for text in ("first", "second"):
        write(Journal(out, "track", place=place), "t.json", text)
    assert [path.name for path in out.iterdir()] == ["t.json"]
    assert (out / "t.json").read_text() == "second"


def test_a_render_has_one_name_wherever_its_folder_is_mounted(tmp_path: Path) -> None:
    jobs = {
        render_job(tmp_path / root / "edit" / "cut.otio", tmp_path / root / "out")
        for root in ("one", "two")
    }
    assert jobs == {"render ../edit/cut.otio"}
