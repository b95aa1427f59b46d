"""One edit list through every door: what is asked of its rate and its media counts in all."""

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import opentimelineio as otio
import pytest

from reenact_bridge.render_job import describe
from reenact_bridge.roots import Roots
from reenact_bridge.warm import Warm
from reenact_bridge.work import resolved_work
from reenact_cli.main import run
from tests.chance import write_chance
from tests.synthetic import ClipFormat, write_clip, write_portrait, write_tracks

pytest.importorskip("otio_cmx3600_adapter")

LENGTH = 12
FORM = ClipFormat(rate=Fraction(30))
LIST = """TITLE: cut
FCM: NON-DROP FRAME
001  CARD1  V  C  00:00:00:02 00:00:00:07 01:00:00:00 01:00:00:05
* FROM CLIP NAME: she speaks
"""


@pytest.fixture
def edit(tmp_path: Path) -> Path:
    """A list whose one clip names a reel, which a file in another folder bears."""
    for folder in ("cut", "store"):
        (tmp_path / folder).mkdir()
    write_clip(tmp_path / "store" / "card1.mkv", LENGTH, form=FORM)
    write_tracks(tmp_path / "store" / "card1.json", "card1.mkv", LENGTH, FORM)
    write_portrait(tmp_path / "face.png")
    path = tmp_path / "cut" / "cut.edl"
    path.write_text(LIST, "utf-8")
    return path


def asked(edit: Path) -> list[str]:
    folder = edit.parents[1]
    return [str(edit), "--source", str(folder / "face.png"), "--root", str(folder / "store")]


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert run([*arguments, "--json"]) == 0
    table = json.loads(capsys.readouterr().out)
    assert isinstance(table, dict)
    return table


def film(edit: Path) -> Path:
    return edit.parents[1] / "store" / "card1.mkv"


def test_inspect_tells_where_the_media_are(edit: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = printed(capsys, "inspect", str(edit), "--root", str(edit.parents[1] / "store"))
    assert told["tracks"][0]["clips"][0]["file"] == str(film(edit))
    assert any("30 of its media" in note for note in told["notes"])
    alone = printed(capsys, "inspect", str(edit), "--rate", "25")
    assert alone["tracks"][0]["clips"][0]["file"] is None
    assert run(["inspect", str(edit)]) == 0
    assert "(not found)" in capsys.readouterr().out


def test_the_plan_of_a_render(edit: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(edit.parent / "out")
    plan = printed(capsys, "render", *asked(edit), "-o", out, "--dry-run", "--handles", "0")
    shot = plan["shots"][0]
    assert (shot["media"], shot["frames"], shot["rate"]) == (str(film(edit)), [2, 7], "30")
    assert any("found by its reel" in note for note in plan["notes"])
    other = printed(capsys, "render", *asked(edit), "-o", out, "--dry-run", "--rate", "60")
    assert any("as asked, though its media have 30" in note for note in other["notes"])


@pytest.mark.parametrize("rate", ["0", "x", "1/0", "5000"])
def test_what_is_no_rate_is_wrong_usage(edit: Path, rate: str) -> None:
    assert run(["render", str(edit), "-o", "out", "--rate", rate]) == 2


def test_a_server_reads_as_the_command_line_does(edit: Path) -> None:
    folder = edit.parents[1]
    warm = Warm("cpu", Roots.of([folder]))
    options: dict[str, Any] = {"source": str(folder / "face.png"), "handles": 0}
    body = {"timeline": {"path": str(edit)}, "options": options}
    alone = describe(resolved_work(body, warm.roots), warm)
    assert not alone["shots"] and "bears its name or its reel" in alone["refused"][0]["reason"]
    options |= {"roots": [str(folder / "store")], "rate": "30000/1001"}
    found = describe(resolved_work(body, warm.roots), warm)
    assert found["shots"][0]["media"] == str(film(edit))
    assert found["shots"][0]["frames"] == [2, 7]
    assert any("as asked, though its media have 30" in note for note in found["notes"])


def test_a_render_and_a_farm_write_the_same_timeline(
    edit: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = write_chance(tmp_path / "chance.safetensors")
    more = ["--checkpoint", str(checkpoint), "--tracks", str(film(edit).with_suffix(".json"))]
    more += ["--codec", "ffv1"]
    job = str(tmp_path / "job")
    printed(capsys, "render", *asked(edit), *more, "-o", str(tmp_path / "out"))
    printed(capsys, "farm", "plan", *asked(edit), *more, "-o", job, "--results", "out")
    assert json.loads((tmp_path / "job" / "plan.json").read_text())["options"]["rate"] == "30"
    printed(capsys, "farm", "run-unit", job, "--all")
    printed(capsys, "farm", "assemble", job)
    for folder in (tmp_path / "out", tmp_path / "job" / "out"):
        made = otio.adapters.read_from_file(str(folder / "cut.otio"))
        clip = next(iter(made.find_clips()))
        assert clip.source_range.start_time == otio.opentime.RationalTime(2, 30)
        references = clip.media_references()
        assert references["DEFAULT_MEDIA"].target_url == film(edit).as_uri()
        assert clip.active_media_reference_key == "reenact"
        assert references["reenact"].available_range.duration.rate == 30
