"""Figure 3: how results drift over time, and how they bear large turns, as strips of frames."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from torch import Tensor

from reenact_core.report.sheet import Band, Pixels, Strip, draw_sheet, spread
from reenact_training.evaluate.example import Example
from reenact_training.evaluate.measures import TRUTH, Pictured

COLUMNS = 8
PAIRS = 10
"""On the sheet of pairs."""
TILE = 150
ROWS = ("local", "global", "subtle")
WORTH_SAYING = 0.5
"""dB."""
LEAVE_OUT = ("source",)


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """The frames of one example that a strip could show."""

    name: str
    source: Tensor
    driving: Sequence[Tensor]
    shown: Sequence[Pictured]
    turned: float
    """The farthest turn in degrees."""
    lost: float
    """dB that `local` ends below `global`: how much it drifted."""


@dataclass(slots=True)
class Strips:
    """The most telling examples so far; a run's own, and changed as it goes."""

    best: dict[str, Candidate] = field(default_factory=dict)
    pairs: list[Candidate] = field(default_factory=list)
    """The first ones of `cross`."""

    def consider(self, example: Example, pictured: Sequence[Pictured]) -> None:
        """Keep an example if it is turned farther, or drifts more, than those before it."""
        ordered = sorted(pictured, key=lambda one: one.moment.frame)
        shown = [ordered[index] for index in spread(len(ordered), COLUMNS)]
        candidate = Candidate(
            example.name,
            example.source,
            [example.driving[one.moment.frame] for one in shown],
            shown,
            max(one.moment.pose_distance for one in ordered),
            _lost(ordered),
        )
        if example.task == "cross" and len(self.pairs) < PAIRS:
            self.pairs.append(candidate)
        drifted, turned = self.best.get("drift"), self.best.get("turn")
        if drifted is None or candidate.lost > drifted.lost:
            self.best["drift"] = candidate
        if turned is None or candidate.turned > turned.turned:
            self.best["turn"] = candidate

    def sheet(self) -> Pixels:
        """The strips as one picture."""
        chosen = {one.name: one for one in self.best.values()}
        bands = [_band(one, ROWS) for one in chosen.values()]
        return draw_sheet("Results over time", bands, tile_width=TILE)

    def pairs_sheet(self) -> Pixels:
        """The full method's results for several pairs: is it one person, the source, throughout?"""
        bands = [_band(one, ROWS[-1:], others=False) for one in self.pairs]
        return draw_sheet("One person's face, another's motion", bands, tile_width=TILE)


def _lost(pictured: Sequence[Pictured]) -> float:
    """How far `local` lies below `global` in the last quarter; without them 0."""
    late = pictured[-max(1, len(pictured) // 4) :]
    scores = [one.moment.scores for one in late]
    if not all("local" in row and "global" in row for row in scores):
        return 0.0
    lost = float(np.mean([row["global"].psnr - row["local"].psnr for row in scores]))
    return lost if lost == lost else 0.0


def _band(one: Candidate, schemes: Sequence[str], *, others: bool = True) -> Band:
    """The strips of one example; with `others` those of other methods too."""
    with_truth = TRUTH in one.shown[0].faces
    cross = not with_truth or not _same(one)
    rows = [Strip("driving", tuple(_pixels(face) for face in one.driving))] if cross else []
    if with_truth:
        rows.append(_strip("truth", TRUTH, one))
    methods = [name for name in one.shown[0].faces if name not in (*ROWS, *LEAVE_OUT, TRUTH)]
    methods = methods * others + [name for name in schemes if name in one.shown[0].faces]
    rows += [_strip(name, name, one) for name in methods]
    first = rows[0]
    rows[0] = Strip(f"source, then\n{first.label}", first.pictures, _pixels(one.source))
    drift = f"; local ends {one.lost:.1f} dB below global" if one.lost >= WORTH_SAYING else ""
    caption = f"turned by up to {one.turned:.0f}° from the source{drift}"
    moments = tuple(f"frame {picture.moment.frame}" for picture in one.shown)
    return Band(one.name, caption, tuple(rows), moments)


def _same(one: Candidate) -> bool:
    """Whether the driving frames are the truth."""
    pairs = zip(one.driving, one.shown, strict=True)
    return all(bool((driving == picture.faces[TRUTH]).all()) for driving, picture in pairs)


def _strip(label: str, name: str, one: Candidate) -> Strip:
    return Strip(label, tuple(_pixels(picture.faces[name]) for picture in one.shown))


def _pixels(face: Tensor) -> Pixels:
    return np.ascontiguousarray(face.permute(1, 2, 0).numpy())
