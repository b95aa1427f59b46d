import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from reenact_core.errors import OutputError
from reenact_core.provenance import sign
from reenact_core.provenance.config import ProvenanceSettings
from reenact_core.provenance.identity import Identity, find_identity
from reenact_core.provenance.manifest import Deed, manifest_of
from reenact_core.provenance.sign import SigningError, embed, sidecar_of, sign_beside
from reenact_core.provenance.sign_process import answer
from tests.core.provenance.films import packets, write_film

DEED = Deed(None)


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return find_identity(ProvenanceSettings(), tmp_path_factory.mktemp("config"))[0]


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return write_film(tmp_path / "film.mp4", "libx264")


def _request(film: Path, identity: Identity, target: str | None) -> dict[str, Any]:
    return {
        "manifest": manifest_of(DEED, film.name, []),
        "ingredients": [],
        "source": str(film),
        "target": target,
        "sidecar": "/dev/full",
        "mime": "video/mp4",
        "certificates": identity.certificates,
        "key": identity.key,
        "algorithm": identity.algorithm,
        "tsa": None,
    }


def test_the_same_packets_come_out_of_a_signed_file(film: Path, identity: Identity) -> None:
    before = packets(film)
    embed(film, "film.mp4", DEED, identity, None)
    assert packets(film) == before
    assert [one.name for one in film.parent.iterdir()] == ["film.mp4"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("embedded", [True, False])
def test_a_full_disk_is_told_in_a_sentence(
    film: Path, identity: Identity, embedded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = film.read_bytes()
    full = answer(_request(film, identity, "/dev/full" if embedded else None))
    assert full["failed"] == "signing"
    monkeypatch.setattr(sign, "_ask", lambda _: full)
    with pytest.raises(OutputError, match=r"film.mp4: the disk is full; .* run the same command"):
        embed(film, "film.mp4", DEED, identity, None)
    assert film.read_bytes() == before
    assert [one.name for one in film.parent.iterdir()] == ["film.mp4"]


def test_what_cannot_be_signed_stays_as_it_was(tmp_path: Path, identity: Identity) -> None:
    path = tmp_path / "no.mp4"
    path.write_bytes(b"this is no film")
    with pytest.raises(SigningError):
        embed(path, path.name, DEED, identity, None)
    assert path.read_bytes() == b"this is no film"
    assert [one.name for one in tmp_path.iterdir()] == ["no.mp4"]


def test_the_key_is_in_no_argument_and_no_error(
    film: Path, identity: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []
    run = subprocess.run

    def watched(command: Any, **given: Any) -> Any:
        seen.extend([*command, *given["env"].values()])
        return run(command, **given)

    monkeypatch.setattr(subprocess, "run", watched)
    sign_beside(film, film.name, sidecar_of(film), DEED, identity, None)
    secret = identity.key.splitlines()[1]
    assert seen and not any(secret in str(one) for one in seen)


SLOW_SIGNER = """
import json, sys, time
with open(json.load(sys.stdin)["target"], "wb") as target:
    target.write(b"half")
time.sleep(60)
"""
KILLED_RUN = f"""
import sys
from pathlib import Path
from reenact_core.provenance import sign
from reenact_core.provenance.manifest import Deed
from reenact_core.provenance.mark import open_marking
sign._command = lambda: (sys.executable, "-c", {SLOW_SIGNER!r})
folder = Path(sys.argv[1])
open_marking(folder / "config").seal(Deed(None))(folder / "film.avi", folder / "film.avi")
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signal")
def test_a_death_while_signing_leaves_what_was_there(tmp_path: Path) -> None:
    film = write_film(tmp_path / "film.avi", "mjpeg", "yuvj420p")
    before = film.read_bytes()
    code = [sys.executable, "-c", KILLED_RUN, str(tmp_path)]
    child = subprocess.Popen(code, start_new_session=True)
    while child.poll() is None and not [
        one for one in tmp_path.glob(".partial*") if one.read_bytes()
    ]:
        time.sleep(0.05)
    os.killpg(child.pid, signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    assert film.read_bytes() == before
    left = [one.name for one in tmp_path.iterdir() if one.name not in ("film.avi", "config")]
    assert len(left) == 1 and left[0].startswith(".partial-")  # which the next run removes
