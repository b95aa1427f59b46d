"""A worker: a process that renders, or that answers at once, on one device.

    python -m reenact_bridge.worker

The server writes commands to its stdin and reads answers from its stdout (`pipes.py`); whatever
libraries print goes to stderr. It ends when the server is gone.
"""

import ctypes
import os
import queue
import signal
import sys
import threading
import traceback
import uuid
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import IO, Any

from reenact_bridge.bounds import bounded_memory, lacked_memory, too_large
from reenact_bridge.errors import ProtocolError
from reenact_bridge.failures import error_of
from reenact_bridge.pipes import read_messages, write_message
from reenact_bridge.roots import Roots
from reenact_core.errors import ReenactError
from reenact_core.media.first_look import LOOKER

POLITE = 5
"""By so much a render stands back behind the server, its previews and the editor itself."""

_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG


class Worker:
    """Does what the server says, one thing after another."""

    def __init__(self, commands: IO[bytes], answers: IO[bytes]) -> None:
        self._answers = answers
        self._lock = threading.Lock()
        self._stopped: set[str] = set()
        self._work_bytes, self._on_cpu = 0, False
        self._queue: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, args=(commands,), daemon=True)

    def run(self) -> None:
        """Work until the server is gone."""
        self._reader.start()
        start = self._queue.get()
        if start.get("politely") and hasattr(os, "nice"):
            os.nice(POLITE)
        LOOKER.start()  # its time is not the first call's
        from reenact_bridge.live_calls import LiveCalls  # torch: slow, after the reader listens
        from reenact_bridge.warm import Warm

        roots = Roots.of([Path(folder) for folder in start["roots"]])
        warm = Warm(start["device"], roots)
        if "work_bytes" in start:
            self._work_bytes = int(start["work_bytes"])
            self._on_cpu = warm.on_cpu
        calls = LiveCalls(warm)
        self._say({"is": "ready"})
        print(f"worker {os.getpid()} is ready", file=sys.stderr, flush=True)
        while True:
            command = self._queue.get()
            if command["do"] == "render":
                self._render(command, warm)
            elif command["do"] == "call":
                self._call(command, calls)
            elif command["do"] == "drop":
                calls.drop(command["session"])

    def _read(self, commands: IO[bytes]) -> None:
        """Take commands as they come; a cancel is heard while others are at work."""
        for command in read_messages(commands):
            if command["do"] == "stop":
                self._stopped.add(command["job"])
            else:
                self._queue.put(command)
        # The server is gone. What is half-made bears no final name, and the next run clears it.
        os._exit(0)

    def _render(self, command: dict[str, Any], warm: Any) -> None:
        from reenact_bridge.render_job import Listener, StoppedError, render

        job = command["job"]
        listener = Listener(
            lambda state: self._say({"is": "state", "job": job, "state": state}),
            lambda event: self._say({"is": "progress", "job": job, "event": event}),
            lambda: job in self._stopped,
        )
        try:
            result = render(command["work"], warm, listener)
        except StoppedError:
            self._say({"is": "stopped", "job": job})
        except (ReenactError, ProtocolError, MemoryError) as error:
            self._say({"is": "failed", "job": job, "error": error_of(error).body()})
        except Exception as error:
            self._say({"is": "failed", "job": job, "error": _bug(error)})
            raise SystemExit(1) from error  # who knows what state this process is in
        else:
            self._say({"is": "done", "job": job, "result": result})
        self._stopped.discard(job)

    def _call(self, command: dict[str, Any], calls: Any) -> None:
        number = command["call"]
        try:
            with self._bounds():
                body = calls.answer(command["name"], command["body"])
        except (ReenactError, ProtocolError, MemoryError) as error:
            refusal = self._too_large(command, error) or error_of(error).body()
            self._say({"is": "refused", "call": number, "error": refusal})
        except Exception as error:
            refusal = self._too_large(command, error) or _bug(error)
            self._say({"is": "refused", "call": number, "error": refusal})
            raise SystemExit(1) from error
        else:
            self._say({"is": "answer", "call": number, "body": body})

    def _bounds(self) -> AbstractContextManager[None]:
        """On the CPU; drivers of other devices take what they like, and the server watches."""
        if not self._on_cpu:
            return nullcontext()
        return bounded_memory(self._work_bytes, LOOKER.process_id)

    def _too_large(self, command: dict[str, Any], error: Exception) -> dict[str, Any] | None:
        if not self._on_cpu or not lacked_memory(error):
            return None
        return too_large(command["name"], self._work_bytes).body()

    def _say(self, message: dict[str, Any]) -> None:
        try:
            with self._lock:
                write_message(self._answers, message)
        except OSError:
            os._exit(0)  # the server is gone


def _bug(error: Exception) -> dict[str, Any]:
    """An error that says nothing of our inside; the log has the rest under its number."""
    number = uuid.uuid4().hex[:12]
    print(f"[{number}] {traceback.format_exc()}", file=sys.stderr, flush=True)
    said = f"a bug in reenact ({type(error).__name__}); the server's log has it as {number}"
    return ProtocolError("E_INTERNAL", said, log=number).body()


def _end_with_parent() -> None:
    """Have the system kill this process when the server dies, even while it is busy."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)


def main() -> None:
    """Run a worker on this process's pipes."""
    _end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    commands = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115 - for the process's life
    Worker(commands, answers).run()


if __name__ == "__main__":
    main()
