"""`kill -9` of worker, server and client at random moments of a job: does it end once, and whole?

    PYTHONPATH=. python bridge/bench/kills.py [--points 20] [--seed 0] [--victims server client]

Every job must end in exactly one final state, its shots must be whole, and a key that is submitted
again must be the same job. Prints one JSON object.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from reenact_core.media.probe import probe
from tests.bridge.footage import options, write_edit
from tests.bridge.serving import Served, served, workers_of
from tests.chance import write_chance

LENGTH = 6
VICTIMS = ("worker", "server", "client")
CLIENT = """
import json, sys
from reenact_bridge.client import Client
file, edit, out, asked, key = sys.argv[1:]
with Client(file, timeout=120) as client:
    job = client.submit(edit, out, json.loads(asked), key=key)
    for event in client.watch(job):
        pass
"""


def one(
    server: Served, victim: str, wait: float, number: int, asked: dict[str, Any]
) -> tuple[str, bool]:
    """A job whose worker, server or client is killed so many seconds after it was submitted.

    How it ended, and whether the kill came before that.
    """
    edit, out = server.root / "edit" / "cut.otio", server.root / f"out-{victim}-{number}"
    key = f"{victim}-{number}"
    if victim == "client":
        places = [str(server.connection_file), str(edit), str(out), json.dumps(asked), key]
        watcher = subprocess.Popen([sys.executable, "-c", CLIENT, *places])
        time.sleep(wait)
        watcher.kill()
        watcher.wait()
    with server.client() as client:
        job = client.submit(edit, out, asked, key=key)
        if victim != "client":
            time.sleep(wait)
        during = not client.status(job)["final"]
        if victim != "client":
            _kill(server, victim)
        assert client.submit(edit, out, asked, key=key) == job
        record = client.wait(job, timeout=1800)
        state = str(record["state"])
        if state != "done":
            print(record["error"], file=sys.stderr)
        finals = [e for e in client.events_since(job) if e["state"] in ("done", "failed")]
        assert len(finals) == 1, finals
        if state == "done":
            result = client.result(job)
            assert result["complete"] and Path(result["timeline"]).is_file()
            for shot in result["shots"]:
                assert probe(Path(shot["file"])).frame_count == LENGTH - 2
    left = [path for path in out.rglob("*") if "partial" in path.name]
    assert not left, left
    return state, during


def _kill(server: Served, victim: str) -> None:
    assert server.process is not None
    if victim == "worker":
        for worker in workers_of(server.process.pid):
            os.kill(worker, signal.SIGKILL)
        return
    server.kill()
    time.sleep(random.uniform(0.0, 0.5))
    server.start()


def measure(points: int, seed: int, victims: list[str]) -> dict[str, Any]:
    """How jobs ended, by what was killed."""
    chance = random.Random(seed)
    ended: dict[str, dict[str, int]] = {}
    with tempfile.TemporaryDirectory() as folder, served(Path(folder)) as server:
        checkpoint = write_chance(server.root / "chance.safetensors")
        asked = options(write_edit(server.root / "edit", shots=2, length=LENGTH), checkpoint)
        began = time.monotonic()
        one(server, "client", 0.0, -1, asked)
        whole = time.monotonic() - began
        for victim in victims:
            ended[victim], number = {}, 0
            while sum(ended[victim].values()) < points:
                state, during = one(server, victim, chance.uniform(0, whole), number, asked)
                number += 1
                if during:
                    ended[victim][state] = ended[victim].get(state, 0) + 1
                print(f"{victim} {number}: {state}, {during}", file=sys.stderr, flush=True)
    return {"points": points, "undisturbed_s": round(whole, 1), "ended": ended}


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--points", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--victims", nargs="+", choices=VICTIMS, default=list(VICTIMS))
    given = parser.parse_args()
    print(json.dumps(measure(given.points, given.seed, given.victims), indent=2))
