"""Train the face points network on synthetic heads.

    python training/recipes/face_points.py pool --work DIR --pieces 100
    python training/recipes/face_points.py train --work DIR --minutes 30 [--device cuda]

`train` reads the pieces of the pool that are in DIR/pool, those that arrive later too; where there
is none, every batch is rendered afresh. Several `pool` commands with different seeds fill a pool
side by side. DIR/state.pt holds the run, and the next `train` goes on with it.
DIR/face_points.safetensors are the weights for the core.
"""

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import torch

from reenact_training.face_points import (
    FacePointsSettings,
    export,
    join,
    new_run,
    read_piece,
    read_run,
    save_run,
    take,
    train,
    write_pool,
)
from reenact_training.synthetic.crops import Crops, render_crops

DEFAULTS = FacePointsSettings()
AFRESH_FROM = 1_000_000
"""The first seed of batches that are rendered while training."""


def batches_of_pool(folder: Path, batch: int, start: int) -> Iterator[Crops]:
    """Endless random batches of all the pieces in a folder, looked up anew now and then."""
    known: dict[Path, Crops] = {}
    step, pool = start, None
    while True:
        if pool is None or step % 100 == 0:
            fresh = [path for path in sorted(folder.glob("[0-9]*.pt")) if path not in known]
            known |= {path: read_piece(path) for path in fresh}
            pool = list(known.values())
        generator = torch.Generator().manual_seed(7_000_000 + step)
        rows = torch.randint(len(pool), (8,), generator=generator).tolist()
        parts = []
        for row in rows:
            inside = torch.randint(len(pool[row].images), (batch // 8,), generator=generator)
            parts.append(take(pool[row], inside))
        yield join(parts)
        step += 1


def batches_afresh(batch: int, start: int, device: str) -> Iterator[Crops]:
    """Endless batches of heads that were never seen before."""
    step = start
    while True:
        yield render_crops(AFRESH_FROM + step, batch, device=device)
        step += 1


def run_pool(arguments: argparse.Namespace) -> None:
    folder = arguments.work / "pool"
    for path in write_pool(folder, arguments.seed, arguments.pieces):
        print(path.name, flush=True)


def run_train(arguments: argparse.Namespace) -> None:
    settings = FacePointsSettings(
        steps=arguments.steps, batch=arguments.batch, learning_rate=arguments.rate
    )
    state, device = arguments.work / "state.pt", arguments.device
    fresh = not state.exists()
    run = new_run(settings, device) if fresh else read_run(state, settings, device)
    pooled = any((arguments.work / "pool").glob("[0-9]*.pt"))
    batches = (
        batches_of_pool(arguments.work / "pool", settings.batch, run.step)
        if pooled
        else batches_afresh(settings.batch, run.step, device)
    )
    started = time.monotonic()
    sums: dict[str, float] = {}
    for step, terms in train(run, settings, batches, until=started + 60 * arguments.minutes):
        for name, value in terms.items():
            sums[name] = sums.get(name, value) * 0.98 + value * 0.02
        if step % 50 == 0:
            shown = " ".join(f"{name} {value:.4f}" for name, value in sums.items())
            print(f"{step} {time.monotonic() - started:.0f}s {shown}", flush=True)
        if step % 100 == 0:
            save_run(run, state)
            export(run, arguments.work / "face_points.safetensors")
    save_run(run, state)
    export(run, arguments.work / "face_points.safetensors")


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the face points network")
    parser.add_argument("what", choices=("pool", "train"))
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0, help="first seed of the pool")
    parser.add_argument("--pieces", type=int, default=100, help="pieces of 256 crops")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--steps", type=int, default=DEFAULTS.steps)
    parser.add_argument("--batch", type=int, default=DEFAULTS.batch)
    parser.add_argument("--rate", type=float, default=DEFAULTS.learning_rate)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    (run_pool if arguments.what == "pool" else run_train)(arguments)


if __name__ == "__main__":
    main()
