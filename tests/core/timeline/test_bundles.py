"""Bundles are unpacked whole and safely, or not at all."""

import stat
import zipfile
from pathlib import Path
from typing import Any

import opentimelineio as otio
import pytest

from reenact_core.errors import TimelineError
from reenact_core.timeline.plan import Plan
from reenact_core.timeline.read import make_plan, read_timeline
from reenact_core.timeline.request import Request
from tests.core.timeline.edits import Prober, clip, put, recast, timeline, times, track


def edit(folder: Path) -> Any:
    put(folder / "raw" / "a.mov")
    url = (folder / "raw" / "a.mov").as_uri()
    return timeline(track(clip("a", times(0, 9), url=url, available=times(0, 480))))


def planned(path: Path, work: Path | None, source: Path) -> Plan:
    return make_plan(read_timeline(path, work=work), Request(source=source), probe=Prober())


@pytest.mark.parametrize("suffix", ["otioz", "otiod"])
def test_a_bundle_of_opentimelineio(tmp_path: Path, suffix: str) -> None:
    bundle, source = tmp_path / f"edit.{suffix}", put(tmp_path / "face.png")
    otio.adapters.write_to_file(edit(tmp_path), str(bundle))
    found = planned(bundle, tmp_path / "out", source)
    folder = tmp_path / "out" if suffix == "otioz" else bundle
    assert found.shots[0].target.path == folder / "media" / "a.mov"
    assert found.shots[0].target.path.read_bytes() == b"x"


def test_a_bundle_without_a_work_folder(tmp_path: Path) -> None:
    bundle = tmp_path / "edit.otioz"
    otio.adapters.write_to_file(edit(tmp_path), str(bundle))
    found = planned(bundle, None, put(tmp_path / "face.png"))
    assert found.shots[0].target.path.is_file()


def packed(path: Path, *more: tuple[str | zipfile.ZipInfo, bytes], text: str | None = None) -> Path:
    content = text or timeline(track(clip("a", times(0, 9), effects=[recast()]))).to_json_string()
    with zipfile.ZipFile(path, "w") as bundle:
        bundle.writestr("content.otio", content)
        for name, data in more:
            bundle.writestr(name, data)
    return path


def link(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


@pytest.mark.parametrize(
    "name",
    ["../evil.mov", "/evil.mov", "media/../../evil.mov", "media\\..\\evil.mov", "C:/evil.mov"],
)
def test_members_that_lead_out_are_refused(tmp_path: Path, name: str) -> None:
    bundle = packed(tmp_path / "e.otioz", ("media/good.mov", b"x"), (name, b"x"))
    with pytest.raises(TimelineError, match="leads out"):
        read_timeline(bundle, work=tmp_path / "out" / "work")
    assert not list(tmp_path.rglob("*.mov"))


def test_links_are_refused(tmp_path: Path) -> None:
    bundle = packed(tmp_path / "e.otioz", (link("media/a.mov"), b"/etc/passwd"))
    with pytest.raises(TimelineError, match="leads out"):
        read_timeline(bundle, work=tmp_path / "out")


def test_a_link_in_the_work_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out" / "media").symlink_to(tmp_path / "elsewhere")
    bundle = packed(tmp_path / "e.otioz", ("media/a.mov", b"x"))
    with pytest.raises(TimelineError, match="link out"):
        read_timeline(bundle, work=tmp_path / "out")
    assert not list((tmp_path / "elsewhere").iterdir())


def test_bombs_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "e.otioz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bundle:
        bundle.writestr("content.otio", "{}")
        bundle.writestr("media/a.mov", bytes(20_000_000))
    with pytest.raises(TimelineError, match="would grow"):
        read_timeline(path, work=tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("keep", [0, 10, 200, -30])
def test_damaged_bundles_are_named(tmp_path: Path, keep: int) -> None:
    bundle = packed(tmp_path / "e.otioz", ("media/a.mov", bytes(range(256)) * 9))
    bundle.write_bytes(bundle.read_bytes()[:keep])
    with pytest.raises(TimelineError, match=r"e\.otioz: the bundle is damaged"):
        read_timeline(bundle, work=tmp_path / "out")


def test_damaged_media_get_no_final_name(tmp_path: Path) -> None:
    data = bytes(range(256)) * 9
    bundle = packed(tmp_path / "e.otioz", ("media/a.mov", data))
    raw = bytearray(bundle.read_bytes())
    raw[raw.index(data) + 5] ^= 1
    bundle.write_bytes(raw)
    with pytest.raises(TimelineError, match="damaged"):
        read_timeline(bundle, work=tmp_path / "out")
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file()]


def test_a_zip_without_a_timeline(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "e.otioz", "w") as bundle:
        bundle.writestr("readme.txt", "hello")
    with pytest.raises(TimelineError, match=r"holds no content\.otio"):
        read_timeline(tmp_path / "e.otioz", work=tmp_path / "out")


def test_media_that_are_there_are_kept_and_changed_ones_replaced(tmp_path: Path) -> None:
    bundle = packed(tmp_path / "e.otioz", ("media/a.mov", b"new"), ("media/b.mov", b"same"))
    put(tmp_path / "out" / "media" / "a.mov").write_bytes(b"old")
    kept = put(tmp_path / "out" / "media" / "b.mov")
    kept.write_bytes(b"same")
    before = kept.stat().st_mtime_ns
    read_timeline(bundle, work=tmp_path / "out")
    assert (tmp_path / "out" / "media" / "a.mov").read_bytes() == b"new"
    assert kept.stat().st_mtime_ns == before
