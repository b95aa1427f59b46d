"""What inputs hold, as SHA-256: each file read once and remembered while it is unchanged."""

import hashlib
import json
from dataclasses import fields, is_dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from reenact_core.errors import MediaError
from reenact_core.files import write_json
from reenact_core.media.opening import ABSENT, open_file, stamp_of
from reenact_core.media.sequence import frame_path
from reenact_core.timeline.plan import Source


class Digests:
    """The SHA-256 of files, remembered in a JSON file by size and time of change."""

    def __init__(self, memory: Path) -> None:
        self._memory = memory
        self._known: dict[str, list[Any]] = _read(memory)
        self._changed = False

    def of_file(self, path: Path) -> str:
        """The SHA-256 of a file, in hexadecimal.

        Raises:
            MediaError: the file is not there, cannot be read, or changes meanwhile.
        """
        stamp = stamp_of(path)
        facts = [stamp.size, stamp.modified]
        known = self._known.get(str(path))
        if known is not None and known[:2] == facts:
            return str(known[2])
        with open_file(path, stamp if stamp != ABSENT else None) as stream:
            try:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
            except OSError as error:
                raise MediaError(f"{path}: cannot be read ({error.strerror})") from error
        self._known[str(path)] = [*facts, digest]
        self._changed = True
        return digest

    def of_source(self, source: Source) -> str:
        """The SHA-256 of a media file; of an image sequence, of its pictures' hashes in order."""
        if source.first_number is None:
            return self.of_file(source.path)
        joined = hashlib.sha256()
        for path in sequence_files(source):
            joined.update(bytes.fromhex(self.of_file(path)) if path.exists() else b"missing")
        return joined.hexdigest()

    def save(self) -> None:
        """Keep what was learned for the next run."""
        if self._changed:
            write_json(self._memory, self._known)
            self._changed = False


def sequence_files(source: Source) -> list[Path]:
    """The pictures of an image sequence that a source's frames name, in order."""
    first = source.first_number or 0
    numbers = (first + frame * source.number_step for frame in _range(source))
    return [frame_path(source.path, number) for number in numbers]


def key_of(value: Any, digests: Digests) -> str:
    """One hash for a value: dataclasses by their fields, files by what they hold.

    Two values with the same key give the same result, wherever their files lie.
    """
    plain = json.dumps(_plain(value, digests), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(plain.encode()).hexdigest()


def _plain(value: Any, digests: Digests) -> Any:
    if isinstance(value, Source):
        frames = [value.frames.start, value.frames.stop, str(value.frames.rate)]
        filled = {} if value.missing == "error" else {"missing": value.missing}
        return {"media": digests.of_source(value), "frames": frames, **filled}
    if isinstance(value, Path):
        return digests.of_file(value)
    if is_dataclass(value) and not isinstance(value, type):
        named = ((field.name, getattr(value, field.name)) for field in fields(value))
        return {name: _plain(inner, digests) for name, inner in named}
    if isinstance(value, dict):
        return {str(name): _plain(inner, digests) for name, inner in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(inner, digests) for inner in value]
    return str(value) if isinstance(value, Fraction) else value


def _range(source: Source) -> range:
    return range(source.frames.start, source.frames.stop)


def _read(memory: Path) -> dict[str, list[Any]]:
    try:
        known = json.loads(memory.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}
