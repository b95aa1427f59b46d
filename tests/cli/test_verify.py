"""`reenact verify`, and what `--no-provenance` does."""

import json
from pathlib import Path
from typing import Any

import pytest

from reenact_cli.main import run
from reenact_core.provenance.config import user_config_folder
from reenact_core.provenance.manifest import Deed
from reenact_core.provenance.mark import Marking, open_marking
from tests.chance import write_chance
from tests.core.provenance.certificates import write_certificates, write_config
from tests.core.provenance.films import rewrite, write_film
from tests.synthetic import TimelineClip, write_clip, write_portrait, write_timeline, write_tracks

LENGTH = 1


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Settings of a user of this test alone."""
    monkeypatch.setenv("REENACT_CONFIG", str(tmp_path / "config"))
    return tmp_path / "config"


@pytest.fixture
def marking(config: Path) -> Marking:
    return open_marking(config)


def made_film(folder: Path, marking: Marking) -> Path:
    source = write_film(folder / "plate.mov", "prores_ks", "yuv422p10le")
    rewrite(source, folder / "film.mov", marking, Deed(source))
    return folder / "film.mov"


def told(capsys: pytest.CaptureFixture[str], status: int, *arguments: str | Path) -> dict[str, Any]:
    """A command's JSON."""
    capsys.readouterr()
    assert run([*map(str, arguments), "--json"]) == status
    table = json.loads(capsys.readouterr().out)
    assert isinstance(table, dict)
    return table


def test_a_file_of_ours_is_told_in_lines_and_in_json(
    tmp_path: Path, marking: Marking, capsys: pytest.CaptureFixture[str]
) -> None:
    film = made_film(tmp_path, marking)
    assert run(["verify", str(film)]) == 0
    lines = capsys.readouterr().out
    assert f"{film}: says that it is synthetic, and is signed and unchanged" in lines
    assert "your own, for which nobody else vouches" in lines
    assert "made from plate.mov" in lines
    table = told(capsys, 0, "verify", film)
    (found,) = table["files"]
    assert table["status"] == found["status"] == 0
    assert found["synthetic"] and found["credentials"]["own"]
    assert found["credentials"]["state"] == "valid" and found["xmp"]


def test_a_changed_file_and_one_that_says_nothing_have_their_own_exit_status(
    tmp_path: Path, marking: Marking, capsys: pytest.CaptureFixture[str]
) -> None:
    film = made_film(tmp_path, marking)
    data = bytearray(film.read_bytes())
    data[data.index(b"mdat") + 2000] ^= 1
    film.write_bytes(data)
    assert run(["verify", str(film)]) == 4
    assert "BROKEN: the file was changed after it was signed" in capsys.readouterr().out
    assert run(["verify", str(tmp_path / "plate.mov")]) == 3
    assert "nothing says that it is synthetic" in capsys.readouterr().out
    error = told(capsys, 4, "verify", tmp_path / "gone.mov")["error"]
    assert "there is no such file" in error["message"]


def test_a_studios_signature_is_trusted_with_its_root(
    tmp_path: Path, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = write_certificates(tmp_path / "keys")
    film = made_film(tmp_path, open_marking(write_config(config, files)))
    (found,) = told(capsys, 0, "verify", film)["files"]
    assert not found["credentials"]["trusted"] and not found["credentials"]["own"]
    (found,) = told(capsys, 0, "verify", film, "--trust", files.root)["files"]
    assert found["credentials"]["trusted"]
    write_config(config, files, trust=str(files.root))
    (found,) = told(capsys, 0, "verify", film)["files"]
    assert found["credentials"]["trusted"]


def test_nobody_else_signs_as_oneself(
    tmp_path: Path, marking: Marking, capsys: pytest.CaptureFixture[str]
) -> None:
    assert marking.identity is not None
    forged = write_certificates(tmp_path / "keys", serial=int(marking.identity.serial))
    film = made_film(tmp_path, open_marking(write_config(tmp_path / "other", forged)))
    (found,) = told(capsys, 0, "verify", film)["files"]
    assert not found["credentials"]["own"] and not found["credentials"]["trusted"]


@pytest.fixture
def asked(tmp_path: Path) -> list[str]:
    """A timeline with a shot that is recast, by networks drawn by chance."""
    write_clip(tmp_path / "a.mkv", LENGTH)
    tracks = write_tracks(tmp_path / "a.json", "a.mkv", LENGTH)
    ask = {"version": 1, "mode": "recast", "source": str(write_portrait(tmp_path / "face.png"))}
    clip = TimelineClip("sh010", tmp_path / "a.mkv", 0, LENGTH, LENGTH, ask)
    edit = write_timeline(tmp_path / "cut.otio", [clip])
    weights = write_chance(tmp_path / "chance.safetensors")
    return [str(edit), "--checkpoint", str(weights), "--tracks", str(tracks)]


def test_a_render_without_marks_says_what_that_means_and_records_it(
    asked: list[str], tmp_path: Path, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run(["render", *asked, "-o", str(out), "--no-provenance"]) == 0
    assert "article 50" in "".join(capsys.readouterr())
    record = json.loads((out / "run.json").read_text())
    assert record["provenance"]["marked"] is False and record["shots"][0]["marks"] == []
    assert not config.exists()
    assert told(capsys, 3, "verify", out)["files"][0]["recorded"] == "same"


def test_a_certificate_that_has_ended_stops_a_run_before_it_begins(
    asked: list[str], tmp_path: Path, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_config(config, write_certificates(tmp_path / "keys", days=(-30, -1)))
    error = told(capsys, 4, "render", *asked, "-o", tmp_path / "out")["error"]
    assert "the certificate expired on" in error["message"]
    assert not (tmp_path / "out").exists()
    checks = told(capsys, 4, "doctor")["checks"]
    (signing,) = [check for check in checks if check["name"] == "signing"]
    assert not signing["good"] and "expired" in signing["fix"]


def test_a_farm_goes_without_marks_only_where_the_admin_allows_it(
    asked: list[str], tmp_path: Path, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job = ["farm", "plan", *asked, "-o", str(tmp_path / "job"), "--no-provenance"]
    error = told(capsys, 4, *job)["error"]
    assert "--no-provenance is not allowed here" in error["message"]
    config.mkdir()
    (config / "provenance.toml").write_text("allow_unmarked = true\n")
    told(capsys, 0, *job)
    (config / "provenance.toml").unlink()
    assert user_config_folder() == config
    error = told(capsys, 4, "farm", "assemble", tmp_path / "job")["error"]
    assert "--no-provenance is not allowed here" in error["message"]
