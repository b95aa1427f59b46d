"""The configuration of `reenact train`: frozen values, read from TOML."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from reenact_core.errors import SettingsError
from reenact_core.models.compact_settings import CompactSettings
from reenact_core.models.paper_settings import PaperSettings
from reenact_core.settings import read_toml, with_table
from reenact_training.adversary import CriticSettings
from reenact_training.objective import ObjectiveSettings
from reenact_training.paper_step import PaperLossSettings
from reenact_training.train import TrainSettings

SYNTHETIC = "synthetic"
"""In place of a folder: heads that are drawn when they are asked for."""
MULTIPLE = 32
"""Sides of faces are multiples of this."""


@dataclass(frozen=True, slots=True)
class ClipSettings:
    """How clips are made examples of."""

    moments: int = 5
    """Driving frames of an example; the recurrence is unrolled over so many."""
    stride: int = 3
    """Frames of a clip from one moment to the next, at most."""
    held_out: float = 0.1
    """Share of the people that are measured and not learnt from, where `held_out` names no
    folders; 0 measures none."""
    unreadable: float = 0.05
    """Share of the clips that may be left out because they cannot be used."""
    cache_megabytes: int = 2000
    """Memory of each process for clips that were read."""

    def __post_init__(self) -> None:
        if self.moments < 2 or self.stride < 1:
            raise ValueError("an example has 2 moments or more, each 1 frame or more from the next")
        for name in ("held_out", "unreadable"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must lie in [0, 1), got {getattr(self, name)}")


@dataclass(frozen=True, slots=True)
class SyntheticSettings:
    """Heads that are drawn on the fly."""

    first_seed: int = 0
    """Seeds from here on; those from 1,000,000 on are for measuring alone."""
    reuse: int = 4
    """Examples that each pair of heads serves."""
    share: float = 0.5
    """Part of the examples, where there are folders besides."""

    def __post_init__(self) -> None:
        if not 0 <= self.first_seed < 1_000_000:
            raise ValueError(f"first_seed must lie in [0, 1000000), got {self.first_seed}")
        if self.reuse < 1 or not 0 < self.share < 1:
            raise ValueError("reuse must be 1 or more, and share lie between 0 and 1")


@dataclass(frozen=True, slots=True)
class PerceptualSettings:
    """Features in which faces are compared, equation (6)."""

    vgg19: Path | None = None
    """torchvision's weights of VGG19; none: fixed filters, which need no file."""
    weight: float = 0.0
    """What they weigh for `compact`, beside the edges of `objective.structure`."""


@dataclass(frozen=True, slots=True)
class WatchSettings:
    """What is measured and shown during a run."""

    every: int = 200
    """Steps from one measurement of the held-out examples to the next."""
    examples: int = 16
    """How many are measured."""
    tensorboard: bool = False
    """Write scalars and strips for TensorBoard, which the extra `tensorboard` installs."""

    def __post_init__(self) -> None:
        if self.every < 1 or self.examples < 1:
            raise ValueError("every and examples must be 1 or more")


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """A training run."""

    model: Literal["compact", "paper"] = "compact"
    """The architecture."""
    init: str = "default"
    """What to begin from: `default`, the shipped checkpoint; a checkpoint's id or file;
    `nothing`, new weights of the sizes below."""
    data: str | tuple[str, ...] = SYNTHETIC
    """Folders of clips; `synthetic` among them, or instead, draws heads."""
    held_out: tuple[Path, ...] = ()
    """Folders of clips to measure on; none: a part of `data`."""
    out: Path = Path("run")
    """The folder of the run: states, log, strips, and the checkpoint at the end."""
    size: int = 256
    """Side of the faces in pixels, a multiple of 32."""
    freeze: tuple[str, ...] = ()
    """Networks that stay as they are, as `global_integrator`."""
    device: str = "auto"
    """`auto`, `cpu`, `cuda` or `cuda:N`."""
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    """Of convolutions and products; weights and geometry are always float32."""
    flow: Literal["dis", "torch"] = "dis"
    """Optical flow: OpenCV's, as in a render, or one that runs on the GPU."""
    licence: str = "NOASSERTION"
    """SPDX id that the checkpoint will bear."""
    train: TrainSettings = field(default_factory=lambda: TrainSettings(steps=2000))
    """The loop."""
    clips: ClipSettings = field(default_factory=ClipSettings)
    """Examples of clips."""
    synthetic: SyntheticSettings = field(default_factory=SyntheticSettings)
    """Examples that are drawn."""
    objective: ObjectiveSettings = field(default_factory=ObjectiveSettings)
    """Weights of the losses of `compact`."""
    paper_losses: PaperLossSettings = field(default_factory=PaperLossSettings)
    """Weights of the losses of `paper`."""
    perceptual: PerceptualSettings = field(default_factory=PerceptualSettings)
    """Features of the perceptual loss."""
    critic: CriticSettings = field(default_factory=CriticSettings)
    """The patch critic."""
    watch: WatchSettings = field(default_factory=WatchSettings)
    """Measuring and showing."""
    compact: CompactSettings = field(default_factory=CompactSettings)
    """Sizes of new `compact` networks."""
    paper: PaperSettings = field(default_factory=PaperSettings)
    """Sizes of new `paper` networks."""

    def __post_init__(self) -> None:
        if self.size < 32 or self.size % MULTIPLE:
            raise ValueError(f"size must be a multiple of {MULTIPLE}, got {self.size}")
        if not self.folders and not self.draws:
            raise ValueError(f"data names no folder; `{SYNTHETIC}` draws heads")

    @property
    def folders(self) -> tuple[Path, ...]:
        """The folders of `data`."""
        return tuple(Path(name) for name in self._data if name != SYNTHETIC)

    @property
    def draws(self) -> bool:
        """Whether heads are drawn."""
        return SYNTHETIC in self._data

    @property
    def _data(self) -> tuple[str, ...]:
        return (self.data,) if isinstance(self.data, str) else self.data


FREE = (
    "device", "out", "train.save_seconds", "clips.cache_megabytes", "licence", "watch.tensorboard",
)  # fmt: skip
"""Keys that may change when a run continues; all others decide what it learns."""


def read_config(path: Path) -> TrainConfig:
    """The configuration in a TOML file; its relative paths are taken from the file's folder.

    Raises:
        SettingsError: the file cannot be read; an unknown key, named with the nearest known one; a
            value of the wrong type or out of its range.
    """
    config = with_table(TrainConfig(), read_toml(path), str(path))
    folder = path.resolve().parent
    names = (config.data,) if isinstance(config.data, str) else config.data
    vgg19 = config.perceptual.vgg19
    return replace(
        config,
        data=tuple(name if name == SYNTHETIC else str(folder / name) for name in names),
        held_out=tuple(folder / held_out for held_out in config.held_out),
        out=folder / config.out,
        init=_beside(folder, config.init),
        perceptual=replace(config.perceptual, vgg19=vgg19 and folder / vgg19),
    )


def _beside(folder: Path, init: str) -> str:
    """A checkpoint's id as it is; a file as seen from the configuration."""
    return str(folder / init) if (folder / init).is_file() else init


def changed_keys(before: object, now: object, prefix: str = "") -> list[str]:
    """The dotted keys in which two tables of settings differ, `FREE` ones left out."""
    if not isinstance(before, dict) or not isinstance(now, dict):
        return [] if before == now or prefix.rstrip(".") in FREE else [prefix.rstrip(".")]
    names = sorted({*before, *now})
    return [key for n in names for key in changed_keys(before.get(n), now.get(n), f"{prefix}{n}.")]


def refuse_changes(before: object, now: object, folder: Path) -> None:
    """See that a run is continued as it was begun.

    Raises:
        SettingsError: names the keys that differ.
    """
    changed = changed_keys(before, now)
    if changed:
        raise SettingsError(
            f"{folder}: cannot be resumed, for {', '.join(changed)} changed since it was begun; "
            "set back what changed, or begin a new run with another `out`"
        )
