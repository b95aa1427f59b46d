"""Image sequences that are written as one file: by a pattern, or by their first image."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from reenact_core.media.sequence import numbers_there
from reenact_core.timeline.spans import Span

PICTURES = {
    *("png", "tif", "tiff", "exr", "dpx", "cin", "jpg", "jpeg", "jp2", "j2k", "tga", "bmp", "webp"),
    *("sgi", "rgb", "hdr", "psd", "ppm", "pgm", "avif", "heic", "heif", "gif"),
}
"""Suffixes of single pictures."""

_NOTATION = re.compile(
    r"(?P<hashes>#+)|(?P<ats>@+)|%(?P<printf>0?\d{0,3})d|\{\w*:?(?P<braces>(?<=:)0?\d{0,3})d\}"
    r"|\[(?P<first>\d{1,18})-(?P<last>\d{1,18})\]"
)


@dataclass(frozen=True, slots=True)
class Pattern:
    """A way to read a name as one of a sequence."""

    name: str
    """With one `%04d` or `%d`."""
    first: int | None = None
    """The first number, where the name says it."""


def patterns_of(name: str) -> list[Pattern]:
    """The ways to read a name that stands for many files, the likeliest first.

    `sh.####.exr`, `sh.%04d.exr`, `sh.{:04d}.exr`, `sh.@@@@.exr` and `sh.[1001-1096].exr` all mean
    `sh.%04d.exr`. A single `#`, `@` or `%d` says no width: four digits, or as many as there are.
    """
    found = list(_NOTATION.finditer(name))
    if not found:
        return []
    match = found[-1]
    head, tail = name[: match.start()], name[match.end() :]
    first = None if match["first"] is None else int(match["first"])
    if first is not None:
        same = len(match["first"]) == len(match["last"])
        widths = [len(match["first"]), 0] if same else [0]
    elif match["hashes"] or match["ats"]:
        count = len(match["hashes"] or match["ats"])
        widths = [count] if count > 1 else ([4, 0] if match["hashes"] else [0, 4])
    else:
        width = int(match["printf"] or match["braces"] or 0)
        widths = [width] if width else [0, 4]
    fields = [f"%0{width}d" if width else "%d" for width in widths]
    return [Pattern(f"{head}{field}{tail}", first) for field in fields]


@dataclass(frozen=True, slots=True)
class Run:
    """The numbered files that a picture is one of."""

    pattern: Path
    number: int
    """Of the picture itself."""
    last: int
    """Of the last of them."""


def run_of(path: Path, numbers_of: Callable[[Path], list[int]]) -> Run | None:
    """The numbered files that a picture is one of; None where it has no next or previous one.

    `numbers_of` says which numbers of a pattern are there.
    """
    match = re.fullmatch(r"(.*?)(\d+)(\.[^.]+)", path.name)
    if match is None or path.suffix[1:].lower() not in PICTURES or "%" in path.name:
        return None
    head, digits, tail = match.groups()
    if len(digits) > 9:
        return None
    number = int(digits)
    pattern = path.with_name(f"{head}%0{len(digits)}d{tail}")
    numbers = numbers_of(pattern)
    if not {number - 1, number + 1} & set(numbers):
        return None
    return Run(pattern, number, numbers[-1])


def means_sequence(run: Run, declared: Span | None, shown: Span | None, rate: Fraction) -> bool:
    """Whether a timeline's ranges mean a run of numbered files rather than the one it names.

    They do if the available range begins at the file's number, or is as long as the run; or,
    without an available range, if the source range lies among the numbers. A still picture has
    a range of its own: no length, one frame, or as long as an editor likes, from 0 or an hour.
    """
    length = run.last - run.number + 1
    if declared is not None:
        frames = declared.length * rate
        return frames > 1 and (declared.start * rate == run.number > 0 or frames == length)
    if shown is None or run.number <= 1:
        return False
    return run.number <= shown.start * rate and shown.stop * rate <= run.last + 1


def matching(name: str, files: Mapping[str, list[Path]]) -> list[Path]:
    """The patterns under which a listing holds files of a sequence, one for every folder."""
    for pattern in patterns_of(name):
        head, tail = re.split(r"%0?\d{0,3}d", pattern.name, maxsplit=1)
        wanted = re.compile(rf"{re.escape(head)}-?\d+{re.escape(tail)}", re.IGNORECASE)
        folders = {
            path.parent: None
            for lower, paths in files.items()
            if wanted.fullmatch(lower)
            for path in paths
        }
        found = [folder / pattern.name for folder in folders]
        there = [path for path in found if numbers_there(path)]
        if there:
            return there
    return []
