"""What the evaluations of docs/how-to/measure.md say about the bars that a checkpoint must meet.

    python training/recipes/read_bars.py MEASURED

MEASURED holds the folders self, long, cross, real and real-cross, each with its metrics.json; one
that is missing is left out. The last column says whether the bar is met.
"""

import argparse
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

NOTHING = "nothing to tell it by"

Metrics = dict[str, Any]
Bar = tuple[str, str, bool]
"""What was asked, what was found, whether it is enough."""


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    for name, read in READERS.items():
        path = folder / name / "metrics.json"
        if path.is_file():
            metrics = json.loads(path.read_text("utf-8"))
            print(f"{name}: {metrics['clips']} clips, {metrics['frames']} frames")
            for asked, found, met in read(metrics):
                print(f"  {verdict(found, met)}  {asked}: {found}")


def verdict(found: str, met: bool) -> str:
    """In six letters."""
    return "open  " if NOTHING in found else "met   " if met else "MISSED"


def read_self(metrics: Metrics) -> Iterator[Bar]:
    """Drawn heads, first frame as source."""
    far, near = ("by_pose_distance", 45, 180), ("by_pose_distance", 0, 15)
    gain = _gain(metrics, *far, "psnr")
    yield "45° and more, subtle over global, PSNR +1.5 dB", _said(gain, " dB"), _least(gain, 1.5)
    gain = _gain(metrics, *far, "ssim")
    yield "the same, SSIM higher", _said(gain), _least(gain, 0.0)
    for figure in ("prmse", "prmse_read"):
        ours, other = (mean(metrics, *far, name, figure) for name in ("subtle", "global"))
        share = ours / other if ours is not None and other else None
        yield f"the same, {figure} at most half", _said(share), _least(share, 0.5, below=True)
    gain = _gain(metrics, *near, "psnr")
    yield "under 15°, at most 0.1 dB worse", _said(gain, " dB"), _least(gain, -0.1)


def read_long(metrics: Metrics) -> Iterator[Bar]:
    """A thousand frames to and fro."""
    for scheme in ("subtle", "local"):
        early = mean(metrics, "over_time", 50, 250, scheme, "psnr")
        late = mean(metrics, "over_time", 800, 1000, scheme, "psnr")
        lost = early - late if early is not None and late is not None else None
        if scheme == "subtle":
            yield "subtle loses at most 0.5 dB", _said(lost, " dB"), _least(lost, 0.5, below=True)
        else:
            yield "local drifts", _said(lost, " dB"), _least(lost, 0.5)


def read_cross(metrics: Metrics) -> Iterator[Bar]:
    """Drawn people driven by others."""
    ours = metrics["schemes"]["subtle"]
    for figure in ("psnr", "psnr_head"):
        gain = ours[figure] - metrics["baselines"]["source"][figure]
        yield f"subtle over the source, {figure} +3 dB", _said(gain, " dB"), gain >= 3
    for figure in ("psnr", "psnr_head"):
        gain = _gain(metrics, "by_pose_distance", 45, 180, figure)
        yield f"45° and more, over global, {figure} +1 dB", _said(gain, " dB"), _least(gain, 1.0)
    row = metrics["closer_to_truth_than_to_driver"]["subtle"]
    found = f"{row['closer']} of {row['clips']} clips"
    yield "closer to the truth than to the driver", found, row["closer"] == row["clips"]


def read_real(metrics: Metrics) -> Iterator[Bar]:
    """Real clips, first frame as source."""
    ours, flow = metrics["schemes"]["subtle"], metrics["baselines"]["flow"]
    found = ours["psnr_centre"]
    yield "central window 31.5 dB", _said(found, " dB"), found >= 31.5
    for start, stop in ((30, 45), (45, 180)):
        for other in ("flow", "global"):
            gain = _gain(metrics, "by_yaw_distance", start, stop, "psnr_centre", other)
            asked = f"yaw {start}° to {stop}°, subtle over {other} +1.5 dB"
            yield asked, _said(gain, " dB"), _least(gain, 1.5)
    gain = ours["ssim"] - flow["ssim"]
    yield "SSIM not worse than direct flow's", _said(gain), gain >= 0


def read_real_cross(metrics: Metrics) -> Iterator[Bar]:
    """Stills driven by real clips."""
    row = metrics["following"]["subtle"]
    for key, least in (("yaw", 0.9), ("mouth", 0.8)):
        found = f"{_said(row[key])} ({row[f'{key}_clips']} clips)"
        yield f"{key} follows the driver, correlation {least}", found, _least(row[key], least)


def mean(
    metrics: Metrics, bins: str, start: float, stop: float, method: str, figure: str
) -> float | None:
    """A figure over all frames of the bins that lie between two values."""
    inside = [one for one in metrics[bins] if start <= one["from"] and one["to"] <= stop]
    groups = ("schemes", "baselines")
    values = [
        (one[group][method][figure], one["frames"])
        for one in inside
        for group in groups
        if one[group].get(method, {}).get(figure) is not None
    ]
    frames = sum(count for _, count in values)
    return sum(value * count for value, count in values) / frames if frames else None


def _gain(
    metrics: Metrics, bins: str, start: float, stop: float, figure: str, other: str = "global"
) -> float | None:
    both = [mean(metrics, bins, start, stop, name, figure) for name in ("subtle", other)]
    return None if both[0] is None or both[1] is None else both[0] - both[1]


def _said(value: float | None, unit: str = "") -> str:
    return NOTHING if value is None else f"{value:.3f}{unit}"


def _least(value: float | None, bar: float, *, below: bool = False) -> bool:
    return value is not None and (value <= bar if below else value >= bar)


READERS: dict[str, Callable[[Metrics], Iterator[Bar]]] = {
    "self": read_self,
    "long": read_long,
    "cross": read_cross,
    "real": read_real,
    "real-cross": read_real_cross,
}

if __name__ == "__main__":
    main()
