import multiprocessing
import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import PrivateFormat

from reenact_core.errors import SettingsError
from reenact_core.provenance.config import ProvenanceSettings
from reenact_core.provenance.identity import IDENTITY_FILE, find_identity, local_identity
from tests.core.provenance.certificates import write_certificates

LOCAL = ProvenanceSettings()


def _fingerprint(folder: Path) -> str:
    return find_identity(LOCAL, folder)[0].fingerprint


def test_the_first_use_makes_an_identity_that_later_ones_keep(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    made, notes = find_identity(LOCAL, folder)
    assert made.kind == "local" and len(notes) == 1 and str(folder) in notes[0]
    assert find_identity(LOCAL, folder) == (made, [])
    assert local_identity(folder) == made
    assert [path.name for path in folder.iterdir()] == [IDENTITY_FILE]
    assert "PRIVATE" not in repr(made)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_its_key_is_for_its_owner_alone(tmp_path: Path) -> None:
    find_identity(LOCAL, tmp_path / "folder")
    assert (tmp_path / "folder" / IDENTITY_FILE).stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "folder").stat().st_mode & 0o777 == 0o700


def test_processes_that_are_first_together_end_with_one_identity(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        found = pool.map(_fingerprint, [tmp_path / "folder"] * 8)
    assert len(set(found)) == 1


@pytest.mark.parametrize("blocked", ["folder", "file"])
def test_where_it_cannot_be_kept_it_lives_for_one_run(tmp_path: Path, blocked: str) -> None:
    folder = tmp_path / "config"
    if blocked == "folder":
        folder.touch()
    else:
        (folder / IDENTITY_FILE).mkdir(parents=True)
    made, notes = find_identity(LOCAL, folder)
    assert made.kind == "run" and "for this run alone" in notes[0]
    assert local_identity(folder) is None


def test_a_damaged_identity_is_told_with_the_way_out(tmp_path: Path) -> None:
    find_identity(LOCAL, tmp_path)
    path = tmp_path / IDENTITY_FILE
    path.write_text(path.read_text()[:300])
    with pytest.raises(SettingsError, match="delete it and a new one is made"):
        find_identity(LOCAL, tmp_path)


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_a_studios_certificate_signs_whatever_form_its_key_has(
    tmp_path: Path, form: PrivateFormat
) -> None:
    files = write_certificates(tmp_path, form=form)
    identity, notes = find_identity(ProvenanceSettings(files.chain, files.key), tmp_path / "config")
    assert identity.kind == "certificate" and identity.algorithm == "es256" and notes == []
    assert identity.key.startswith("-----BEGIN PRIVATE KEY-----")
    assert not (tmp_path / "config").exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_a_key_that_others_can_read_is_told(tmp_path: Path) -> None:
    files = write_certificates(tmp_path)
    files.key.chmod(0o644)
    _, notes = find_identity(ProvenanceSettings(files.chain, files.key), tmp_path)
    assert "chmod 600" in notes[0]


def test_a_certificate_that_cannot_sign_is_told(tmp_path: Path) -> None:
    good = write_certificates(tmp_path / "good")
    ended = write_certificates(tmp_path / "ended", days=(-30, -1))
    early = write_certificates(tmp_path / "early", days=(3, 30))
    locked = write_certificates(tmp_path / "locked", password=b"secret")
    cases = [
        (ended.chain, ended.key, "the certificate expired on"),
        (early.chain, early.key, "is not valid before"),
        (locked.chain, locked.key, "the key is encrypted"),
        (good.chain, early.key, "belongs to another certificate"),
        (good.key, good.key, "holds no certificate in PEM form"),
        (good.chain, good.chain, "holds no private key in PEM form"),
        (tmp_path / "none.pem", good.key, "cannot be read"),
    ]
    for certificate, key, said in cases:
        with pytest.raises(SettingsError, match=said):
            find_identity(ProvenanceSettings(certificate, key), tmp_path)
