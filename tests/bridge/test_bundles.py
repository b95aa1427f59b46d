"""`validate` of bundles: nothing is written, nothing is left, and the plan is that of a render."""

import os
import signal
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import opentimelineio as otio
import pytest
from PIL import Image

from reenact_bridge.render_job import describe
from reenact_bridge.roots import Roots
from reenact_bridge.warm import Warm
from reenact_core.files import sweep_passing
from reenact_core.timeline.bundles import read_bundle
from reenact_core.timeline.read import make_plan, read_timeline
from reenact_core.timeline.request import Request
from tests.synthetic import TimelineClip, write_clip, write_timeline

LENGTH = 5


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A bundle with a film, and a root that holds it and the new face."""
    (tmp_path / "root").mkdir()
    Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(tmp_path / "root" / "face.png")
    clip = write_clip(tmp_path / "clip.mkv", LENGTH)
    ask = {"version": 1, "mode": "recast", "source": str(tmp_path / "root" / "face.png")}
    path = write_timeline(tmp_path / "cut.otio", [TimelineClip("sh", clip, 1, 3, LENGTH, ask)])
    timeline = otio.adapters.read_from_file(str(path))
    for item in timeline.find_clips():
        item.media_reference.target_url = "media/clip.mkv"
    place = tmp_path / "root" / "cut.otioz"
    with zipfile.ZipFile(place, "w") as packed:
        packed.writestr("content.otio", otio.adapters.write_to_string(timeline))
        packed.write(clip, "media/clip.mkv")
    return place


def work(bundle: Path, out: Path | None = None) -> dict[str, Any]:
    return {"timeline": str(bundle), "out": None if out is None else str(out), "options": {}}


def everything(folder: Path) -> list[tuple[str, int]]:
    """All files below a folder with the time of their last change."""
    return sorted((str(path), path.stat().st_mtime_ns) for path in folder.rglob("*"))


@pytest.mark.parametrize("with_out", [False, True])
def test_validating_a_bundle_writes_nothing_and_judges_as_a_render_would(
    tmp_path: Path, bundle: Path, with_out: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    before = everything(tmp_path / "root")
    out = bundle.parent / "out" if with_out else None
    told = describe(work(bundle, out), Warm("cpu", Roots.of([bundle.parent])))
    assert everything(bundle.parent) == before and not list((tmp_path / "tmp").iterdir())
    assert not told["refused"], told
    [shot] = told["shots"]
    edit = read_timeline(bundle, work=tmp_path / "elsewhere")
    [rendered] = make_plan(edit, Request()).shots
    target = rendered.target.frames
    assert shot["frames"] == [target.start, target.stop]
    assert shot["media"] == f"{bundle}/media/clip.mkv"


def test_what_is_wrong_with_a_bundle_is_said(bundle: Path) -> None:
    with zipfile.ZipFile(bundle) as packed:
        content = packed.read("content.otio")
    with zipfile.ZipFile(bundle, "w") as packed:
        packed.writestr("content.otio", content)
        packed.writestr("media/clip.mkv", b"no film" * 100)
    told = describe(work(bundle), Warm("cpu", Roots.of([bundle.parent])))
    [refused] = told["refused"]
    assert f"{bundle}/media/clip.mkv" in refused["reason"]


def test_media_take_no_room_before_they_are_looked_at(tmp_path: Path) -> None:
    place = tmp_path / "large.otioz"
    with zipfile.ZipFile(place, "w") as packed:
        packed.writestr("content.otio", b"{}")
        packed.writestr("media/a.mov", bytes(50_000_000))
    from reenact_core.timeline.bundles import filled, lay_out

    folder = tmp_path / "laid"
    assert lay_out(place, folder) == b"{}"
    file = folder / "media" / "a.mov"
    assert file.stat().st_size == 50_000_000 and file.stat().st_blocks == 0
    with filled(place, folder, file):
        assert file.stat().st_blocks > 0
    assert file.stat().st_size == 50_000_000 and file.stat().st_blocks == 0


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_a_passing_folder_goes_with_its_process_even_if_that_is_killed(
    tmp_path: Path, bundle: Path
) -> None:
    """As `reenact render --plan` of a bundle makes one."""
    program = (
        "import sys, pathlib, time; from reenact_core.timeline.read import read_timeline;"
        f"read_timeline(pathlib.Path({str(bundle)!r})); print('there', flush=True); time.sleep(60)"
    )
    base = tmp_path / "tmp"
    base.mkdir()
    child = subprocess.Popen(
        [sys.executable, "-c", program],
        env={"TMPDIR": str(base), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None and child.stdout.readline() == "there\n"
    there = list(base.rglob("clip.mkv"))
    assert len(there) == 1
    sweep_passing(base)  # it lives, and so does its folder
    assert list(base.rglob("clip.mkv")) == there
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    sweep_passing(base)
    assert not list(base.iterdir())


def test_the_bundle_itself_is_unpacked_as_before(tmp_path: Path, bundle: Path) -> None:
    read_bundle(bundle, tmp_path / "out")
    assert (tmp_path / "out" / "media" / "clip.mkv").read_bytes() == (
        tmp_path / "clip.mkv"
    ).read_bytes()
