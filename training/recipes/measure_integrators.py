"""What reduced precision moves, and what quick convolutions save, for each integrator.

    python training/recipes/measure_integrators.py fomm:vox-cpk.pth.tar tpsmm:vox.pth.tar ...
        [--source PICTURE --driving PICTURE...] [--size 256] [--json OUT]

For each, in one process and in turns: the plain convolutions in float32, the quick ones that the
CPU gets, bfloat16, and float16. Prints how far pictures and keypoints move from the plain ones, and
the processor's seconds a frame. Where there is no GPU, float16 is imitated: weights and the
results of layers are rounded to it, sums are not; a CPU takes minutes a frame for the real one.
Without pictures, soft blots are moved.
"""

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from reenact_cli.bench_integrators import drawn_clip
from reenact_core.devices import Compute
from reenact_core.models.integrators.table import find_integrator
from reenact_core.models.load import placed


@dataclass(frozen=True, slots=True)
class Moved:
    """One way to compute, against plain float32."""

    integrator: str
    way: str
    cpu_seconds_per_frame: float
    """Of all threads together, the source's part included."""
    largest: float
    """Of the pictures, whose range is [0, 1]."""
    mean: float
    share_visible: float
    """Of values that move by more than 1/255."""
    keypoints: float
    """At most, in [-1, 1]."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=_Plain)
    parser.add_argument("integrators", nargs="+", metavar="ID:FILE")
    parser.add_argument("--source", type=Path)
    parser.add_argument("--driving", type=Path, nargs="+", default=[])
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--frames", type=int, default=2, help="of drawn blots")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    source, driving = _pictures(given.source, given.driving, given.size, given.frames)
    found = []
    for named in given.integrators:
        for one in measure(named, source, driving):
            found.append(one)
            print(
                f"{one.integrator:24} {one.way:18} {one.cpu_seconds_per_frame:8.2f} s  "
                f"largest {one.largest:.1e}  mean {one.mean:.1e}  visible {one.share_visible:.4f}  "
                f"keypoints {one.keypoints:.1e}",
                flush=True,
            )
    if given.json:
        given.json.write_text(json.dumps([asdict(one) for one in found], indent=2), "utf-8")


def measure(named: str, source: Tensor, driving: Tensor) -> list[Moved]:
    """All ways of one integrator, the plain one first."""
    name, _, file = named.partition(":")
    label = Path(file).name
    load = find_integrator(name)
    gpu = torch.cuda.is_available()
    path = Path(file)
    expected, points, seconds = _run(load(path, None), source, driving)
    rows = [Moved(label, "plain fp32", seconds, 0.0, 0.0, 0.0, 0.0)]
    ways: list[tuple[str, Compute | None]]
    ways = [("quick fp32", Compute("cpu", "fp32")), ("bf16", Compute("cpu", "bf16"))]
    ways += [("fp16 on the GPU", Compute("cuda", "fp16"))] if gpu else [("fp16, imitated", None)]
    for way, compute in ways:
        network: Any = load(path, None)
        network = imitated(network) if compute is None else placed(network, compute)
        faces, found, seconds = _run(network, source, driving)
        moved, shifted = (faces - expected).abs(), (found - points).abs()
        visible = (moved > 1 / 255).float().mean().item()
        figures = moved.max().item(), moved.mean().item(), visible, shifted.max().item()
        rows.append(Moved(label, way, seconds, *figures))
    return rows


def imitated(network: nn.Module) -> nn.Module:
    """A network in float32 whose parts rounds to float16 where `run_on` would put them into it."""
    network = placed(network, Compute("cpu", "fp16"))
    for module in network.modules():
        own = list(module.parameters(recurse=False)) + list(module.buffers(recurse=False))
        if any(tensor.dtype == torch.float16 for tensor in own):
            module.register_forward_hook(_rounding)
    return network.float()


def _rounding(_: nn.Module, __: Any, output: Any) -> Any:
    return output.half().float() if isinstance(output, Tensor) else output


def _run(network: Any, source: Tensor, driving: Tensor) -> tuple[Tensor, Tensor, float]:
    device = next(network.parameters()).device
    source, driving = source.to(device), driving.to(device)
    with torch.inference_mode():
        points = network.detect(driving).value.float().cpu()
        began = time.process_time()
        faces = network.reenact(source, driving[:1], driving, None, None).float().cpu()
    return faces, points, (time.process_time() - began) / len(driving)


def _pictures(
    source: Path | None, driving: Sequence[Path], size: int, frames: int
) -> tuple[Tensor, Tensor]:
    if source is None or not driving:
        clip = drawn_clip(frames + 1, size)
        return clip[:1], clip[1:]
    return _read(source, size), torch.cat([_read(path, size) for path in driving])


def _read(path: Path, size: int) -> Tensor:
    pixels = cv2.imread(str(path))
    if pixels is None:
        raise SystemExit(f"{path}: is no picture")
    small = cv2.resize(pixels, (size, size), interpolation=cv2.INTER_AREA)[..., ::-1]
    return torch.from_numpy(np.ascontiguousarray(small)).permute(2, 0, 1)[None].float() / 255


class _Plain(argparse.RawDescriptionHelpFormatter):
    pass


if __name__ == "__main__":
    main()
