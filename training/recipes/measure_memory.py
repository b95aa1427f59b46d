"""Memory of a long render against a short one: it must not grow with the clip.

    python training/recipes/measure_memory.py [--frames 300 3000] [--without-networks] [--json OUT]

Repeats the packets of `../shared/clips/plate_skarsgard_1080p.mp4` (1920 x 1080, without its sound)
into clips of so many frames, recasts each in a process of its own, and prints the peak of the
resident memory of each and their ratio. The bar: 3,000 frames within 10 % of 300.
"""

import argparse
import json
import multiprocessing
import re
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from reenact_core.media.opening import created, opened

CLIPS = Path(__file__).resolve().parents[2].parent / "shared" / "clips"
PLATE = CLIPS / "plate_skarsgard_1080p.mp4"
PORTRAIT = CLIPS / "still_portrait1.jpg"


@dataclass(frozen=True, slots=True)
class Measure:
    """What one render took."""

    frames: int
    peak_megabytes: float
    """Highest resident memory of the process, of which `base_megabytes` are there at its start."""
    base_megabytes: float
    by_stage: dict[str, float]
    """Highest resident memory, MB, seen while each stage was under way."""
    seconds: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=_Plain)
    parser.add_argument("--frames", type=int, nargs="+", default=[300, 3000])
    parser.add_argument("--without-networks", action="store_true", help="echo the driving face")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    measures = [measure(count, networks=not given.without_networks) for count in given.frames]
    for one in measures:
        stages = ", ".join(f"{name} {value:.0f}" for name, value in one.by_stage.items())
        print(f"{one.frames} frames: {one.peak_megabytes:.0f} MB ({stages}), {one.seconds:.0f} s")
    ratio = measures[-1].peak_megabytes / measures[0].peak_megabytes
    print(f"{given.frames[-1]} against {given.frames[0]} frames: {ratio:.3f}")
    if given.json:
        table = {"measures": [asdict(one) for one in measures], "ratio": ratio}
        given.json.write_text(json.dumps(table, indent=2) + "\n", "utf-8")


def measure(count: int, *, networks: bool) -> Measure:
    """Render a clip of so many frames in a fresh process."""
    context = multiprocessing.get_context("spawn")
    receive, send = context.Pipe(duplex=False)
    with tempfile.TemporaryDirectory(prefix="reenact-memory-") as folder:
        clip = Path(folder) / "clip.mp4"
        repeat(PLATE, clip, count)
        work = context.Process(target=_render, args=(clip, count, networks, send))
        work.start()
        send.close()
        try:
            result: Measure = receive.recv()
        except EOFError:
            raise SystemExit(f"the render of {count} frames ended without a result") from None
        finally:
            work.join()
    return result


def repeat(source: Path, target: Path, count: int) -> None:
    """A clip of at least `count` frames: a source that is shown whole again and again."""
    with created(target) as out:
        with opened(source) as first:
            template: Any = first.streams.video[0]
            stream = out.add_stream_from_template(template)
            length = int(template.frames)
            step = int(1 / (template.average_rate * template.time_base))
        for shift in range(0, count * step, length * step):
            with opened(source) as file:
                for packet in file.demux(file.streams.video[0]):
                    if packet.size:
                        packet.pts = (packet.pts or 0) + shift
                        packet.dts = (packet.dts or 0) + shift
                        packet.stream = stream
                        out.mux(packet)


def _render(clip: Path, count: int, networks: bool, send: Any) -> None:
    from reenact_core.engine.events import Progress, ShotFailed

    began = time.monotonic()
    base = resident_megabytes()
    stage = ["start"]
    with watching(stage) as peaks:
        for event in _events(clip, count, networks):
            if isinstance(event, Progress):
                stage[0] = event.stage
            if isinstance(event, ShotFailed):
                raise event.error
    peak = max(peaks.values())
    send.send(Measure(count, peak, base, dict(peaks), time.monotonic() - began))


def _events(clip: Path, count: int, networks: bool) -> Iterator[Any]:
    from reenact_core.engine.render import render_plan, render_shots
    from reenact_core.engine.resume import open_run
    from reenact_core.engine.workshop import Workshop
    from reenact_core.settings import Settings
    from reenact_core.timeline.plan import Cast, FaceChoice, Plan, Shot, Source
    from reenact_core.timing import FrameRange
    from reenact_core.tracking.embedded import EmbeddedDetector

    frames = FrameRange(0, count, Fraction(30000, 1001))
    cast = Cast(FaceChoice(), "recast", PORTRAIT, None, None)
    shot = Shot("clip", "clip", (0,), Source(clip, frames), frames, Fraction(0), (cast,))
    plan, out, settings = Plan(clip, (shot,)), clip.parent / "out", Settings()
    if networks:
        from reenact_core.devices import Compute
        from reenact_core.models.load import load_models

        yield from render_plan(plan, load_models(), out, settings, Compute(), codec="h264")
        return
    from tests.echo import EchoPerformer

    with open_run(out) as folder:
        detector = EmbeddedDetector()
        shop = Workshop(folder, settings, "h264", detector, "embedded", EchoPerformer(), "echo")
        yield from render_shots(plan, shop)


@contextmanager
def watching(stage: Sequence[str]) -> Iterator[dict[str, float]]:
    """The highest resident memory while each stage was under way, looked at ten times a second."""
    peaks: dict[str, float] = {}
    done = threading.Event()

    def look() -> None:
        while not done.wait(0.1):
            peaks[stage[0]] = max(peaks.get(stage[0], 0.0), resident_megabytes())

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield peaks
    finally:
        done.set()
        thread.join()


def resident_megabytes() -> float:
    """This process's resident memory, as Linux counts it."""
    status = Path("/proc/self/status").read_text("utf-8")
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) / 1000


class _Plain(argparse.RawDescriptionHelpFormatter):
    """Keeps the lines of the description."""


if __name__ == "__main__":
    main()
