"""The folders that a server may read and write; no path leads out of them."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from reenact_bridge.errors import ProtocolError


@dataclass(frozen=True, slots=True)
class Roots:
    """The allowed folders, absolute, links resolved."""

    folders: tuple[Path, ...]

    @classmethod
    def of(cls, folders: Sequence[Path]) -> "Roots":
        """The roots that these folders are."""
        return cls(tuple(Path(os.path.realpath(folder)) for folder in folders))

    def find(self, written: str, what: str) -> Path:
        """The place of an absolute path or `file:` URL, links resolved; it need not exist.

        Raises:
            ProtocolError: E_PATH: it is no such path, or leads out of the roots. The message tells
                nothing that its sender does not know.
        """
        path = Path(_local(written, what))
        if not path.is_absolute():
            raise ProtocolError("E_PATH", f"{what}: {written} is not an absolute path", what=what)
        real = Path(os.path.realpath(path))
        if not self.hold(real):
            raise ProtocolError(
                "E_PATH",
                f"{what}: {written} is outside the folders that this server may use",
                what=what,
            )
        return real

    def hold(self, path: Path) -> bool:
        """Whether a path, links resolved, lies in one of the folders."""
        real = Path(os.path.realpath(path))
        return any(real.is_relative_to(folder) for folder in self.folders)


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
