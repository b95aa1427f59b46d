"""Random and mutated messages against a server: does it still answer a proper client in time?

    PYTHONPATH=. python bridge/bench/fuzz.py [--messages 100000] [--seed 0]

Proper requests are recorded, then bytes, fields and frames of them are changed, dropped, repeated
and swapped. Between bursts a proper client pings; its longest wait and the server's memory are
printed as one JSON object.
"""

import argparse
import json
import random
import tempfile
import time
from pathlib import Path
from typing import Any

import zmq

from tests.bridge.serving import Served, served

BURST = 500
JOB = "0" * 32
STRANGE: tuple[Any, ...] = (
    None, True, -1, 0, 2**63, 10**400, 1.5, "", "\0", "../..", "/etc/passwd", [], {}, [[]] * 40,
    "x" * 70_000, {"a": {"a": {"a": 1}}},
)  # fmt: skip


def recorded(root: Path) -> list[list[bytes]]:
    """Proper requests of every kind that starts no work."""
    path = str(root / "none.otio")
    pixels = {"width": 8, "height": 8, "channels": 3, "dtype": "u1"}
    work = {
        "timeline": {"path": path},
        "out": {"dir": str(root / "out")},
        "options": {"handles": 2},
    }
    bodies: list[tuple[str, dict[str, Any]]] = [
        ("hello", {"protocols": [1], "client": "fuzz"}),
        ("ping", {}),
        ("submit", {"idempotency_key": "k", "priority": 0, **work}),
        ("validate", work),
        ("status", {"job": JOB}),
        ("list", {"limit": 5, "state": "done", "after": JOB}),
        ("result", {"job": JOB}),
        ("cancel", {"job": JOB, "mode": "now"}),
        ("forget", {"job": JOB}),
        ("events.since", {"job": JOB, "seq": 0, "limit": 3}),
        ("session.open", {"pixels": pixels, "engine": "identity", "slots": 1}),
        ("session.close", {"session": JOB}),
        ("frame", {"session": JOB, "frame": 1, "slot": 0}),
        ("detect", {"pixels": pixels}),
    ]
    return [
        [
            b"RNC1",
            json.dumps({"v": 1, "id": str(number), "type": kind, "deadline_ms": 50}).encode(),
            json.dumps(body).encode(),
            *([bytes(192)] if kind == "detect" else []),
        ]
        for number, (kind, body) in enumerate(bodies)
    ]


def mutated(parts: list[bytes], chance: random.Random) -> list[bytes]:
    """A message with something wrong in it."""
    parts = list(parts)
    way = chance.randrange(6)
    place = chance.randrange(len(parts))
    if way == 0:
        parts[place] = _bytes_changed(parts[place], chance)
    elif way in (1, 2) and len(parts) > 2:
        number = chance.choice((1, 2))
        parts[number] = _field_changed(parts[number], chance)
    elif way == 3:
        del parts[place]
    elif way == 4:
        parts.insert(place, chance.choice([b"", parts[place], chance.randbytes(40)]))
    else:
        parts = [chance.randbytes(chance.randrange(60)) for _ in range(chance.randrange(1, 6))]
    return parts or [b""]


def _bytes_changed(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.randrange(1, 4)):
        if changed:
            changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(
        changed[: chance.randrange(len(changed) + 1)] if chance.random() < 0.3 else changed
    )


def _field_changed(data: bytes, chance: random.Random) -> bytes:
    table = json.loads(data)
    key = chance.choice([*table, "strange"])
    table[key] = chance.choice(STRANGE)
    if table.get("type") == "shutdown":
        del table["type"]
    return json.dumps(table).encode()


def run(server: Served, messages: int, seed: int) -> dict[str, Any]:
    """Send so many, and look after the server."""
    chance, known = random.Random(seed), recorded(server.root)
    at = json.loads(server.connection_file.read_text())
    context: zmq.Context[Any] = zmq.Context()
    waits, memory, answers = [0.0], [_memory(server)], 0
    with server.client(timeout=30) as proper:
        for start in range(0, messages, BURST):
            socket: Any = context.socket(zmq.DEALER)
            socket.linger = 2000
            socket.connect(at["control" if chance.random() < 0.5 else "request"])
            for _ in range(min(BURST, messages - start)):
                socket.send_multipart(mutated(chance.choice(known), chance))
                while socket.poll(0):
                    socket.recv_multipart()
                    answers += 1
            began = time.perf_counter()
            proper.ping()
            waits.append(1000 * (time.perf_counter() - began))
            while socket.poll(100):
                socket.recv_multipart()
                answers += 1
            socket.close()
            memory.append(_memory(server))
        proper.hello()
    context.destroy(linger=0)
    third = len(memory) // 3
    return {
        "messages": messages,
        "answers": answers,
        "longest_ping_ms": round(max(waits), 1),
        "server_mib": {"after_a_third": memory[third], "at_the_end": memory[-1]},
    }


def _memory(server: Served) -> float:
    """MiB that the server's process holds."""
    assert server.process is not None
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return round(int(line.split()[1]) / 1024, 1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, served(Path(folder)) as fuzzed:
        (fuzzed.root / "none.otio").write_text("no timeline")
        print(json.dumps(run(fuzzed, given.messages, given.seed), indent=2))
