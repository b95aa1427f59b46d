"""Train the compact configuration's G, L and C on synthetic heads, in pieces of some minutes.

    python training/recipes/compact.py STATE --pool SMALL --make 400     # ensembles, once or beside
    python training/recipes/compact.py STATE --pool SMALL --minutes 9    # a piece; call it again
    python training/recipes/compact.py STATE --pool LARGE --make 400 --size 256
    python training/recipes/compact.py STATE --pool LARGE --minutes 9 --size 256 --batch 2
    python training/recipes/compact.py STATE --export compact.safetensors

The first 900 steps or so at 128 pixels are four times as fast and bring most of the way; the rest
is at the size that is used. Without --pool, ensembles are made on the fly. The state is a folder
of files of a few megabytes; each piece continues where the last one ended. On a CUDA machine with
torch and numpy alone: --device cuda --flow torch. Seeds below 1,000,000 are for training.
"""

import argparse
import json
import sys
import time
from dataclasses import replace
from pathlib import Path

import torch

from reenact_core.models.compact import Compact
from reenact_core.models.face_points import WEIGHTS, load_face_points
from reenact_core.models.flow_prior import Measure
from reenact_training.ensembles import make_ensemble
from reenact_training.export import export
from reenact_training.flow import lucas_kanade
from reenact_training.train import TrainSettings, fresh, pooled, train

MOMENTS, PEOPLE = 6, 3
SETTINGS = TrainSettings(steps=1600, rate=8e-4)


def main() -> None:
    arguments = parse()
    torch.set_num_threads(arguments.threads)
    if arguments.make:
        fill(arguments.pool, arguments.first_seed, arguments.make, arguments.size)
        return
    torch.manual_seed(SETTINGS.seed)
    network = Compact()
    if arguments.export:
        network.points = load_face_points(WEIGHTS)
        export(network, arguments.state, arguments.export, SETTINGS)
        return
    source = (
        pooled(arguments.pool, int(time.time()))
        if arguments.pool
        else fresh(
            arguments.first_seed, size=arguments.size, moments=MOMENTS, device=arguments.device
        )
    )
    train(
        network, arguments.state, source, replace(SETTINGS, batch=arguments.batch),
        seconds=arguments.minutes * 60, report=report, device=arguments.device,
        measure=measure(arguments.flow),
    )  # fmt: skip


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("state", type=Path)
    parser.add_argument("--pool", type=Path)
    parser.add_argument("--make", type=int, default=0, help="ensembles to add to the pool")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=128, help="side of the faces in pixels")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--minutes", type=float, default=9)
    parser.add_argument("--export", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--flow", choices=["dis", "torch"], default="dis")
    return parser.parse_args()


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


def report(step: int, values: dict[str, float]) -> None:
    """One JSON line a step."""
    rounded = {name: round(value, 4) for name, value in values.items()}
    print(json.dumps({"step": step, **rounded}), file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
