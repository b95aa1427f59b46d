"""`reenact serve` as a process of its own, for tests that speak to it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from reenact_bridge.client import Client, Key

START_SECONDS = 60
STOP_SECONDS = 30


@dataclass(slots=True)
class Served:
    """A server's folder, and the server while it runs."""

    folder: Path
    arguments: tuple[str, ...] = ()
    process: "subprocess.Popen[str] | None" = field(default=None, repr=False)

    @property
    def connection_file(self) -> Path:
        return self.folder / "bridge.json"

    @property
    def root(self) -> Path:
        """The one folder that it may use."""
        return self.folder / "root"

    @property
    def log(self) -> Path:
        """What it printed."""
        return self.folder / "server.txt"

    def start(self) -> None:
        """Start it and wait until it is ready."""
        self.root.mkdir(exist_ok=True)
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                self._command(), stdout=log, stderr=log, text=True, env=_environment()
            )
        until = time.monotonic() + START_SECONDS
        while "ready" not in self.log.read_text():
            if self.process.poll() is not None or time.monotonic() > until:
                raise AssertionError(self.log.read_text())
            time.sleep(0.05)

    def kill(self) -> None:
        """End it as a crash would."""
        self._running().kill()
        self._running().wait()

    def stop(self, kind: signal.Signals = signal.SIGTERM) -> int:
        """End it properly; its exit status."""
        self._running().send_signal(kind)
        return self._running().wait(STOP_SECONDS)

    def client(self, key: Key | None = None, timeout: float = 120.0) -> Client:
        """A client of it; close it."""
        return Client(self.connection_file, key, timeout=timeout)

    def _running(self) -> "subprocess.Popen[str]":
        assert self.process is not None
        return self.process

    def _command(self) -> list[str]:
        places = ["--connection-file", self.connection_file, "--root", self.root]
        command = [sys.executable, "-m", "reenact_cli", "serve", *places]
        return [str(part) for part in [*command, "--store", self.folder / "s", *self.arguments]]


@contextmanager
def served(folder: Path, *arguments: str) -> Iterator[Served]:
    """A server that is running, ended if it is left so."""
    server = Served(folder, arguments)
    try:
        server.start()
        yield server
    finally:
        if server.process is not None and server.process.poll() is None:
            server.kill()


def workers_of(pid: int) -> list[int]:
    """The processes that a server has started (Linux)."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] != "Z" and int(fields[1]) == pid:
            found.append(int(status.parent.name))
    return found


def _environment() -> dict[str, str]:
    paths = os.pathsep.join(path for path in sys.path if path)
    return {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
