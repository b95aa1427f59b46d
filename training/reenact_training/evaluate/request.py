"""What an evaluation is asked to do, and what it tells while it does."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from reenact_core.models.integrators.table import Integrator
from reenact_core.timeline.plan import Scheme
from reenact_training.evaluate.example import Task
from reenact_training.evaluate.footage import Limits
from reenact_training.evaluate.methods import ResultVideos

DEFAULT_PAIRS = 10


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """An evaluation."""

    dataset: Path
    """What `reenact synth` wrote, or a folder of face crops: videos, or folders of frames."""
    out: Path
    task: Task = "self"
    schemes: tuple[Scheme, ...] = ("global", "local", "subtle")
    limits: Limits = field(default_factory=Limits)
    every: int = 5
    """Every so manieth frame is measured; all are run."""
    pairs: int = DEFAULT_PAIRS
    """How many cross-identity examples."""
    sources: tuple[Path, ...] = ()
    """Stills, or folders of them, for `cross`; none: pairs of people are drawn."""
    pairs_folder: Path | None = None
    """Where drawn pairs are kept; None: in `out`."""
    results: tuple[ResultVideos, ...] = ()
    integrators: Mapping[str, Integrator] = field(default_factory=dict)
    save_videos: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """How far an evaluation is."""

    stage: Literal["draw", "evaluate"]
    """Pairs of people are drawn; frames are run and measured."""
    done: int
    total: int


@dataclass(frozen=True, slots=True, eq=False)
class Evaluated:
    """The end: what lies in the output folder."""

    metrics: dict[str, Any]
    """The content of `metrics.json`."""
    files: tuple[Path, ...]
