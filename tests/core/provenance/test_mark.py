import json
import os
from pathlib import Path

import av
import numpy as np
import pytest

from reenact_core.errors import SettingsError
from reenact_core.files import sha256
from reenact_core.provenance.credentials import read_credentials
from reenact_core.provenance.manifest import COMPOSITE, GENERATED, Deed
from reenact_core.provenance.mark import (
    UNMARKED,
    Marking,
    frames_file,
    open_marking,
    unmarked_here,
    who_signs,
)
from reenact_core.provenance.sign import sidecar_of
from tests.core.provenance.certificates import SERVER, write_certificates, write_config
from tests.core.provenance.films import facts, packets, pixels, rewrite, streams, write_film
from tests.synthetic import write_portrait

DEED = Deed(None, (), (("mode", "recast"),))
FILMS = [
    ("mp4", "mpeg4", "yuv420p", {"c2pa", "xmp", "comment"}),
    ("mov", "prores_ks", "yuv422p10le", {"c2pa", "xmp", "comment"}),
    ("avi", "mjpeg", "yuvj420p", {"c2pa", "comment"}),
    ("mkv", "ffv1", "yuv420p10le", {"c2pa sidecar", "comment"}),
]


@pytest.fixture(scope="module")
def marking(tmp_path_factory: pytest.TempPathFactory) -> Marking:
    return open_marking(tmp_path_factory.mktemp("config"))


@pytest.mark.parametrize(("kind", "codec", "pixels", "marks"), FILMS, ids=[f[0] for f in FILMS])
def test_marks_change_nothing_that_is_shown_or_heard(
    tmp_path: Path, marking: Marking, kind: str, codec: str, pixels: str, marks: set[str]
) -> None:
    sound = kind != "mp4"
    source = write_film(tmp_path / f"source.{kind}", codec, pixels, sound=sound)
    plain, marked = tmp_path / f"plain.{kind}", tmp_path / f"marked.{kind}"
    rewrite(source, plain, UNMARKED, DEED)
    seal = rewrite(source, marked, marking, DEED)
    assert {*seal.marks, "comment"} == marks and not seal.notes
    assert len(packets(plain)) > 6
    assert packets(marked) == packets(plain)
    assert streams(marked) == streams(plain)
    assert facts(marked) == facts(plain)
    assert read_credentials(marked).state == "valid"
    assert read_credentials(plain).state == "none"


def test_a_kind_without_any_place_is_signed_beside_and_left_as_it_is(
    tmp_path: Path, marking: Marking
) -> None:
    path = write_film(tmp_path / "film.mxf", "mpeg2video", sound=False)
    before = path.read_bytes()
    seal = marking.seal(DEED)
    seal(path, path)
    assert seal.marks == ["c2pa sidecar"] and seal.beside == [tmp_path / "film.mxf.c2pa"]
    assert path.read_bytes() == before
    assert read_credentials(path).state == "valid"


def test_an_avi_file_of_several_parts_is_signed_beside(tmp_path: Path, marking: Marking) -> None:
    path = write_film(tmp_path / "film.avi", "mjpeg", "yuvj420p")
    # Beyond a gigabyte FFmpeg begins another RIFF chunk, which the library would leave out.
    path.write_bytes(path.read_bytes() + b"RIFF\x04\x00\x00\x00AVIX")
    before = path.read_bytes()
    seal = marking.seal(DEED)
    seal(path, path)
    assert seal.marks == ["c2pa sidecar"] and "gigabyte" in seal.notes[0]
    assert path.read_bytes() == before
    assert read_credentials(path).state == "valid"


def test_pictures_are_signed_by_a_list_of_them(tmp_path: Path, marking: Marking) -> None:
    pattern = tmp_path / "sh010.%04d.png"
    for number in range(7, 10):
        write_portrait(Path(str(pattern) % number), 32)
    before = [pixels(Path(str(pattern) % number)) for number in range(7, 10)]
    seal = marking.seal(DEED)
    seal(pattern, pattern)
    listed = tmp_path / "sh010.frames.json"
    assert frames_file(pattern) == listed
    assert seal.marks == ["xmp", "c2pa sidecar"]
    assert seal.beside == [listed, sidecar_of(listed)]
    table = json.loads(listed.read_text())
    assert table["digital_source_type"] == GENERATED
    for number, old in zip(range(7, 10), before, strict=True):
        picture = Path(str(pattern) % number)
        assert np.array_equal(pixels(picture), old)
        assert table["sha256"][picture.name] == sha256(picture)
    assert read_credentials(listed).state == "valid"


def test_what_was_beside_a_file_before_does_not_stay(tmp_path: Path, marking: Marking) -> None:
    path = write_film(tmp_path / "film.mkv", "ffv1")
    marking.seal(DEED)(path, path)
    assert sidecar_of(path).is_file()
    UNMARKED.seal(DEED)(path, path)
    assert [one.name for one in tmp_path.iterdir()] == ["film.mkv"]


def test_the_kind_of_change_is_said(tmp_path: Path, marking: Marking) -> None:
    original = write_film(tmp_path / "take 7.mov", "prores_ks", "yuv422p10le")
    for deed, kind, actions, parents in (
        (Deed(original), COMPOSITE, ("opened", "edited"), ("take 7.mov",)),
        (Deed(None), GENERATED, ("created",), ()),
    ):
        path = write_film(tmp_path / "made.mov", "prores_ks", "yuv422p10le")
        marking.seal(deed)(path, path)
        found = read_credentials(path)
        assert found.source_types == (kind,) and found.synthetic
        assert (found.actions, found.made_from) == (actions, parents)
        assert found.tool.startswith("reenact ")


def test_neither_folders_nor_the_actors_are_named(tmp_path: Path, marking: Marking) -> None:
    folder = tmp_path / "secret project"
    folder.mkdir()
    original = write_film(folder / "plate.mp4", "libx264", sound=False)
    actor = write_portrait(folder / "Jane Roe.png")
    path = write_film(tmp_path / "made.mp4", "libx264", sound=False)
    marking.seal(Deed(original, (actor,)))(path, path)
    data = path.read_bytes()
    assert read_credentials(path).made_from == ("plate.mp4",)
    for hidden in (b"secret project", b"Jane", os.fsencode(tmp_path.parent)):
        assert hidden not in data


def test_the_inputs_own_credentials_are_kept(tmp_path: Path, marking: Marking) -> None:
    original = write_film(tmp_path / "plate.mp4", "libx264", sound=False)
    marking.seal(DEED)(original, original)
    face = write_portrait(tmp_path / "face.png")
    marking.seal(DEED)(face, face)
    path = write_film(tmp_path / "made.mov", "libx264", sound=False)
    marking.seal(Deed(original, (face,)))(path, path)
    found = read_credentials(path)
    assert found.state == "valid"
    assert found.made_from == ("plate.mp4", "picture of the new face")
    assert found.actions == ("opened", "edited", "placed")


@pytest.mark.parametrize("harm", ["changed", "broken"])
def test_an_input_whose_credentials_do_not_hold_is_no_obstacle(
    tmp_path: Path, marking: Marking, harm: str
) -> None:
    original = write_film(tmp_path / "plate.mp4", "libx264", sound=False)
    marking.seal(DEED)(original, original)
    data = bytearray(original.read_bytes())
    at = data.find(b"mdat" if harm == "changed" else b"jumb") + 400
    data[at : at + 64] = bytes(64)
    original.write_bytes(data)
    assert read_credentials(original).state == harm
    path = write_film(tmp_path / "made.mp4", "libx264", sound=False)
    marking.seal(Deed(original))(path, path)
    found = read_credentials(path)
    assert (found.state, found.made_from) == ("valid", ("plate.mp4",))


def test_a_studios_certificate_is_trusted_by_who_trusts_its_root(tmp_path: Path) -> None:
    files = write_certificates(tmp_path / "keys")
    marking = open_marking(write_config(tmp_path / "config", files))
    assert marking.record["signed_by"] == "certificate" and not marking.notes
    path = write_film(tmp_path / "film.mp4", "libx264", sound=False)
    marking.seal(DEED)(path, path)
    assert not read_credentials(path).trusted
    found = read_credentials(path, trust=files.root)
    assert found.trusted and found.signer == "Camera truck (Test Studio)"
    other = write_certificates(tmp_path / "other")
    assert not read_credentials(path, trust=other.root).trusted


def test_a_certificate_that_cannot_sign_is_told_before_any_work(tmp_path: Path) -> None:
    unfit = write_certificates(tmp_path / "unfit", purpose=SERVER)
    with pytest.raises(SettingsError, match=r"provenance.toml: the certificate cannot sign"):
        open_marking(write_config(tmp_path / "config", unfit))
    ended = write_certificates(tmp_path / "ended", days=(-30, -1))
    with pytest.raises(SettingsError, match="the certificate expired on"):
        open_marking(write_config(tmp_path / "config", ended))


def test_a_time_stamp_server_that_does_not_answer_is_no_obstacle(tmp_path: Path) -> None:
    files = write_certificates(tmp_path / "keys")
    nobody = "http://127.0.0.1:9/tsa"
    marking = open_marking(write_config(tmp_path / "config", files, tsa=nobody))
    path = write_film(tmp_path / "film.mp4", "libx264", sound=False)
    seal = marking.seal(DEED)
    seal(path, path)
    assert len(seal.notes) == 1 and nobody in seal.notes[0]
    assert read_credentials(path).state == "valid"


def test_a_signature_that_cannot_be_made_costs_no_finished_file(
    tmp_path: Path, marking: Marking, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_film(tmp_path / "film.mp4", "libx264", sound=False)
    monkeypatch.setattr("reenact_core.provenance.sign._command", lambda: ("false",))
    seal = marking.seal(DEED)
    seal(path, path)
    assert seal.marks == ["xmp"] and "film.mp4 is not signed" in seal.notes[-1]
    assert len(packets(path)) > 8
    assert [one.name for one in tmp_path.iterdir()] == ["film.mp4"]


def test_without_the_library_the_other_marks_are_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reenact_core.provenance.mark.can_sign", lambda: False)
    marking = open_marking(tmp_path / "config")
    assert "pip install c2pa-python" in marking.notes[0]
    assert marking.record == {"marked": True, "signed_by": None, "certificate_sha256": None}
    assert not (tmp_path / "config").exists()
    source = write_film(tmp_path / "source.mp4", "libx264", sound=False)
    seal = rewrite(source, tmp_path / "film.mp4", marking, DEED)
    assert seal.marks == ["xmp"]
    with av.open(str(tmp_path / "film.mp4")) as container:
        assert GENERATED in container.metadata["comment"]
    assert who_signs(tmp_path / "config") is None


def test_going_without_is_for_the_admin_to_allow(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="allow_unmarked = true"):
        unmarked_here(tmp_path)
    (tmp_path / "provenance.toml").write_text("allow_unmarked = true\n")
    assert unmarked_here(tmp_path) == UNMARKED
    assert "article 50" in UNMARKED.notes[0]


def test_who_signs_is_said_without_making_it(tmp_path: Path) -> None:
    assert "the first render makes" in str(who_signs(tmp_path))
    assert list(tmp_path.iterdir()) == []
    open_marking(tmp_path)
    assert str(tmp_path / "identity.pem") in str(who_signs(tmp_path))
    files = write_certificates(tmp_path / "keys")
    assert str(files.chain) in str(who_signs(write_config(tmp_path, files)))
