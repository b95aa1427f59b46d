"""Files that are whole or absent: written beside their final name, renamed when complete."""

import errno
import hashlib
import json
import os
import re
import secrets
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from reenact_core.errors import OutputError

Admit = Callable[[Path, Path], object]
"""Called with a whole file and the name that it is about to get, which it may refuse."""


@contextmanager
def written_whole(path: Path, *, admit: Admit | None = None) -> Iterator[Path]:
    """A temporary name beside `path`, renamed to it on success and removed on any failure.

    The temporary name keeps the suffix, as `.partial-1234-shot.mov`, since muxers go by it.

    Args:
        admit: `Journal.admit`, so that nobody else's file is replaced; None: whatever is there is.

    Raises:
        OutputError: the folder cannot be written or is full, or the name is refused.
    """
    partial = path.with_name(f".partial-{os.getpid()}-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        if admit is not None:
            admit(partial, path)
        os.replace(partial, path)
    except OSError as error:
        raise OutputError(_sentence(path, error)) from error
    finally:
        with suppress(NotADirectoryError):  # a file stands where the folder should be
            partial.unlink(missing_ok=True)


def write_json(path: Path, value: Any, *, admit: Admit | None = None) -> None:
    """Write JSON atomically, indented, in UTF-8."""
    with written_whole(path, admit=admit) as partial:
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


PASSING = re.compile(r"reenact-[0-9a-f]{12}\.lock")
"""Names of the locks of passing folders; a folder lies beside its lock, under the same stem."""


@contextmanager
def passing_folder(base: Path | None = None) -> Iterator[Path]:
    """A folder of this user alone, for as long as the block lasts.

    Its lock goes with this process, however that ends: what a process that was killed left is
    removed by the next one that makes such a folder in `base` (None: where temporary files are),
    or by `sweep_passing`.
    """
    base = Path(os.path.realpath(base or tempfile.gettempdir()))
    sweep_passing(base)
    with ExitStack() as stack:
        lock = _new_lock(base, stack)
        folder = lock.with_suffix("")
        folder.mkdir(mode=0o700)
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        yield folder


def sweep_passing(base: Path | None = None) -> None:
    """Remove the passing folders of processes that are no more."""
    base = Path(os.path.realpath(base or tempfile.gettempdir()))
    with suppress(OSError):
        for lock in [base / name for name in os.listdir(base) if PASSING.fullmatch(name)]:
            with suppress(OSError), _own_file(lock) as stream:
                lock_for_life(stream)  # fails while its process lives
                shutil.rmtree(lock.with_suffix(""), ignore_errors=True)
                lock.unlink(missing_ok=True)


def _new_lock(base: Path, stack: ExitStack) -> Path:
    """A new lock that is held until `stack` ends."""
    while True:
        lock = base / f"reenact-{secrets.token_hex(6)}.lock"
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL
        stream = stack.enter_context(os.fdopen(os.open(lock, flags, 0o600), "a+"))
        stack.callback(lock.unlink, missing_ok=True)
        with suppress(OSError):  # somebody swept it in the very moment
            lock_for_life(stream)
            if os.path.samestat(lock.stat(), os.fstat(stream.fileno())):
                return lock


def _own_file(path: Path) -> IO[str]:
    """A file of this user, open.

    Raises:
        OSError: it is another's, a link, or gone.
    """
    stream = os.fdopen(os.open(path, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0)), "a+")
    status = os.fstat(stream.fileno())
    if not stat.S_ISREG(status.st_mode) or (os.name != "nt" and status.st_uid != os.getuid()):
        stream.close()
        raise PermissionError(errno.EPERM, "another user's", str(path))
    return stream


def _sentence(path: Path, error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{path}: the disk is full; free some space and run the same command again"
    return f"{path}: cannot be written ({error.strerror}); choose another folder with -o"
