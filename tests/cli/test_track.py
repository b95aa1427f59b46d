import json
import signal
from fractions import Fraction
from pathlib import Path

import pytest

from reenact_core.media.probe import probe
from tests.cli.process import error_of, reenact, running, stop_when
from tests.synthetic import ClipFormat, write_clip


def test_the_tracks_file_names_its_video_and_rate(tmp_path: Path) -> None:
    write_clip(tmp_path / "a.mkv", 6, lambda _: [])
    done = reenact("track", "a.mkv", "-o", "faces.json", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["tracks"] == []
    held = json.loads((tmp_path / "faces.json").read_text())
    assert held == {"version": 1, "video": "a.mkv", "rate": "25/1", "tracks": []}


def test_the_overlay_has_every_frame_and_the_sound(tmp_path: Path) -> None:
    form = ClipFormat("mpeg4", sound=True, rate=Fraction(30000, 1001))
    video = write_clip(tmp_path / "a.mov", 9, form=form)
    done = reenact("track", video, "-o", tmp_path / "t.json", "--overlay", tmp_path / "look.mov")
    assert done.returncode == 0, done.stderr
    seen = probe(tmp_path / "look.mov")
    assert (seen.frame_count, seen.rate, seen.has_sound) == (9, form.rate, True)


def test_settings_of_a_file_are_used_and_checked(tmp_path: Path) -> None:
    video = write_clip(tmp_path / "a.mkv", 3)
    (tmp_path / "s.toml").write_text("[track]\ndetect_evry = 2\n")
    arguments = ("track", video, "-o", tmp_path / "t.json", "--settings", tmp_path / "s.toml")
    error = error_of(reenact(*arguments, "--json"), 4)
    assert "did you mean track.detect_every?" in error["message"]
    assert not (tmp_path / "t.json").exists()


def test_facexlib_without_weights_says_where_they_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REENACT_MODELS", str(tmp_path / "models"))
    video = write_clip(tmp_path / "a.mkv", 3)
    arguments = ("track", video, "-o", tmp_path / "t.json", "--tracker", "facexlib", "--json")
    error = error_of(reenact(*arguments), 4)
    assert error["code"] == "checkpoint" and str(tmp_path / "models") in error["message"]


def test_a_reader_without_its_files_says_where_they_come_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REENACT_MODELS", str(tmp_path / "models"))
    video = write_clip(tmp_path / "a.mkv", 3)
    arguments = ("track", video, "-o", tmp_path / "t.json", "--reader", "mesh", "--json")
    error = error_of(reenact(*arguments), 4)
    assert "reenact models fetch face-mesh" in error["message"]
    arguments = ("track", video, "-o", tmp_path / "t.json", "--reader", "auto", "--json")
    assert json.loads(reenact(*arguments).stdout)["reader"] == "embedded"


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    video = write_clip(tmp_path / "a.mkv", 3)
    (tmp_path / "file").write_text("")
    error = error_of(reenact("track", video, "-o", tmp_path / "file" / "t.json", "--json"), 4)
    assert error["code"] == "output"


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("stage", ["track", "overlay"])
def test_an_interrupt_leaves_nothing_half_made(
    tmp_path: Path, kind: signal.Signals, stage: str
) -> None:
    video = write_clip(tmp_path / "a.mkv", 90, form=ClipFormat(width=256, height=192))
    out = tmp_path / "out"
    arguments = ("track", video, "-o", out / "t.json", "--overlay", out / "look.mp4")
    with running(*arguments, "--progress", "json") as process:
        status, printed, said = stop_when(process, stage, kind)
    assert status == 130
    assert printed == "" and "Traceback" not in said and "Interrupted" in said
    left = {path.name for path in out.iterdir()} if out.exists() else set()
    assert left == (set() if stage == "track" else {"t.json"})


def test_tracks_that_were_corrected_by_hand_are_not_replaced(tmp_path: Path) -> None:
    video = write_clip(tmp_path / "a.mkv", 3, lambda _: [])
    tracks = tmp_path / "t.json"
    for _ in range(2):  # its own file may be replaced
        assert reenact("track", video, "-o", tracks).returncode == 0
    tracks.write_text(tracks.read_text() + " ")
    error = error_of(reenact("track", video, "-o", tracks, "--json"), 4)
    assert error["code"] == "output" and "has been changed since" in error["message"]
    assert reenact("track", video, "-o", tracks, "--overwrite").returncode == 0
