"""Train the networks that read mouth and eyes from close up, on synthetic heads.

    python training/recipes/close_ups.py pool --work DIR --pieces 40
    python training/recipes/close_ups.py train --work DIR --minutes 9
    python training/recipes/close_ups.py train --work DIR --part mouth --begin WEIGHTS
    python training/recipes/close_ups.py mean --work DIR --begin WEIGHTS
    python training/recipes/close_ups.py train --work DIR --people POOL --begin WEIGHTS
    python training/recipes/close_ups.py place --work DIR --checkpoint OLD --out NEW --version 1.4
        --face-points FILE

DIR/state.pt (4 MB) holds the run, and the next `train` goes on with it. DIR/close_ups.safetensors
are the weights for the core. `mean` makes them the mean of themselves and of what the run began
from, in DIR/mean.safetensors; `place` puts weights into a checkpoint, too, those of the whole
face's reader where they are named. POOL are people that face_points.py drew; DIR/pool, where there
is one, gives a quarter of each batch then.
"""

import argparse
import json
import time
from pathlib import Path

import torch

from reenact_core.files import written_whole
from reenact_core.models.face_points import fill_from
from reenact_training.close_ups import CloseUpSettings, Run, read_pool, train, write_pool
from reenact_training.readers import write_mean

DEFAULTS = CloseUpSettings()
PARTS = ("mouth", "eye")


def run_pool(arguments: argparse.Namespace) -> None:
    folder = arguments.work / "pool"
    folder.mkdir(parents=True, exist_ok=True)
    for path in write_pool(folder, arguments.seed, arguments.pieces):
        print(path.name, flush=True)


def run_train(arguments: argparse.Namespace) -> None:
    settings = CloseUpSettings(arguments.batch, arguments.rate, arguments.steps)
    run, state = Run.start(settings, begin=arguments.begin), arguments.work / "state.pt"
    if state.exists():
        run.load(state)
    folders = [path for path in (arguments.work / "pool", arguments.people) if path is not None]
    pieces = [found for folder in folders if (found := sorted(folder.glob("[0-9]*.pt")))]
    pools = {part: [read_pool(paths, part) for paths in pieces] for part in arguments.part or PARTS}
    started, means = time.monotonic(), dict.fromkeys(pools, 0.0)
    for step, losses in train(run, settings, pools, until=started + 60 * arguments.minutes):
        means = {part: 0.98 * means[part] + 0.02 * value for part, value in losses.items()}
        if step % 50 == 0:
            print(step, f"{time.monotonic() - started:.0f}s", means, flush=True)
        if step % 250 == 0:
            run.save(state)
    run.save(state)
    write(run, arguments.work / "close_ups.safetensors")


def write(run: Run, path: Path) -> None:
    from safetensors.torch import save_file  # training itself does without

    weights = {
        name: (value.half() if value.is_floating_point() else value).cpu().contiguous()
        for name, value in run.kept.state_dict().items()
    }
    with written_whole(path) as partial:
        save_file(weights, partial, metadata={"architecture": "close_ups"})


def run_mean(arguments: argparse.Namespace) -> None:
    ended = arguments.work / "close_ups.safetensors"
    write_mean(arguments.begin, ended, arguments.work / "mean.safetensors", "close_ups")


def run_place(arguments: argparse.Namespace) -> None:
    from reenact_core.models.compact import Compact
    from reenact_core.models.load import load_models
    from reenact_training.export import export

    loaded = load_models(arguments.checkpoint)
    network = loaded.network
    assert isinstance(network, Compact)
    weights = arguments.begin or arguments.work / "close_ups.safetensors"
    fill_from(weights, network.close_ups, "close-up networks")
    if arguments.face_points:
        fill_from(arguments.face_points, network.points, "face points network")
    training = {
        **json.loads(loaded.metadata["training"]),
        "close_ups": "training/recipes/close_ups.py",
        "from_version": loaded.metadata["version"],
    }
    export(
        network, arguments.out, architecture="compact", licence="Apache-2.0",
        configuration=network.configuration(), training=training, version=arguments.version,
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("what", choices=tuple(WHAT))
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0, help="first seed of the pool")
    parser.add_argument("--pieces", type=int, default=40, help="pieces of 128 pictures")
    parser.add_argument("--minutes", type=float, default=9)
    parser.add_argument("--steps", type=int, default=DEFAULTS.steps)
    parser.add_argument("--batch", type=int, default=DEFAULTS.batch)
    parser.add_argument("--rate", type=float, default=DEFAULTS.learning_rate)
    parser.add_argument("--part", action="append", choices=PARTS, help="train this one alone")
    parser.add_argument("--begin", type=Path, help="weights to begin with, or to place")
    parser.add_argument("--people", type=Path, help="a pool of people that face_points.py drew")
    parser.add_argument("--face-points", type=Path, help="the whole face's reader, to be placed")
    parser.add_argument("--checkpoint", type=Path, help="one that the readers are put into")
    parser.add_argument("--out", type=Path, help="the checkpoint with them")
    parser.add_argument("--version", help="of the checkpoint with them")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    WHAT[arguments.what](arguments)


WHAT = {"pool": run_pool, "train": run_train, "mean": run_mean, "place": run_place}


if __name__ == "__main__":
    main()
