"""Small edits for tests, made with OpenTimelineIO itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import opentimelineio as otio
from opentimelineio.opentime import RationalTime, TimeRange

from reenact_core.timeline.read import Edit, read_timeline

HOUR = 86400
"""01:00:00:00 at 24 frames a second."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a probe says of a file."""

    rate: Fraction = Fraction(24)
    frame_count: int = 480
    timecode: str | None = None
    width: int = 640
    height: int = 360
    still: bool = False
    variable_rate: bool = False
    times: tuple[int, ...] = ()
    time_base: Fraction = Fraction(1, 1000)
    absent: frozenset[int] = frozenset()


class Prober:
    """Says the same of every file, or what `known` has under its name."""

    def __init__(self, default: Facts = Facts(), **known: Facts) -> None:
        self.default, self.known = default, known
        self.looked: list[tuple[Path, int | None, int]] = []

    def __call__(
        self, path: Path, *, first_number: int | None = None, number_step: int = 1
    ) -> Facts:
        self.looked.append((path, first_number, number_step))
        return self.known.get(path.stem, self.default)


def time(value: float, rate: float = 24) -> Any:
    return RationalTime(value, rate)


def times(start: float, length: float, rate: float = 24) -> Any:
    return TimeRange(RationalTime(start, rate), RationalTime(length, rate))


def clip(
    name: str,
    source: Any = None,
    *,
    url: str | None = None,
    available: Any = None,
    effects: Sequence[Any] = (),
) -> Any:
    """A clip of `media/<name>.mov`, without an available range unless one is given."""
    reference = otio.schema.ExternalReference(url or f"media/{name}.mov", available)
    return otio.schema.Clip(name, reference, source, effects=list(effects))


def ask(**table: Any) -> Any:
    """An effect that asks."""
    return otio.schema.Effect(effect_name="reenact", metadata={"reenact": {"version": 1, **table}})


def recast(**table: Any) -> Any:
    return ask(source="face.png", **table)


def warp(scalar: float) -> Any:
    return otio.schema.LinearTimeWarp(time_scalar=scalar)


def dissolve(in_offset: float = 6, out_offset: float = 6) -> Any:
    return otio.schema.Transition(
        transition_type="SMPTE_Dissolve", in_offset=time(in_offset), out_offset=time(out_offset)
    )


def gap(length: float, rate: float = 24) -> Any:
    return otio.schema.Gap(source_range=times(0, length, rate))


def track(*items: Any, name: str = "V1", kind: str = "Video") -> Any:
    made = otio.schema.Track(name=name, kind=kind)
    made.extend(items)
    return made


def stack(*items: Any, name: str = "nest", source: Any = None) -> Any:
    made = otio.schema.Stack(name=name, source_range=source)
    made.extend(items)
    return made


def timeline(*tracks: Any, name: str = "edit", metadata: Mapping[str, Any] | None = None) -> Any:
    made = otio.schema.Timeline(name=name, metadata=dict(metadata or {}))
    made.tracks.extend(tracks)
    return made


def saved(made: Any, folder: Path, name: str = "edit.otio") -> Edit:
    """The edit written to a file and read again, with the files that its clips and asks name."""
    folder.mkdir(parents=True, exist_ok=True)
    put(folder / "face.png")
    for item in made.find_clips():
        url = getattr(item.media_reference, "target_url", None)
        if url and not url.startswith(("/", "file:", "..")):
            put(folder / url)
    otio.adapters.write_to_file(made, str(folder / name))
    return read_timeline(folder / name)


def put(path: Path) -> Path:
    """A file that is there; what is in it does not matter."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    return path
