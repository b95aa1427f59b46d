"""Places written in timelines, in all the ways that editors write them."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reenact_core.errors import TimelineError
from reenact_core.timeline.media_paths import (
    Places,
    file_names,
    is_relative,
    locate,
    url_beside,
    windows_path,
)
from tests.core.timeline.edits import put


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a b#1.mov", "media/c.mov", "50%20off.mov", "été.mov"):
        put(tmp_path / "edit" / name)
    return tmp_path / "edit"


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("media/c.mov", "media/c.mov"),
        ("./media/../media/c.mov", "media/c.mov"),
        ("a b#1.mov", "a b#1.mov"),
        ("a%20b%231.mov", "a b#1.mov"),
        ("file:a%20b%231.mov", "a b#1.mov"),
        ("50%20off.mov", "50%20off.mov"),
        ("50%2520off.mov", "50%20off.mov"),
        ("%C3%A9t%C3%A9.mov", "été.mov"),
        ("file://{folder}/a%20b%231.mov", "a b#1.mov"),
        ("file://{folder}/a b#1.mov", "a b#1.mov"),
        ("FILE://localhost{folder}/media/c.mov", "media/c.mov"),
        ("file:{folder}/media/c.mov", "media/c.mov"),
        ("{folder}/media/c.mov", "media/c.mov"),
        ("{folder}/50%20off.mov", "50%20off.mov"),
    ],
)
def test_spellings(folder: Path, url: str, name: str) -> None:
    found = locate(url.format(folder=folder), Places(folder))
    assert found.resolve() == (folder / name).resolve()


def test_an_absolute_path_may_lead_anywhere(folder: Path) -> None:
    outside = put(folder.parent / "outside.mov")
    assert locate(str(outside), Places(folder)) == outside
    assert locate(outside.as_uri(), Places(folder)) == outside


@pytest.mark.parametrize("url", ["../outside.mov", "media/../../outside.mov", "%2e%2e/outside.mov"])
def test_a_relative_path_stays_in_the_folder(folder: Path, url: str) -> None:
    put(folder.parent / "outside.mov")
    with pytest.raises(TimelineError, match="leads out"):
        locate(url, Places(folder))
    assert locate(url, Places(folder, (folder.parent,))).is_file()


def test_a_link_out_of_the_folder_is_refused(folder: Path) -> None:
    outside = put(folder.parent / "other" / "x.mov")
    (folder / "link").symlink_to(outside.parent)
    with pytest.raises(TimelineError, match="leads out"):
        locate("link/x.mov", Places(folder))
    assert locate("link/x.mov", Places(folder, (outside.parent,))).is_file()


def test_a_folder_that_is_a_link_itself_is_no_way_out(folder: Path) -> None:
    (folder.parent / "alias").symlink_to(folder)
    assert locate("media/c.mov", Places(folder.parent / "alias")).is_file()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "no path"),
        ("a\0b", "no path"),
        ("file:///C:/media/a.mov", "Windows path"),
        ("file://C:/media/a.mov", "Windows path"),
        ("C:\\media\\a.mov", "Windows path"),
        ("\\\\server\\share\\a.mov", "Windows path"),
        ("file://server/share/a.mov", "another machine"),
        ("https://example.org/a.mov", "not a local file"),
        ("s3://bucket/a.mov", "not a local file"),
    ],
)
def test_places_that_are_no_local_files(folder: Path, url: str, words: str) -> None:
    with pytest.raises(TimelineError, match=words):
        locate(url, Places(folder))


DRIVE, SHARE = "C:\\Users\\E\\My Clip #1.mp4", "\\\\nas\\share\\x y.mov"


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("file://localhost/C%3a/Users/E/My%20Clip%20%231.mp4", DRIVE),
        ("file://localhost/C:/Users/E/My Clip #1.mp4", DRIVE),
        ("file://localhost/c:/Users/E/My%20Clip%20%231.mp4", DRIVE),
        ("FILE://LOCALHOST/C%3A/Users/E/My%20Clip%20%231.mp4", DRIVE),
        ("file:///C:/Users/E/My%20Clip%20%231.mp4", DRIVE),
        ("file:///C%7C/Users/E/My%20Clip%20%231.mp4", DRIVE),
        ("file://C:/Users/E/My%20Clip%20%231.mp4", DRIVE),
        ("file:/C:/Users/E/My%20Clip%20%231.mp4", DRIVE),
        ("file:C:/Users/E/My%20Clip%20%231.mp4", DRIVE),
        ("file://localhostC:\\Users\\E\\My Clip #1.mp4", DRIVE),
        ("file:///C:\\Users\\E\\My%20Clip%20%231.mp4", DRIVE),
        ("C:\\Users\\E\\My Clip #1.mp4", DRIVE),
        ("C:/Users/E/My Clip #1.mp4", DRIVE),
        ("/C:/Users/E/My Clip #1.mp4", DRIVE),
        ("\\\\?\\C:\\Users\\E\\My Clip #1.mp4", DRIVE),
        ("\\\\nas\\share\\x y.mov", SHARE),
        ("\\\\?\\UNC\\nas\\share\\x y.mov", SHARE),
        ("file://nas/share/x%20y.mov", SHARE),
        ("file:////nas/share/x%20y.mov", SHARE),
        ("file://///nas/share/x%20y.mov", SHARE),
        ("file://localhost//nas/share/x%20y.mov", SHARE),
        ("file://localhost/%5C%5Cnas%5Cshare%5Cx%20y.mov", SHARE),
        ("file:\\\\nas\\share\\x y.mov", SHARE),
        ("file:///media/a.mov", None),
        ("file://localhost/Volumes/C/a.mov", None),
        ("/media/a.mov", None),
        ("media/a.mov", None),
        ("file:a.mov", None),
        ("https://example.org/share/a.mov", None),
    ],
)
def test_windows_paths_in_all_spellings(url: str, path: str | None) -> None:
    assert windows_path(url) == path
    if path is not None:
        assert path.rpartition("\\")[2] in file_names(url)
        with pytest.raises(TimelineError, match=r"--root"):
            locate(url, Places(Path("nowhere")))


def test_accents_in_either_unicode_form(folder: Path) -> None:
    assert locate("e\u0301te\u0301.mov", Places(folder)) == folder / "été.mov"
    assert locate("%E9t%E9.mov", Places(folder)) == folder / "été.mov"


def test_a_printf_field_is_no_quoting(folder: Path) -> None:
    assert locate("file:sh.%04d.png", Places(folder)).name == "sh.%04d.png"


@given(st.text())
def test_any_text_is_a_path_or_a_timeline_error(url: str) -> None:
    try:
        locate(url, Places(Path("nowhere")))
    except TimelineError as error:
        assert "\n" not in str(error) or "\n" in url or "\r" in url


@given(
    st.text(st.characters(exclude_characters="/\0", codec="utf-8"), min_size=1, max_size=40),
    st.booleans(),
)
def test_there_and_back(tmp_path_factory: pytest.TempPathFactory, name: str, inside: bool) -> None:
    if name in (".", ".."):
        return
    base = tmp_path_factory.getbasetemp()
    file = put((base / "edit" if inside else base / "else") / "sub" / name)
    written = url_beside(file, base / "edit")
    assert is_relative(written) == inside
    assert locate(written, Places(base / "edit")) == file
