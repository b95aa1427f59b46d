"""From what a timeline writes as a place to a file: URLs, absolute paths, relative paths."""

import os
import re
import sys
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath
from urllib.parse import quote, unquote

from reenact_core.errors import TimelineError
from reenact_core.timeline.listing import Listings

SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
HERE = r"(?:localhost|127\.0\.0\.1)"


@dataclass(frozen=True, slots=True)
class Places:
    """Where the paths of a timeline lead."""

    folder: Path
    """Relative paths start here."""
    roots: tuple[Path, ...] = ()
    """Besides `folder`, relative paths may lead here."""
    search: tuple[Path, ...] | None = None
    """Where media that are not at their place are looked for by name, besides `folder`; None:
    `roots`."""
    allowed: Callable[[Path], bool] | None = None
    """Where given, it alone says what may be looked at, absolute paths too. Of anything else not
    even is told whether it is there."""
    listings: Listings = field(default_factory=Listings, compare=False)

    def exists(self, path: Path) -> bool:
        """Whether a file or folder is there and may be looked at."""
        return self.permits(path) and os.path.exists(path)

    def permits(self, path: Path) -> bool:
        """Whether a path may be looked at."""
        return self.allowed is None or self.allowed(path)

    def check(self, path: Path, written: str) -> None:
        """Refuse a path that may not be looked at; `written` is how the timeline names it.

        Raises:
            TimelineError: it may not.
        """
        if not self.permits(path):
            raise TimelineError(f"{written} is outside the folders that may be used")

    @property
    def searched(self) -> tuple[Path, ...]:
        return self.roots if self.search is None else self.search


def locate(url: str, places: Places) -> Path:
    """The file that a `file:` URL (quoted or bare), an absolute or a relative path means.

    An absolute path is taken as it stands: editors write those. A relative one must stay in the
    timeline's folder or a root, through `..` and symbolic links too. Whether the file is there is
    not said; of several readings (`a%20b` as written, or unquoted) the one that is there wins.

    Raises:
        TimelineError: no local path, a path of another machine, or one that leaves its folder.
    """
    path = place_of(url, places.folder, places.exists)
    places.check(path, url)
    if is_relative(url):
        check_inside(path, url, places)
    return path


def is_relative(url: str) -> bool:
    """Whether a place is meant relative to the timeline's folder."""
    if windows_path(url) is not None:
        return False
    return not re.match(r"/|file:/|[A-Za-z][A-Za-z0-9+.-]*:[\\/]|\\\\", url, re.IGNORECASE)


def place_of(url: str, folder: Path, exists: Callable[[Path], bool] = os.path.exists) -> Path:
    """The same without a look at where it leads; for what is written, not for what is read."""
    paths = [folder / reading for reading in readings(url)]
    return next((path for path in paths if exists(path)), paths[0])


def check_inside(path: Path, written: str, places: Places) -> None:
    """Refuse a path that leaves the timeline's folder and the roots, or what may be looked at.

    Raises:
        TimelineError: it does; `written` is how the timeline names it.
    """
    places.check(path, written)
    if places.allowed is not None:
        return
    real = Path(os.path.realpath(path))
    allowed = (places.folder, *places.roots)
    if not any(real.is_relative_to(os.path.realpath(folder)) for folder in allowed):
        raise TimelineError(
            f"{written} leads out of the timeline's folder, to {real}; "
            "allow that folder as a root, or write an absolute path"
        )


def url_beside(path: Path, folder: Path) -> str:
    """How a timeline in `folder` names a file: relative inside the folder, else as a URL."""
    path, folder = path.absolute(), folder.absolute()
    if path.is_relative_to(folder):
        return quote(path.relative_to(folder).as_posix())
    return path.as_uri()


def windows_path(url: str) -> str | None:
    """The path of a Windows machine that is written, as `C:\\a.mov` or `\\\\server\\share\\a.mov`.

    Editors write drives and shares in many ways: `file://localhost/C%3a/a.mov`, `file:///C:/a.mov`,
    `file://C:/a.mov`, `file://localhostC:\\a.mov`, `/C:/a.mov`, `file://server/share/a.mov`,
    `file:////server/share/a.mov`. None where none is meant.
    """
    is_url = url[:5].lower() == "file:"
    text = (_unquoted(url[5:]) if is_url else url).replace("\\", "/")
    if not is_url and not re.match(r"/?[A-Za-z](:|%3a)/|//", text, re.IGNORECASE):
        return None
    if not is_url and text.startswith("//") and not url.startswith("\\\\"):
        return None  # two slashes are one, where no backslash was meant
    text = text if is_url else re.sub("%3a", ":", text, count=1, flags=re.IGNORECASE)
    text = re.sub(r"^/*//[?.]/(UNC/)?", lambda found: "//" if found[1] else "/", text)
    rest = re.sub(rf"^//{HERE}(?=/|[A-Za-z][:|]/)", "", text, flags=re.IGNORECASE)
    drive = re.match(r"/*([A-Za-z])[:|]/+(.*)", rest, re.DOTALL)
    if drive is not None:
        return f"{drive[1].upper()}:\\" + drive[2].replace("/", "\\")
    slashes = len(rest) - len(rest.lstrip("/"))
    share = slashes == 2 or slashes > 3 or (slashes == 3 and rest != text)
    if share and "/" in rest.strip("/"):
        return "\\\\" + rest.strip("/").replace("/", "\\")
    return None


def file_names(url: str) -> list[str]:
    """What the file of a place may be called: its last part, in every reading."""
    foreign = windows_path(url)
    if foreign is not None:
        return [PureWindowsPath(foreign).name]
    names = [re.split(r"[\\/]", reading.rstrip("\\/"))[-1] for reading in _spellings(url, url)]
    return list(dict.fromkeys(name for name in names if name and "\0" not in name))


def readings(url: str) -> list[str]:
    """The local paths that a place may mean, the likeliest first.

    Raises:
        TimelineError: no local path, or a path of another machine.
    """
    return list(dict.fromkeys(_spellings(url, _local(url))))


def owner(path: str) -> str:
    """Whose path it is, where that is another machine; for messages, with a space before."""
    if sys.platform != "darwin" and re.match("/(Volumes|Users)/", path):
        return " (a path of a Mac)"
    return ""


def _local(url: str) -> str:
    """The path part of a URL or path."""
    if not url or "\0" in url:
        raise TimelineError(f"{url!r} is no path; relink the clip to its media")
    foreign = windows_path(url)
    if foreign is not None and os.name == "nt":
        return foreign
    if url[:5].lower() == "file:":
        path = re.sub(rf"^//{HERE}(?=/)", "", url[5:], flags=re.IGNORECASE)
        path = path[2:] if path.startswith("///") else path
        if foreign is None or (path[:2] == "//" and os.path.exists(_unquoted(path))):
            return path
    elif SCHEME.match(url) and foreign is None and "//" in url:
        raise TimelineError(f"{url} is not a local file; download it and relink the clip")
    if foreign is not None:
        raise TimelineError(_whose(url, foreign))
    return url


def _whose(url: str, foreign: str) -> str:
    name = PureWindowsPath(foreign).name
    if foreign.startswith("\\\\"):
        host = foreign[2:].partition("\\")[0]
        kind = "Windows path" if url.startswith("\\\\") else "share"
        whose = f"lies on another machine ({host}, a {kind})"
    else:
        whose = f"({foreign}) is a Windows path, of another machine"
    return (
        f"{url} {whose}; show the folder where {name} is here by --root, or relink the clip to "
        "a file of this machine in your editor"
    )


def _spellings(url: str, text: str) -> Iterator[str]:
    """A URL is quoted, a path is not; both are tried, since writers mix them up.

    So are the two ways of Unicode to write accents, quoting in Latin-1, and backslashes.
    """
    quoted = _unquoted(text)
    both = (quoted, text) if url[:5].lower() == "file:" else (text, quoted)
    for reading in dict.fromkeys(both):
        if "\0" in reading:
            continue
        yield reading
        for form in ("NFC", "NFD"):
            yield unicodedata.normalize(form, reading)
    yield from (reading for reading in (unquote(text),) if "\0" not in reading)
    if "\ufffd" in quoted and "\0" not in quoted:
        yield unquote(text, "cp1252", "replace")
    if "\\" in quoted and "\0" not in quoted:
        yield quoted.replace("\\", "/")


def _unquoted(text: str) -> str:
    """Without percent-encoding, but for the field of a printf pattern, as `%04d`."""
    return unquote(re.sub("%(0[0-9]d)", r"%25\1", text))
