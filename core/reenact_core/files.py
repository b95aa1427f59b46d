"""Files that are whole or absent: written beside their final name, renamed when complete."""

import errno
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from reenact_core.errors import OutputError


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A temporary name beside `path`, renamed to it on success and removed on any failure.

    The temporary name keeps the suffix, as `.partial-1234-shot.mov`, since muxers go by it.

    Raises:
        OutputError: the folder cannot be written or is full.
    """
    partial = path.with_name(f".partial-{os.getpid()}-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        os.replace(partial, path)
    except OSError as error:
        raise OutputError(_sentence(path, error)) from error
    finally:
        with suppress(NotADirectoryError):  # a file stands where the folder should be
            partial.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write JSON atomically, indented, in UTF-8."""
    with written_whole(path) as partial:
        partial.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", "utf-8")


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


if os.name == "nt":

    def lock_for_life(stream: IO[str]) -> None:
        """Lock an open file until this process ends, however it ends.

        Raises:
            OSError: another process holds it.
        """
        import msvcrt

        # A byte far behind the text, so that others can still read who holds the lock.
        stream.seek(1 << 20)
        msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]

else:

    def lock_for_life(stream: IO[str]) -> None:
        """Lock an open file until this process ends, however it ends.

        Raises:
            OSError: another process holds it.
        """
        import fcntl

        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _sentence(path: Path, error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{path}: the disk is full; free some space and run the same command again"
    return f"{path}: cannot be written ({error.strerror}); choose another folder with -o"
