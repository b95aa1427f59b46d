"""A 4K frame there and back through shared memory, against a bare ping with the same memory.

    PYTHONPATH=. python bridge/bench/frames.py [--rounds 60]

The bare ping is what no server could be faster than: the pixels copied into shared memory, one
ZeroMQ message to another process and back, the pixels copied out. Both are taken in turn, so that
other work on the machine meets both. Prints one JSON object.
"""

import argparse
import json
import multiprocessing
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import zmq

from reenact_bridge.regions import map_region, new_region
from tests.bridge.serving import served

WIDTH, HEIGHT = 3840, 2160


def echo(endpoint: str) -> None:
    """Send back what comes."""
    context: zmq.Context[Any] = zmq.Context()
    with context.socket(zmq.REP) as socket:
        socket.bind(endpoint)
        while (said := socket.recv()) != b"stop":
            socket.send(said)
        socket.send(said)


def measure(rounds: int) -> dict[str, Any]:
    """Milliseconds of both, and their ratio."""
    pixels = os.urandom(WIDTH * HEIGHT * 3)
    region = new_region(len(pixels))
    mapped = map_region(region.path, region.size)
    with tempfile.TemporaryDirectory() as folder, served(Path(folder)) as server:
        endpoint = f"ipc://{folder}/echo"
        other = multiprocessing.Process(target=echo, args=(endpoint,))
        other.start()
        context: zmq.Context[Any] = zmq.Context()
        socket: Any = context.socket(zmq.REQ)
        socket.connect(endpoint)

        def bare() -> float:
            began = time.perf_counter()
            mapped.view[:] = pixels
            socket.send(b"ping")
            socket.recv()
            back = bytes(mapped.view)
            assert len(back) == len(pixels)
            return 1000 * (time.perf_counter() - began)

        with (
            server.client() as client,
            client.open_preview(WIDTH, HEIGHT, engine="identity") as preview,
        ):

            def through() -> float:
                began = time.perf_counter()
                back, _ = preview.frame(pixels, 0)
                assert len(back) == len(pixels)
                return 1000 * (time.perf_counter() - began)

            for warm in (bare, through, bare, through):
                warm()
            pairs = [(bare(), through()) for _ in range(rounds)]
        socket.send(b"stop")
        socket.recv()
        other.join()
        context.destroy(linger=0)
    mapped.close()
    region.remove()
    bares, frames = (sorted(times) for times in zip(*pairs, strict=True))
    return {
        "bytes": len(pixels),
        "rounds": rounds,
        "bare_ms": {"median": round(statistics.median(bares), 2), "best": round(bares[0], 2)},
        "frame_ms": {"median": round(statistics.median(frames), 2), "best": round(frames[0], 2)},
        "ratio_of_medians": round(statistics.median(frames) / statistics.median(bares), 3),
        "ratio_of_bests": round(frames[0] / bares[0], 3),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=60)
    print(json.dumps(measure(parser.parse_args().rounds), indent=2))
