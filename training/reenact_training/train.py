"""The training loop, to be read from top to bottom; the recipes and `reenact train` run it."""

import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from reenact_core.errors import SettingsError
from reenact_training.learner import Learned, Learner
from reenact_training.processes import ALONE, Group
from reenact_training.row_chance import RowChance
from reenact_training.run_state import RunState
from reenact_training.unroll import Examples

Data = Callable[[int], Examples]
"""The example of a number, always the same one; its data position is thereby the step."""


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """How networks are taught."""

    steps: int = 20_000
    """Optimisation steps of the whole run."""
    batch: int = 4
    """Examples in one pass of one process."""
    accumulate: int = 1
    """Passes whose gradients are added up to one step."""
    rate: float = 3e-4
    """Learning rate after warm-up; falls to a tenth along a cosine."""
    warm_up: int = 100
    """Steps in which the rate rises from nothing."""
    clip: float = 1.0
    """Largest norm of a step's gradient."""
    weight_decay: float = 1e-4
    """Of AdamW."""
    mean_decay: float = 0.998
    """Of the running mean of the weights, which is what ships."""
    hot: float = 2.0
    """Temperature of the Gumbel-softmax at the start; falls to `cold` over the run."""
    cold: float = 0.5
    """See `hot`."""
    seed: int = 0
    """Of examples, noise and new weights."""
    save_seconds: float = 120.0
    """Between saved states."""

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "accumulate"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be 1 or more, got {getattr(self, name)}")
        for name in ("rate", "clip", "hot", "cold"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, got {getattr(self, name)}")
        for name in ("warm_up", "weight_decay", "save_seconds"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative, got {getattr(self, name)}")
        if not 0 <= self.mean_decay < 1:
            raise ValueError(f"mean_decay must lie in [0, 1), got {self.mean_decay}")


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Examples that are measured and never learnt from."""

    data: Data
    count: int
    """How many are measured, the first ones."""
    every: int
    """Steps between two measurements; one before the first step and one after the last besides."""


@dataclass(frozen=True, slots=True)
class Stepped:
    """A step was made."""

    step: int
    """How many there are now."""
    values: Mapping[str, float]
    """The terms of the loss before it, over all processes; PSNR, learning rate, gradient's norm."""


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """The held-out examples were measured with the mean of the weights."""

    step: int
    values: Mapping[str, float]
    """The terms of the loss and the PSNR."""
    examples: Examples
    """The first of them,"""
    faces: Tensor
    """and what the networks make of them, (T, B, 3, S, S)."""


@dataclass(frozen=True, slots=True)
class Saved:
    """The state lies on disk."""

    step: int


Event = Stepped | Measured | Saved


def train(
    learner: Learner, data: Data, state: RunState, settings: TrainSettings, folder: Path,
    *, group: Group = ALONE, held_out: HeldOut | None = None,
    stopped: Callable[[], bool] = lambda: False,
) -> Generator[Event, None, None]:  # fmt: skip
    """Train from where `state` is to the last step, or until `stopped`; saves into `folder`.

    A step follows from the state, the settings and its number alone: continued or unbroken, in
    one process or in several, the same examples and the same chance meet the same weights.

    Raises:
        SettingsError: the loss or a gradient is no number any more; the last saved state is good.
        OutputError: the state cannot be written; the last saved state is good.
        MediaError: too many clips cannot be read.
    """
    parallel, adversary = group.parallel(learner), state.adversary
    if adversary is not None:
        adversary.parallel = group.parallel(adversary.task)
    trained = [weight for weight in learner.parameters() if weight.requires_grad]
    learner.train()
    saved_at = time.monotonic()
    if held_out is not None and state.step == 0:
        yield measure(learner, state, held_out, settings, group)
    while state.step < settings.steps and not group.any(stopped()):
        rate, heat = learning_rate(state.step, settings), temperature(state.step, settings)
        for param_group in state.optimizer.param_groups:
            param_group["lr"] = rate
        state.optimizer.zero_grad(set_to_none=True)
        if adversary is not None:
            adversary.optimizer.zero_grad(set_to_none=True)

        passes: list[dict[str, float]] = []
        for numbers in passes_of(state.step, settings, group):
            examples = joined(data, numbers).to(group.device)
            last = len(passes) + 1 == settings.accumulate
            with RowChance(settings.seed, numbers), group.together(parallel, last=last):
                learned: Learned = parallel(examples, heat, adversary)
                passes.append(group.mean(learned.values()))
                # Before the backward pass: torch's sampling of pictures crashes on NaN there.
                check_number(state.step, "loss", passes[-1]["total"], folder)
                share = learned.terms["total"] / settings.accumulate
                torch.autograd.backward(state.scaler.scale(share))
            if adversary is not None:
                with group.together(adversary.parallel, last=last):
                    faces, truth = learned.faces.flatten(0, 1), learned.truth.flatten(0, 1)
                    critic = adversary.learn(faces, truth, 1 / settings.accumulate)
                passes[-1]["critic"] = float(critic)

        state.scaler.unscale_(state.optimizer)
        norm = float(torch.nn.utils.clip_grad_norm_(trained, settings.clip))
        if not state.scaler.is_enabled():  # the scaler leaves out such a step by itself
            check_number(state.step, "gradient", norm, folder)
        state.scaler.step(state.optimizer)
        state.scaler.update()
        if adversary is not None:
            adversary.optimizer.step()
        state.step += 1
        state.update_mean(settings.mean_decay)
        yield Stepped(state.step, {**mean_of(passes), "rate": rate, "gradient": norm})

        over = state.step == settings.steps
        if held_out is not None and (over or state.step % held_out.every == 0):
            yield measure(learner, state, held_out, settings, group)
        if group.any(time.monotonic() - saved_at > settings.save_seconds):
            yield save(state, folder, group)
            saved_at = time.monotonic()
    yield save(state, folder, group)


def passes_of(step: int, settings: TrainSettings, group: Group) -> Iterator[Sequence[int]]:
    """The numbers of this process's examples in each pass of a step."""
    together = settings.batch * group.size
    first = step * settings.accumulate * together
    for number in range(settings.accumulate):
        start = first + number * together
        yield group.share(range(start, start + together))


def joined(data: Data, numbers: Sequence[int]) -> Examples:
    """The examples of some numbers as one batch."""
    return Examples.join([data(number) for number in numbers])


def measure(
    learner: Learner, state: RunState, held_out: HeldOut, settings: TrainSettings, group: Group
) -> Measured:
    """Loss and PSNR of the held-out examples, as at inference, with the mean of the weights."""
    sums: dict[str, float] = {}
    shown: tuple[Examples, Tensor] | None = None
    learner.eval()
    with state.with_mean(), torch.no_grad():
        for start in range(
            group.rank * settings.batch, held_out.count, group.size * settings.batch
        ):
            numbers = range(start, min(start + settings.batch, held_out.count))
            examples = joined(held_out.data, numbers).to(group.device)
            with RowChance(settings.seed, numbers):
                learned = learner(examples, settings.cold)
            for name, value in {**learned.values(), "count": 1.0}.items():
                sums[name] = sums.get(name, 0.0) + value * len(numbers)
            shown = shown or (examples, learned.faces)
    learner.train()
    if shown is None:
        raise SettingsError(
            f"{held_out.count} held-out examples are too few for {group.size} processes"
        )
    total = group.mean(sums)
    count = total.pop("count")
    return Measured(state.step, {name: value / count for name, value in total.items()}, *shown)


def save(state: RunState, folder: Path, group: Group) -> Saved:
    """Save in one process while the others wait."""
    if group.leads:
        state.save(folder)
    group.wait()
    return Saved(state.step)


def check_number(step: int, what: str, value: float, folder: Path) -> None:
    """Stop before weights are spoilt.

    Raises:
        SettingsError: the value is not finite.
    """
    if value - value != 0:
        raise SettingsError(
            f"step {step}: the {what} is {value}; {folder} keeps the last good state: lower `rate` "
            "or `clip`, or train in fp32, in a new run"
        )


def mean_of(passes: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The mean of every value over the passes of a step."""
    return {name: sum(one[name] for one in passes) / len(passes) for name in passes[0]}


def new_optimizer(learner: Learner, settings: TrainSettings) -> torch.optim.AdamW:
    """Of the weights that are trained."""
    trained = [weight for weight in learner.parameters() if weight.requires_grad]
    return torch.optim.AdamW(trained, lr=settings.rate, weight_decay=settings.weight_decay)


def learning_rate(step: int, settings: TrainSettings) -> float:
    """Linear warm-up, then a cosine down to a tenth."""
    rise = min(1.0, (step + 1) / max(1, settings.warm_up))
    fall = 0.55 + 0.45 * float(torch.cos(torch.tensor(torch.pi * step / settings.steps)))
    return settings.rate * rise * fall


def temperature(step: int, settings: TrainSettings) -> float:
    """Of the Gumbel-softmax: from hot to cold, geometrically."""
    part = min(1.0, step / settings.steps)
    return float(settings.hot * (settings.cold / settings.hot) ** part)
