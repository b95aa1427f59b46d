"""Schemas that OpenTimelineIO does not know, carried through where it would refuse the file.

It keeps an unknown schema in metadata, but not as an effect, marker, media reference or child.
There a known one takes its place while we work, and holds it in its metadata.
"""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import opentimelineio as otio

KEY = "reenact_carried"
"""In the metadata of a carrier: what it stands for."""
OLD_NAMES = ("Filler", "Sequence", "SerializeableCollection", "SerializeableObject")
"""Known to OpenTimelineIO under newer names."""
CARRIERS = {
    "effects": "Effect",
    "markers": "Marker",
    "media_reference": "MissingReference",
    "media_references": "MissingReference",
    "children": "Gap",
}
"""By key of a typed object: what takes the place of an unknown schema there."""

Change = Callable[[str, Any], Any]
"""Given the key of a place and what is there, what is there instead."""


def load(text: str) -> str:
    """Timeline JSON with a carrier for everything unknown that has a typed place.

    Raises:
        ValueError: no JSON, or nested too deeply.
    """
    try:
        document = json.loads(text)
        known = {*otio.core.type_version_map(), *OLD_NAMES}
        return json.dumps(_changed(document, lambda kind, value: _carrier(kind, value, known)))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def unload(text: str) -> str:
    """Timeline JSON with everything that was carried back in its place."""
    if f'"{KEY}"' not in text:
        return text
    return json.dumps(_changed(json.loads(text), lambda _, value: _content(value)), indent=4)


def schema_carried(item: Any) -> str | None:
    """The schema that an item is the carrier of; None for an ordinary one."""
    content = item.metadata.get(KEY)
    if content is None:
        return None
    return str(getattr(content, "original_schema_name", None) or "unknown")


def _changed(value: Any, change: Change) -> Any:
    """A typed object with `change` applied to all that hangs in a typed place of it."""
    if not isinstance(value, dict) or not isinstance(value.get("OTIO_SCHEMA"), str):
        return value
    value = dict(value)
    for kind in CARRIERS.keys() & value.keys():
        anything_goes = kind == "children" and value["OTIO_SCHEMA"].startswith("Serializ")
        here = _left if anything_goes else change
        value[kind] = _each(value[kind], partial(_one, here, change, kind))
    if "tracks" in value:
        value["tracks"] = _changed(value["tracks"], change)
    return value


def _one(here: Change, below: Change, kind: str, value: Any) -> Any:
    return _changed(here(kind, value), below)


def _left(_: str, value: Any) -> Any:
    return value


def _each(value: Any, change: Callable[[Any], Any]) -> Any:
    """Change the members of a list, or of a table by key, or the one object."""
    if isinstance(value, list):
        return [change(child) for child in value]
    if isinstance(value, dict) and "OTIO_SCHEMA" not in value:
        return {key: change(child) for key, child in value.items()}
    return change(value)


def _carrier(kind: str, value: Any, known: set[str]) -> Any:
    if not isinstance(value, dict) or not isinstance(value.get("OTIO_SCHEMA"), str):
        return value
    if value["OTIO_SCHEMA"].partition(".")[0] in known:
        return value
    carrier = json.loads(getattr(otio.schema, CARRIERS[kind])().to_json_string())
    carrier["metadata"] = {KEY: value}
    carrier["name"] = value["name"] if isinstance(value.get("name"), str) else ""
    for key in ("source_range", "available_range", "marked_range"):
        if key in carrier and isinstance(value.get(key), dict):
            carrier[key] = value[key]
    return carrier


def _content(value: Any) -> Any:
    if not isinstance(value, dict) or not isinstance(value.get("metadata"), dict):
        return value
    return value["metadata"].get(KEY, value)
