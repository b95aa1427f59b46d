"""Our animation loop of an integrator against upstream's, in turns."""

import copy
import statistics
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from reenact_cli.bench_loops import straightforward
from reenact_core.devices import Compute
from reenact_core.models.integrators.fomm import Fomm
from reenact_core.models.integrators.table import Integrator
from reenact_core.models.load import placed
from reenact_core.models.paper_settings import IntegratorSettings

Loop = Callable[[Integrator, Tensor, Tensor], Tensor]
"""The faces of a source and of driving frames."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What one turn of a loop took, all frames together."""

    seconds: float
    """By the wall's clock."""
    cpu_seconds: float
    """Of all threads together: what other programs on the machine do shows less in it."""


@dataclass(frozen=True, slots=True)
class Round:
    """One turn of each loop over the clip."""

    theirs: "Taken"
    """By the straightforward loop."""
    ours: "Taken"
    largest_difference: float
    """Of the pictures, whose range is [0, 1]."""
    mean_difference: float


def measure_pair(
    plain: Integrator, compute: Compute, *, frames: int, size: int, rounds: int
) -> Generator[Round, None, None]:
    """Round after round; every second one begins with the other loop.

    Args:
        plain: as its weights are read: on the CPU, in float32.
    """
    ours = copy.deepcopy(plain)
    if isinstance(ours, nn.Module) and isinstance(plain, nn.Module):
        placed(ours, compute)
        plain.to(compute.device)
    clip = drawn_clip(frames + 1, size).to(compute.device)
    source, driving = clip[:1], clip[1:]
    straightforward(plain, source, driving[:2])  # what the first call sets up is not the loop's
    quickly(ours, source, driving[:2])
    for number in range(rounds):
        loops: list[tuple[Loop, Integrator]] = [(straightforward, plain), (quickly, ours)]
        taken = [_timed(*loop, source, driving) for loop in loops[:: 1 if number % 2 else -1]]
        (theirs, expected), (mine, faces) = taken[:: 1 if number % 2 else -1]
        difference = (faces - expected).abs()
        yield Round(theirs, mine, difference.max().item(), difference.mean().item())


def _timed(
    loop: Loop,
    network: Integrator,
    source: Tensor,
    driving: Tensor,
) -> tuple[Taken, Tensor]:
    wall, cpu = time.perf_counter(), time.process_time()
    faces = loop(network, source, driving).cpu()
    return Taken(time.perf_counter() - wall, time.process_time() - cpu), faces


@torch.inference_mode()
def quickly(network: Integrator, source: Tensor, driving: Tensor) -> Tensor:
    """Ours."""
    return network.reenact(source, driving[:1], driving, None, None)


def pair_table(name: str, rounds: Sequence[Round], frames: int) -> dict[str, Any]:
    """Medians over the rounds, as JSON values."""
    median = statistics.median
    return {
        "id": name,
        "straightforward_seconds_per_frame": median(one.theirs.seconds / frames for one in rounds),
        "ours_seconds_per_frame": median(one.ours.seconds / frames for one in rounds),
        "ratio": median(one.ours.seconds / one.theirs.seconds for one in rounds),
        "cpu_ratio": median(one.ours.cpu_seconds / one.theirs.cpu_seconds for one in rounds),
        "largest_difference": max(one.largest_difference for one in rounds),
        "mean_difference": max(one.mean_difference for one in rounds),
        "rounds": [asdict(one) for one in rounds],
    }


def drawn_fomm(size: int) -> Fomm:
    """FOMM of the published size with drawn weights, whose pictures are not all grey.

    Fresh weights let everything fade; batch norms that saw a picture keep it going.
    """
    torch.manual_seed(0)
    network = Fomm(IntegratorSettings())
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
    network.train()
    with torch.no_grad():
        pictures = drawn_clip(2, size)
        points = network.kp_detector(pictures)
        encoded = network.generator.encode(pictures)
        network.generator(encoded, points[:1].expand(2), points)
        network.generator.final.weight.mul_(8)
    return network.eval().requires_grad_(False)


def drawn_clip(frames: int, size: int) -> Tensor:
    """A picture of soft blots that wanders: (frames, 3, size, size) in [0, 1]."""
    generator = torch.Generator().manual_seed(1)
    coarse = torch.rand(1, 3, 12, 12, generator=generator)
    large = functional.interpolate(coarse, (2 * size, 2 * size), mode="bicubic").clamp(0, 1)
    steps = [round(size * number / max(1, frames)) for number in range(frames)]
    return torch.cat(
        [large[..., step : step + size, step // 2 : step // 2 + size] for step in steps]
    )
