"""Train the compact configuration's G, L and C on synthetic heads, in pieces of some minutes.

    python training/recipes/compact.py STATE --pool SMALL --make 400     # ensembles, once or beside
    python training/recipes/compact.py STATE --pool SMALL --minutes 9    # a piece; call it again
    python training/recipes/compact.py STATE --pool LARGE --make 400 --size 256
    python training/recipes/compact.py STATE --pool LARGE --minutes 9 --size 256 --batch 2
    python training/recipes/compact.py STATE --export compact.safetensors

The first 900 steps or so at 128 pixels are four times as fast and bring most of the way; the rest
is at the size that is used. Without --pool, ensembles are made on the fly. The state is a folder
of files of a few megabytes; each piece continues where the last one ended. --begin CHECKPOINT goes
on from weights that were exported: give it with every piece, and fewer --steps at a lower --rate.
On a CUDA machine with torch, numpy and safetensors alone: --device cuda --flow torch. Seeds below
1,000,000 are for training.
"""

import argparse
import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from reenact_core.models.compact import Compact, give_readers
from reenact_core.models.flow_prior import Measure
from reenact_training.drawn_examples import DrawnExamples, PooledExamples
from reenact_training.ensembles import make_ensemble
from reenact_training.flow import lucas_kanade
from reenact_training.learner import CompactLearner
from reenact_training.objective import ObjectiveSettings
from reenact_training.processes import Group
from reenact_training.run_state import RunState, whole_state
from reenact_training.train import Data, Event, Stepped, TrainSettings, new_optimizer, train

MOMENTS, PEOPLE = 6, 3
SETTINGS = TrainSettings(steps=1600, rate=8e-4)


def main() -> None:
    arguments = parse()
    torch.set_num_threads(arguments.threads)
    if arguments.make:
        fill(arguments.pool, arguments.first_seed, arguments.make, arguments.size)
        return
    settings = replace(SETTINGS, batch=arguments.batch, steps=arguments.steps, rate=arguments.rate)
    torch.manual_seed(settings.seed)
    learner = CompactLearner(begun(arguments.begin), ObjectiveSettings(), measure(arguments.flow))
    learner.to(arguments.device)
    state = RunState.start(learner.network, new_optimizer(learner, settings))
    if whole_state(arguments.state) is not None:
        state.load(arguments.state)
    if arguments.export:
        write(state, arguments, settings)
        return
    until = time.monotonic() + arguments.minutes * 60
    for event in train(
        learner, data(arguments), state, settings, arguments.state,
        group=Group(device=arguments.device), stopped=lambda: time.monotonic() > until,
    ):  # fmt: skip
        report(event)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("state", type=Path)
    parser.add_argument("--pool", type=Path)
    parser.add_argument("--make", type=int, default=0, help="ensembles to add to the pool")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=128, help="side of the faces in pixels")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--begin", type=Path, help="a checkpoint to begin from instead of nothing")
    parser.add_argument("--steps", type=int, default=SETTINGS.steps, help="of the whole run")
    parser.add_argument("--rate", type=float, default=SETTINGS.rate)
    parser.add_argument("--minutes", type=float, default=9)
    parser.add_argument("--export", type=Path)
    parser.add_argument("--version", default="1", help="of the checkpoint that is exported")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--flow", choices=["dis", "torch"], default="dis")
    return parser.parse_args()


def begun(checkpoint: Path | None) -> Compact:
    """New networks, or those of a checkpoint, ready to be trained."""
    if checkpoint is None:
        return Compact()
    from reenact_core.models.load import load_models  # safetensors: training does without

    network = load_models(checkpoint).network
    assert isinstance(network, Compact)
    return network.train().requires_grad_(True)


def data(arguments: argparse.Namespace) -> Data:
    """Examples from the pool, or drawn on the fly."""
    if arguments.pool:
        return PooledExamples(arguments.pool, arguments.first_seed)
    return DrawnExamples(
        arguments.first_seed, size=arguments.size, moments=MOMENTS - 1, people=PEOPLE,
        device=arguments.device,
    )  # fmt: skip


def measure(name: str) -> Measure:
    """The flow that the engine uses, or the one that needs nothing but torch."""
    if name == "torch":
        return lucas_kanade
    from reenact_core.models.optical_flow import dis_flow

    return dis_flow


def fill(pool: Path, first: int, count: int, size: int) -> None:
    """Render ensembles into the pool; what is there already stays."""
    pool.mkdir(parents=True, exist_ok=True)
    for seed in range(first, first + count):
        path = pool / f"{seed:07d}.pt"
        if path.exists():
            continue
        partial = path.with_suffix(".partial")
        make_ensemble(seed, people=PEOPLE, moments=MOMENTS, size=size).save(partial)
        partial.rename(path)


def write(state: RunState, arguments: argparse.Namespace, settings: TrainSettings) -> None:
    """The mean of the run's weights as a checkpoint, with the readers of faces."""
    from reenact_training.export import export  # safetensors: training does without

    network = state.network
    assert isinstance(network, Compact)
    give_readers(network)
    training = {
        "data": "synthetic heads",
        "recipe": "training/recipes/compact.py",
        "steps": state.step,
        "size": arguments.size,
        "batch": settings.batch,
        "seed": settings.seed,
        "began_from": arguments.begin and provenance(arguments.begin),
    }
    with state.with_mean():
        export(
            network, arguments.export, architecture="compact", licence="Apache-2.0",
            configuration=network.configuration(), training=training, version=arguments.version,
        )  # fmt: skip


def provenance(checkpoint: Path) -> dict[str, Any]:
    """Which version a checkpoint is, and how it came to be."""
    from reenact_core.models.load import load_models

    metadata = load_models(checkpoint).metadata
    return {"version": metadata["version"], **json.loads(metadata["training"])}


def report(event: Event) -> None:
    """One JSON line a step."""
    if isinstance(event, Stepped):
        rounded = {name: round(value, 4) for name, value in event.values.items()}
        line = {"step": event.step, **rounded, "rate": event.values["rate"]}
        print(json.dumps(line), file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
