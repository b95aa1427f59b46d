"""Figure 8 (quality against head-pose distance), and quality over time, as PNG."""

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from reenact_core.files import written_whole
from reenact_training.evaluate.measures import TRUTH, Moment
from reenact_training.evaluate.summary import Figure, in_range, over_frames, time_edges

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Sheet

STEP = 7.5
"""Width of a bin in degrees."""
FEWEST = 1 / 200
"""Share of all frames that a point of a curve stands for at least."""
COLOURS = {
    "subtle": "#0b6e4f",
    "global": "#c8553d",
    "local": "#3a6ea5",
    "source": "#9aa0a6",
    "flow": "#b08900",
}
OTHERS = ("#7b4b94", "#222222", "#d4709f", "#5aa9a3", "#8c6d46")
NAMES = {"source": "source unchanged", "flow": "direct flow"}
PANELS = (("psnr", "PSNR (dB)"), ("ssim", "SSIM"))
INK, FAINT = "#24292f", "#d9dce0"


def plot_distance(path: Path, moments: Sequence[Moment], methods: Sequence[str]) -> None:
    """PSNR and SSIM against how far the head is turned from the source's.

    Raises:
        OutputError: the file cannot be written.
    """
    farthest = max(moment.pose_distance for moment in moments)
    edges = np.arange(0, farthest + STEP, STEP)
    _plot(
        path,
        "Quality against head-pose distance",
        "head turned from the source's by (degrees)",
        moments,
        methods,
        edges.tolist(),
        lambda moment: moment.pose_distance,
    )


def plot_time(path: Path, moments: Sequence[Moment], methods: Sequence[str]) -> None:
    """PSNR and SSIM against the frame's number: drift.

    Raises:
        OutputError: the file cannot be written.
    """
    _plot(
        path,
        "Quality over time",
        "frame",
        moments,
        methods,
        [float(edge) for edge in time_edges(moments)],
        lambda moment: moment.frame,
    )


def _plot(
    path: Path,
    title: str,
    axis: str,
    moments: Sequence[Moment],
    methods: Sequence[str],
    edges: Sequence[float],
    of: Callable[[Moment], float],
) -> None:
    """Two panels, a curve for every method with the interval that it lies in."""
    from matplotlib.figure import Figure as Sheet  # slow to import

    sheet = Sheet(figsize=(11, 4.4), dpi=150, layout="constrained")
    bins = [in_range(moments, of, a, b) for a, b in itertools.pairwise(edges)]
    middles = [(a + b) / 2 for a, b in itertools.pairwise(edges)]
    shown = [name for name in methods if name != TRUTH]
    for axes, (figure, label), letter in zip(sheet.subplots(1, 2), PANELS, "ab", strict=True):
        for name in shown:
            _curve(
                axes, middles, [over_frames(one, name, figure) for one in bins], bins, name, shown
            )
        _dress(axes, f"({letter})  {label}", axis, edges[-1])
    _legend(sheet, title)
    with written_whole(path) as partial:
        sheet.savefig(partial, format="png")


def _curve(
    axes: "Axes",
    middles: Sequence[float],
    figures: Sequence[Figure | None],
    bins: Sequence[Sequence[Moment]],
    name: str,
    methods: Sequence[str],
) -> None:
    fewest = max(1, FEWEST * sum(len(one) for one in bins))
    points = [
        (at, one)
        for at, one, inside in zip(middles, figures, bins, strict=True)
        if one is not None and len(inside) >= fewest
    ]
    if not points:
        return
    colour = _colour(name, methods)
    style = "--" if name in NAMES else "-"
    at = [place for place, _ in points]
    axes.plot(
        at,
        [one.value for _, one in points],
        color=colour,
        linestyle=style,
        linewidth=2.2 if name == "subtle" else 1.6,
        marker="o",
        markersize=3.5,
        label=NAMES.get(name, name),
    )
    sure = [(place, one.low, one.high) for place, one in points if one.low is not None]
    if sure:
        places, low, high = zip(*sure, strict=True)
        axes.fill_between(places, low, high, color=colour, alpha=0.12, linewidth=0)


def _colour(name: str, methods: Sequence[str]) -> str:
    if name in COLOURS:
        return COLOURS[name]
    others = [one for one in methods if one not in COLOURS]
    return OTHERS[others.index(name) % len(OTHERS)]


def _dress(axes: "Axes", title: str, axis: str, end: float) -> None:
    axes.set_title(title, loc="left", fontsize=11, color=INK)
    axes.set_xlabel(axis, color=INK)
    axes.set_xlim(0, end)
    axes.grid(True, color=FAINT, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=INK, length=3)


def _legend(sheet: "Sheet", title: str) -> None:
    lines, labels = sheet.axes[0].get_legend_handles_labels()
    sheet.suptitle(title, x=0.01, ha="left", fontsize=13, color=INK)
    if lines:
        sheet.legend(lines, labels, loc="outside right center", frameon=False)
