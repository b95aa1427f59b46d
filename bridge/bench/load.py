"""Many clients at once: is every request answered, how long does `status` take, does memory grow?

    PYTHONPATH=. python bridge/bench/load.py [--clients 200] [--seconds 20]

While a render runs, every client connects anew, submits a job (which fails at once: its timeline is
none) and polls `status`. Prints one JSON object.
"""

import argparse
import json
import random
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

import zmq

from tests.bridge.footage import options, write_edit
from tests.bridge.serving import Served, served
from tests.chance import write_chance

PAUSE_SECONDS = 0.25
"""Between an answer and a client's next request."""


class Swarm:
    """Clients as bare DEALERs, all polled by one thread."""

    def __init__(self, server: Served, count: int, job: str) -> None:
        at = json.loads(server.connection_file.read_text())
        self.context: zmq.Context[Any] = zmq.Context()
        self.context.set(zmq.MAX_SOCKETS, 4096)
        self.poller = zmq.Poller()
        self.job, self.waiting = job, dict[Any, tuple[str, str, float]]()
        self.due: list[tuple[float, Any]] = []
        self.milliseconds: list[float] = []
        self.errors: dict[str, int] = {}
        self.sent = self.answered = 0
        for number in range(count):
            socket: Any = self.context.socket(zmq.DEALER)
            socket.linger = 0
            socket.connect(at["control" if number % 2 else "request"])
            self.poller.register(socket, zmq.POLLIN)
            kind = "submit" if number % 2 == 0 else "hello"
            self.send(socket, kind, _job_of_nothing(server.root) if kind == "submit" else {})

    def send(self, socket: Any, kind: str, body: dict[str, Any]) -> None:
        number = uuid.uuid4().hex
        head = json.dumps({"v": 1, "id": number, "type": kind}).encode()
        socket.send_multipart([b"RNC1", head, json.dumps(body).encode()])
        self.waiting[socket] = (kind, number, time.perf_counter())
        self.sent += 1

    def run(self, seconds: float) -> None:
        """Ask until the time is over, then wait for the answers that are missing."""
        ends = time.monotonic() + seconds
        while time.monotonic() < ends or (self.waiting and time.monotonic() < ends + 10):
            for socket, _ in self.poller.poll(20):
                self.hear(socket)
            now = time.monotonic()
            if now < ends:
                for _, socket in [item for item in self.due if item[0] <= now]:
                    self.send(socket, "status", {"job": self.job})
                self.due = [item for item in self.due if item[0] > now]

    def hear(self, socket: Any) -> None:
        heard = time.perf_counter()
        head = json.loads(socket.recv_multipart()[1])
        kind, number, sent = self.waiting.pop(socket)
        assert head["parent"] == number
        self.answered += 1
        if head["type"] == "error":
            self.errors[kind] = self.errors.get(kind, 0) + 1
        if kind == "status":
            self.milliseconds.append(1000 * (heard - sent))
        pause = PAUSE_SECONDS * random.uniform(0.5, 1.5)
        self.due.append((time.monotonic() + pause, socket))

    def close(self) -> None:
        self.context.destroy(linger=0)


def measure(clients: int, seconds: float) -> dict[str, Any]:
    """One run against a server of its own."""
    with tempfile.TemporaryDirectory() as folder, served(Path(folder)) as server:
        checkpoint = write_chance(server.root / "chance.safetensors")
        edit = write_edit(server.root / "edit", shots=4, length=100)
        (server.root / "none.otio").write_text("no timeline")
        with server.client() as client:
            asked = options(edit, checkpoint)
            job = client.submit(edit, server.root / "out", asked, priority=9)
            for event in client.watch(job, timeout=300):
                if event["kind"] == "progress":
                    break
            before = _memory(server)
            swarm = Swarm(server, clients, job)
            swarm.run(seconds)
            rendering = not client.status(job)["final"]
            after = _memory(server)
            swarm.close()
            client.cancel(job, "now")
        times = sorted(swarm.milliseconds)
        return {
            "clients": clients,
            "seconds": seconds,
            "sent": swarm.sent,
            "lost": swarm.sent - swarm.answered,
            "errors": swarm.errors,
            "render_ran_throughout": rendering,
            "status": len(times),
            "status_ms": {f"p{p}": round(_percentile(times, p), 2) for p in (50, 90, 99, 100)},
            "server_mib": {"before": before, "after": after},
        }


def _job_of_nothing(root: Path) -> dict[str, Any]:
    return {
        "idempotency_key": uuid.uuid4().hex,
        "timeline": {"path": str(root / "none.otio")},
        "out": {"dir": str(root / "nothing")},
        "priority": 0,
    }


def _memory(server: Served) -> float:
    """MiB that the server's process holds."""
    assert server.process is not None
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return round(int(line.split()[1]) / 1024, 1)


def _percentile(times: list[float], percent: int) -> float:
    return times[min(len(times) - 1, len(times) * percent // 100)]


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=20.0)
    given = parser.parse_args()
    print(json.dumps(measure(given.clients, given.seconds), indent=2))
