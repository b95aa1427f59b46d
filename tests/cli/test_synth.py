import json
from pathlib import Path

import pytest

from reenact_cli.main import run
from reenact_core.media.probe import probe


def test_the_folder_holds_what_was_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "heads"
    asked = ["--clips", "2", "--frames", "3", "--size", "64", "--seed", "5"]
    assert run(["synth", "-o", str(out), *asked, "--json", "--progress", "json"]) == 0
    told = capsys.readouterr()
    result = json.loads(told.out)
    assert [clip["frames"] for clip in result["clips"]] == [3, 3]
    info = probe(out / result["clips"][0]["video"])
    assert (info.frame_count, info.width, info.height) == (3, 64, 64)
    lines = [json.loads(line) for line in told.err.splitlines()]
    assert (lines[-1]["done"], lines[-1]["total"]) == (2, 2)


@pytest.mark.parametrize(
    "wrong", [["--clips", "0"], ["--size", "8"], ["--seed", "-1"], ["--frames", "x"]]
)
def test_numbers_out_of_range_are_usage_errors(
    tmp_path: Path, wrong: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["synth", "-o", str(tmp_path / "heads"), *wrong]) == 2
    assert not (tmp_path / "heads").exists()


def test_a_folder_that_is_a_file_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "heads").write_text("")
    asked = ["--clips", "1", "--frames", "1", "--size", "32"]
    assert run(["synth", "-o", str(tmp_path / "heads"), *asked]) == 4
    assert "heads" in capsys.readouterr().err
