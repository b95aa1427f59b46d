"""`reenact render` as a process, with networks whose weights are drawn by chance."""

import json
import signal
from pathlib import Path

import opentimelineio as otio
import pytest

from reenact_cli.main import run
from reenact_core.media.probe import probe
from tests.chance import write_chance
from tests.cli.process import error_of, reenact, running, stop_when
from tests.synthetic import (
    ClipFormat,
    TimelineClip,
    draw,
    write_clip,
    write_portrait,
    write_timeline,
    write_tracks,
)

LENGTH = 14
FORM = ClipFormat(sound=True)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Networks that have learned nothing, which is all that these tests ask of them."""
    return write_chance(tmp_path_factory.mktemp("models") / "chance.safetensors")


@pytest.fixture
def edit(tmp_path: Path) -> Path:
    """Two shots that are redirected by a third clip, and one that is not asked for."""
    for name in ("a", "b", "acting"):
        write_clip(tmp_path / f"{name}.mkv", LENGTH, form=FORM)
        write_tracks(tmp_path / f"{name}.json", f"{name}.mkv", LENGTH, FORM)
    ask = {"version": 1, "mode": "redirect", "driving": str(tmp_path / "acting.mkv")}
    clips = [
        TimelineClip("sh010", tmp_path / "a.mkv", 4, 6, LENGTH, ask),
        TimelineClip("sh020", tmp_path / "b.mkv", 4, 6, LENGTH, ask),
        TimelineClip("sh030", tmp_path / "b.mkv", 0, 3, LENGTH),
    ]
    return write_timeline(tmp_path / "cut.otio", clips)


def _arguments(edit: Path, checkpoint: Path, *more: str) -> list[str]:
    tracks = [
        argument for name in ("a", "b", "acting") for argument in ("--tracks", name + ".json")
    ]
    folder = edit.parent
    tracks = [str(folder / part) if part.endswith(".json") else part for part in tracks]
    out = str(folder / "out")
    return ["render", str(edit), "-o", out, "--checkpoint", str(checkpoint), *tracks, *more]


def test_a_timeline_goes_in_and_a_timeline_comes_out(edit: Path, checkpoint: Path) -> None:
    done = reenact(*_arguments(edit, checkpoint, "--json", "--progress", "json"))
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["complete"] and [shot["shot"] for shot in result["shots"]] == ["sh010", "sh020"]
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line["shot"] for line in lines if line["event"] == "shot_done"] == ["sh010", "sh020"]
    clips = otio.adapters.read_from_file(result["timeline"]).find_clips()
    keys = [clip.active_media_reference_key for clip in clips]
    assert keys == ["reenact", "reenact", "DEFAULT_MEDIA"]
    for shot in result["shots"]:
        assert probe(Path(shot["file"])).frame_count == shot["frames"] == LENGTH
    record = json.loads((edit.parent / "out" / "run.json").read_text())
    assert [shot["status"] for shot in record["shots"]] == ["rendered", "rendered"]


def test_the_same_command_again_keeps_what_is_done_and_restart_does_not(
    edit: Path, checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    statuses = []
    for more in ([], [], ["--restart"]):
        assert run(_arguments(edit, checkpoint, "--clips", "sh010", *more)) == 0
        record = json.loads((edit.parent / "out" / "run.json").read_text())
        statuses.append([shot["status"] for shot in record["shots"]])
    assert statuses == [["rendered"], ["kept"], ["rendered"]]


def test_a_dry_run_prints_the_plan_and_does_nothing(
    edit: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = edit.parent / "out"
    assert run(["render", str(edit), "-o", str(out), "--dry-run", "--handles", "2"]) == 0
    text = capsys.readouterr().out
    assert "2 shots to render" in text and "2-11" in text
    assert run(["render", str(edit), "-o", str(out), "--dry-run", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert [shot["frames"] for shot in plan["shots"]] == [[0, 14], [0, 14]]
    assert not out.exists()


def test_what_is_carried_over_is_named_on_the_command_line(
    edit: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["render", str(edit), "-o", str(edit.parent / "out"), "--dry-run", "--json"]
    assert run([*command, "--expression", "relative", "--pose", "absolute"]) == 0
    faces = [shot["faces"][0] for shot in json.loads(capsys.readouterr().out)["shots"]]
    assert {(face["expression"], face["pose"]) for face in faces} == {("relative", "absolute")}
    for wrong in ("nose=1", "mouth=1.6", "mouth=", "-1", "nan"):
        assert run([*command, "--strength", wrong]) == 2
        assert "--strength" in capsys.readouterr().err


def test_a_shot_that_cannot_be_done_leaves_the_others_done(
    edit: Path, checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (edit.parent / "a.mkv").write_bytes(b"")
    assert run(_arguments(edit, checkpoint, "--json")) == 3
    result = json.loads(capsys.readouterr().out)
    assert not result["complete"]
    assert [shot["shot"] for shot in result["shots"]] == ["sh020"]
    assert "a.mkv" in result["refused"][0]["reason"]
    keys = [
        clip.active_media_reference_key
        for clip in otio.adapters.read_from_file(result["timeline"]).find_clips()
    ]
    assert keys == ["DEFAULT_MEDIA", "reenact", "DEFAULT_MEDIA"]


def test_nothing_that_can_be_done_is_bad_input(
    edit: Path, checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b"):
        (edit.parent / f"{name}.mkv").unlink()
    assert run(_arguments(edit, checkpoint)) == 4
    assert capsys.readouterr().out.count("refused") == 2


@pytest.mark.parametrize(
    ("more", "status", "code", "part"),
    [
        (["--clips", "sh011"], 4, "timeline", "sh010"),
        (["--clips", "sh010", "--source", "none.png"], 4, "media", "none.png"),
        (["--settings", "none.toml"], 4, "settings", "none.toml"),
        (["--device", "cuda:99"], 5, "device", "cuda:99"),
        (["--device", "tpu"], 5, "device", "tpu"),
        (["--checkpoint", "none.safetensors"], 4, "checkpoint", "none.safetensors"),
        (["--checkpoint", "compct"], 4, "checkpoint", "compact"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence_before_any_work(
    edit: Path,
    more: list[str],
    status: int,
    code: str,
    part: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["render", str(edit), "-o", str(edit.parent / "out"), "--json", *more]) == status
    told = capsys.readouterr()
    error = json.loads(told.out)["error"]
    assert error["code"] == code and part in error["message"]
    assert told.err.count("\n") == 1


def test_a_face_is_named_as_the_page_says_or_it_is_a_usage_error(
    edit: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["render", str(edit), "-o", "out", "--face", "biggest"]) == 2
    assert "names no face" in capsys.readouterr().err


def test_a_picture_without_a_face_fails_its_shots_alone(
    edit: Path, checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import cv2

    cv2.imwrite(str(edit.parent / "wall.png"), draw(128, 128, []))
    more = ("--clips", "sh010", "--source", str(edit.parent / "wall.png"), "--json")
    assert run(_arguments(edit, checkpoint, *more)) == 3
    shot = json.loads(capsys.readouterr().out)["shots"][0]
    assert shot["error"]["code"] == "face" and "wall.png" in shot["error"]["message"]


def test_results_never_take_the_place_of_what_is_read(
    edit: Path, checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = edit.read_bytes()
    arguments = _arguments(edit, checkpoint, "--json")
    arguments[arguments.index("-o") + 1] = str(edit.parent)
    assert run(arguments) == 4
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "output"
    assert edit.read_bytes() == before


def test_an_out_folder_that_is_a_file_is_named(edit: Path, checkpoint: Path) -> None:
    (edit.parent / "out").write_text("")
    error = error_of(reenact(*_arguments(edit, checkpoint, "--json")), 4)
    assert error["code"] == "output" and str(edit.parent / "out") in error["message"]


@pytest.mark.parametrize(
    ("stage", "kind"),
    [
        ("cut", signal.SIGTERM),
        ("move", signal.SIGINT),
        ("paste", signal.SIGTERM),
    ],
)
def test_a_stopped_run_leaves_nothing_half_made_and_goes_on(
    edit: Path, checkpoint: Path, stage: str, kind: signal.Signals
) -> None:
    arguments = _arguments(edit, checkpoint, "--progress", "json")
    with running(*arguments) as process:
        status, printed, said = stop_when(process, stage, kind)
    assert status == 130
    assert printed == "" and "Traceback" not in said and "Interrupted" in said
    out = edit.parent / "out"
    left = {path.name for path in out.rglob("*") if path.is_file()}
    assert not {name for name in left if "partial" in name}
    assert "cut.otio" not in left and "run.json" not in left
    for path in out.glob("*.mkv"):
        assert probe(path).frame_count == LENGTH
    if stage == "paste":
        assert run(arguments) == 0
        assert (out / "cut.otio").is_file()


def test_animate_refuses_to_write_over_what_it_reads(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = write_portrait(tmp_path / "face.png")
    video = write_clip(tmp_path / "acting.mkv", 3)
    assert run(["animate", str(picture), str(video), "-o", str(video), "--json"]) == 4
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "output"


def test_animate_with_crops_gives_as_many_frames_as_it_is_given(
    tmp_path: Path, checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    form = ClipFormat(width=256, height=256)
    video = write_clip(tmp_path / "acting.mkv", 5, form=form)
    picture = write_portrait(tmp_path / "face.png")
    for scheme in ("subtle", "global", "local"):
        out = tmp_path / f"{scheme}.mkv"
        arguments = ["animate", str(picture), str(video), "-o", str(out), "--crop", "none"]
        arguments += ["--scheme", scheme, "--codec", "ffv1", "--checkpoint", str(checkpoint)]
        assert run(arguments) == 0, capsys.readouterr().err
        made = probe(out)
        assert (made.frame_count, made.width, made.height) == (5, 256, 256)


def test_a_file_that_the_job_did_not_make_is_not_replaced(
    edit: Path, checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stranger = edit.parent / "out" / "sh010.mkv"
    stranger.parent.mkdir()
    stranger.write_bytes(b"precious")
    arguments = _arguments(edit, checkpoint, "--clips", "sh010", "--json")
    assert run([*arguments, "--dry-run"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert not plan["shots"] and "sh010.mkv" in plan["refused"][0]["reason"]
    assert run(arguments) == 4
    result = json.loads(capsys.readouterr().out)
    assert not result["complete"] and "--overwrite" in result["refused"][0]["reason"]
    assert stranger.read_bytes() == b"precious"
    assert run([*arguments, "--overwrite"]) == 0
    assert probe(stranger).frame_count == LENGTH


def test_animate_replaces_its_own_file_and_no_other(
    tmp_path: Path, checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    form = ClipFormat(width=256, height=256)
    video = write_clip(tmp_path / "acting.mkv", 2, form=form)
    out = tmp_path / "face.mkv"
    arguments = ["animate", str(write_portrait(tmp_path / "face.png")), str(video), "-o", str(out)]
    arguments += ["--crop", "none", "--codec", "ffv1", "--checkpoint", str(checkpoint), "--json"]
    out.write_bytes(b"precious")
    assert run(arguments) == 4
    assert "--overwrite" in json.loads(capsys.readouterr().out)["error"]["message"]
    assert out.read_bytes() == b"precious"
    out.unlink()
    assert [run(arguments) for _ in range(2)] == [0, 0]
