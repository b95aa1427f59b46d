"""JSON from strangers: no NaN, no key twice, no towers of brackets, no broken text."""

import json
import math
from typing import Any, NoReturn

from reenact_bridge.errors import ProtocolError

MAX_DEPTH = 32


def read_object(data: bytes, what: str) -> dict[str, Any]:
    """The JSON object in UTF-8 that `data` holds; `what` names it in messages.

    Raises:
        ProtocolError: E_SCHEMA, says what is wrong.
    """
    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_without_doubles,
            parse_constant=_no_constant,
            parse_float=_finite,
        )
        _check(value, 1)
    except RecursionError as error:
        raise _wrong(what, f"is nested deeper than {MAX_DEPTH}") from error
    except ValueError as error:  # of the text, of its JSON, or ours from below
        raise _wrong(what, str(error)) from error
    if not isinstance(value, dict):
        raise _wrong(what, "must be an object")
    return value


def write_object(value: dict[str, Any]) -> bytes:
    """Compact JSON in UTF-8."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _wrong(what: str, how: str) -> ProtocolError:
    return ProtocolError("E_SCHEMA", f"the {what} is not the JSON it must be: {how}", pointer="")


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        raise ValueError("an object has a key twice")
    return table


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number is too large")
    return number


def _check(value: Any, depth: int) -> None:
    """Refuse depth, and text that UTF-8 cannot hold."""
    if depth > MAX_DEPTH:
        raise ValueError(f"it is nested deeper than {MAX_DEPTH}")
    if isinstance(value, str):
        value.encode("utf-8")
    elif isinstance(value, dict):
        for key, child in value.items():
            key.encode("utf-8")
            _check(child, depth + 1)
    elif isinstance(value, list):
        for child in value:
            _check(child, depth + 1)
