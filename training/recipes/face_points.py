"""Train the face points network on synthetic heads.

    python training/recipes/face_points.py pool --work DIR --pieces 100
    python training/recipes/face_points.py people --work DIR --pieces 40
    python training/recipes/face_points.py train --work DIR --minutes 30 [--device cuda]
    python training/recipes/face_points.py train --work DIR --begin WEIGHTS --rate 8e-4
    python training/recipes/face_points.py mean --work DIR --begin WEIGHTS

`train` reads the pieces of the pools that are in DIR/pool (heads of a surface, `pool`) and
DIR/people (people on the head model, `people`), those that arrive later too, `--people` of every
batch from the second; where there is none, every batch is rendered afresh. Several `pool` and
`people` commands with different seeds fill a pool side by side. DIR/state.pt holds the run, and the
next `train` goes on with it. DIR/face_points.safetensors are the weights for the core; `mean` makes
them the mean of themselves and of what the run began from, in DIR/mean.safetensors.
"""

import argparse
import time
from collections.abc import Iterator
from itertools import count
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
    write_people,
    write_pool,
)
from reenact_training.readers import write_mean
from reenact_training.synthetic.crops import Crops, render_crops

DEFAULTS = FacePointsSettings()
PARTS = 8
"""Pieces of pools that a batch is put together from."""
AFRESH_FROM = 1_000_000
"""The first seed of batches that are rendered while training."""


def batches_of_pools(folders: dict[Path, int], batch: int, start: int) -> Iterator[Crops]:
    """Endless random batches of all the pieces in folders, looked up anew now and then.

    Args:
        folders: how many of the `PARTS` of a batch come from each
    """
    known: dict[Path, dict[Path, Crops]] = {folder: {} for folder in folders}
    for step in count(start):
        if step == start or step % 100 == 0:
            for folder, pieces in known.items():
                fresh = [path for path in sorted(folder.glob("[0-9]*.pt")) if path not in pieces]
                pieces |= {path: read_piece(path) for path in fresh}
        generator = torch.Generator().manual_seed(7_000_000 + step)
        parts = []
        for folder, share in folders.items():
            pool = list(known[folder].values())
            for row in torch.randint(len(pool), (share,), generator=generator).tolist():
                inside = torch.randint(
                    len(pool[row].images), (batch // PARTS,), generator=generator
                )
                parts.append(take(pool[row], inside))
        yield join(parts)


def pools_in(work: Path, people: float) -> dict[Path, int]:
    """The pools of a folder and how many parts of a batch come from each."""
    drawn, on_model = (work / name for name in ("pool", "people"))
    there = [folder for folder in (drawn, on_model) if any(folder.glob("[0-9]*.pt"))]
    if len(there) < 2:
        return dict.fromkeys(there, PARTS)
    share = round(people * PARTS)
    return {drawn: PARTS - share, on_model: share}


def batches_afresh(batch: int, start: int, device: str) -> Iterator[Crops]:
    """Endless batches of heads that were never seen before."""
    step = start
    while True:
        yield render_crops(AFRESH_FROM + step, batch, device=device)
        step += 1


def run_pool(arguments: argparse.Namespace) -> None:
    write = write_pool if arguments.what == "pool" else write_people
    for path in write(arguments.work / arguments.what, arguments.seed, arguments.pieces):
        print(path.name, flush=True)


def run_train(arguments: argparse.Namespace) -> None:
    settings = FacePointsSettings(
        steps=arguments.steps, batch=arguments.batch, learning_rate=arguments.rate
    )
    state, device = arguments.work / "state.pt", arguments.device
    fresh = not state.exists()
    begin = arguments.begin
    run = new_run(settings, device, begin) if fresh else read_run(state, settings, device)
    pools = pools_in(arguments.work, arguments.people)
    batches = (
        batches_of_pools(pools, settings.batch, run.step)
        if pools
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


def run_mean(arguments: argparse.Namespace) -> None:
    ended = arguments.work / "face_points.safetensors"
    write_mean(arguments.begin, ended, arguments.work / "mean.safetensors", "face_points")


WHAT = {"pool": run_pool, "people": run_pool, "train": run_train, "mean": run_mean}


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the face points network")
    parser.add_argument("what", choices=tuple(WHAT))
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0, help="first seed of the pool")
    parser.add_argument("--pieces", type=int, default=100, help="pieces of 256 crops")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--steps", type=int, default=DEFAULTS.steps)
    parser.add_argument("--batch", type=int, default=DEFAULTS.batch)
    parser.add_argument("--rate", type=float, default=DEFAULTS.learning_rate)
    parser.add_argument("--begin", type=Path, help="weights that a new run goes on from")
    parser.add_argument("--people", type=float, default=0.75, help="share of people in a batch")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    WHAT[arguments.what](arguments)


if __name__ == "__main__":
    main()
