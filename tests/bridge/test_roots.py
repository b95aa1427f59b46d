from functools import partial
from pathlib import Path

import pytest

from reenact_bridge.errors import ProtocolError
from reenact_bridge.roots import Roots
from tests.bridge.dead_mount import dead_mount, within


@pytest.fixture
def roots(tmp_path: Path) -> Roots:
    (tmp_path / "show" / "sh010").mkdir(parents=True)
    (tmp_path / "secret").mkdir()
    (tmp_path / "show" / "way-out").symlink_to(tmp_path / "secret")
    (tmp_path / "show" / "way-in").symlink_to(tmp_path / "show" / "sh010")
    return Roots.of([tmp_path / "show"])


@pytest.mark.parametrize(
    "written",
    ["{root}/a.otio", "{root}", "{root}/sh010/../a b.otio", "file://{root}/a%20b.otio",
     "file://localhost{root}/a", "{root}/way-in/new/file", "{root}//sh010/./x"],
)  # fmt: skip
def test_what_lies_inside_is_found(roots: Roots, written: str) -> None:
    root = roots.folders[0]
    found = roots.find(written.format(root=root), "timeline")
    assert found.is_relative_to(root) and "%20" not in str(found)


@pytest.mark.parametrize(
    "written",
    ["/etc/passwd", "{root}/../secret/x", "{root}/way-out/x", "{root}x/a", "a.otio", "", "~/a",
     "file:///etc/passwd", "file://host{root}/a", "https://host/a", "file://{root}/..%2Fsecret",
     "{root}/a\0b", "file://{root}/a%00b", "file://[{root}"],
)  # fmt: skip
def test_what_leads_out_is_refused_without_telling_where_to(roots: Roots, written: str) -> None:
    with pytest.raises(ProtocolError) as error:
        roots.find(written.format(root=roots.folders[0]), "timeline")
    assert error.value.code == "E_PATH"
    if "way-out" in written:
        assert "secret" not in str(error.value)


def test_links_outside_that_lead_in_and_links_out_are_the_same_refusal(
    tmp_path: Path, roots: Roots
) -> None:
    show = tmp_path / "show"
    (tmp_path / "alias").symlink_to(show)
    (tmp_path / "secret" / "there").write_text("x")
    (show / "to-there").symlink_to(tmp_path / "secret" / "there")
    (show / "to-none").symlink_to(tmp_path / "secret" / "none")
    (show / "round").symlink_to(tmp_path / "alias" / "sh010")
    (show / "loop").symlink_to("loop")
    told = set()
    for place in (
        tmp_path / "alias" / "sh010",
        tmp_path / "secret" / "there",
        tmp_path / "secret" / "none",
        show / "to-there",
        show / "to-none",
        show / "round",
        show / "loop",
    ):
        assert not roots.hold(place)
        with pytest.raises(ProtocolError) as error:
            roots.find(str(place), "timeline")
        told.add(str(error.value).replace(str(place), "PATH"))
    assert told == {"timeline: PATH is outside the folders that this server may use"}


def test_links_are_followed_as_the_system_follows_them(tmp_path: Path, roots: Roots) -> None:
    show = tmp_path / "show"
    (show / "sh010" / "deep").mkdir()
    (show / "deep").symlink_to("sh010/deep")
    (show / "sh010" / "up").symlink_to("../../show/sh010/deep/../file")
    (show / "again").symlink_to(show / "sh010" / "up")
    for place in (show / "deep" / ".." / "x", show / "again", show, show / "way-in" / ".."):
        assert roots.find(str(place), "clip") == place.resolve()


def test_a_root_may_be_named_by_a_link(tmp_path: Path, roots: Roots) -> None:
    (tmp_path / "alias").symlink_to(tmp_path / "show")
    named = Roots.of([tmp_path / "alias"])
    for folder in (tmp_path / "alias", tmp_path / "show"):
        assert named.find(str(folder / "sh010" / "a"), "clip") == tmp_path / "show/sh010/a"
    assert not named.hold(tmp_path / "alias" / "way-out" / "x")


def test_nothing_outside_is_looked_at(tmp_path: Path) -> None:
    (tmp_path / "show").mkdir()
    with dead_mount(tmp_path / "dead"):
        (tmp_path / "show" / "out").symlink_to(tmp_path / "dead" / "a")
        roots = Roots.of([tmp_path / "show"])
        for place in (tmp_path / "show" / "out" / "b", tmp_path / "dead" / "b"):
            assert within(5.0, partial(roots.hold, place)) is False
