"""How long does another client wait while one client sends what a server must not choke on?

    PYTHONPATH=. python bridge/bench/hostile.py [--only NAME,...] [--numbers 4000000000]

For every hostile call: one client sends it, and another one at once asks for the faces in pixels of
its own, which a worker must answer, and pings the control socket. Prints a JSON object a call: the
seconds until each of them is served, and what the hostile client is told after how long. The dead
mount is a FUSE file system that nobody answers for; it needs root.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import opentimelineio as otio

from tests.bridge.dead_mount import dead_mount
from tests.bridge.hostile import (
    Request,
    huge_header,
    huge_tiff,
    many_clips,
    numbered,
    pipe,
    piped_media,
    png,
    timeline_of,
)
from tests.bridge.raw_client import Raw
from tests.bridge.serving import Served, served

LONGEST = 300.0
"""Seconds after which an answer is not waited for any more."""
SMALL = {"width": 64, "height": 64, "channels": 3, "dtype": "u1"}


def calls(root: Path, numbers: int, stack: ExitStack) -> dict[str, Callable[[], Request]]:
    """The hostile calls by name; each makes its files when it is called."""
    (root / "face.png").write_bytes(png(64, 64))

    def dead() -> Request:
        stack.enter_context(dead_mount(root / "dead"))
        return "detect", {"path": str(root / "dead" / "a.png")}

    def dead_media() -> Request:
        stack.enter_context(dead_mount(root / "dead2"))
        media = otio.schema.ExternalReference(str(root / "dead2" / "a.mov"))
        (root / "t2").mkdir()
        return timeline_of(root / "t2" / "cut.otio", media)

    return {
        "padding of 2e9": lambda: numbered(root / "padded", 2_000_000_000, 2),
        "pattern of 2e9 digits": lambda: numbered(root / "pt", 4, 2)
        and ("detect", {"path": str(root / "pt" / "sh.%02000000000d.png")}),
        "numbers": lambda: numbered(root / "numbered", 4, numbers),
        "huge picture": lambda: huge_tiff(root / "huge.tif", 40_000),
        "huge header": lambda: huge_header(root / "huge.png"),
        "fifo": lambda: ("detect", {"path": str(pipe(root / "fifo.mov"))}),
        "fifo as media": lambda: piped_media(root / "p"),
        "fifo as timeline": lambda: (
            "validate", {"timeline": {"path": str(pipe(root / "fifo.otio"))}}
        ),
        "dead mount": dead,
        "dead mount as media": dead_media,
        "60,000 clips": lambda: many_clips(root, 60_000),
    }  # fmt: skip


def attack(server: Served, request: Request) -> dict[str, Any]:
    """One client sends a request; how long another waits."""
    kind, body = request
    faces: dict[str, Any] = {
        "body": {"pixels": SMALL},
        "buffers": (bytes(64 * 64 * 3),),
        "seconds": LONGEST,
        "deadline_ms": int(LONGEST * 1000),
    }
    with Raw(server.connection_file) as attacker, Raw(server.connection_file) as other:
        other.ok("capabilities", seconds=LONGEST)
        other.ok("detect", **faces)
        began = time.monotonic()
        parts = [b"RNC1", json.dumps({"v": 1, "id": "1", "type": kind}).encode()]
        attacker.request.send_multipart([*parts, json.dumps(body).encode()])
        time.sleep(0.1)
        other.ok("ping", control=True, seconds=LONGEST)
        pinged = time.monotonic() - began - 0.1
        other.ok("detect", **faces)
        served_after = time.monotonic() - began - 0.1
        told: Any = "nothing"
        if attacker.request.poll(int(LONGEST * 1000)):
            _, head, answer, *_ = attacker.request.recv_multipart()
            error = json.loads(head)["type"] == "error"
            told = json.loads(answer) if error else f"{len(answer)} bytes"
        return {
            "ping_s": round(pinged, 3),
            "other_served_s": round(served_after, 3),
            "answered_s": round(time.monotonic() - began, 2),
            "told": told,
        }


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="")
    parser.add_argument("--numbers", type=int, default=4_000_000_000)
    given = parser.parse_args()
    wanted = [name for name in given.only.split(";") if name]
    with (
        tempfile.TemporaryDirectory() as folder,
        ExitStack() as stack,
        served(Path(folder)) as server,
    ):
        for name, make in calls(server.root, given.numbers, stack).items():
            if not wanted or name in wanted:
                print(json.dumps({"call": name, **attack(server, make())}), flush=True)


if __name__ == "__main__":
    main()
