"""FCP XML (xmeml), as Premiere Pro, Resolve and Final Cut Pro 7 write it.

OpenTimelineIO's adapter reads it (otio-fcp-adapter 1.0.0 was tried). What it drops is mended here:
clips and tracks that are disabled, nested sequences, files and sequences that are defined after
they are used, and items that it cannot read or place, which would refuse the whole file.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import opentimelineio as otio

from reenact_core.errors import TimelineError
from reenact_core.timeline.effects import plain
from reenact_core.timeline.xml_tree import check_nests

KEY = "fcp_xml"
"""Of the adapter's words in metadata."""
_ITEMS = ("clipitem", "generatoritem", "transitionitem")
NOTHING = Element("none")
"""What a clip shows that nests no sequence."""


def read_fcp_xml(path: Path, tree: Element) -> tuple[Any, tuple[str, ...]]:
    """What a document holds as OTIO objects, and what a user should know of the reading.

    Raises:
        TimelineError: no sequence, or one that the adapter cannot read.
    """
    for parent in tree.iter():
        for child in [child for child in parent if child.tag == "filter" and _is_idle(child)]:
            parent.remove(child)
    placed = [note for sequence in tree.iter("sequence") for note in _place(sequence)]
    parser = _parser(tree)
    parser.notes += placed
    # Adapters are written by others and let anything through.
    try:
        check_nests(_tops(tree), parser.nested)
        sequences = parser.top_level_sequences()
    except TimelineError as error:
        raise TimelineError(f"{path}: {error}") from error
    except Exception as error:
        reason = str(error.args[0]) if error.args else type(error).__name__
        raise TimelineError(f"{path}: cannot be read as .xml ({reason[:200]})") from error
    if not sequences:
        raise TimelineError(f"{path}: holds no sequence; export the sequence, not its clips alone")
    for timeline in sequences:
        _disable(timeline)
    notes = tuple(f"{path.name}: {note}" for note in dict.fromkeys(parser.notes))
    if len(sequences) == 1:
        return sequences[0], notes
    return otio.schema.SerializableCollection(children=sequences), notes


def _is_idle(item: Element) -> bool:
    """Whether a filter does nothing: disabled, or without an effect."""
    return _text(item, "enabled").upper() == "FALSE" or item.find("effect") is None


def _text(item: Element, tag: str) -> str:
    return (item.findtext(tag) or "").strip()


def _place(sequence: Element) -> Iterator[str]:
    """Give items the edges that they leave to a transition where there is none.

    Such an item starts where the one before it ends, and ends where the next one starts, or as its
    own range of media says. Yields a note for each.
    """
    for track in sequence.iterfind("./media/*/track"):
        items = [item for item in track if item.tag in _ITEMS]
        after = 0
        around = zip([NOTHING, *items[:-1]], items, [*items[1:], NOTHING], strict=True)
        for before, item, behind in around if items else ():
            if _number(item, "start") == -1 and before.tag != "transitionitem":
                yield _put(item, "start", after, "where the item before it ends")
            start, following = _number(item, "start"), _number(behind, "start")
            if _number(item, "end") == -1 and behind.tag != "transitionitem":
                length = _length(item, sequence)
                if following is not None and following > (start or 0):
                    yield _put(item, "end", following, "where the next item starts")
                elif start is not None and start >= 0 and length is not None:
                    yield _put(item, "end", start + length, "as its range of media says")
            after = max(after, _number(item, "end") or 0)


def _put(item: Element, edge: str, frame: int, why: str) -> str:
    """Write an edge of an item; the note that says so."""
    found = item.find(edge)
    assert found is not None
    found.text = str(frame)
    name = _text(item, "name") or item.attrib.get("id", item.tag)
    return f'"{name}" has no {edge} and no transition there: frame {frame} is taken, {why}'


def _length(item: Element, sequence: Element) -> int | None:
    """How many of the sequence's frames an item's range of media lasts."""
    first, last = _number(item, "in"), _number(item, "out")
    whole = _number(sequence, "rate/timebase")
    own = _number(item, "rate/timebase") or whole
    if first is None or last is None or not whole or not own or last <= first:
        return None
    return round((last - first) * whole / own)


def _number(item: Element, tag: str) -> int | None:
    try:
        return int(_text(item, tag))
    except ValueError:
        return None


def _disable(timeline: Any) -> None:
    """Disable what says so in the adapter's metadata."""
    if timeline.tracks is None:
        return
    waiting = [timeline.tracks]
    while waiting:
        item = waiting.pop()
        if isinstance(item, otio.core.Item):
            table = plain(item.metadata.get(KEY))
            said = table.get("enabled") if isinstance(table, dict) else None
            if str(said).strip().upper() == "FALSE":
                item.enabled = False
        if isinstance(item, otio.core.Composition):
            waiting += list(item)


def _parser(tree: Element) -> Any:
    """The adapter's parser, mended; OpenTimelineIO alone can load it."""
    adapter: Any = otio.adapters.from_name(KEY).module()
    base: Any = adapter.FCP7XMLParser

    class Parser(base):  # type: ignore[misc]
        """Also reads what the adapter drops, and goes on where it would give up."""

        def __init__(self, tree: Element) -> None:
            super().__init__(tree)
            self.notes: list[str] = []
            self._whole = _definitions(tree)

        def _derefed_element(self, element: Any) -> Any:
            if element is None or len(element) or "id" not in element.attrib:
                return element  # what holds something is no pointer to another
            return self._whole.get((element.tag, element.attrib["id"]), element)

        def nested(self, sequence: Element) -> Iterator[Element]:
            """What each clip of a sequence shows, for `check_nests`."""
            media = self._derefed_element(sequence.find("media"))
            for clip in () if media is None else media.iterfind("./*/track/clipitem"):
                inner = self._derefed_element(clip).find("sequence")
                yield NOTHING if inner is None else self._derefed_element(inner)

        def top_level_sequences(self) -> list[Any]:
            """All sequences but those that are nested in others."""
            found = list(super().top_level_sequences())
            nested = {name for element in tree.iter("clipitem") for name in _nested(element)}
            ids = [_id_of(element) for element in _tops(tree)]
            if len(ids) != len(found):
                return found
            kept = [
                timeline for timeline, name in zip(found, ids, strict=True) if name not in nested
            ]
            return kept or found

        def stack_for_element(self, element: Any, context: Any) -> Any:
            if element.tag != "sequence":
                return super().stack_for_element(element, context)
            media = self._derefed_element(element.find("./media"))
            if media is None:
                name = _text(element, "name") or element.attrib.get("id", "")
                self.notes.append(f'nested sequence "{name}" is not in the file, and not read')
                return otio.schema.Stack(name=name)
            stack = super().stack_for_element(media, context.context_pushing_element(element))
            stack.name = _text(element, "name")
            return stack

        def item_and_timing_for_element(self, item: Any, *around: Any) -> Any:
            try:
                found, timing = super().item_and_timing_for_element(item, *around)
                if isinstance(found, otio.schema.Stack):
                    found.name = _text(item, "name") or found.name
                return found, timing
            except Exception as error:  # see read_fcp_xml
                return self._placeholder(item, around[-1], error)

        def _placeholder(self, item: Element, context: Any, error: Exception) -> Any:
            """An item that the adapter cannot read, as an offline clip of its length."""
            rate = adapter._rate_from_context(context)
            edges = [_text(item, "start"), _text(item, "end")]
            name = _text(item, "name") or item.attrib.get("id", item.tag)
            try:
                start, end = (int(edge) for edge in edges)
            except ValueError:
                start = end = -1
            if rate is None or start < 0 or end < start:
                raise error
            self.notes.append(f'"{name}" at frame {start} cannot be read, and is left as it is')
            length = otio.opentime.RationalTime(end - start, rate)
            span = otio.opentime.TimeRange(otio.opentime.RationalTime(start, rate), length)
            if item.tag == "transitionitem":
                half = otio.opentime.RationalTime((end - start) // 2, rate)
                kind = otio.schema.TransitionTypes.SMPTE_Dissolve
                return otio.schema.Transition(name, kind, half, length - half), span
            reference = otio.schema.MissingReference(name=name)
            return otio.schema.Clip(name, reference, otio.opentime.TimeRange(duration=length)), span

    return Parser(tree)


def _definitions(tree: Element) -> dict[tuple[str, str], Element]:
    """By tag and id, the element that says most: others of that id only point to it."""
    found: dict[tuple[str, str], Element] = {}
    for element in tree.iter():
        if "id" in element.attrib:
            key = (element.tag, element.attrib["id"])
            if key not in found or len(element) > len(found[key]):
                found[key] = element
    return found


def _tops(tree: Element) -> Iterator[Element]:
    yield from tree.iterfind("./sequence")
    yield from tree.iterfind(".//children/sequence")


def _id_of(element: Element) -> str:
    return element.attrib.get("id", "")


def _nested(clip: Element) -> Iterator[str]:
    yield from (_id_of(sequence) for sequence in clip.iterfind("sequence") if _id_of(sequence))
