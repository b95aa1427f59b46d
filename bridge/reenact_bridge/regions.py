"""Memory that server, worker and client share: files that the server makes, names and removes."""

import mmap
import os
import re
import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path

from reenact_bridge.errors import ProtocolError

PREFIX = "reenact-"
_NAME = re.compile(r"reenact-(\d+)-[0-9a-f]{16}")


@dataclass(slots=True)
class Mapped:
    """A region in this process."""

    map: mmap.mmap
    view: memoryview

    def close(self) -> None:
        """Let go of it; arrays that were made of it may keep it a little longer."""
        try:
            self.view.release()
            self.map.close()
        except BufferError:
            return


@dataclass(frozen=True, slots=True)
class Region:
    """A file of shared memory."""

    path: Path
    size: int

    def remove(self) -> None:
        """Take its name away; who has it mapped keeps the memory until it lets go."""
        self.path.unlink(missing_ok=True)


def memory_folder() -> Path:
    """Where files are memory, or else the folder for temporary files."""
    memory = Path("/dev/shm")
    return memory if os.access(memory, os.W_OK) else Path(tempfile.gettempdir())


def new_region(size: int, folder: Path | None = None) -> Region:
    """A region of so many bytes, which its owner alone can open.

    Raises:
        ProtocolError: E_SHM: there is not so much memory.
    """
    folder = folder or memory_folder()
    path = folder / f"{PREFIX}{os.getpid()}-{secrets.token_hex(8)}"
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    try:
        handle = os.open(path, flags, 0o600)
        try:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(handle, 0, size)  # full memory is known here, not by SIGBUS
            else:
                os.truncate(handle, size)
        finally:
            os.close(handle)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise ProtocolError(
            "E_SHM", f"no shared memory of {size} bytes ({error.strerror}); close other previews"
        ) from error
    return Region(path, size)


def map_region(path: str | Path, size: int) -> Mapped:
    """A region in this process, to be read and written.

    Raises:
        ProtocolError: E_SHM: it is gone.
    """
    try:
        handle = os.open(path, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
        try:
            mapped = mmap.mmap(handle, size)
        finally:
            os.close(handle)
    except (OSError, ValueError) as error:
        raise ProtocolError(
            "E_SHM", "the preview's shared memory is gone; open another session"
        ) from error
    return Mapped(mapped, memoryview(mapped))


def sweep(folder: Path | None = None) -> None:
    """Remove what servers that were killed left."""
    for path in (folder or memory_folder()).glob(f"{PREFIX}*"):
        found = _NAME.fullmatch(path.name)
        if found and not _is_alive(int(found[1])):
            try:
                path.unlink(missing_ok=True)
            except OSError:
                continue  # another user's


def _is_alive(process: int) -> bool:
    if os.name == "nt":  # signal 0 would reach the process there
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
