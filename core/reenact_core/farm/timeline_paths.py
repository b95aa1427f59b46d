"""The paths inside a timeline, mapped from the machine that wrote it to this one."""

import copy
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from reenact_core.farm.path_map import PathMap, mapped
from reenact_core.timeline.effects import NAME
from reenact_core.timeline.read import Edit

_ASKED = ("source", "driving")


def with_mapped_paths(edit: Edit, rules: PathMap) -> Edit:
    """The edit with the places of its media, and of what its effects name, as they are here."""
    if not rules:
        return edit
    timeline = copy.deepcopy(edit.timeline)
    for clip in timeline.find_clips():
        for reference in clip.media_references().values():
            _map_reference(reference, rules)
        for table in _asks(clip):
            _map_ask(table, rules)
    return replace(edit, timeline=timeline)


def _map_reference(reference: Any, rules: PathMap) -> None:
    for name in ("target_url", "target_url_base"):
        url = getattr(reference, name, None)
        if url:
            setattr(reference, name, _mapped_url(str(url), rules))


def _asks(clip: Any) -> Iterator[Any]:
    """The tables of our effects, to be changed in place."""
    for effect in clip.effects:
        if effect.effect_name == NAME and NAME in effect.metadata:
            yield effect.metadata[NAME]


def _map_ask(table: Any, rules: PathMap) -> None:
    for name in _ASKED:
        if isinstance(table.get(name), str):
            table[name] = _mapped_url(table[name], rules)
    face = table.get("face")
    if face is not None and isinstance(face.get("reference"), str):
        face["reference"] = _mapped_url(face["reference"], rules)


def _mapped_url(url: str, rules: PathMap) -> str:
    """A URL or path; one that no rule fits is left as it was written."""
    for path in _readings(url):
        here = mapped(path, rules)
        if here != path:
            return here
    return url


def _readings(url: str) -> Iterator[str]:
    """What a URL may mean as a path: as written, unquoted, and without `file:` and host."""
    yield url
    if url[:5].lower() == "file:":
        path = unquote(url[5:]).replace("//localhost/", "///", 1)
        bare = "/" + path.lstrip("/")
        yield bare
        yield bare[1:]  # file:///P:/show
        yield path  # file://server/share
