"""Examples of synthetic heads: drawn when they are asked for, or read from a pool of files."""

import random
from collections import OrderedDict
from pathlib import Path
from threading import Lock

from reenact_core.errors import MediaError
from reenact_training.ensembles import Ensemble, make_ensemble
from reenact_training.row_chance import generator_of, seed_of
from reenact_training.unroll import Examples, draw_examples

EVALUATION_SEEDS = 1_000_000
"""Seeds from here on are never trained on."""
SPREAD = 16
"""Ensembles that take turns, so that the examples of a batch differ."""
RELIST = 200
"""Examples after which a pool is looked at again, since it may have grown."""


class DrawnExamples:
    """Examples whose ensembles are drawn here; the last ones are kept, for each serves several.

    The example of a number depends on the seeds and the number alone.
    """

    def __init__(
        self,
        first_seed: int,
        *,
        size: int,
        moments: int,
        people: int = 2,
        reuse: int = 4,
        device: str = "cpu",
    ) -> None:
        """`people` of 1 gives self-reenactment alone; `moments` are driving frames."""
        self._first_seed = first_seed
        self._shape = (people, moments + 1, size)
        self._reuse = reuse
        self._device = device
        self._kept: OrderedDict[int, Ensemble] = OrderedDict()
        self._lock = Lock()

    def __call__(self, number: int) -> Examples:
        block, place = divmod(number, SPREAD * self._reuse)
        ensemble = self._ensemble(self._first_seed + block * SPREAD + place % SPREAD)
        return draw_examples([ensemble], generator_of(self._first_seed, "drawn", number))

    def _ensemble(self, seed: int) -> Ensemble:
        with self._lock:
            if seed not in self._kept:
                people, moments, size = self._shape
                self._kept[seed] = make_ensemble(
                    seed, people=people, moments=moments, size=size, device=self._device
                )
                while len(self._kept) > SPREAD:
                    self._kept.popitem(last=False)
            return self._kept[seed]


class PooledExamples:
    """Examples from a folder of ensembles that may still grow."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._folder = folder
        self._seed = seed
        self._files: list[Path] = []
        self._asked = 0

    def __call__(self, number: int) -> Examples:
        if self._asked % RELIST == 0:
            self._files = sorted(self._folder.glob("*.pt"))
        self._asked += 1
        if not self._files:
            raise MediaError(f"{self._folder}: holds no ensembles; make some first")
        chance = random.Random(seed_of(self._seed, "pool", number))
        ensemble = Ensemble.load(chance.choice(self._files))
        return draw_examples([ensemble], generator_of(self._seed, "drawn", number))
