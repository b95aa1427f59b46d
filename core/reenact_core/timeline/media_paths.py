"""From what a timeline writes as a place to a file: URLs, absolute paths, relative paths."""

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

from reenact_core.errors import TimelineError

WINDOWS = re.compile(r"/?[A-Za-z]:[\\/]|\\\\")
SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")


@dataclass(frozen=True, slots=True)
class Places:
    """Where relative paths of a timeline lead."""

    folder: Path
    """Relative paths start here."""
    roots: tuple[Path, ...] = ()
    """Besides `folder`, relative paths may lead here."""
    allowed: Callable[[Path], bool] | None = None
    """Where given, it alone says what may be looked at, absolute paths too. Of anything else not
    even is told whether it is there."""

    def exists(self, path: Path) -> bool:
        """Whether a file or folder is there and may be looked at."""
        return (self.allowed is None or self.allowed(path)) and os.path.exists(path)

    def check(self, path: Path, written: str) -> None:
        """Refuse a path that may not be looked at; `written` is how the timeline names it.

        Raises:
            TimelineError: it may not.
        """
        if self.allowed is not None and not self.allowed(path):
            raise TimelineError(f"{written} is outside the folders that may be used")


def locate(url: str, places: Places) -> Path:
    """The file that a `file:` URL (quoted or bare), an absolute or a relative path means.

    An absolute path is taken as it stands: editors write those. A relative one must stay in the
    timeline's folder or a root, through `..` and symbolic links too. Whether the file is there is
    not said; of two readings (`a%20b` as written, or unquoted) the one that is there wins.

    Raises:
        TimelineError: no local path, a Windows path elsewhere, or a path that leaves its folder.
    """
    path = place_of(url, places.folder, places.exists)
    places.check(path, url)
    if places.allowed is None and is_relative(url):
        check_inside(path, url, places)
    return path


def is_relative(url: str) -> bool:
    """Whether a place is meant relative to the timeline's folder."""
    return not re.match(r"/|file:/|[A-Za-z][A-Za-z0-9+.-]*:[\\/]|\\\\", url, re.IGNORECASE)


def place_of(url: str, folder: Path, exists: Callable[[Path], bool] = os.path.exists) -> Path:
    """The same without a look at where it leads; for what is written, not for what is read."""
    readings = dict.fromkeys(_readings(url, _local(url)))
    paths = [folder / reading for reading in readings]
    return next((path for path in paths if exists(path)), paths[0])


def check_inside(path: Path, written: str, places: Places) -> None:
    """Refuse a path that leaves the timeline's folder and the roots.

    Raises:
        TimelineError: it does; `written` is how the timeline names it.
    """
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


def _local(url: str) -> str:
    """The path part of a URL or path."""
    if not url or "\0" in url:
        raise TimelineError(f"{url!r} is no path; relink the clip to its media")
    text = url
    if url[:5].lower() == "file:":
        text = _without_host(url)
    elif SCHEME.match(url) and not WINDOWS.match(url) and "//" in url:
        raise TimelineError(f"{url} is not a local file; download it and relink the clip")
    if WINDOWS.match(text) and os.name != "nt":
        raise TimelineError(
            f"{url} is a Windows path; relink the clip to a file of this machine in your editor"
        )
    return text.lstrip("/") if WINDOWS.match(text) and text.startswith("/") else text


def _without_host(url: str) -> str:
    rest = url[5:]
    if not rest.startswith("//"):
        return rest
    host, slash, path = rest[2:].partition("/")
    if WINDOWS.match(rest[2:]):
        return rest[2:]
    if host.lower() not in ("", "localhost", "127.0.0.1"):
        raise TimelineError(
            f"{url} lies on another machine ({host}); mount that folder and relink the clip"
        )
    return slash + path


def _readings(url: str, text: str) -> Iterator[str]:
    """A URL is quoted, a path is not; both are tried, since writers mix them up."""
    quoted = unquote(text)
    both = (quoted, text) if url[:5].lower() == "file:" else (text, quoted)
    yield from (reading for reading in both if "\0" not in reading)
