"""A few steps of a run made and thrown away: what it will take."""

import itertools
import sys
import time
from dataclasses import dataclass, replace

import torch
from torch import nn

from reenact_training.session import Session
from reenact_training.train import Stepped, train

STEPS = 4
"""The quickest counts: the others read clips that stay in memory."""


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What `--dry-run` tells."""

    networks: dict[str, int]
    """Weights of each network."""
    trained: int
    """Weights that are trained."""
    clips: int
    """Clips that are learnt from; 0 where all heads are drawn."""
    held_out_clips: int
    left_out: dict[str, str]
    """Clips that cannot be used, and why."""
    examples_a_step: int
    """In all processes and passes."""
    step_seconds: float
    """Of one step here, once its clips are in memory."""
    run_seconds: float
    """Of all steps: a guess, without what is measured in between."""
    memory_bytes: int
    """Highest so far: of the GPU where there is one, else of this process."""
    state_bytes: int
    """Of a saved state; two are kept."""


def rehearse(session: Session) -> Rehearsal:
    """Make some steps of a new run, without saving anything."""
    config = replace(session.config.train, save_seconds=float("inf"))
    events = train(
        session.learner, session.data.training, session.state, config, session.folder.state,
        group=session.group,
    )  # fmt: skip
    times = [time.perf_counter()]
    steps = (event for event in events if isinstance(event, Stepped))
    for _ in itertools.islice(steps, min(STEPS, config.steps)):
        times.append(time.perf_counter())
    events.close()
    seconds = min(after - before for before, after in itertools.pairwise(times))
    network = session.learner.network
    trained = sum(weight.numel() for weight in network.parameters() if weight.requires_grad)
    return Rehearsal(
        {name: _size(part) for name, part in network.named_children()},
        trained,
        len(session.data.clips),
        len(session.data.held_out_clips),
        dict(session.data.left_out.clips),
        config.batch * config.accumulate * session.group.size,
        seconds,
        seconds * config.steps,
        peak_memory(session.group.device),
        4 * 4 * trained,
    )


def peak_memory(device: str) -> int:
    """The most that was taken so far, bytes; 0 where the system does not tell."""
    if device != "cpu":
        return int(torch.cuda.max_memory_allocated(device))
    if sys.platform == "win32":
        return 0
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _size(part: nn.Module) -> int:
    return sum(weight.numel() for weight in part.parameters())
