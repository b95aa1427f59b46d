"""A process beside an engine's tasks that keeps the plan and the networks loaded between them.

`reenact farm warm` starts it and says where it is; `reenact farm run-unit`, where `REENACT_WARM`
names it, lets it do the units, shows what it tells, and passes on a wish to stop. It ends when it
is told to, or when nobody has asked it for anything for a while.
"""

import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reenact_core.farm.desk import Desk

VARIABLE = "REENACT_WARM"
"""Names the folder that tells where the process listens."""
ADDRESS = "address.json"
IDLE_SECONDS = 900.0
START_SECONDS = 120.0
_POLL_SECONDS = 0.2

Tables = Generator[dict[str, Any], None, int]
"""Events of units as plain values; gives the exit status."""


@dataclass(frozen=True, slots=True)
class Place:
    """What a warm process has open: it does units of this job alone, and in this way."""

    job: str
    device: str
    path_map: str | None
    """What the rules file holds, wherever it lies."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a warm process is asked to do."""

    units: tuple[str, ...]
    steal_after: float = 60.0
    gives_up: bool = False
    """Whether what is given up is on record only."""


def place_of(job: Path, device: str, path_map: Path | None) -> Place:
    """The place that a command line names.

    Raises:
        OSError: the path map cannot be read.
    """
    rules = None if path_map is None else path_map.read_text("utf-8").strip()
    return Place(str(job.absolute()), device, None if rules == "{}" else rules)


def start(job: Path, device: str, path_map: Path | None) -> Path:
    """Start a process, and wait until it listens; gives the folder that names it.

    Raises:
        SettingsError: it does not start.
    """
    from reenact_core.errors import SettingsError

    folder = Path(tempfile.mkdtemp(prefix="reenact-warm-"))
    line = [sys.executable, "-m", "reenact_cli.farm_warm", str(folder), str(job.absolute()), device]
    line += [] if path_map is None else [str(path_map.absolute())]
    with (folder / "log.txt").open("wb") as log:
        process = subprocess.Popen(
            line, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    deadline = time.monotonic() + START_SECONDS
    while not (folder / ADDRESS).exists():
        if process.poll() is not None or time.monotonic() > deadline:
            said = (folder / "log.txt").read_text("utf-8", "replace").strip()[-2000:]
            process.kill()
            shutil.rmtree(folder, ignore_errors=True)
            raise SettingsError(f"no warm process could be started: {said or 'it takes too long'}")
        time.sleep(0.05)
    return folder


def stop(folder: Path) -> None:
    """End a warm process; nothing happens where it has ended."""
    with suppress(OSError, EOFError, AuthenticationError), _connected(folder) as connection:
        connection.send_bytes(b'"end"')
        connection.recv_bytes()
    shutil.rmtree(folder, ignore_errors=True)  # of one that was killed


def ask(place: Place, request: Request, stopped: Callable[[], bool]) -> Tables:
    """Let the warm process that the environment names do units.

    Raises:
        WarmError: there is none, it has something else open, or it died.
    """
    folder = os.environ.get(VARIABLE)
    if not folder:
        raise WarmError("no warm process is named")
    table = {"place": asdict(place), **asdict(request)}
    try:
        with _connected(Path(folder)) as connection:
            connection.send_bytes(json.dumps(table).encode())
            return (yield from _heard(connection, stopped))
    except (OSError, EOFError, ValueError, AuthenticationError) as error:
        raise WarmError(f"the warm process is gone ({type(error).__name__})") from error


class WarmError(Exception):
    """No warm process does it; whoever asked must."""


def _heard(connection: Connection, stopped: Callable[[], bool]) -> Tables:
    told = False
    while True:
        if stopped() and not told:
            connection.send_bytes(b'"stop"')
            told = True
        if not connection.poll(_POLL_SECONDS):
            continue
        table = json.loads(connection.recv_bytes())
        if "refused" in table:
            raise WarmError(table["refused"])
        if "status" in table:
            return int(table["status"])
        yield table


@contextmanager
def _connected(folder: Path) -> Iterator[Connection]:
    table = json.loads((folder / ADDRESS).read_text("utf-8"))
    with Client(table["address"], authkey=bytes.fromhex(table["key"])) as connection:
        yield connection


class _Warm:
    """The process itself: one caller after the other."""

    def __init__(self, job: Path, device: str, path_map: Path | None) -> None:
        self._job, self._device, self._path_map = job, device, path_map
        self._place = place_of(job, device, path_map)
        self._desk, self._stamp = self._opened(), self._stamp_now()
        self.last = time.monotonic()
        self.is_busy = False

    def answer(self, connection: Connection) -> bool:
        """Do what a caller asks; whether to go on."""
        request = json.loads(connection.recv_bytes())
        if request == "end":
            connection.send_bytes(b"{}")
            return False
        self.is_busy = True
        try:
            self._do(request, connection)
        finally:
            self.is_busy, self.last = False, time.monotonic()
        return True

    def _do(self, request: Mapping[str, Any], connection: Connection) -> None:
        from reenact_cli.farm_show import event_table
        from reenact_core.errors import ReenactError
        from reenact_core.farm.job_folder import StoppedError
        from reenact_core.farm.unit_names import named_units
        from reenact_core.farm.worker import run_units

        def tell(table: Mapping[str, Any]) -> None:
            connection.send_bytes(json.dumps(table).encode())

        if request["place"] != asdict(self._place):
            tell({"refused": "the warm process has another job open"})
            return
        asked: list[bool] = []

        def is_asked() -> bool:
            """A word from the caller, and its death, both mean: stop."""
            if asked:
                return True
            with suppress(EOFError, OSError):
                if not connection.poll():
                    return False
                connection.recv_bytes()
            asked.append(True)
            return True

        status = INTERRUPTED
        try:
            desk = self._current()
            units = named_units(desk.plan, request["units"])
            run = run_units(
                units,
                desk,
                stopped=is_asked,
                steal_after=request["steal_after"],
                gives_up=request["gives_up"],
            )
            while True:
                tell(event_table(next(run)))
        except StopIteration as end:
            status = end.value
        except StoppedError:
            pass
        except ReenactError as error:
            tell({"refused": str(error)})
            return
        tell({"status": status})

    def _current(self) -> "Desk":
        """The desk, anew when the job was planned anew."""
        if self._stamp_now() != self._stamp:
            self._desk, self._stamp = self._opened(), self._stamp_now()
        return self._desk

    def _opened(self) -> "Desk":
        from reenact_cli.farm_job import desk_at

        return desk_at(self._job, self._device, self._path_map)

    def _stamp_now(self) -> tuple[int, int] | None:
        from reenact_core.farm.plan import PLAN_FILE

        with suppress(OSError):
            status = (self._job / PLAN_FILE).stat()
            return status.st_size, status.st_mtime_ns
        return None


INTERRUPTED = 130


def main(folder: Path, warm: _Warm) -> None:
    """Listen until told to end, or until nobody has come for long."""
    key = secrets.token_bytes(32)
    with Listener(_address(folder), authkey=key) as listener:
        table = {"address": listener.address, "key": key.hex(), "process": os.getpid()}
        partial = folder / "partial"
        partial.touch(0o600)
        partial.write_text(json.dumps(table), "utf-8")
        partial.replace(folder / ADDRESS)
        threading.Thread(target=_end_when_idle, args=(folder, warm), daemon=True).start()
        going = True
        while going:
            with suppress(EOFError, OSError, AuthenticationError), listener.accept() as connection:
                going = warm.answer(connection)
    shutil.rmtree(folder, ignore_errors=True)


def _end_when_idle(folder: Path, warm: _Warm) -> None:
    while warm.is_busy or time.monotonic() - warm.last < IDLE_SECONDS:
        time.sleep(1.0)
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)


def _address(folder: Path) -> str | None:
    """A socket in a folder that is this user's alone; on Windows a pipe of any name."""
    return None if os.name == "nt" else str(folder / "socket")


if __name__ == "__main__":
    given = [Path(word) for word in sys.argv[1:]]
    main(given[0], _Warm(given[1], sys.argv[3], given[3] if given[3:] else None))
