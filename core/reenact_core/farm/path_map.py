"""Paths of one machine as paths of another, by the rules file of Open Job Description."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, Literal, TypeVar, cast

from reenact_core.errors import SettingsError

FORMAT = "pathmapping-1.0"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Rule:
    """A folder there, and where it is here."""

    style: Literal["POSIX", "WINDOWS"]
    """How `source` is written; Windows paths are compared without regard to case and slash."""
    source: str
    destination: str


PathMap = Sequence[Rule]


def read_path_map(path: Path | None) -> PathMap:
    """The rules of a file, the longest source first; none for None and for `{}`.

    Raises:
        SettingsError: it cannot be read or is of another format.
    """
    if path is None:
        return ()
    try:
        table = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise SettingsError(f"{path}: is no JSON ({error})") from error
    if table == {}:
        return ()
    if not isinstance(table, dict) or table.get("version") != FORMAT:
        raise SettingsError(f"{path}: is no path map of version {FORMAT}")
    rules = [_rule(entry, path) for entry in table.get("path_mapping_rules", [])]
    return sorted(rules, key=lambda rule: -len(rule.source))


def _rule(entry: Any, path: Path) -> Rule:
    names = "source_path_format", "source_path", "destination_path"
    values = [entry.get(name) if isinstance(entry, dict) else None for name in names]
    if values[0] not in ("POSIX", "WINDOWS") or not all(values[1:]):
        raise SettingsError(
            f"{path}: a rule needs source_path_format POSIX or WINDOWS, source_path and "
            f"destination_path; got {entry!r}"
        )
    return Rule(*(cast(Any, value) for value in values))


def mapped(path: str, rules: PathMap) -> str:
    """Where a path of that machine is on this one; itself where no rule fits."""
    for rule in rules:
        rest = _below(path, rule)
        if rest is not None:
            return str(Path(rule.destination, *rest))
    return path


def mapped_paths(value: T, rules: PathMap) -> T:
    """A value, a dataclass or a tuple of such, with every path in it mapped."""
    if not rules:
        return value
    return changed_paths(value, lambda path: Path(mapped(str(path), rules)))


def changed_paths(value: T, change: Callable[[Path], Path]) -> T:
    """The same with every path changed in any way."""
    return cast(T, _changed(value, change))


def _changed(value: Any, change: Callable[[Path], Path]) -> Any:
    if isinstance(value, Path):
        return change(value)
    if isinstance(value, tuple):
        return tuple(_changed(item, change) for item in value)
    if is_dataclass(value) and not isinstance(value, type):
        inner = {part.name: _changed(getattr(value, part.name), change) for part in fields(value)}
        return replace(value, **inner)
    return value


def _below(path: str, rule: Rule) -> tuple[str, ...] | None:
    """The parts of a path below a rule's folder; None where it lies elsewhere or climbs out."""
    kind = PureWindowsPath if rule.style == "WINDOWS" else PurePosixPath
    whole, folder = kind(path), kind(rule.source)
    if not whole.is_relative_to(folder) or ".." in whole.parts:
        return None
    return whole.parts[len(folder.parts) :]
