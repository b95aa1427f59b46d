"""A render's stages, each with its seconds, processor time and memory.

The engine works one stage after the other, and tells of every step: what passes until it tells of
a stage is that stage's. Decoding ahead, in a thread of its own, shows in the processor time.
"""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reenact_cli.demo import TIMELINE
from reenact_cli.networks import detector_named, models_named
from reenact_core.devices import Compute

_SAMPLE_SECONDS = 0.02


@dataclass(slots=True)
class Measured:
    """One stage, all frames together."""

    name: str
    frames: int = 0
    seconds: float = 0.0
    """Of the wall's clock."""
    cpu_seconds: float = 0.0
    """Of all threads together."""
    peak_megabytes: float = 0.0
    """Highest resident memory of the whole process, seen while the stage was under way."""
    gpu_megabytes: float | None = None
    """Highest memory that torch held on the GPU; None on the CPU."""

    @property
    def table(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "stage": self.name,
            "frames": self.frames,
            "seconds": self.seconds,
            "cpu_seconds": self.cpu_seconds,
            "peak_megabytes": self.peak_megabytes,
            "gpu_megabytes": self.gpu_megabytes,
        }


@dataclass(slots=True)
class _Watch:
    """The stages so far, and the moment since which time belongs to none of them."""

    compute: Compute
    stages: dict[str, Measured] = field(default_factory=dict)
    wall: float = field(default_factory=time.perf_counter)
    cpu: float = field(default_factory=time.process_time)
    peak: float = 0.0

    def credit(self, name: str) -> Measured:
        """Give what passed since the last time to a stage."""
        stage = self.stages.setdefault(name, Measured(name))
        wall, cpu = time.perf_counter(), time.process_time()
        stage.seconds += wall - self.wall
        stage.cpu_seconds += cpu - self.cpu
        stage.peak_megabytes = max(stage.peak_megabytes, self.peak, resident_megabytes())
        if (gpu := _gpu_megabytes(self.compute)) is not None:
            stage.gpu_megabytes = max(stage.gpu_megabytes or 0.0, gpu)
        self.wall, self.cpu, self.peak = wall, cpu, 0.0
        return stage

    @contextmanager
    def sampling(self) -> Iterator[None]:
        """Look at the memory now and then, in a thread."""
        done = threading.Event()

        def look() -> None:
            while not done.wait(_SAMPLE_SECONDS):
                self.peak = max(self.peak, resident_megabytes())

        thread = threading.Thread(target=look, daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()


def measure_stages(
    footage: Path,
    out: Path,
    compute: Compute,
    checkpoint: str | None,
    integrator: str | None = None,
) -> Iterator[Measured]:
    """The stages of rendering the first clip of the demo's timeline, once it is done.

    Args:
        integrator: `ID[:FILE]` of another G.

    Raises:
        ReenactError: the networks or the device cannot be used, or the shot failed.
    """
    from reenact_core.engine.events import Progress, ShotFailed
    from reenact_core.engine.render import render_plan
    from reenact_core.settings import Settings
    from reenact_core.timeline.read import make_plan, read_timeline
    from reenact_core.timeline.request import Request

    watch = _Watch(compute)
    with watch.sampling():
        models = models_named(checkpoint, compute, integrator)
        detector = detector_named("embedded")
        watch.credit("load")
        plan = make_plan(read_timeline(footage / TIMELINE, work=out), Request(clips=("close_up",)))
        run = render_plan(plan, models, out, Settings(), compute, detector=detector)
        with closing(run) as events:
            for event in events:
                if isinstance(event, ShotFailed):
                    raise event.error
                if isinstance(event, Progress):
                    stage = watch.credit(event.stage)
                    stage.frames = max(stage.frames, event.done)
        watch.credit("paste")
    yield from watch.stages.values()


def resident_megabytes() -> float:
    """Memory of this process that is in use now; where the system does not tell, its peak."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return _peak_megabytes()
    import resource

    return pages * resource.getpagesize() / 2**20


def _peak_megabytes() -> float:
    if sys.platform == "win32":
        return 0.0
    import resource

    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def _gpu_megabytes(compute: Compute) -> float | None:
    if compute.device == "cpu":
        return None
    import torch

    peak = torch.cuda.max_memory_allocated(compute.device) / 2**20
    torch.cuda.reset_peak_memory_stats(compute.device)
    return peak
