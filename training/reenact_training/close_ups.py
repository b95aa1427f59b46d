"""Training of the networks that read mouth and eyes from close up, on synthetic heads alone."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Generator, Tensor, nn

from reenact_core.files import written_whole
from reenact_core.models.close_ups import (
    EYES,
    MOUTH,
    CloseUpReading,
    CloseUps,
    Region,
    close_up_frame,
    cut,
    to_close_up,
)
from reenact_core.models.face_points import FaceReading, fill_from, fit_pose
from reenact_training.face_points import join, mirrored_by_chance, new_network, take
from reenact_training.mouth_augment import stretched, with_other_insides
from reenact_training.point_augment import augment
from reenact_training.readers import follow, set_rate
from reenact_training.synthetic.crops import Crops, render_crops

DRAWN = 224
"""Side of the pictures that close-ups are cut from."""
ROOM = 1.5
"""How much larger a close-up is kept than it is read, so that it can be moved about."""
KEPT = 96
PIECE = 128
"""Pictures in one piece of a pool."""
MOUTH_GAPS = ((14, 18), (13, 19), (15, 17), (3, 9), (0, 6), (2, 10), (4, 8))
"""Pairs among the points of a mouth whose distance is what counts: gaps first, then widths."""
EYE_GAPS = ((1, 5), (2, 4), (0, 6), (3, 6), (0, 3))
AGAPE = 0.5
"""Share of mouths that are drawn open: half of a clip's are shut, and few are wide."""
INSIDES = 0.3
"""Share of mouths whose inside is painted over."""
WARM_UP = 100
"""Steps in which the learning rate rises."""


@dataclass(frozen=True, slots=True)
class CloseUpSettings:
    """How the networks are trained."""

    batch: int = 32
    learning_rate: float = 2.5e-3
    steps: int = 3600
    """Steps of the whole schedule; the rate falls to zero along half a cosine."""
    average: float = 0.998
    last: float = 0.75
    """Of two pools, the share of the second in a batch."""


def render_close_ups(seed: int, count: int, device: str = "cpu") -> dict[str, Crops]:
    """Mouths and eyes of random heads, half of them mirrored, with room about them."""
    return close_ups_of(render_crops(seed, count, DRAWN, device=device, agape=AGAPE), seed)


def close_ups_of(crops: Crops, seed: int) -> dict[str, Crops]:
    """Mouths and eyes of face crops, half of them mirrored, with room about them."""
    crops = mirrored_by_chance(crops, torch.Generator().manual_seed(seed))
    crops = take(crops, torch.nonzero(crops.face)[:, 0])
    eyes = [_kept(crops, eye) for eye in EYES]
    every = Crops(*(torch.cat([getattr(eye, n) for eye in eyes]) for n in Crops.__slots__))
    return {"mouth": _kept(crops, MOUTH), "eye": every}


def _kept(crops: Crops, region: Region) -> Crops:
    mean = new_network().mean_head.to(crops.points)
    expression = crops.expression
    reading = FaceReading(crops.points, crops.rotation, expression, expression[:, 0])
    pose = fit_pose(reading, mean)
    frame = close_up_frame(crops.points[..., :2], pose, region)
    frame[:, :, :2] *= ROOM
    images = cut(crops.images.float(), frame, KEPT).clamp(0, 255).to(torch.uint8)
    chosen = list(region.points)
    flat = to_close_up(crops.points[:, chosen, :2], frame)
    points = torch.cat([flat, torch.zeros_like(flat[..., :1])], -1)
    return Crops(images, points, crops.visible[:, chosen], crops.rotation, expression, crops.face)


def write_pool(folder: Path, seed: int, pieces: int) -> Iterator[Path]:
    """Render pieces of a pool into a folder; those that are there are kept."""
    for index in range(seed, seed + pieces):
        path = folder / f"{index:06d}.pt"
        if not path.exists():
            parts = render_close_ups(index, PIECE)
            values = {
                part: {name: getattr(crops, name) for name in Crops.__slots__}
                for part, crops in parts.items()
            }
            with written_whole(path) as partial:
                torch.save(values, partial)
        yield path


def read_pool(paths: list[Path], part: str) -> Crops:
    """All pieces of one part of the face; of whole faces, too, which close-ups are cut from."""
    pieces = [
        _part_of(torch.load(path, weights_only=True), part, at) for at, path in enumerate(paths)
    ]
    return Crops(*(torch.cat([piece[name] for piece in pieces]) for name in Crops.__slots__))


def _part_of(piece: dict[str, Any], part: str, seed: int) -> dict[str, Tensor]:
    if part in piece:
        return dict(piece[part])
    close_ups = close_ups_of(Crops(**piece), seed)[part]
    return {name: getattr(close_ups, name) for name in Crops.__slots__}


def moved_about(kept: Crops, generator: Generator) -> Crops:
    """Close-ups as they are cut by points that are somewhat wrong, in other light, or blurred."""
    moved = augment(kept, generator)
    rim = (KEPT - round(KEPT / ROOM)) // 2
    images = moved.images[..., rim:-rim, rim:-rim]
    return Crops(
        images, moved.points * ROOM, moved.visible, moved.rotation, moved.expression, moved.face
    )


def loss(reading: CloseUpReading, truth: Crops, gaps: tuple[tuple[int, int], ...]) -> Tensor:
    """Points, the gaps between them, and whether they are in sight."""
    shown = truth.visible.float()
    miss = (reading.points - truth.points[..., :2]).abs()
    size = miss.new_tensor(0.05)
    wing = (torch.log1p(miss / size) * size + miss * 0.3).sum(-1)
    placed = (wing * (0.25 + 0.75 * shown)).mean()
    first, second = torch.tensor(gaps, device=miss.device).T
    apart = reading.points[:, second] - reading.points[:, first]
    true = (truth.points[:, second] - truth.points[:, first])[..., :2]
    told = ((apart - true).abs().sum(-1) * shown[:, first]).mean()
    sight = nn.functional.binary_cross_entropy_with_logits(
        reading.shown, (shown.mean(1) > 0.6).float()
    )
    return 8 * placed + 8 * told + 0.1 * sight


@dataclass(slots=True)
class Run:
    """A training run of both networks."""

    nets: CloseUps
    kept: CloseUps
    """The averaged weights, which are exported."""
    optimiser: torch.optim.Optimizer
    step: int = 0

    @classmethod
    def start(
        cls, settings: CloseUpSettings, device: str = "cpu", begin: Path | None = None
    ) -> "Run":
        """A run at its start, from weights in a file, or from none.

        Raises:
            CheckpointError: the file cannot be read or holds other weights.
        """
        torch.manual_seed(0)
        nets, kept = CloseUps().to(device), CloseUps().to(device)
        if begin is not None:
            fill_from(begin, nets, "close-up networks")
        kept.load_state_dict(nets.state_dict())
        optimiser = torch.optim.AdamW(
            nets.parameters(), lr=settings.learning_rate, weight_decay=1e-4
        )
        return cls(nets, kept, optimiser)

    def save(self, path: Path) -> None:
        """Write all that is needed to go on."""
        with written_whole(path) as partial:
            torch.save(
                {
                    "nets": self.nets.state_dict(),
                    "kept": self.kept.state_dict(),
                    "optimiser": self.optimiser.state_dict(),
                    "step": self.step,
                },
                partial,
            )

    def load(self, path: Path) -> None:
        """Go on from what `save` wrote."""
        state = torch.load(path, weights_only=True)
        self.nets.load_state_dict(state["nets"])
        self.kept.load_state_dict(state["kept"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step = state["step"]


def train(
    run: Run, settings: CloseUpSettings, pools: Mapping[str, Sequence[Crops]], *, until: float
) -> Iterator[tuple[int, dict[str, float]]]:
    """Go on until the clock (`time.monotonic`) says `until` or the schedule ends.

    Args:
        pools: by part, `mouth` or `eye`; the network of a part without pools stays as it is. The
            last of several gives `settings.last` of a batch

    Yields:
        the step and each network's loss, after every step
    """
    run.nets.train()
    while run.step < settings.steps and time.monotonic() < until:
        generator = torch.Generator().manual_seed(run.step)
        set_rate(run.optimiser, settings.learning_rate, run.step, settings.steps, WARM_UP)
        losses = {
            part: _loss_of(part, run.nets, _drawn_from(of_part, settings, generator), generator)
            for part, of_part in pools.items()
        }
        run.optimiser.zero_grad()
        torch.autograd.backward(list(losses.values()))
        nn.utils.clip_grad_norm_(run.nets.parameters(), 5.0)
        run.optimiser.step()
        run.step += 1
        follow(run.kept, run.nets, run.step, settings.average)
        yield run.step, {part: float(value.detach()) for part, value in losses.items()}


def _drawn_from(pools: Sequence[Crops], settings: CloseUpSettings, generator: Generator) -> Crops:
    """A batch of close-ups."""
    last = round(settings.last * settings.batch) if len(pools) > 1 else settings.batch
    counts = [settings.batch - last, last][-len(pools) :]
    parts = [
        take(pool, torch.randint(len(pool.images), (count,), generator=generator))
        for pool, count in zip(pools, counts, strict=True)
    ]
    return join(parts)


def _loss_of(part: str, nets: CloseUps, kept: Crops, generator: Generator) -> Tensor:
    if part == "mouth":
        kept = with_other_insides(stretched(kept, generator), generator, INSIDES)
    truth = moved_about(kept, generator)
    net, gaps = (nets.mouth, MOUTH_GAPS) if part == "mouth" else (nets.eye, EYE_GAPS)
    return loss(net(truth.images.float() / 255), truth, gaps)
