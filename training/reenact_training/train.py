"""The training loop of the compact configuration, to be read from top to bottom."""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import torch

from reenact_core.models.compact import Compact
from reenact_core.models.flow_prior import Measure
from reenact_core.motion.transfer import MotionSettings
from reenact_training.ensembles import Ensemble, make_ensemble
from reenact_training.flow import lucas_kanade
from reenact_training.objective import ObjectiveSettings, objective, psnr
from reenact_training.run_state import RunState
from reenact_training.unroll import Examples, draw_examples, unroll


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """A run."""

    steps: int = 20_000
    """Optimisation steps of the whole run."""
    batch: int = 4
    """Examples a step."""
    rate: float = 3e-4
    """Learning rate after warm-up; falls to a tenth along a cosine."""
    warm_up: int = 100
    """Steps in which the rate rises from nothing."""
    clip: float = 1.0
    """Largest norm of a step's gradient."""
    mean_decay: float = 0.998
    """Of the running mean of the weights, which is what ships."""
    hot: float = 2.0
    """Temperature of the Gumbel-softmax at the start; falls to `cold` over the run."""
    cold: float = 0.5
    """See `hot`."""
    seed: int = 0
    """Of examples, noise and weights."""
    save_every: float = 120.0
    """Seconds between saved states."""
    objective: ObjectiveSettings = field(default_factory=ObjectiveSettings)
    """Weights of the losses."""


Report = Callable[[int, dict[str, float]], None]


def train(
    network: Compact, folder: Path, ensembles: Iterator[Ensemble], settings: TrainSettings,
    *, seconds: float, report: Report, device: str = "cpu", measure: Measure = lucas_kanade,
) -> RunState:  # fmt: skip
    """Train G, L and C for some time, or to the last step; continues what lies in `folder`.

    The keypoint detector is trained apart (`face_points`) and stays as it is.
    """
    network.points.requires_grad_(False)
    network.to(device).train()
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=settings.rate, weight_decay=1e-4)
    state = RunState.start(network, optimizer, settings.seed)
    if folder.exists():
        state.load(folder)
    until = time.monotonic() + seconds
    saved = time.monotonic()
    while state.step < settings.steps and time.monotonic() < until:
        drawn = [next(ensembles) for _ in range(settings.batch)]
        examples = draw_examples(drawn, state.generator).to(device)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(state.step, settings)
        values = train_step(network, examples, state, settings, measure)
        report(state.step, values)
        if time.monotonic() - saved > settings.save_every:
            state.save(folder)
            saved = time.monotonic()
    state.save(folder)
    return state


def train_step(
    network: Compact,
    examples: Examples,
    state: RunState,
    settings: TrainSettings,
    measure: Measure,
) -> dict[str, float]:
    """One optimisation step; the terms of the loss and the PSNR of y on the batch."""
    motion = MotionSettings(transfer="absolute", best_start=False, smoothing=0)
    unrolled = unroll(
        network, examples, motion, measure,
        temperature=temperature(state.step, settings), generator=state.generator,
    )  # fmt: skip
    terms = objective(unrolled, examples, settings.objective)
    if not torch.isfinite(terms["total"]):
        raise FloatingPointError(f"step {state.step}: the loss is {terms['total'].item()}")
    state.optimizer.zero_grad(set_to_none=True)
    torch.autograd.backward(terms["total"])
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    torch.nn.utils.clip_grad_norm_(trained, settings.clip)
    state.optimizer.step()
    state.step += 1
    state.update_mean(settings.mean_decay)
    values = {name: float(term.detach()) for name, term in terms.items()}
    return {**values, "psnr": float(psnr(unrolled.faces.detach(), examples.truth))}


def pooled(folder: Path, seed: int) -> Iterator[Ensemble]:
    """Ensembles from a folder that may still grow, at random and without end."""
    chance = random.Random(seed)
    while True:
        files = sorted(folder.glob("*.pt"))
        for _ in range(200):
            yield Ensemble.load(chance.choice(files))


def fresh(
    first_seed: int, *, size: int, moments: int, people: int = 3, device: str = "cpu"
) -> Iterator[Ensemble]:
    """New ensembles one after another, made when they are asked for."""
    seed = first_seed
    while True:
        yield make_ensemble(seed, people=people, moments=moments, size=size, device=device)
        seed += 1


def learning_rate(step: int, settings: TrainSettings) -> float:
    """Linear warm-up, then a cosine down to a tenth."""
    rise = min(1.0, (step + 1) / settings.warm_up)
    fall = 0.55 + 0.45 * float(torch.cos(torch.tensor(torch.pi * step / settings.steps)))
    return settings.rate * rise * fall


def temperature(step: int, settings: TrainSettings) -> float:
    """Of the Gumbel-softmax: from hot to cold, geometrically."""
    part = min(1.0, step / settings.steps)
    return float(settings.hot * (settings.cold / settings.hot) ** part)
