"""`reenact models`."""

import json
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import torch

from reenact_cli.main import run
from reenact_core.models.load import load_integrator
from tests.tiny import pictures, tiny_fomm
from tests.tiny_volumes import tables, tiny_osfv


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty models folder."""
    monkeypatch.setenv("REENACT_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[str]:
    """A server on loopback with the official files of two tiny networks."""
    root = tmp_path / "mirror"
    root.mkdir()
    torch.save(tables(tiny_fomm().state_dict()), root / "vox-cpk.pth.tar")
    torch.save(tables(tiny_osfv().state_dict()), root / "osfv-vox.pth.tar")

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(root)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def told(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> dict[str, Any]:
    """The JSON that a command prints, and nothing else on stdout."""
    assert run(["models", *arguments, "--json", "--progress", "none"]) == status
    result = json.loads(capsys.readouterr().out)
    assert isinstance(result, dict)
    return result


def test_the_list_tells_licences_and_places(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = told(capsys, "list")
    entries = {entry["id"]: entry for entry in result["checkpoints"]}
    assert entries["compact"]["commercial_use"] == "allowed"
    assert entries["compact"]["path"].endswith("compact.safetensors")
    assert entries["dagan-vox"]["commercial_use"] == "forbidden"
    assert entries["dagan-vox"]["path"] is None
    assert entries["fomm-vox"]["commercial_use"] == "not stated"
    assert run(["models", "list"]) == 0
    lines = capsys.readouterr().out
    assert "licence: CC-BY-NC-4.0; commercial use: forbidden" in lines
    assert "SHA-256: not known" in lines


def test_fetched_imported_verified_and_used(
    folder: Path, mirror: str, capsys: pytest.CaptureFixture[str]
) -> None:
    got = told(capsys, "fetch", "fomm-vox", "--mirror", mirror)["files"][0]
    assert got["compared"] is False and got["was_here"] is False
    assert told(capsys, "fetch", "fomm-vox", "--offline")["files"][0]["was_here"] is True
    path = Path(got["path"])
    assert path == folder / "vox-cpk.pth.tar"
    written = told(capsys, "import", str(path), "--precision", "fp16")
    assert Path(written["path"]) == folder / "fomm-vox.safetensors"
    verdicts = told(capsys, "verify", "fomm-vox", "compact")["checkpoints"]
    assert verdicts[0]["verdict"] == "as imported"
    assert {v["architecture"] for v in verdicts} == {"fomm", "compact"}
    faces = load_integrator("fomm", written["path"]).reenact(pictures(1), pictures(1), pictures(2))
    assert faces.shape == (2, 3, 32, 32)
    assert run(["models", "fetch", "fomm-vox", "--progress", "none"]) == 0
    assert "hash is not known" in capsys.readouterr().out


def test_a_licence_that_forbids_is_accepted_by_name_once(
    folder: Path, mirror: str, capsys: pytest.CaptureFixture[str]
) -> None:
    error = told(capsys, "fetch", "osfv-vox", "--mirror", mirror, status=4)["error"]
    assert "CC-BY-NC-4.0, which forbids commercial use" in error["message"]
    assert not (folder / "osfv-vox.pth.tar").exists()
    accepting = ("--accept-licence", "CC-BY-NC-4.0")
    told(capsys, "fetch", "osfv-vox", "--mirror", mirror, *accepting)
    told(capsys, "import", str(folder / "osfv-vox.pth.tar"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["fetch", "fomm-vox", "--offline"], "--offline forbids it"),
        (["fetch", "fomm-vox"], "a page for browsers, https://github.com/"),
        (["fetch", "compact"], "nothing to fetch"),
        (["fetch", "zebra"], "no checkpoint that is known"),
        (["verify", "fomm-vox"], "fomm-vox is not here"),
        (["import", "gone.pth"], "gone.pth: cannot be read"),
    ],
)
def test_what_cannot_be_done_says_why(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert words in told(capsys, *arguments, status=4)["error"]["message"]
    assert not folder.exists()


def test_a_damaged_file_fails_verification(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "vox-cpk.pth.tar"
    torch.save(tables(tiny_fomm().state_dict()), path)
    path.write_bytes(path.read_bytes()[:-2000])
    assert "damaged" in told(capsys, "verify", str(path), status=4)["error"]["message"]
    error = told(capsys, "import", str(path), status=4)["error"]
    assert "damaged" in error["message"]


def test_the_source_is_not_overwritten(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "vox-cpk.pth.tar"
    torch.save(tables(tiny_fomm().state_dict()), path)
    error = told(capsys, "import", str(path), "-o", str(path), status=4)["error"]
    assert "would be overwritten" in error["message"]
