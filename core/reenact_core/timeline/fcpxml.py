"""FCPXML, as Final Cut Pro and Resolve write it (versions 1.3 to 1.13), read as OTIO objects.

Times there are exact fractions of a second, and stay so. OpenTimelineIO's adapter is not used:
otio-fcpx-xml-adapter 1.0.0 was tried, and cuts rates to whole numbers (29 for 30000/1001), knows no
`media-rep`, and leaves out retimes, transitions and what is disabled.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import opentimelineio as otio
from opentimelineio.opentime import RationalTime, TimeRange

from reenact_core.errors import TimelineError
from reenact_core.timeline.xml_tree import check_nests

INFO = "Info.fcpxml"
"""The document in a `.fcpxmld` bundle."""
CLIPS = ("asset-clip", "clip", "ref-clip", "sync-clip", "mc-clip", "video", "title")
"""Elements that show pictures."""
STORY = (*CLIPS, "audition", "gap", "spine", "transition", "audio")
NOTHING = Element("none")
"""What a clip shows that holds no other clips."""
ZERO = Fraction(0)


def read_fcpxml(path: Path, tree: Element) -> tuple[Any, tuple[str, ...]]:
    """The projects of a document, and what a user should know of the reading.

    Raises:
        TimelineError: no project, or a time that is none.
    """
    try:
        reader = _Reader(tree)
        check_nests(tree.iter("project"), reader.nested)
        projects = [reader.project(project) for project in tree.iter("project")]
    except (TimelineError, ValueError, ZeroDivisionError) as error:
        raise TimelineError(f"{path}: cannot be read as .fcpxml ({error})") from error
    if not projects:
        raise TimelineError(f"{path}: holds no project; export the project, not its clips alone")
    notes = tuple(f"{path.name}: {note}" for note in dict.fromkeys(reader.notes))
    if len(projects) == 1:
        return projects[0], notes
    return otio.schema.SerializableCollection(children=projects), notes


@dataclass(frozen=True, slots=True, eq=False)
class _Item:
    """Something on a track."""

    start: Fraction
    """Seconds from the start of the composition."""
    length: Fraction
    item: Any
    """None for an empty stretch."""


@dataclass(slots=True)
class _Lanes:
    """What is put together of a composition: items and transitions by lane."""

    rate: Fraction
    items: dict[int, list[_Item]] = field(default_factory=dict)
    fades: list[tuple[int, Fraction, Fraction]] = field(default_factory=list)
    """Lane, start and length of each transition."""


class _Reader:
    """A document with its resources."""

    def __init__(self, tree: Element) -> None:
        self.notes: list[str] = []
        resources = tree.find("resources")
        listed = [] if resources is None else list(resources)
        self._resources = {item.get("id", ""): item for item in listed}

    def nested(self, holder: Element) -> Iterator[Element]:
        """What each clip of a project or resource shows, for `check_nests`."""
        for element in holder.iter():
            if element.tag in CLIPS:
                inner = self._resources.get(element.get("ref", ""))
                yield inner if inner is not None and inner.tag == "media" else NOTHING

    def project(self, project: Element) -> Any:
        sequence = project.find("sequence")
        if sequence is None:
            raise TimelineError(f'project "{project.get("name")}" holds no sequence')
        rate = self._rate(sequence.get("format")) or Fraction(24)
        timeline = otio.schema.Timeline(
            name=project.get("name", ""),
            global_start_time=_time(_seconds(sequence, "tcStart"), rate),
        )
        timeline.tracks.extend(self._tracks(sequence, rate))
        return timeline

    def _rate(self, format_id: str | None) -> Fraction | None:
        """Frames a second of a format; None where it says none, as that of a still."""
        resource = self._resources.get(format_id or "")
        duration = _seconds(resource, "frameDuration") if resource is not None else ZERO
        return 1 / duration if duration > 0 else None

    def _tracks(self, sequence: Element, rate: Fraction) -> list[Any]:
        lanes = _Lanes(rate)
        for spine in sequence.findall("spine"):
            self._spine(spine, lanes, 0, ZERO, _seconds(sequence, "tcStart"))
        return [track for lane in sorted(lanes.items) for track in _packed(lanes, lane)]

    def _spine(
        self, spine: Element, lanes: _Lanes, lane: int, at: Fraction, zero: Fraction
    ) -> None:
        """The clips of a storyline, one after the other; `zero` is where its offsets start."""
        cursor = at
        for child in spine:
            if child.tag not in STORY:
                continue
            if child.tag == "transition":
                start = at + _seconds(child, "offset") - zero if child.get("offset") else cursor
                lanes.fades.append((lane, start, _seconds(child, "duration")))
                continue
            if child.get("offset") is not None:
                cursor = max(cursor, at + _seconds(child, "offset") - zero)
            self._story(child, lanes, lane, cursor)
            cursor += self._length(child)

    def _story(self, element: Element, lanes: _Lanes, lane: int, at: Fraction) -> None:
        """An element of a storyline, and what is connected to it."""
        if element.tag == "audition":
            picked = next((child for child in element if child.tag in STORY), None)
            if picked is not None:
                self._story(picked, lanes, lane, at)
            return
        item = self._item(element, lanes.rate)
        if item is not None or element.tag == "gap":
            lanes.items.setdefault(lane, []).append(_Item(at, self._length(element), item))
        start = self._start(element)
        for child in element:
            if child.tag not in STORY or child.get("lane") is None:
                continue
            there = at + _seconds(child, "offset") - start
            other = int(child.get("lane", "0"))
            if child.tag == "spine":
                self._spine(child, lanes, other, there, ZERO)
            else:
                self._story(child, lanes, other, there)

    def _item(self, element: Element, rate: Fraction) -> Any:
        """The clip or nest of an element; None for sound and gaps."""
        if element.tag not in CLIPS or element.get("srcEnable") == "audio":
            return None
        item = self._content(element, rate)
        if item is None:
            return None
        item.name = element.get("name") or item.name
        if element.get("enabled", "1") == "0":
            item.enabled = False
        if element.find("timeMap") is not None:
            item.effects.append(otio.schema.TimeEffect(effect_name="timeMap"))
        for marker in element.findall("marker"):
            span = _span(_seconds(marker, "start"), _seconds(marker, "duration"), rate)
            item.markers.append(otio.schema.Marker(marker.get("value", ""), span))
        return item

    def _content(self, element: Element, rate: Fraction) -> Any:
        start, length = self._start(element), self._length(element)
        if element.tag in ("ref-clip", "mc-clip"):
            return self._compound(element, start, length)
        if element.tag == "title":
            return _generated(element, start, length, rate)
        if element.tag in ("clip", "sync-clip"):
            return self._inside(element, start, length, rate)
        resource = self._resources.get(element.get("ref", ""))
        if element.tag == "video" and resource is not None and resource.tag == "effect":
            return _generated(element, start, length, rate)
        return self._clip(resource, start, length, rate)

    def _clip(
        self, asset: Element | None, start: Fraction, length: Fraction, rate: Fraction
    ) -> Any:
        """A clip of an asset; None for one of sound only."""
        if asset is None:
            missing = otio.schema.MissingReference()
            return otio.schema.Clip("", missing, _span(start, length, rate))
        if asset.get("hasVideo") != "1" and asset.get("hasAudio") == "1":
            return None
        own = self._rate(asset.get("format")) or rate
        url = _source(asset)
        available = _span(_seconds(asset, "start"), _seconds(asset, "duration"), own)
        kind = otio.schema.MissingReference
        reference = otio.schema.ExternalReference(url, available) if url else kind()
        reference.name = asset.get("name", "")
        return otio.schema.Clip(asset.get("name", ""), reference, _span(start, length, own))

    def _inside(self, element: Element, start: Fraction, length: Fraction, rate: Fraction) -> Any:
        """What a clip holds: its one picture, or as a nest all that lies in it."""
        held = [child for child in element if child.tag in STORY and not child.get("lane")]
        spines = [child for child in held if child.tag == "spine"]
        story = [child for spine in spines for child in spine if child.tag in STORY] or held
        seen = [child for child in story if child.tag in CLIPS]
        if len(seen) == 1:
            inner = seen[0]
            alone = self._bare(inner, start, length, rate)
            if alone is not None:
                return alone
        if not seen:
            return None
        return self._nest(story, start, length, self._rate(element.get("format")) or rate)

    def _bare(self, inner: Element, start: Fraction, length: Fraction, rate: Fraction) -> Any:
        if inner.tag not in ("video", "asset-clip") or inner.find("timeMap") is not None:
            return None
        resource = self._resources.get(inner.get("ref", ""))
        if resource is None or resource.tag != "asset":
            return None
        begin = self._start(inner) + start - _seconds(inner, "offset")
        first, whole = _seconds(resource, "start"), _seconds(resource, "duration")
        if not first <= begin < first + whole and first <= start < first + whole:
            begin = start  # some writers give the clip's start in the asset's time
        return self._clip(resource, begin, length, rate)

    def _compound(self, element: Element, start: Fraction, length: Fraction) -> Any:
        name = element.get("name", "")
        media = self._resources.get(element.get("ref", ""))
        sequence = None if media is None else media.find("sequence")
        cameras = None if media is None else media.find("multicam")
        if sequence is not None:
            rate = self._rate(sequence.get("format")) or Fraction(24)
            stack = otio.schema.Stack(name)
            with_start = start - _seconds(sequence, "tcStart")
            stack.source_range = _span(with_start, length, rate)
            stack.extend(self._tracks(sequence, rate))
            return stack
        if cameras is not None:
            rate = self._rate(cameras.get("format")) or Fraction(24)
            angle = self._angle(element, cameras)
            if angle is not None:
                return self._nest(list(angle), start - _seconds(cameras, "tcStart"), length, rate)
        self.notes.append(f'what compound clip "{name}" holds is not in the file, and not read')
        return otio.schema.Clip(
            name, otio.schema.MissingReference(), _span(start, length, Fraction(24))
        )

    def _angle(self, element: Element, cameras: Element) -> Element | None:
        """The camera of a multicam clip that shows its picture."""
        wanted = [
            source.get("angleID")
            for source in element.findall("mc-source")
            if source.get("srcEnable", "all") in ("all", "video")
        ]
        angles = cameras.findall("mc-angle")
        return next((angle for angle in angles if angle.get("angleID") in wanted), None)

    def _nest(self, story: list[Element], start: Fraction, length: Fraction, rate: Fraction) -> Any:
        lanes = _Lanes(rate)
        holder = Element("spine")
        holder.extend(story)
        zero = min((_seconds(child, "offset") for child in story), default=ZERO)
        self._spine(holder, lanes, 0, ZERO, zero)
        stack = otio.schema.Stack("", source_range=_span(start - zero, length, rate))
        stack.extend(track for lane in sorted(lanes.items) for track in _packed(lanes, lane))
        return stack

    def _start(self, element: Element) -> Fraction:
        """Where an element's own time begins; an asset's, where it says nothing."""
        if element.get("start") is not None:
            return _seconds(element, "start")
        resource = self._resources.get(element.get("ref", ""))
        if resource is None or element.tag not in ("asset-clip", "video"):
            return ZERO
        return _seconds(resource, "start")

    def _length(self, element: Element) -> Fraction:
        """How long an element is shown; all of what it holds, where it says nothing."""
        if element.get("duration") is not None:
            return _seconds(element, "duration")
        if element.tag == "audition":
            return next((self._length(child) for child in element if child.tag in STORY), ZERO)
        resource = self._resources.get(element.get("ref", ""))
        if resource is None:
            return ZERO
        sequence = resource.find("sequence")
        return _seconds(resource if sequence is None else sequence, "duration")


def _source(asset: Element) -> str | None:
    """The file of an asset: its own, or by versions 1.10 and later that of its `media-rep`."""
    kinds = ("original-media", "optimized-media", "proxy-media")
    found = {rep.get("kind", kinds[0]): rep.get("src") for rep in asset.findall("media-rep")}
    listed = [asset.get("src"), *(found.get(kind) for kind in kinds)]
    return next((url for url in listed if url), None)


def _generated(element: Element, start: Fraction, length: Fraction, rate: Fraction) -> Any:
    name = element.get("name", element.tag)
    reference = otio.schema.GeneratorReference(name, generator_kind=element.tag)
    return otio.schema.Clip(name, reference, _span(start, length, rate))


def _packed(lanes: _Lanes, lane: int) -> Iterator[Any]:
    """The tracks of a lane: one, or more where connected clips lie over each other."""
    rows: list[list[_Item]] = []
    for item in sorted(lanes.items[lane], key=lambda item: item.start):
        free = (row for row in rows if row[-1].start + row[-1].length <= item.start)
        row = next(free, None)
        if row is None:
            rows.append([item])
        else:
            row.append(item)
    for row in rows:
        if any(item.item is not None for item in row):
            yield _track(row, lanes, lane)


def _track(row: list[_Item], lanes: _Lanes, lane: int) -> Any:
    track = otio.schema.Track(name=str(lane), kind=otio.schema.TrackKind.Video)
    cursor = ZERO
    mine = [(start, length) for of, start, length in lanes.fades if of == lane]
    fades = {_edge(row, *fade): fade for fade in mine}
    for item in row:
        if item.start > cursor:
            track.append(_gap(item.start - cursor, lanes.rate))
        if item.start in fades:
            track.append(_fade(item.start, fades[item.start], lanes.rate))
        track.append(item.item if item.item is not None else _gap(item.length, lanes.rate))
        cursor = item.start + item.length
    if cursor in fades:
        track.append(_fade(cursor, fades[cursor], lanes.rate))
    return track


def _fade(cut: Fraction, fade: tuple[Fraction, Fraction], rate: Fraction) -> Any:
    start, length = fade
    head = min(max(cut - start, ZERO), length)
    kind = otio.schema.TransitionTypes.SMPTE_Dissolve
    return otio.schema.Transition("", kind, _time(head, rate), _time(length - head, rate))


def _edge(row: list[_Item], start: Fraction, length: Fraction) -> Fraction:
    """The cut that a transition is at: the one nearest to its middle."""
    cuts = [edge for item in row for edge in (item.start, item.start + item.length)]
    return min(cuts, key=lambda cut: abs(cut - start - length / 2))


def _gap(length: Fraction, rate: Fraction) -> Any:
    return otio.schema.Gap(source_range=_span(ZERO, length, rate))


def _span(start: Fraction, length: Fraction, rate: Fraction) -> TimeRange:
    return TimeRange(_time(start, rate), _time(length, rate))


def _time(seconds: Fraction, rate: Fraction) -> RationalTime:
    return RationalTime(float(seconds * rate), float(rate))


def _seconds(element: Element, name: str) -> Fraction:
    """An attribute as `3600s` or `1001/24000s`; 0 where it is not there.

    Raises:
        TimelineError: it is no time.
    """
    text = element.get(name)
    if text is None:
        return ZERO
    try:
        return Fraction(text.strip().removesuffix("s"))
    except (ValueError, ZeroDivisionError) as error:
        raise TimelineError(f"{name} of {element.tag} is {text!r}, which is no time") from error
