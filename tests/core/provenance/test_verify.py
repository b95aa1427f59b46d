import json
import shutil
from pathlib import Path

import av
import cv2
import pytest

from reenact_core.errors import MediaError
from reenact_core.files import sha256
from reenact_core.provenance.manifest import COMPOSITE, GENERATED, Deed
from reenact_core.provenance.mark import UNMARKED, Marking, frames_file, open_marking
from reenact_core.provenance.sign import sidecar_of
from reenact_core.provenance.verify import Report, verify
from tests.core.provenance.films import pixels, rewrite, write_film
from tests.synthetic import write_clip, write_portrait

DEED = Deed(None)


@pytest.fixture(scope="module")
def marking(tmp_path_factory: pytest.TempPathFactory) -> Marking:
    return open_marking(tmp_path_factory.mktemp("config"))


@pytest.fixture
def film(tmp_path: Path, marking: Marking) -> Path:
    source = write_film(tmp_path / "source.mov", "prores_ks", "yuv422p10le")
    rewrite(source, tmp_path / "film.mov", marking, Deed(source))
    return tmp_path / "film.mov"


@pytest.fixture
def pattern(tmp_path: Path, marking: Marking) -> Path:
    folder = tmp_path / "sh010"
    folder.mkdir()
    path = folder / "sh010.%06d.png"
    for number in range(1, 4):
        write_portrait(Path(str(path) % number), 32)
    marking.seal(DEED)(path, path)
    return path


def one(path: Path) -> Report:
    (found,) = verify(path)
    return found


def spoil(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def write_record(folder: Path, *files: Path) -> Path:
    shots = [
        {
            "file": file.relative_to(folder).as_posix(),
            "sha256": sha256(file) if file.exists() else "",
        }
        for file in files
    ]
    (folder / "run.json").write_text(json.dumps({"shots": shots}))
    return folder / "run.json"


def test_every_layer_of_a_marked_film_is_told(film: Path) -> None:
    found = one(film)
    assert (found.status, found.synthetic) == (0, True)
    assert found.credentials.where == "embedded"
    assert found.credentials.made_from == ("source.mov",)
    assert found.xmp == COMPOSITE
    assert found.comment is not None and COMPOSITE in found.comment
    assert found.record is None


def test_one_changed_bit_of_a_picture_is_seen(film: Path) -> None:
    spoil(film, film.read_bytes().index(b"mdat") + 3000)
    found = one(film)
    assert (found.status, found.credentials.state, found.synthetic) == (4, "changed", True)


def test_one_changed_bit_is_seen_from_a_sidecar_too(tmp_path: Path, marking: Marking) -> None:
    path = write_film(tmp_path / "film.mkv", "ffv1")
    marking.seal(DEED)(path, path)
    assert one(path).status == 0
    spoil(path, path.stat().st_size // 2)
    assert (one(path).status, one(path).credentials.state) == (4, "changed")


def test_a_damaged_sidecar_is_seen(tmp_path: Path, marking: Marking) -> None:
    path = write_film(tmp_path / "film.mkv", "ffv1")
    marking.seal(DEED)(path, path)
    sidecar_of(path).write_bytes(b"nothing of the kind")
    assert (one(path).status, one(path).credentials.state) == (4, "broken")


def test_a_copy_by_another_program_keeps_the_comment_alone(film: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.mov"
    with av.open(str(film)) as old, av.open(str(copy), "w") as new:
        new.metadata.update(old.metadata)
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in old.demux(video=0):
            if packet.size:
                packet.stream = stream
                new.mux(packet)
    found = one(copy)
    assert (found.status, found.synthetic, found.credentials.state) == (3, True, "none")
    assert found.xmp is None and found.comment is not None


def test_a_file_of_someone_else_says_nothing(tmp_path: Path) -> None:
    others = [write_clip(tmp_path / "clip.mkv", 2), write_portrait(tmp_path / "face.png")]
    text = tmp_path / "notes.txt"
    text.write_text("a letter")
    for path in (*others, text, tmp_path / "empty.mp4"):
        path.touch()
        found = one(path)
        assert (found.status, found.synthetic, found.credentials.state) == (3, False, "none")


def test_pictures_stand_for_each_other_and_for_all(pattern: Path) -> None:
    for path in (pattern, pattern.parent, frames_file(pattern), Path(str(pattern) % 2)):
        found = one(path)
        assert (found.status, found.credentials.where, found.xmp) == (0, "sidecar", GENERATED), path


def test_a_changed_or_missing_picture_is_named(pattern: Path) -> None:
    second = Path(str(pattern) % 2)
    picture = pixels(second)
    picture[5, 5, 0] ^= 1
    cv2.imwrite(str(second), picture)
    Path(str(pattern) % 3).unlink()
    found = one(pattern)
    assert found.status == 4
    assert found.credentials.problems == ("sh010.000002.png", "sh010.000003.png")
    assert one(Path(str(pattern) % 1)).status == 0
    assert one(second).status == 4


def test_a_list_that_was_mended_to_fit_is_seen(pattern: Path) -> None:
    second, listed = Path(str(pattern) % 2), frames_file(pattern)
    write_portrait(second, 40)
    table = json.loads(listed.read_text())
    table["sha256"][second.name] = sha256(second)
    listed.write_text(json.dumps(table))
    assert (one(pattern).status, one(pattern).credentials.state) == (4, "changed")


def test_a_picture_away_from_its_list_still_says_it(pattern: Path, tmp_path: Path) -> None:
    away = shutil.copy(Path(str(pattern) % 1), tmp_path / "still.png")
    found = one(Path(away))
    assert (found.status, found.synthetic, found.xmp) == (3, True, GENERATED)


def test_pictures_without_a_list_say_what_all_of_them_say(pattern: Path) -> None:
    frames_file(pattern).unlink()
    found = one(pattern)
    assert (found.status, found.synthetic, found.xmp) == (3, True, GENERATED)
    write_portrait(Path(str(pattern) % 2), 32)
    assert not one(pattern).synthetic


def test_a_record_tells_whether_an_unsigned_file_is_the_same(tmp_path: Path) -> None:
    path = write_film(tmp_path / "film.mkv", "ffv1")
    UNMARKED.seal(DEED)(path, path)
    write_record(tmp_path, path)
    assert (one(path).status, one(path).recorded, one(path).synthetic) == (3, "same", True)
    spoil(path, path.stat().st_size // 2)
    assert (one(path).status, one(path).recorded) == (4, "other")


def test_a_run_is_all_its_files(film: Path, pattern: Path, tmp_path: Path) -> None:
    record = write_record(tmp_path, film, pattern, tmp_path / "gone.mov")
    for path in (record, tmp_path):
        found = {report.path.name: report for report in verify(path)}
        assert [report.status for report in found.values()] == [0, 0, 4]
        assert found["gone.mov"].missing
    assert one(film).recorded == "same"


def test_what_cannot_be_verified_is_told(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("[]")
    (tmp_path / "folder").mkdir()
    for path, said in (
        (tmp_path / "none.mov", "there is no such file"),
        (tmp_path / "folder", "a folder without run.json"),
        (tmp_path / "run.json", "is no record of a run"),
        (tmp_path / "none.%04d.png", "there is no such file"),
    ):
        with pytest.raises(MediaError, match=said):
            verify(path)
