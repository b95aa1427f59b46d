"""The JSON schemas of all messages, and the check against them.

`NAME.json` beside this file holds `{"request": ..., "reply": ...}` of the message NAME; `header`,
`error`, `event`, `job`, `options`, `pixels` and `connection` are schemas themselves. A schema
`{"$ref": "NAME.json"}` stands for that file's.
"""

import json
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import Any

import fastjsonschema

from reenact_bridge.errors import ProtocolError

MESSAGES = (
    "hello",
    "ping",
    "capabilities",
    "validate",
    "submit",
    "status",
    "list",
    "result",
    "forget",
    "cancel",
    "events.since",
    "detect",
    "session.open",
    "session.close",
    "frame",
    "shutdown",
)
"""The types of requests."""


def check(name: str, value: Any) -> None:
    """See that a value is as a schema says.

    Raises:
        ProtocolError: E_SCHEMA, with the JSON pointer of what is wrong.
    """
    try:
        _checker(name)(value)
    except fastjsonschema.JsonSchemaValueException as error:
        pointer = "".join(f"/{part}" for part in error.path[1:])
        said = str(error.message).replace("data", name, 1)
        if len(said) > 400:
            said = said[:400] + "..."
        raise ProtocolError("E_SCHEMA", said, pointer=pointer) from error


@cache
def schema(name: str) -> dict[str, Any]:
    """A schema by its name: `submit.request`, `submit.reply`, `options`."""
    stem, _, part = name.rpartition(".")
    if part in ("request", "reply"):
        one: dict[str, Any] = _expanded(_file(stem)[part])
        return one
    whole: dict[str, Any] = _expanded(_file(name))
    return whole


@cache
def _checker(name: str) -> Callable[[Any], Any]:
    made: Callable[[Any], Any] = fastjsonschema.compile(schema(name), use_default=False)
    return made


@cache
def _file(stem: str) -> dict[str, Any]:
    text = files("reenact_bridge.schemas").joinpath(f"{stem}.json").read_text("utf-8")
    table: dict[str, Any] = json.loads(text)
    return table


def _expanded(part: Any) -> Any:
    """The schema with the files that it names in their places."""
    if isinstance(part, dict):
        named = part.get("$ref")
        if isinstance(named, str):
            return _expanded(_file(named.removesuffix(".json")))
        return {key: _expanded(value) for key, value in part.items()}
    return [_expanded(item) for item in part] if isinstance(part, list) else part
