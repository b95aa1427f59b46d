"""Training of the network that reads face points, on synthetic heads alone."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Generator, Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, interpolate

from reenact_core.files import written_whole
from reenact_core.models.face_points import (
    BROW_LEFT,
    BROW_RIGHT,
    INPUT_SIZE,
    FacePointsNet,
    FaceReading,
    fill_from,
    mirror_order,
)
from reenact_training.point_augment import augment
from reenact_training.readers import follow, set_rate
from reenact_training.synthetic.crops import Crops, render_crops
from reenact_training.synthetic.people.crops import people_crops
from reenact_training.synthetic.posed import mean_head

POOL_PIECE = 256
"""Crops in one file of a pool."""
WARM_UP = 200
"""Steps in which the learning rate rises."""
TELLING_PAIRS = (
    (62, 66), (61, 67), (63, 65), (51, 57), (48, 54), (48, 66), (54, 66), (33, 51), (57, 8),
    (37, 41), (38, 40), (43, 47), (44, 46), (19, 37), (24, 44), (21, 39), (22, 42), (39, 77),
    (42, 78), (18, 36), (19, 36), (20, 39), (18, 41), (25, 45), (24, 45), (23, 42), (25, 46),
    (21, 22),
)  # fmt: skip
"""Pairs of points whose distance tells the expression, and is small beside errors of place."""
BROWS_COUNT = 3.0
"""How much more the points of brows count than others: they are few, and seldom clear."""


@dataclass(frozen=True, slots=True)
class FacePointsSettings:
    """How the network is trained."""

    batch: int = 32
    learning_rate: float = 2e-3
    steps: int = 12_000
    """Steps of the whole schedule; the rate falls to zero along half a cosine."""
    weight_decay: float = 1e-4
    rough: float = 0.5
    """The share of crops that are spoilt as bad footage is. Where all are, a network hardly learns
    what is small: how brows move."""
    average: float = 0.998
    """How slowly the averaged weights, which are the ones that are kept, follow."""


PEOPLE_SIZE = 192
"""Side of the pictures of people in a pool: close-ups are cut from them, too."""


def write_pool(
    folder: Path, seed: int, pieces: int, render: Callable[[int, int], Crops] = render_crops
) -> Iterator[Path]:
    """Render pieces of a pool of crops into a folder; those that are there are kept.

    Args:
        render: gives the crops of a seed, so many of them
    """
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(pieces):
        path = folder / f"{seed + index:06d}.pt"
        if not path.exists():
            crops = render(seed + index, POOL_PIECE)
            with written_whole(path) as partial:
                torch.save({name: getattr(crops, name) for name in _FIELDS}, partial)
        yield path


_FIELDS = ("images", "points", "visible", "rotation", "expression", "face")


def write_people(folder: Path, seed: int, pieces: int) -> Iterator[Path]:
    """As `write_pool`, people on the head model, of `PEOPLE_SIZE`."""
    return write_pool(folder, seed, pieces, lambda at, count: people_crops(at, count, PEOPLE_SIZE))


def read_piece(path: Path) -> Crops:
    """One piece of a pool, as large as the network reads it."""
    crops = Crops(**torch.load(path, weights_only=True))
    if crops.images.shape[-1] == INPUT_SIZE:
        return crops
    images = interpolate(crops.images.float(), (INPUT_SIZE, INPUT_SIZE), mode="area")
    return replace(crops, images=(images + 0.5).to(torch.uint8))


def join(pieces: list[Crops]) -> Crops:
    """Several sets of crops as one."""
    return Crops(*(torch.cat([getattr(piece, name) for piece in pieces]) for name in _FIELDS))


def take(crops: Crops, rows: Tensor) -> Crops:
    """Some of the crops."""
    return Crops(*(getattr(crops, name)[rows] for name in _FIELDS))


def mirrored(crops: Crops, flip: Tensor) -> Crops:
    """The crops with those flagged by `flip` (N,) bool mirrored, and everything that is true."""
    order = list(mirror_order())
    sides = torch.tensor([-1.0, 1.0, 1.0], device=crops.points.device)
    pick = flip[:, None, None]
    points = torch.where(pick, crops.points[:, order] * sides, crops.points)
    visible = torch.where(flip[:, None], crops.visible[:, order], crops.visible)
    rotation = torch.where(pick, crops.rotation * sides * sides[:, None], crops.rotation)
    swapped = crops.expression[:, [0, 1, 2, 3, 4, 6, 5, 7, 9, 8, 10, 11]]
    swapped = swapped * swapped.new_tensor([1.0] * 10 + [-1, 1])
    expression = torch.where(flip[:, None], swapped, crops.expression)
    images = torch.where(flip[:, None, None, None], crops.images.flip(-1), crops.images)
    return Crops(images, points, visible, rotation, expression, crops.face)


def loss(reading: FaceReading, truth: Crops) -> dict[str, Tensor]:
    """The terms of the objective; crops without a face count for the confidence alone."""
    face = truth.face.float()
    count = face.sum().clamp_min(1)
    inside = (truth.points[..., :2].abs() < 1.15).all(-1).float() * face[:, None]
    miss = (reading.points - truth.points).abs()
    size = miss.new_tensor(0.05)
    wing = torch.log1p(miss / size) * size + miss * 0.3
    inside[:, [*BROW_LEFT, *BROW_RIGHT]] *= BROWS_COUNT
    flat = (wing[..., :2].sum(-1) * inside * (0.5 + 0.5 * truth.visible.float())).sum()
    first, second = torch.tensor(TELLING_PAIRS, device=miss.device).T
    apart = reading.points[:, second, :2] - reading.points[:, first, :2]
    apart = apart - (truth.points[:, second, :2] - truth.points[:, first, :2])
    told = (apart.abs().sum((1, 2)) * face).sum() / (count * len(first))
    deep = (wing[..., 2] * face[:, None]).sum()
    turn = (reading.rotation - truth.rotation).flatten(1).norm(dim=1)
    act = (reading.expression - truth.expression).abs().mean(1)
    return {
        "points": 8 * flat / inside.sum().clamp_min(1),
        "lips and lids": 6 * told,
        "depth": 2 * deep / (count * 79),
        "rotation": 0.6 * (turn * face).sum() / count,
        "expression": 1.5 * (act * face).sum() / count,
        "confidence": 0.1 * binary_cross_entropy_with_logits(reading.confidence, face),
    }


def new_network() -> FacePointsNet:
    """An untrained network that knows the average head."""
    net = FacePointsNet()
    net.mean_head.copy_(mean_head())
    return net


@dataclass(slots=True)
class Run:
    """A training run: what must be kept to go on exactly."""

    net: FacePointsNet
    kept: FacePointsNet
    """The averaged weights."""
    optimiser: torch.optim.Optimizer
    step: int = 0


def new_run(
    settings: FacePointsSettings, device: torch.device | str = "cpu", begin: Path | None = None
) -> Run:
    """A run at its start.

    Args:
        begin: weights that it goes on from
    """
    torch.manual_seed(0)
    net, kept = new_network(), new_network().to(device)
    if begin is not None:
        fill_from(begin, net, "face points network")
    net = net.to(device)
    kept.load_state_dict(net.state_dict())
    decayed = [p for p in net.parameters() if p.dim() > 1]
    others = [p for p in net.parameters() if p.dim() <= 1]
    groups = [
        {"params": decayed, "weight_decay": settings.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return Run(net, kept, torch.optim.AdamW(groups, lr=settings.learning_rate))


def save_run(run: Run, path: Path) -> None:
    """Write the state of a run, less than 16 MB.

    The averaged weights are kept as their small difference from the others, in 8 bits. Of the
    optimiser, the squares are kept; its momentum grows anew within some ten steps.
    """
    squares = [
        run.optimiser.state[weight]["exp_avg_sq"].to(torch.bfloat16)
        for weight in run.net.parameters()
        if weight in run.optimiser.state
    ]
    weights, averaged = run.net.state_dict(), run.kept.state_dict()
    apart = {name: _packed(averaged[name] - weights[name]) for name in weights}
    with written_whole(path) as partial:
        torch.save({"net": weights, "apart": apart, "squares": squares, "step": run.step}, partial)


def _packed(values: Tensor) -> tuple[Tensor, Tensor]:
    """Values in 8 bits, and what they must be multiplied by."""
    size = values.float().abs().amax().clamp_min(1e-12)
    return (values.float() / size).to(torch.float8_e4m3fn), size


def read_run(path: Path, settings: FacePointsSettings, device: torch.device | str = "cpu") -> Run:
    """A run as it was saved."""
    run = new_run(settings, device)
    state = torch.load(path, map_location=device, weights_only=True)
    run.net.load_state_dict(state["net"])
    run.kept.load_state_dict(
        {
            name: (value + small.float() * size).to(value.dtype)
            for (name, value), (small, size) in zip(
                state["net"].items(), state["apart"].values(), strict=True
            )
        }
    )
    for weight, square in zip(run.net.parameters(), state["squares"], strict=False):
        run.optimiser.state[weight] = {
            "step": torch.tensor(float(state["step"])),
            "exp_avg": torch.zeros_like(weight),
            "exp_avg_sq": square.float(),
        }
    run.step = state["step"]
    return run


def train(
    run: Run, settings: FacePointsSettings, batches: Iterator[Crops], *, until: float
) -> Iterator[tuple[int, dict[str, float]]]:
    """Go on with a run until the clock (`time.monotonic`) says `until` or the schedule ends.

    Yields:
        the step and the terms of the objective, after every step
    """
    device = next(run.net.parameters()).device
    # Processors that lack it take ten times as long with short floats.
    short = device.type != "cpu" or torch.backends.cpu.get_cpu_capability().startswith("AVX512")
    while run.step < settings.steps and time.monotonic() < until:
        generator = torch.Generator().manual_seed(run.step)
        truth = augment(mirrored_by_chance(next(batches), generator), generator, settings.rough)
        images = truth.images.to(device).float().div(255)
        set_rate(run.optimiser, settings.learning_rate, run.step, settings.steps, WARM_UP)
        run.net.train()
        with torch.autocast(device.type, torch.bfloat16, enabled=short):
            reading = run.net(images)
        terms = loss(reading, truth)
        run.optimiser.zero_grad()
        torch.autograd.backward(torch.stack(list(terms.values())).sum())
        torch.nn.utils.clip_grad_norm_(run.net.parameters(), 5.0)
        run.optimiser.step()
        run.step += 1
        follow(run.kept, run.net, run.step, settings.average)
        yield run.step, {name: float(value.detach()) for name, value in terms.items()}


def mirrored_by_chance(crops: Crops, generator: Generator) -> Crops:
    """Half of the crops mirrored."""
    flip = torch.rand(len(crops.images), generator=generator) < 0.5
    return mirrored(crops, flip.to(crops.images.device))


def export(run: Run, path: Path) -> None:
    """Write the averaged weights as the core reads them."""
    from safetensors.torch import save_file  # training itself does without

    with written_whole(path) as partial:
        weights = {n: v.detach().cpu().contiguous() for n, v in run.kept.state_dict().items()}
        save_file(weights, partial, metadata={"architecture": "face_points"})
