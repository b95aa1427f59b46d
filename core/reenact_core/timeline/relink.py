"""Media that are not at the place that a timeline writes, looked for by name."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from reenact_core.errors import TimelineError
from reenact_core.timeline.effects import plain
from reenact_core.timeline.listing import Shelf
from reenact_core.timeline.media_paths import Places, check_inside, file_names, windows_path
from reenact_core.timeline.numbered import PICTURES, matching, patterns_of

FILMS = {
    *("mov", "qt", "mp4", "m4v", "mxf", "mkv", "avi", "webm", "mts", "m2ts", "m2t", "ts", "mpg"),
    *("mpeg", "vob", "mpv", "m2v", "wmv", "asf", "flv", "f4v", "ogv", "3gp", "3g2", "dv", "gxf"),
    *("y4m", "ivf", "nut", "h264", "264", "h265", "265", "hevc"),
}
"""Suffixes of films; sound and notes that bear a clip's name are not its media."""
EDL = "cmx_3600"
"""Key of an EDL's words in a clip's metadata."""
LISTED = 4
"""Files named in a message."""

Match = Callable[[Shelf], list[Path]]


@dataclass(frozen=True, slots=True)
class Found:
    """A file that stands for a clip's media."""

    path: Path
    """A file, or a printf pattern."""
    by: str
    """How it was found, for the user."""


def is_edl(clip: Any) -> bool:
    """Whether an EDL named the clip, where names and reels are all there is."""
    return EDL in clip.metadata


def find_by_name(written: str | None, places: Places, clip: Any = None) -> Found | None:
    """The file that bears a name that is written, in the timeline's folder or a root.

    First the name as it is written, then without its suffix; for a clip of an EDL its own name and
    its reel, too. Nearer folders come first: the timeline's own, the roots, what lies below the
    timeline's. Of several in one place, the one whose folders agree most with what is written.

    Raises:
        TimelineError: several files could be meant, or the one leads out of the folders.
    """
    for by, match in _ways(written, clip):
        for shelf in _shelves(places):
            hits = [path for path in match(shelf) if places.permits(path)]
            if hits:
                path = _only(hits, written, by)
                check_inside(path, str(path), places)
                return Found(path, by)
    return None


def _shelves(places: Places) -> Iterator[Shelf]:
    yield places.listings.shelf((places.folder,), below=False)
    if places.searched:
        yield places.listings.shelf(places.searched, below=True)
    yield places.listings.shelf((places.folder,), below=True)


def _ways(written: str | None, clip: Any) -> Iterator[tuple[str, Match]]:
    """How a file may be told, the surest way first."""
    urls = file_names(written) if written else []
    named = clip is not None and is_edl(clip)
    spoken = _spoken(clip) if named else []
    for name in (*urls, *spoken):
        yield "its name", partial(_named, name)
    for name in (*urls, *spoken):
        yield "its name without suffix", partial(_stemmed, *_parts(name))
    reel = _reel(clip) if named else None
    if reel:
        yield "its reel", partial(_stemmed, reel, "")
        yield "its reel, with which its name begins", lambda shelf: _media(shelf.beginning(reel))


def _spoken(clip: Any) -> list[str]:
    """The names of an EDL's clip and source file."""
    table = plain(clip.metadata[EDL])
    comments = table.get("comments", []) if isinstance(table, dict) else []
    sources = (re.match(r"SOURCE FILE(?: PATH)?:\s*(.+)", str(text)) for text in comments)
    named = [name for match in sources if match for name in file_names(match[1].strip())]
    return [*named, *([str(clip.name)] if clip.name else [])]


def _reel(clip: Any) -> str | None:
    """In lower case; None where it names no tape or card."""
    table = plain(clip.metadata[EDL])
    reel = table.get("reel") if isinstance(table, dict) else None
    text = str(reel or "").casefold()
    return text if text and text not in ("ax", "bl", "black", "bars", "aux") else None


def _named(name: str, shelf: Shelf) -> list[Path]:
    """Files of that very name, else of that name in other letters; a pattern finds its files."""
    hits = shelf.names.get(name.casefold(), [])
    exact = [path for path in hits if path.name == name]
    return exact or hits or (matching(name, shelf.names) if patterns_of(name) else [])


def _parts(name: str) -> tuple[str, str]:
    """A name without suffix and the suffix, in lower case; empty where it is none of media."""
    stem, dot, suffix = name.casefold().rpartition(".")
    return (stem, suffix) if dot and suffix in FILMS | PICTURES else (name.casefold(), "")


def _stemmed(stem: str, suffix: str, shelf: Shelf) -> list[Path]:
    """Files of that name and any suffix of its kind: a film's still is not the film."""
    kind = FILMS if suffix in FILMS else PICTURES if suffix else FILMS | PICTURES
    paths = shelf.stems.get(stem, [])
    return _media(path for path in paths if path.suffix[1:].lower() in kind)


def _media(paths: Iterable[Path]) -> list[Path]:
    """The films among files, else the pictures, of numbered ones the first."""
    listed = list(paths)
    films = [path for path in listed if path.suffix[1:].lower() in FILMS]
    if films:
        return films
    firsts: dict[str, Path] = {}
    for path in sorted(listed):
        if path.suffix[1:].lower() in PICTURES:
            firsts.setdefault(re.sub(r"\d+(?=\.[^.]+$)", "#", str(path)), path)
    return list(firsts.values())


def _only(hits: Sequence[Path], written: str | None, by: str) -> Path:
    if len(hits) == 1:
        return hits[0]
    place = (windows_path(written) or written or "") if written else ""
    parts = [part.casefold() for part in re.split(r"[\\/]", place)][:-1]
    best = max(_agreeing(path, parts) for path in hits)
    left = [path for path in hits if _agreeing(path, parts) == best]
    if len(left) == 1:
        return left[0]
    shown = ", ".join(str(path) for path in sorted(left)[:LISTED])
    more = f" and {len(left) - LISTED} more" if len(left) > LISTED else ""
    raise TimelineError(
        f"its media could be any of {shown}{more}, found by {by}; relink the clip, or name the "
        "folder of the one that is meant by --root"
    )


def _agreeing(path: Path, parts: Sequence[str]) -> int:
    """How many folders above a file bear the names that are written."""
    above = [part.casefold() for part in path.parent.parts]
    count = 0
    for mine, theirs in zip(reversed(above), reversed(parts), strict=False):
        if mine != theirs:
            break
        count += 1
    return count
