"""The first look at a file, in a process of its own: a decoder that crashes takes nothing along.

One process serves all looks of a program; it is started by the first and ends with the program.
"""

import atexit
import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import is_dataclass
from enum import Enum
from pathlib import Path
from typing import IO, Any

from reenact_core.errors import MediaError, ReenactError

PROCESS = (sys.executable, "-P", "-m", "reenact_core.media.look_process")

_WINDOWS_FAULT = 0xC0000000
"""The statuses of processes that Windows ended begin here."""


class Looker:
    """Looks at files in a process that may die of them; may be asked by any thread."""

    def __init__(self, command: Sequence[str] = PROCESS) -> None:
        self._command = command
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0

    def look(self, path: Path, first_number: int | None, number_step: int) -> Any:
        """What `media.probe.examine` says of a file: a `MediaInfo`.

        Raises:
            MediaError: as there; or the process died of the file.
            MemoryError: there was not enough.
        """
        with self._lock:
            kind, found = self._ask(path, (os.getcwd(), path, first_number, number_step))
        if kind == "refused":
            error, number, cause = found
            assert isinstance(error, ReenactError)
            raise error from (OSError(number, cause) if cause else None)
        if kind == "memory":
            raise MemoryError(f"there was not enough memory to look at {path}")
        if kind == "failed":
            raise RuntimeError(f"looking at {path} failed:\n{found}")
        return found

    def start(self) -> None:
        """Start the process, if it does not run, ahead of the first look."""
        with self._lock:
            self._started()

    @property
    def process_id(self) -> int | None:
        """Of the process; None while none runs."""
        running = self._process is not None and self._process.poll() is None
        return self._process.pid if running and self._process else None

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is None or self._owner != os.getpid():
            return
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        try:
            process.wait(1)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _ask(self, path: Path, request: tuple[Any, ...]) -> tuple[str, Any]:
        process = self._started()
        assert process.stdin is not None and process.stdout is not None
        try:
            pickle.dump(request, process.stdin)
            process.stdin.flush()
            kind, found = _Answer(process.stdout).load()
        except _NO_ANSWER as error:
            process.kill()
            self.close()
            raise MediaError(
                f"{path}: its decoder gave no answer that can be read ({error}); the file is "
                "damaged or made to do harm; export it again in another format"
            ) from error
        except (EOFError, OSError) as error:
            status = process.wait()
            self.close()
            raise _death(path, status) from error
        except BaseException:  # half an answer may be in the pipe
            process.kill()
            self.close()
            raise
        return kind, found

    def _started(self) -> "subprocess.Popen[bytes]":
        process = self._process
        if process is not None and self._owner == os.getpid() and process.poll() is None:
            return process
        self.close()
        paths = os.pathsep.join(path for path in sys.path if path)
        self._owner = os.getpid()
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": paths},
        )
        return self._process


class _Answer(pickle.Unpickler):
    """Reads an answer: values and our own records alone.

    A file that took over the process could write any answer; none may run code here.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__(stream)

    def find_class(self, module: str, name: str) -> Any:
        if name in _VALUES.get(module.partition(".")[0], ()):
            return super().find_class(module, name)
        if module.startswith("reenact_core.") and "." not in name:
            found = super().find_class(module, name)
            record = isinstance(found, type) and found.__module__ == module
            if record and (is_dataclass(found) or issubclass(found, (ReenactError, Enum))):
                return found
        raise pickle.UnpicklingError(f"{module}.{name} is nothing that an answer holds")


_NO_ANSWER = (
    pickle.UnpicklingError,
    AttributeError,
    ImportError,
    IndexError,
    TypeError,
    ValueError,
)
"""What reading bytes that are no answer may raise."""

_VALUES = {
    "fractions": ("Fraction",),
    "pathlib": ("Path", "PosixPath", "WindowsPath"),
    "numpy": ("_reconstruct", "_frombuffer", "ndarray", "dtype", "scalar"),
}
"""What answers hold besides our records, by package."""


def _death(path: Path, status: int) -> Exception:
    if status < 0 or status >= _WINDOWS_FAULT:
        name = signal.strsignal(-status) if status < 0 else hex(status)
        return MediaError(
            f"{path}: its decoder crashed ({name}); the file is damaged or made to do harm; export "
            "it again in another format"
        )
    return RuntimeError(f"looking at {path}: the process ended with status {status}")


LOOKER = Looker()
atexit.register(LOOKER.close)
