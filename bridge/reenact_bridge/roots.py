"""The folders that a server may read and write; no path leads out of them."""

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from reenact_bridge.errors import ProtocolError
from reenact_core.media.opening import Stamp

MOST_LINKS = 40
"""Links of one path that are followed, as many as Linux follows."""


@dataclass(frozen=True, slots=True)
class Roots:
    """The allowed folders."""

    folders: tuple[Path, ...]
    """As they were named, absolute."""
    _real: dict[tuple[str, ...], tuple[str, ...]]
    """The parts of each folder's path, and those of the place that it is, links resolved; of such a
    place the same."""

    @classmethod
    def of(cls, folders: Sequence[Path]) -> "Roots":
        """The roots that these folders are."""
        named = tuple(Path(os.path.abspath(folder)) for folder in folders)
        real = {folder.parts: Path(os.path.realpath(folder)).parts for folder in named}
        return cls(named, {**real, **{parts: parts for parts in real.values()}})

    def find(self, written: str, what: str) -> Path:
        """The place of an absolute path or `file:` URL, links resolved; it need not exist.

        Raises:
            ProtocolError: E_PATH: it is no such path, or leads out of the roots. The message tells
                nothing that its sender does not know.
        """
        path = Path(_local(written, what))
        if not path.is_absolute():
            raise ProtocolError("E_PATH", f"{what}: {written} is not an absolute path", what=what)
        real = self.resolved(path)
        if real is None:
            raise ProtocolError(
                "E_PATH",
                f"{what}: {written} is outside the folders that this server may use",
                what=what,
            )
        _check_kind(real, written, what)
        return real

    def with_folder(self, folder: Path) -> "Roots":
        """These, and one more."""
        return Roots.of([*self.folders, folder])

    def hold(self, path: Path) -> bool:
        """Whether a path, links resolved, lies in one of the folders."""
        return self.resolved(path) is not None

    def hold_file(self, path: Path, stamp: Stamp) -> bool:
        """Whether a path leads to the file with that stamp, and that file lies in a folder.

        The way from the folder down is walked without following a link, so that none which is
        turned round meanwhile leads astray.
        """
        real = self.resolved(path)
        if real is None:
            return False
        folder = next(part for part in self._real.values() if real.parts[: len(part)] == part)
        try:
            return Stamp.of(_status_below(Path(*folder), real)) == stamp
        except OSError:
            return False

    def resolved(self, path: Path) -> Path | None:
        """A path with its links followed as far as they stay inside; None: it leads out.

        Nothing outside is looked at, so that what is there and where links there lead changes
        neither the answer nor its time. A link outside that leads back in leads out.
        """
        path = path if path.is_absolute() else Path.cwd() / path
        place: tuple[str, ...] = path.parts[:1]
        left = list(reversed(path.parts[1:]))
        links = 0
        while left:
            part = left.pop()
            if part == "..":
                place = place[: max(1, len(place) - 1)]
                continue
            place = (*place, part)
            place = self._real.get(place, place)
            target = _target(place) if self._below(place) else None
            if target is None:
                continue
            links += 1
            if links > MOST_LINKS:
                return None
            place = target.parts[:1] if target.is_absolute() else place[:-1]
            left += reversed(target.parts[1:] if target.is_absolute() else target.parts)
        return Path(*place) if place in self._real or self._below(place) else None

    def _below(self, place: tuple[str, ...]) -> bool:
        """Whether a place lies in one of the folders."""
        return any(
            len(place) > len(folder) and place[: len(folder)] == folder
            for folder in self._real.values()
        )


def _check_kind(path: Path, written: str, what: str) -> None:
    """Refuse pipes, sockets and devices, which answer for ever or never."""
    try:
        kind = path.stat().st_mode
    except OSError:
        return  # it need not be there
    if not (stat.S_ISREG(kind) or stat.S_ISDIR(kind)):
        raise ProtocolError("E_PATH", f"{what}: {written} is neither file nor folder", what=what)


def _target(place: tuple[str, ...]) -> Path | None:
    """Where a link leads; None where there is no link."""
    try:
        return Path(os.readlink(os.path.join(*place)))
    except OSError:
        return None


def _status_below(folder: Path, real: Path) -> os.stat_result:
    """The status of a file below a folder; a link on the way or at its end is an error."""
    if os.open not in os.supports_dir_fd:  # Windows, where making links is a privilege
        return os.stat(real, follow_symlinks=False)
    place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        *folders, name = real.relative_to(folder).parts
        for step in folders:
            below = os.open(step, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=place)
            os.close(place)
            place = below
        return os.stat(name, dir_fd=place, follow_symlinks=False)
    finally:
        os.close(place)


def _local(written: str, what: str) -> str:
    if "\0" in written:
        raise ProtocolError("E_PATH", f"{what}: a path holds no zero bytes", what=what)
    if written[:5].lower() != "file:":
        return written
    try:
        parts = urlsplit(written)
    except ValueError as error:
        raise ProtocolError("E_PATH", f"{what}: {written} is no URL", what=what) from error
    if parts.netloc.lower() not in ("", "localhost"):
        raise ProtocolError("E_PATH", f"{what}: {written} is on another machine", what=what)
    path = unquote(parts.path)
    if "\0" in path:
        raise ProtocolError("E_PATH", f"{what}: a path holds no zero bytes", what=what)
    return path
