"""Our words in a timeline: the effect `reenact` that asks, the marker that picks a face.

The authority for their content is docs/reference/timeline-metadata.md.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from fractions import Fraction
from math import isfinite
from pathlib import Path
from typing import Any, Literal

from reenact_core.errors import TimelineError
from reenact_core.head.regions import MOST, REGIONS, RegionStrengths
from reenact_core.timeline.plan import FaceChoice, Manner, Mode, Scheme
from reenact_core.timeline.spans import seconds

NAME = "reenact"
"""Of our effects, and of our key in anyone's metadata."""
VERSION = 1


@dataclass(frozen=True, slots=True)
class Ask:
    """What one effect says about one face; None, or `auto`, where it is silent."""

    mode: Mode | None = None
    source: str | Path | None = None
    """As written in the timeline, not yet looked for; or a path of the command line."""
    source_time: Fraction | None = None
    driving: str | Path | None = None
    face: FaceChoice | None = None
    reference: str | None = None
    """Of the face, as written; `face` is None then."""
    scheme: Scheme | None = None
    strength: float | None = None
    expression: Manner = "auto"
    pose: Manner = "auto"
    strengths: RegionStrengths | None = None

    @property
    def meant(self) -> Mode | None:
        """The mode, said or to be concluded from what is given."""
        if self.mode is None and (self.source is None) != (self.driving is None):
            return "recast" if self.driving is None else "redirect"
        return self.mode

    @property
    def names_face(self) -> bool:
        return self.face is not None or self.reference is not None


@dataclass(frozen=True, slots=True)
class Pick:
    """A marker on a clip that points at a face."""

    point: tuple[float, float]
    """Pixels of the displayed frame."""
    time: Fraction
    """Seconds, in the clip's own time."""


def asks_of(item: Any, where: str) -> tuple[Ask, ...]:
    """What the enabled effects `reenact` of an item say, in their order.

    Raises:
        TimelineError: an unknown key or a wrong value, named with `where`.
    """
    effects = [e for e in item.effects if e.effect_name == NAME and e.enabled]
    return tuple(_ask(_table(e, where), where) for e in effects)


def picks_of(clip: Any, where: str) -> tuple[Pick, ...]:
    """The faces that markers of the clip point at, in the order of time.

    Raises:
        TimelineError: an unknown key or a wrong value, named with `where`.
    """
    markers = [m for m in clip.markers if NAME in m.metadata]
    return tuple(sorted((_pick(m, f"{where} marker") for m in markers), key=lambda p: p.time))


def ours(item: Any) -> Any:
    """What stands under our key in an item's metadata, as plain values; None where nothing does."""
    return plain(item.metadata.get(NAME))


def plain(value: Any) -> Any:
    """OTIO's dictionaries and vectors as plain ones, which outlive the object they hang on."""
    if isinstance(value, str | bytes):
        return value
    if hasattr(value, "items"):
        return {str(key): plain(child) for key, child in value.items()}
    if hasattr(value, "__iter__"):
        return [plain(child) for child in value]
    return value


def _table(item: Any, where: str) -> Mapping[str, Any]:
    table = ours(item) if NAME in item.metadata else {}
    if not isinstance(table, dict):
        raise TimelineError(f"{where}: metadata {NAME} must be a table, got {table!r}")
    version = table.get("version", VERSION)
    if type(version) is not int or version < 1:
        raise TimelineError(f"{where}: version must be {VERSION}, got {version!r}")
    if version > VERSION:
        raise TimelineError(
            f"{where}: metadata of version {version}; this reenact reads up to {VERSION}, update it"
        )
    return table


def _ask(table: Mapping[str, Any], where: str) -> Ask:
    readers: dict[str, Callable[[Any, str], Any]] = {
        "version": lambda value, _: value,
        "mode": _one_of("recast", "redirect"),
        "source": _source,
        "driving": _text,
        "face": _face,
        "scheme": _one_of("subtle", "global", "local"),
        "strength": _between_0_and_1,
        "expression": _one_of("auto", "absolute", "relative"),
        "pose": _one_of("auto", "absolute", "relative"),
        "strengths": _strengths,
    }
    read = _read(table, readers, where)
    source, time = read.get("source") or (None, None)
    face, reference = read.get("face") or (None, None)
    ask = Ask(
        mode=read.get("mode"),
        source=source,
        source_time=time,
        driving=read.get("driving"),
        face=face,
        reference=reference,
        scheme=read.get("scheme"),
        strength=read.get("strength"),
        expression=read.get("expression", "auto"),
        pose=read.get("pose", "auto"),
        strengths=read.get("strengths"),
    )
    _check_mode(ask, where)
    return ask


def _check_mode(ask: Ask, where: str) -> None:
    if ask.mode == "recast" and ask.driving is not None:
        raise TimelineError(f"{where}: recast takes no driving video; remove it, or say redirect")
    if ask.mode == "redirect" and ask.source is not None:
        raise TimelineError(f"{where}: redirect takes no source; remove it, or say recast")
    if ask.source is not None and ask.driving is not None:
        raise TimelineError(f"{where}: source and driving are both given; keep one")


def _read(
    table: Mapping[str, Any], readers: Mapping[str, Callable[[Any, str], Any]], where: str
) -> dict[str, Any]:
    """Every value read by its key's reader; null is as good as absent."""
    for key in table:
        if key not in readers:
            near = get_close_matches(key, readers, n=1, cutoff=0.5)
            hint = f"nearest: {near[0]}" if near else f"known: {', '.join(readers)}"
            raise TimelineError(f'{where}: unknown key "{key}" in metadata {NAME}; {hint}')
    return {
        key: readers[key](value, f"{where}: {key}")
        for key, value in table.items()
        if value is not None
    }


def _one_of(*known: str) -> Callable[[Any, str], str]:
    def read(value: Any, where: str) -> str:
        if value not in known:
            near = get_close_matches(str(value), known, n=1)
            hint = f"; nearest: {near[0]}" if near else ""
            raise TimelineError(f"{where} must be {' or '.join(known)}, got {value!r}{hint}")
        return str(value)

    return read


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise TimelineError(f"{where} must be a path, got {value!r}")
    return value


def _number(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise TimelineError(f"{where} must be a number, got {value!r}")
    return value


def _between_0_and_1(value: Any, where: str) -> float:
    if not 0 <= _number(value, where) <= 1:
        raise TimelineError(f"{where} must be from 0 to 1, got {value!r}")
    return float(value)


def _strengths(value: Any, where: str) -> RegionStrengths:
    if not isinstance(value, dict):
        raise TimelineError(f'{where} must be a table as {{"mouth": 1.2}}, got {value!r}')
    return RegionStrengths(**_read(value, dict.fromkeys(REGIONS, _region), where))


def _region(value: Any, where: str) -> float:
    if not 0 <= _number(value, where) <= MOST:
        raise TimelineError(f"{where} must be from 0 to {MOST}, got {value!r}")
    return float(value)


def _whole(value: Any, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise TimelineError(f"{where} must be a whole number, 0 or more, got {value!r}")
    return value


def _time(value: Any, where: str) -> Fraction:
    if _number(value, where) < 0:
        raise TimelineError(f"{where} must be 0 seconds or more, got {value!r}")
    return Fraction(str(value))


def _point(value: Any, where: str) -> tuple[float, float]:
    if not isinstance(value, list) or len(value) != 2:
        raise TimelineError(f"{where} must be [x, y] in pixels, got {value!r}")
    return float(_number(value[0], where)), float(_number(value[1], where))


def _source(value: Any, where: str) -> tuple[str, Fraction | None]:
    if isinstance(value, str):
        return _text(value, where), None
    if not isinstance(value, dict):
        raise TimelineError(f"{where} must be a path, or a path and a time, got {value!r}")
    read = _read(value, {"path": _text, "time": _time}, where)
    return _text(read.get("path"), f"{where}: path"), read.get("time")


def _face(value: Any, where: str) -> tuple[FaceChoice | None, str | None]:
    """`{"select": X}` and X itself mean the same where X is a table."""
    if isinstance(value, dict) and set(value) == {"select"} and isinstance(value["select"], dict):
        value = value["select"]
    if not isinstance(value, dict):
        raise TimelineError(f'{where} must be a table as {{"select": "largest"}}, got {value!r}')
    readers = {
        "select": _one_of("largest", "left", "right"),
        "id": _whole,
        "point": _point,
        "frame": _whole,
        "reference": _text,
    }
    read = _read(value, readers, where)
    ways = read.keys() - {"frame"}
    if len(ways) != 1 or ("frame" in read and "point" not in read):
        raise TimelineError(
            f"{where} must have one of select, id, point (with frame), reference, got {value!r}"
        )
    if "reference" in read:
        return None, read["reference"]
    return _choice(read), None


def _choice(read: Mapping[str, Any]) -> FaceChoice:
    select: Literal["largest", "left", "right"] | None = read.get("select")
    return FaceChoice(
        select=select, track_id=read.get("id"), point=read.get("point"), frame=read.get("frame")
    )


def _pick(marker: Any, where: str) -> Pick:
    table = _table(marker, where)
    read = _read(table, {"version": lambda value, _: value, "pick": _point}, where)
    if "pick" not in read:
        raise TimelineError(f'{where}: {NAME} must have "pick": [x, y], got {dict(table)!r}')
    return Pick(read["pick"], seconds(marker.marked_range.start_time))
