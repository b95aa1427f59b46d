"""A worker as the server sees it: started, spoken to, heard, and known to have died."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from reenact_bridge.bounds import held_bytes
from reenact_bridge.pipes import read_messages, write_message
from reenact_core.files import sweep_passing

LOG_BYTES = 8 * 1024 * 1024
"""A log that is longer is begun anew when its worker is started."""

Hear = Callable[["WorkerProcess", dict[str, Any]], None]


class WorkerProcess:
    """One process; `hear` gets what it says, from another thread, and at last `{"is": "died"}`."""

    def __init__(self, start: dict[str, Any], log: Path, hear: Hear) -> None:
        self._hear, self.log = hear, log
        with _open_log(log) as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "reenact_bridge.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=_environment(),
                start_new_session=True,  # Ctrl-C is for the server alone
            )
        self._commands = _pipe(self._process.stdin)
        self._reader = threading.Thread(target=self._listen, name="worker", daemon=True)
        self._reader.start()
        self.send({"do": "start", **start})

    @property
    def pid(self) -> int:
        return self._process.pid

    def send(self, command: dict[str, Any]) -> None:
        """Say something; a worker that is dying does not hear it, and says that it died."""
        try:
            write_message(self._commands, command)
        except OSError:
            return

    def kill(self) -> None:
        """End it at once, and what it has started."""
        if self._process.poll() is None:
            self._kill_group()

    def memory(self) -> int:
        """Bytes that it holds; 0 where the system does not tell them."""
        return held_bytes(self.pid, "VmRSS")

    def close(self) -> None:
        """End it, and wait until it has."""
        self.kill()
        self._process.wait()
        self._reader.join()

    def _kill_group(self) -> None:
        if os.name == "nt":
            self._process.kill()
            return
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            return  # nobody is left of it

    def _listen(self) -> None:
        try:
            for message in read_messages(_pipe(self._process.stdout)):
                self._hear(self, message)
        except ValueError:
            self.kill()  # what it says is no message
        status = self._process.wait()
        self._kill_group()  # what it had started does not outlive it
        sweep_passing()
        for pipe in (self._process.stdin, self._process.stdout):
            try:
                _pipe(pipe).close()
            except OSError:
                continue
        self._hear(self, {"is": "died", "status": status})


def how_it_died(status: int) -> str:
    """The status of a process in words."""
    return f"by signal {-status}" if status < 0 else f"with status {status}"


def _open_log(path: Path) -> IO[bytes]:
    path.parent.mkdir(parents=True, exist_ok=True)
    mode = "ab" if path.exists() and path.stat().st_size < LOG_BYTES else "wb"
    stream = path.open(mode)
    os.chmod(path, 0o600)
    return stream


def _environment() -> dict[str, str]:
    """That of the server; what it can import its workers can."""
    paths = os.pathsep.join(path for path in sys.path if path)
    return {**os.environ, "PYTHONPATH": paths}


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None  # they were all asked for
    return stream
