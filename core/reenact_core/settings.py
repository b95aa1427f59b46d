"""The settings of all parts as one frozen tree; TOML in and out.

A default is written once: on the settings class in the file that uses it. This file joins the
classes and gives values an order of authority: an option of the command line stands above the
settings file, that above the timeline's own metadata, that above the default (`settings_for`).
"""

import difflib
import json
import math
import tomllib
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, TypeVar

from reenact_core.crop.align import CropSettings
from reenact_core.crop.fade import FadeSettings
from reenact_core.crop.harmonise import HarmoniseSettings
from reenact_core.crop.mask import MaskSettings
from reenact_core.crop.paste import PasteSettings
from reenact_core.errors import SettingsError
from reenact_core.motion.lanes import LaneSettings
from reenact_core.motion.transfer import MotionSettings
from reenact_core.tracking.faces import TrackSettings

T = TypeVar("T")

RENAMED = {"motion.transfer": "motion.pose"}
"""Former names of settings, which files may still use."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set for a run, part by part."""

    track: TrackSettings = field(default_factory=TrackSettings)
    """How faces are found and followed."""
    crop: CropSettings = field(default_factory=CropSettings)
    """What the networks see of a face."""
    mask: MaskSettings = field(default_factory=MaskSettings)
    """Where the new face goes."""
    harmonise: HarmoniseSettings = field(default_factory=HarmoniseSettings)
    """How the new face is matched to the frame around it."""
    fade: FadeSettings = field(default_factory=FadeSettings)
    """How a face that is lost gives way to the source."""
    paste: PasteSettings = field(default_factory=PasteSettings)
    """How the new face is put into the frame."""
    motion: MotionSettings = field(default_factory=MotionSettings)
    """How the driving face's motion is given to the source's face."""
    lanes: LaneSettings = field(default_factory=LaneSettings)
    """How much is computed side by side."""


def settings_for(
    *,
    timeline: Mapping[str, Any] | None = None,
    file: Path | None = None,
    options: Mapping[str, Any] | None = None,
) -> Settings:
    """The settings of a run: defaults, under the timeline's, under the file's, under the options'.

    `timeline` is the table under `settings` in the timeline's metadata key `reenact`; `options` has
    dotted keys (`encode.codec`), and those whose value is None were not given.

    Raises:
        SettingsError: an unknown key, a value of the wrong type or out of its range; a file that
            cannot be read.
    """
    settings = with_table(Settings(), timeline or {}, "timeline metadata, reenact.settings")
    if file is not None:
        settings = with_table(settings, read_toml(file), str(file))
    given = {key: value for key, value in (options or {}).items() if value is not None}
    return with_table(settings, _nested(given), "command line")


def with_table(
    settings: T, table: Mapping[str, Any], origin: str, prefix: str = "", root: Any = None
) -> T:
    """`settings`, a dataclass, with the values of a table as TOML gives it.

    `origin` says in messages where the table came from; `root` is the tree whose keys may have been
    meant where one is unknown, `settings` itself if None.

    Raises:
        SettingsError: names the origin, the key and what would be right.
    """
    hints, root = typing.get_type_hints(type(settings)), root or settings
    changed: dict[str, Any] = {}
    for written, value in table.items():
        key = f"{prefix}{written}"
        name = RENAMED.get(key, key).removeprefix(prefix)
        if name != written and name in table:
            raise SettingsError(f"{origin}: {key} is the former name of {prefix}{name}; keep one")
        if name not in hints:
            raise SettingsError(
                f"{origin}: there is no setting {key}{_nearest(key, prefix, hints, root)}"
            )
        before = getattr(settings, name)
        if is_dataclass(before) and not isinstance(before, type):
            if not isinstance(value, Mapping):
                raise SettingsError(f"{origin}: {key} is a table, got {_shown(value)}")
            changed[name] = with_table(before, value, origin, f"{key}.", root)
        else:
            changed[name] = _converted(value, hints[name], origin, key)
    try:
        return typing.cast(T, replace(typing.cast(Any, settings), **changed))
    except ValueError as error:
        raise SettingsError(f"{origin}: {prefix.rstrip('.')}: {error}") from error


def to_toml(settings: Any) -> str:
    """The settings as TOML; what is None is left as a comment, since TOML has no such value."""
    return "\n".join(_toml_lines(settings, "")).strip() + "\n"


def to_table(settings: Any) -> dict[str, Any]:
    """The settings as nested tables of plain values, for JSON."""
    return {
        part.name: to_table(value) if is_dataclass(value) else _plain(value)
        for part in fields(settings)
        for value in [getattr(settings, part.name)]
    }


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a TOML file.

    Raises:
        SettingsError: it cannot be read, or is no TOML.
    """
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: is not a TOML file: {error}") from error


def _nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """`{"a.b": 1}` as `{"a": {"b": 1}}`."""
    table: dict[str, Any] = {}
    for key, value in values.items():
        *sections, name = key.split(".")
        inner = table
        for section in sections:
            inner = inner.setdefault(section, {})
        inner[name] = value
    return table


def _nearest(key: str, prefix: str, known: Iterable[str], root: Any) -> str:
    everywhere = [*(f"{prefix}{name}" for name in known), *_all_keys(root, "")]
    found = difflib.get_close_matches(key, everywhere, n=1, cutoff=0.5)
    if not found:
        named = [name for name in everywhere if name.rsplit(".")[-1] == key.rsplit(".")[-1]]
        found = named[:1]
    return f"; did you mean {found[0]}?" if found else ""


def _all_keys(settings: Any, prefix: str) -> list[str]:
    keys: list[str] = []
    for part in fields(settings):
        value = getattr(settings, part.name)
        key = f"{prefix}{part.name}"
        keys += _all_keys(value, f"{key}.") if is_dataclass(value) else [key]
    return keys


def _converted(value: Any, hint: Any, origin: str, key: str) -> Any:
    """The value as the type asks; tables and lists of TOML become tuples and paths."""
    kind = typing.get_origin(hint)
    if kind is Literal:
        return _one_of(value, typing.get_args(hint), origin, key)
    if kind in (types.UnionType, typing.Union):
        return _optional(value, hint, origin, key)
    if kind is tuple:
        return _tuple(value, typing.get_args(hint), origin, key)
    if isinstance(hint, type) and isinstance(value, hint) and not isinstance(value, bool):
        if isinstance(value, float) and not math.isfinite(value):
            raise SettingsError(f"{origin}: {key} must be a finite number, got {value}")
        return value
    return _simple(value, hint, origin, key)


def _simple(value: Any, hint: Any, origin: str, key: str) -> Any:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if hint is bool and isinstance(value, bool):
        return value
    if hint is float and number:
        return float(value)
    if hint is Path and isinstance(value, str):
        return Path(value)
    if hint is Fraction and (number or isinstance(value, str)):
        return _fraction(value, origin, key)
    raise SettingsError(f"{origin}: {key} must be {_named(hint)}, got {_shown(value)}")


def _fraction(value: Any, origin: str, key: str) -> Fraction:
    try:
        return Fraction(value)
    except (ValueError, ZeroDivisionError, OverflowError) as error:
        raise SettingsError(f"{origin}: {key} must be a fraction, got {_shown(value)}") from error


def _one_of(value: Any, choices: tuple[Any, ...], origin: str, key: str) -> Any:
    if any(value == choice and type(value) is type(choice) for choice in choices):
        return value
    known = ", ".join(str(choice) for choice in choices)
    raise SettingsError(f"{origin}: {key} must be one of {known}; got {_shown(value)}")


def _optional(value: Any, hint: Any, origin: str, key: str) -> Any:
    members = [member for member in typing.get_args(hint) if member is not types.NoneType]
    if value is None or (value == "none" and str not in members):
        return None
    for member in members[:-1]:
        try:
            return _converted(value, member, origin, key)
        except SettingsError:
            continue
    return _converted(value, members[-1], origin, key)


def _tuple(value: Any, members: tuple[Any, ...], origin: str, key: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise SettingsError(f"{origin}: {key} must be a list, got {_shown(value)}")
    if members[-1:] == (Ellipsis,):
        members = members[:1] * len(value)
    if len(members) != len(value):
        raise SettingsError(f"{origin}: {key} must have {len(members)} values, got {len(value)}")
    pairs = zip(value, members, strict=True)
    return tuple(_converted(item, member, origin, key) for item, member in pairs)


def _named(hint: Any) -> str:
    names = {
        bool: "true or false",
        int: "a whole number",
        float: "a number",
        str: "a text",
        Path: "a path",
        Fraction: "a fraction as '1/2'",
    }
    return names.get(hint, str(hint))


def _shown(value: Any) -> str:
    return json.dumps(value, default=str)


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path | Fraction) else value


def _toml_lines(settings: Any, prefix: str) -> list[str]:
    values = [(part.name, getattr(settings, part.name)) for part in fields(settings)]
    lines: list[str] = []
    for name, value in values:
        if not is_dataclass(value):
            lines.append(f"# {name} = none" if value is None else f"{name} = {_toml_value(value)}")
    for name, value in values:
        if is_dataclass(value):
            lines += ["", f"[{prefix}{name}]", *_toml_lines(value, f"{prefix}{name}.")]
    return lines


def _toml_value(value: Any) -> str:
    if isinstance(value, float):
        return repr(value)
    return json.dumps(_plain(value), ensure_ascii=False)
