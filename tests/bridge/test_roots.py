from pathlib import Path

import pytest

from reenact_bridge.errors import ProtocolError
from reenact_bridge.roots import Roots


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
