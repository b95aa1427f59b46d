import json
from pathlib import Path
from typing import Any

import opentimelineio as otio
import pytest

from reenact_core.errors import SettingsError
from reenact_core.farm.path_map import mapped, mapped_paths, read_path_map
from reenact_core.farm.timeline_paths import with_mapped_paths
from reenact_core.timeline.plan import Cast, FaceChoice
from reenact_core.timeline.read import Edit


def rules_file(folder: Path, *rules: tuple[str, str, str]) -> Path:
    keys = "source_path_format", "source_path", "destination_path"
    table = {
        "version": "pathmapping-1.0",
        "path_mapping_rules": [dict(zip(keys, rule, strict=True)) for rule in rules],
    }
    path = folder / "rules.json"
    path.write_text(json.dumps(table))
    return path


@pytest.mark.parametrize(
    ("path", "here"),
    [
        ("/mnt/show/a.mov", "/data/a.mov"),
        ("/mnt/show/deep/a.mov", "/deep/a.mov"),
        ("/mnt/shows/a.mov", "/mnt/shows/a.mov"),
        ("P:\\Show\\clips\\a.mov", "/pool/clips/a.mov"),
        ("p:/show/a.mov", "/pool/a.mov"),
        ("//server/share/a.mov", "/share/a.mov"),
        ("P:\\Show\\..\\other\\a.mov", "P:\\Show\\..\\other\\a.mov"),
        ("/mnt/show/../a.mov", "/mnt/show/../a.mov"),
    ],
)
def test_the_longest_rule_that_fits_wins(path: str, here: str, tmp_path: Path) -> None:
    rules = read_path_map(
        rules_file(
            tmp_path,
            ("POSIX", "/mnt/show", "/data"),
            ("POSIX", "/mnt/show/deep", "/deep"),
            ("WINDOWS", "P:\\show", "/pool"),
            ("WINDOWS", "\\\\server\\share", "/share"),
        )
    )
    assert mapped(path, rules) == here


def test_no_file_and_an_empty_table_are_no_rules(tmp_path: Path) -> None:
    (tmp_path / "rules.json").write_text("{}")
    assert list(read_path_map(None)) == list(read_path_map(tmp_path / "rules.json")) == []


@pytest.mark.parametrize("text", ["[]", "{", '{"version": "pathmapping-9"}'])
def test_another_format_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "rules.json").write_text(text)
    with pytest.raises(SettingsError, match=r"rules\.json"):
        read_path_map(tmp_path / "rules.json")


def test_every_path_of_a_plan_is_mapped(tmp_path: Path) -> None:
    rules = read_path_map(rules_file(tmp_path, ("POSIX", "/mnt", "/data")))
    reference = FaceChoice(None, reference=Path("/mnt/r.png"))
    stills = (Path("/mnt/b.png"),)
    cast = Cast(reference, "recast", Path("/mnt/a.png"), None, None, stills=stills)
    here = mapped_paths((cast,), rules)[0]
    assert here.stills == (Path("/data/b.png"),)
    assert (here.picture, here.face.reference) == (Path("/data/a.png"), Path("/data/r.png"))


@pytest.mark.parametrize(
    "url", ["file:///P:/show/a%20b.mov", "P:\\show\\a b.mov", "file://localhost/P:/show/a b.mov"]
)
def test_paths_inside_a_timeline_are_mapped(url: str, tmp_path: Path) -> None:
    rules = read_path_map(rules_file(tmp_path, ("WINDOWS", "P:\\show", "/pool")))
    clip = otio.schema.Clip("a", otio.schema.ExternalReference(url))
    ask: Any = {"version": 1, "source": "P:/show/face.png"}
    clip.effects.append(otio.schema.Effect("", "reenact", {"reenact": ask}))
    timeline = otio.schema.Timeline("cut")
    timeline.tracks.append(otio.schema.Track("V1", [clip]))
    edit = with_mapped_paths(Edit(timeline, tmp_path / "cut.otio", tmp_path), rules)
    new = next(iter(edit.timeline.find_clips()))
    assert new.media_reference.target_url == "/pool/a b.mov"
    assert new.effects[0].metadata["reenact"]["source"] == "/pool/face.png"
    assert clip.media_reference.target_url == url
