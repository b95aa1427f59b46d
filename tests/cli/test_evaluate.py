"""`reenact evaluate` from the command line."""

import json
from pathlib import Path

import pytest

from reenact_cli.main import run
from tests.tiny_files import write_tiny
from tests.training.evaluate.evaluations import pictures, small_checkpoint, write_clip


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(small_checkpoint(tmp_path_factory.mktemp("models") / "small.safetensors"))


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    for number in range(3):
        write_clip(tmp_path / "clips" / f"{number}.mkv", pictures(4, seed=number))
    return tmp_path / "clips"


def test_the_result_is_one_object_and_the_files_lie_in_the_folder(
    clips: Path, checkpoint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    asked = ["--checkpoint", checkpoint, "--clips", "2", "--frames", "3", "--every", "1"]
    told = ["--json", "--progress", "json"]
    assert run(["evaluate", str(clips), "-o", str(out), *asked, *told]) == 0
    said = capsys.readouterr()
    result = json.loads(said.out)
    assert (result["clips"], result["frames"]) == (2, 4)
    written = json.loads((out / "metrics.json").read_text("utf-8"))
    assert {key: result[key] for key in written} == written
    assert all(Path(path).is_file() for path in result["files"])
    last = json.loads(said.err.splitlines()[-1])
    assert (last["stage"], last["done"], last["total"]) == ("evaluate", 6, 6)


def test_people_get_figures_and_file_names(
    clips: Path, checkpoint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["--checkpoint", checkpoint, "--clips", "1", "--scheme", "subtle"]
    assert run(["evaluate", str(clips), "-o", str(tmp_path / "out"), *asked]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("subtle") and "psnr" in line for line in lines)
    assert not any(line.startswith("local") for line in lines)
    assert lines[-1].endswith("metrics.json")


def test_other_integrators_are_scored_alone_and_under_the_full_method(
    clips: Path, checkpoint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    portrait, fomm = tmp_path / "twice.safetensors", tmp_path / "fomm.safetensors"
    write_tiny("liveportrait", portrait)
    write_tiny("fomm", fomm)
    asked = ["--checkpoint", checkpoint, "--clips", "1", "--frames", "2", "--every", "1"]
    for named in (f"liveportrait:{portrait}", f"fomm:{fomm}", f"fomm:{fomm}"):
        asked += ["--integrator", named]
    assert run(["evaluate", str(clips), "-o", str(tmp_path / "out"), *asked, "--json"]) == 0
    scored = json.loads(capsys.readouterr().out)["integrators"]
    names = ["liveportrait (G)", "fomm (G)", "fomm fomm.safetensors (G)"]
    assert list(scored) == [row for name in names for row in (name, f"subtle + {name}")]
    assert all(figures["psnr"] > 3 for figures in scored.values())
    tables = (tmp_path / "out" / "tables.md").read_text("utf-8")
    fourth = tables.partition("## Table IV")[2].partition("## ")[0]
    assert all(f"| {name} |" in fourth for name in scored)
    assert "integrator G only" in fourth and "ours, `subtle`" in fourth


@pytest.mark.parametrize(
    ("wrong", "status", "said"),
    [
        (["--results", "theirs"], 2, "NAME=DIR"),
        (["--results", "subtle=."], 2, "name is taken"),
        (["--results", "theirs=nowhere"], 4, "nowhere: is no folder"),
        (["--estimator", "arcfaces"], 4, "did you mean arcface"),
        (["--integrator", "fom"], 4, "did you mean fomm"),
        (["--task", "cross"], 4, "--sources"),
        (["--frames", "1"], 2, "--frames"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    clips: Path,
    checkpoint: str,
    tmp_path: Path,
    wrong: list[str],
    status: int,
    said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    command = ["evaluate", str(clips), "-o", str(tmp_path / "out"), "--checkpoint", checkpoint]
    assert run([*command, *wrong]) == status
    told = capsys.readouterr().err
    assert said in told and "Traceback" not in told
    assert not (tmp_path / "out" / "metrics.json").exists()


def test_an_empty_folder_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["evaluate", str(tmp_path), "-o", str(tmp_path / "out")]) == 4
    assert "holds no clips" in capsys.readouterr().err
