"""OTIO's own JSON and its adapters: which file is read by which, and what to say of failures."""

import importlib.util
import re
from pathlib import Path
from typing import Any

import numpy as np
import opentimelineio as otio

from reenact_core.errors import TimelineError
from reenact_core.timeline import carried

DEEPEST = 5000
"""Levels of brackets; OpenTimelineIO crashes at some ten thousand."""
OWN = ("otio", "otioz", "otiod", "fcpxml", "fcpxmld")
"""Suffixes that are read without an adapter."""
EXTRAS = {
    "edl": ("edl", "otio_cmx3600_adapter"),
    "xml": ("fcp", "otio_fcp_adapter"),
    "aaf": ("aaf", "otio_aaf_adapter"),
}
"""By suffix: the extra of this package that brings the adapter, and the adapter's module."""


def parse(text: bytes, path: Path) -> Any:
    """The OTIO object in JSON.

    Raises:
        TimelineError: no JSON, no OTIO, or written by a newer OpenTimelineIO.
    """
    if not text.strip():
        raise TimelineError(f"{path}: the file is empty; export the timeline again")
    if deepest(text) > DEEPEST:
        raise TimelineError(f"{path}: not a timeline, it is nested too deeply")
    try:
        return _loaded(text.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise TimelineError(f"{path}: not a timeline, it is no UTF-8 text") from error
    except otio.exceptions.UnsupportedSchemaError as error:
        raise TimelineError(
            f"{path}: written by a newer OpenTimelineIO than {otio.__version__}{_schema(text)}; "
            "update opentimelineio, or export for OTIO_CORE 0.17.0"
        ) from error
    except (otio.exceptions.OTIOError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise TimelineError(f"{path}: not a timeline ({_first_line(error)})") from error


def _loaded(text: str) -> Any:
    try:
        return otio.adapters.read_from_string(text, "otio_json")
    except ValueError as error:
        if "type mismatch" not in str(error):
            raise
        return otio.adapters.read_from_string(carried.load(text), "otio_json")


def deepest(text: bytes) -> int:
    """Levels of brackets in JSON, those in its strings counted too."""
    signs = np.frombuffer(text, np.uint8)
    step = np.zeros(len(signs), np.int8)
    for sign in b"[{":
        step[signs == sign] = 1
    for sign in b"]}":
        step[signs == sign] = -1
    return int(np.cumsum(step[step != 0], dtype=np.int64).max(initial=0))


def check_adapter(path: Path, suffix: str) -> None:
    """Refuse a file whose format's adapter is not here.

    Raises:
        TimelineError: it is not installed; says how to install it.
    """
    extra, module = EXTRAS[suffix]
    if importlib.util.find_spec(module) is None:
        raise TimelineError(
            f"{path}: reading .{suffix} needs its adapter; pip install 'reenact[{extra}]'"
        )


def read_aaf(path: Path) -> Any:
    """What the AAF adapter makes of a file.

    Raises:
        TimelineError: it fails.
    """
    # Adapters are written by others and let anything through: ParseError, KeyError,
    # AttributeError. All of it means that they could not read this file.
    try:
        return otio.adapters.read_from_file(str(path))
    except Exception as error:
        reason = _first_line(error) or type(error).__name__
        raise TimelineError(f"{path}: cannot be read as .aaf ({reason})") from error


def known_suffixes() -> str:
    """For messages."""
    return ", ".join(f".{suffix}" for suffix in (*OWN, *EXTRAS))


def _first_line(error: BaseException) -> str:
    message = error.args[0] if error.args else ""
    lines = str(message).strip().splitlines()
    return lines[0][:200] if lines else ""


def _schema(text: bytes) -> str:
    """The schemas of a file that are newer than ours, in brackets."""
    known = otio.core.type_version_map()
    versions = {
        (str(name, "ascii"), int(version))
        for name, version in re.findall(rb'"OTIO_SCHEMA"\s*:\s*"(\w+)\.(\d{1,9})"', text)
    }
    newer = sorted(
        f"{name}.{version}" for name, version in versions if version > known.get(name, version)
    )
    return f" ({', '.join(newer)})" if newer else ""
