"""XML of strangers as a tree: no entities, nothing fetched, bounded in size and depth."""

from collections.abc import Callable, Iterable
from pathlib import Path
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from reenact_core.errors import TimelineError

MOST_BYTES = 256 * 1024 * 1024
DEEPEST = 200
"""Levels of elements; editors' files have some thirty."""
MOST_ITEMS = 200_000
"""Clips on all tracks, nests counted each time that they are shown."""
DEEPEST_NEST = 30


class _RefusedError(Exception):
    """What no editor writes; says what it is."""


def read_tree(path: Path) -> Element:
    """The root element of an XML file, in whatever encoding it declares.

    Raises:
        TimelineError: no XML, entities of its own, or too large or deep.
    """
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise TimelineError(f"{path}: has {size} bytes, more than {MOST_BYTES}; not read")
    builder = TreeBuilder()
    try:
        _parser(builder).Parse(path.read_bytes(), True)
    except _RefusedError as error:
        raise TimelineError(f"{path}: {error}; not read") from error
    except (expat.ExpatError, LookupError, ValueError) as error:
        suffix = path.suffix.lower()
        raise TimelineError(f"{path}: cannot be read as {suffix} ({error})") from error
    return builder.close()


def check_nests(tops: Iterable[Element], nested: Callable[[Element], Iterable[Element]]) -> None:
    """Refuse sequences whose nests show each other without end, or as good as that.

    Args:
        nested: the sequences that the clips of a sequence show, an empty
            element for a clip that shows none.

    Raises:
        TimelineError: nests too deep, or more than `MOST_ITEMS` clips.
    """
    known: dict[Element, int] = {}

    def count(sequence: Element, depth: int) -> int:
        if depth > DEEPEST_NEST:
            raise TimelineError(
                f"its nests are more than {DEEPEST_NEST} deep, or show themselves; flatten some"
            )
        if sequence not in known:
            known[sequence] = sum(1 + count(inner, depth + 1) for inner in nested(sequence))
        return known[sequence]

    if sum(count(top, 0) for top in tops) > MOST_ITEMS:
        raise TimelineError(f"its nests show more than {MOST_ITEMS} clips; flatten some")


def _parser(builder: TreeBuilder) -> expat.XMLParserType:
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
    depth = 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > DEEPEST:
            raise _RefusedError(f"its elements are nested more than {DEEPEST} deep")
        builder.start(tag, attributes)

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(tag)

    def entity(*_: object) -> int:
        raise _RefusedError("it declares or fetches entities, which no editor's export does")

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = builder.data
    parser.EntityDeclHandler = entity
    parser.UnparsedEntityDeclHandler = entity
    parser.ExternalEntityRefHandler = entity
    return parser
