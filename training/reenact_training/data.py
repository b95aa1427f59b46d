"""The data of a run: folders of clips, drawn heads, or both; what is learnt from and what not."""

import hashlib
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from reenact_core.errors import MediaError
from reenact_core.models.readers.reader import Reader
from reenact_training.clip_examples import ClipExamples, LeftOut
from reenact_training.clip_faces import ClipReader
from reenact_training.clips import ClipFile, Found, Tell, find_clips
from reenact_training.config import TrainConfig
from reenact_training.drawn_examples import EVALUATION_SEEDS, DrawnExamples
from reenact_training.row_chance import seed_of
from reenact_training.train import Data
from reenact_training.unroll import Examples


@dataclass(frozen=True, slots=True, eq=False)
class RunData:
    """What a run learns from and is measured on."""

    training: Data
    held_out: Data | None
    """None where nothing is held out."""
    clips: tuple[ClipFile, ...]
    """Learnt from."""
    held_out_clips: tuple[ClipFile, ...]
    left_out: LeftOut
    """Clips that cannot be used, and why."""

    def fingerprint(self) -> str:
        """Another one for other clips."""
        lines = [f"{c.name} {c.frames}" for c in (*self.clips, *self.held_out_clips)]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()


@dataclass(frozen=True, slots=True, eq=False)
class Mixture:
    """Two sources of examples, the second in a share of the cases."""

    first: Data
    second: Data
    share: float
    seed: int

    def __call__(self, number: int) -> Examples:
        chance = random.Random(seed_of(self.seed, "mixture", number)).random()
        return (self.second if chance < self.share else self.first)(number)


def open_data(
    config: TrainConfig, reader: Reader, device: str, tell: Tell = lambda done, total: None
) -> RunData:
    """Look at all folders, and make ready to draw examples of them.

    Raises:
        MediaError: a folder is missing or empty, or too many clips cannot be used.
    """
    found = _found(config.folders, config, tell)
    own = _found(config.held_out, config, tell)
    total = sum(len(one.clips) + len(one.unusable) for one in (found, own))
    left_out = LeftOut(total, config.clips.unreadable)
    left_out.add([*found.unusable, *own.unusable])
    learnt, kept = found.clips, own.clips
    if not config.held_out:
        learnt, kept = split(found.clips, config.clips.held_out, config.train.seed)
    if config.folders and not learnt:
        raise MediaError(f"{config.folders[0]}: no clip is left to learn from")
    clips = ClipReader(config.size, reader, config.clips.cache_megabytes)

    def examples(chosen: Sequence[ClipFile], purpose: str) -> ClipExamples:
        return ClipExamples(
            chosen, clips, left_out, moments=config.clips.moments, stride=config.clips.stride,
            seed=seed_of(config.train.seed, purpose, 0),
        )  # fmt: skip

    training: Data | None = examples(learnt, "learnt") if learnt else None
    held_out: Data | None = examples(kept, "held out") if kept else None
    if config.draws:
        drawn = _drawn(config, config.synthetic.first_seed, device)
        share, seed = config.synthetic.share, config.train.seed
        training = drawn if training is None else Mixture(training, drawn, share, seed)
        if held_out is None and not config.folders:
            held_out = _drawn(config, EVALUATION_SEEDS, device)
    assert training is not None
    return RunData(training, held_out, learnt, kept, left_out)


def split(
    clips: Sequence[ClipFile], share: float, seed: int
) -> tuple[tuple[ClipFile, ...], tuple[ClipFile, ...]]:
    """Clips to learn from and clips to hold out, no person in both.

    What a data set holds out itself is; else people are drawn until the share of clips is reached.
    """
    kept = {clip.person for clip in clips if clip.held_out}
    if not kept and share > 0:
        people = sorted({clip.person for clip in clips})
        people.sort(key=lambda person: seed_of(seed, f"held out {person}", 0))
        wanted = max(1, math.floor(share * len(clips) + 0.5))
        while len(people) > 1 and sum(clip.person in kept for clip in clips) < wanted:
            kept.add(people.pop())
    learnt = tuple(clip for clip in clips if clip.person not in kept)
    return learnt, tuple(clip for clip in clips if clip.person in kept)


def _found(folders: Sequence[Path], config: TrainConfig, tell: Tell) -> Found:
    found = [
        find_clips(folder, size=config.size, frames=config.clips.moments, tell=tell)
        for folder in folders
    ]
    return Found(
        tuple(clip for one in found for clip in one.clips),
        tuple(clip for one in found for clip in one.unusable),
    )


def _drawn(config: TrainConfig, first_seed: int, device: str) -> DrawnExamples:
    """The paper's networks carry nothing over to another person: for them one head a pair."""
    return DrawnExamples(
        first_seed, size=config.size, moments=config.clips.moments,
        people=1 if config.model == "paper" else 2, reuse=config.synthetic.reuse, device=device,
    )  # fmt: skip
