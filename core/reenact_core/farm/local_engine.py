"""N worker processes on this machine; those that die are replaced."""

import signal
import subprocess
import time
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from reenact_core.farm.board import Board, look
from reenact_core.farm.claims import BEAT_SECONDS, holders
from reenact_core.farm.deaths import Deaths, death_of, killed_for_memory
from reenact_core.farm.job_folder import JobFolder, host_name
from reenact_core.farm.plan import FarmPlan
from reenact_core.farm.records import CRASH, TIME

_LOOK_SECONDS = 0.25


@dataclass(slots=True)
class _Crew:
    """The processes that are at work, and how often they died."""

    command: Sequence[str]
    size: int
    folder: JobFolder
    deaths: Deaths
    running: list["subprocess.Popen[bytes]"]
    killed_for_memory: int
    """How many processes the system had killed for want of memory when it was last asked."""

    def fill(self) -> None:
        """As many processes as there shall be; their standard input ends with this process."""
        while len(self.running) < self.size:
            self.running.append(
                subprocess.Popen(self.command, stdin=subprocess.PIPE, start_new_session=True)
            )

    def reap(self) -> None:
        """Replace those that died; those that found no more work are not replaced."""
        for process in list(self.running):
            status = process.poll()
            if status is None:
                continue
            self.running.remove(process)
            _let_go(process)
            if status < 0 or status == CRASH:
                self._mourn(process.pid, status)
            elif status != TIME:  # which is told of the unit, and freed it
                self.size -= 1

    def _mourn(self, number: int, status: int) -> None:
        """Free what a dead process held, without waiting for its claim to go stale."""
        held = [
            (unit, worker)
            for unit, worker in holders(self.folder).items()
            if worker.startswith(f"{host_name()}-{number}-")
        ]
        before, self.killed_for_memory = self.killed_for_memory, killed_for_memory()
        short = self.killed_for_memory > before
        self.deaths.mourn(held, death_of(status, out_of_memory=short))


def run_local(
    folder: JobFolder,
    plan: FarmPlan,
    command: Sequence[str],
    workers: int,
    *,
    stopped: Callable[[], bool] = lambda: False,
    shots: Collection[str] | None = None,
) -> Generator[Board, None, None]:
    """Run workers until no unit is left that can be done; yields how the job stands, now and then.

    Closing the iterator, or `stopped`, ends the workers: each finishes its frame.

    Args:
        command: what a worker is started with; it is to end when its standard input does, so that
            none is left behind should this process be killed.
        shots: ids of those that the command does; None: all

    Raises:
        SettingsError: workers die before they can take a unit.
    """
    crew = _Crew(command, workers, folder, Deaths(folder, plan), [], killed_for_memory())
    board = Board(plan, shots)
    with _ended(crew):
        crew.fill()
        while crew.running and not stopped():
            time.sleep(_LOOK_SECONDS)
            crew.reap()
            look(board, folder)
            yield board
            if board.has_open:
                crew.fill()


@contextmanager
def _ended(crew: _Crew) -> Iterator[None]:
    """Every process of the crew is gone when the block is left."""
    try:
        yield
    finally:
        for process in crew.running:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + 6 * BEAT_SECONDS
        for process in crew.running:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            _let_go(process)


def _let_go(process: "subprocess.Popen[bytes]") -> None:
    if process.stdin is not None:
        process.stdin.close()
