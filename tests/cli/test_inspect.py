import json
from pathlib import Path

import pytest

from reenact_cli.main import run
from tests.cli.process import reenact
from tests.synthetic import ClipFormat, TimelineClip, write_clip, write_portrait, write_timeline


def test_a_clip_is_told_in_facts(tmp_path: Path) -> None:
    path = write_clip(
        tmp_path / "a.mkv", 7, form=ClipFormat(pixel_format="yuv422p10le", sound=True)
    )
    facts = json.loads(reenact("inspect", path, "--json").stdout)
    assert facts["kind"] == "clip"
    assert (facts["width"], facts["height"], facts["frames"], facts["rate"]) == (192, 144, 7, "25")
    assert (facts["pixel_format"], facts["bit_depth"]) == ("yuv422p10le", 10)
    assert facts["sound"] == ["pcm_s16le"]


def test_a_timeline_is_told_with_what_it_asks(tmp_path: Path) -> None:
    media = write_clip(tmp_path / "a.mkv", 12)
    write_portrait(tmp_path / "face.png")
    ask = {"version": 1, "mode": "recast", "source": "face.png"}
    clips = [TimelineClip("sh010", media, 2, 5, 12, ask), TimelineClip("sh020", media, 0, 3, 12)]
    edit = write_timeline(tmp_path / "cut.otio", clips)
    done = reenact("inspect", edit)
    assert done.returncode == 0
    assert "sh010" in done.stdout and "recast" in done.stdout
    facts = json.loads(reenact("inspect", edit, "--json").stdout)
    assert facts["kind"] == "timeline"
    assert [shot["clip"] for shot in facts["shots"]] == ["sh010"]


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("none.mp4", None, "media"),
        ("none.otio", None, "timeline"),
        ("none.safetensors", None, "checkpoint"),
        ("none.json", None, "settings"),
        ("empty.mp4", b"", "media"),
        ("text.mov", b"this is no film", "media"),
        ("text.otio", b"this is no edit", "timeline"),
        ("newer.otio", b'{"OTIO_SCHEMA": "Timeline.99", "name": "x"}', "timeline"),
        ("text.safetensors", b"these are no weights at all", "checkpoint"),
        ("text.json", b"[1, 2]", "settings"),
    ],
)
def test_what_cannot_be_read_is_one_sentence_that_names_it(
    tmp_path: Path,
    name: str,
    content: bytes | None,
    code: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    assert run(["inspect", str(path), "--json"]) == 4
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["code"] == code and name in error["message"]


def test_awkward_footage_is_told_or_refused_in_one_sentence(
    shared: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refused = {
        "audio_only.m4a",
        "audio_only.mp4",
        "text_named.mp4",
        "truncated_no_moov.mp4",
        "zero_byte.mp4",
    }
    for path in sorted((shared / "clips" / "torture").iterdir()):
        status = run(["inspect", str(path), "--json"])
        told = json.loads(capsys.readouterr().out)
        if path.name in refused:
            assert status == 4 and path.name in told["error"]["message"]
        else:
            assert status == 0 and told["frames"] > 0, path
