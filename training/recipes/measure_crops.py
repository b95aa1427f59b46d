"""Self-reenactment of face crops: PSNR by scheme and by the turn of the head from the source.

    python training/recipes/measure_crops.py ../shared/clips/crops256 --json figures.json

Every clip's first frame is the source, every frame the driver and the truth. PSNR is taken in the
central 156 x 156 window of every fifth frame and averaged clip by clip. The turn is that of the
embedded reader of faces, in degrees of yaw.
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import av
import torch
from torch import Tensor

from reenact_core.models.compact import Compact
from reenact_core.models.load import load_models
from reenact_core.motion.batched import driving_states, prepare_source, read_faces, step_inputs
from reenact_core.motion.recurrent import Carry, Recurrence
from reenact_core.motion.transfer import MotionSettings
from reenact_core.timeline.plan import Scheme

SCHEMES: tuple[Scheme, ...] = ("subtle", "global", "local")
BINS = (0, 15, 30, 45, 180)
EVERY = 5
WINDOW = slice(50, 206)

Row = dict[str, float]


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--checkpoint", default="compact")
    parser.add_argument("--schemes", nargs="+", default=list(SCHEMES), choices=SCHEMES)
    parser.add_argument("--only", nargs="*", help="parts of names of clips")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    network = load_models(arguments.checkpoint).network
    assert isinstance(network, Compact)
    clips = [
        path
        for path in sorted(arguments.folder.glob("*.mp4"))
        if not arguments.only or any(part in path.name for part in arguments.only)
    ]
    results: dict[str, list[Row]] = {}
    for path in clips:
        results[path.stem] = list(measure(network, frames_of(path), arguments.schemes))
        print(f"{path.stem:32}", line(mean(results[path.stem])), flush=True)
    show(results)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1), "utf-8")


def frames_of(path: Path) -> Tensor:
    """All frames of a crop clip, (T, 3, 256, 256) in [0, 1]."""
    with av.open(str(path)) as container:
        frames = [torch.from_numpy(f.to_ndarray(format="rgb24")) for f in container.decode(video=0)]
    return torch.stack(frames).permute(0, 3, 1, 2).float() / 255


@torch.inference_mode()
def measure(network: Compact, frames: Tensor, schemes: list[Scheme]) -> Iterator[Row]:
    """PSNR of every scheme and of the source unchanged, with the turn, every fifth frame."""
    settings = MotionSettings(best_start=False)
    reading = read_faces(network, frames)
    states = driving_states(network, reading, settings)
    yaw = torch.rad2deg(torch.asin((-states.pose.rotation[:, 0, 2]).clamp(-1, 1)))
    source = prepare_source(network, frames[0], states[:1])
    recurrences = {scheme: Recurrence(network, scheme) for scheme in schemes}
    carries: dict[str, Carry] = {}
    for index, inputs in enumerate(
        step_inputs(network, source, torch.split(frames, 8), states, settings)
    ):
        row: Row = {"turn": abs(float(yaw[index] - yaw[0])), "same": psnr(frames[0], frames[index])}
        for scheme, recurrence in recurrences.items():
            faces, carries[scheme] = recurrence.step(
                inputs, carries.get(scheme) or Carry.start(inputs)
            )
            row[scheme] = psnr(faces.pixels[0], frames[index])
        if index and index % EVERY == 0:
            yield row


def psnr(face: Tensor, truth: Tensor) -> float:
    """In dB, in the central window."""
    error = (face[:, WINDOW, WINDOW] - truth[:, WINDOW, WINDOW]).square().mean()
    return float(-10 * torch.log10(error.clamp(min=1e-8)))


def mean(rows: list[Row]) -> Row:
    """The mean of every figure."""
    return {key: sum(row[key] for row in rows) / len(rows) for key in rows[0]}


def line(figures: Row) -> str:
    """Figures in one line."""
    return "  ".join(f"{key} {value:6.2f}" for key, value in figures.items())


def show(results: dict[str, list[Row]]) -> None:
    """The mean over clips, and over frames by turn."""
    print(f"{'mean over clips':32}", line(mean([mean(rows) for rows in results.values()])))
    binned = defaultdict(list)
    for row in (row for rows in results.values() for row in rows):
        binned[next(i for i, stop in enumerate(BINS[1:]) if row["turn"] < stop)].append(row)
    for index, rows in sorted(binned.items()):
        name = f"turned {BINS[index]} to {BINS[index + 1]}, {len(rows)} frames"
        print(f"{name:32}", line(mean(rows)))


if __name__ == "__main__":
    main()
