"""How well the embedded reader follows drivers, by MediaPipe's face mesh, before anything is drawn.

    python training/recipes/compare_readers.py CACHE [--face-points FILE] [--close-ups FILE]

The drivers of `measure_pairs.py` and the other `drv_` clips in `../shared/clips`: 48 frames of
each, cut about the mesh's points once (kept in CACHE) and read by the embedded reader, with weights
of one's own where they are named. Prints, for the clips of the pairs that are tuned on, for those
that are not, and for all others, the means over clips in which the driver varies: correlation over
time with what the mesh sees, in brackets the spread over the mesh's. Clips are measured, never
trained on.
"""

import argparse
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import torch
from measure_pairs import (  # type: ignore[import-not-found]
    PAIRS,
    SHARED,
    VARIES,
    Floats,
    Pixels,
    compare,
    measures,
    read_all,
)
from torch import Tensor

from reenact_core.files import written_whole
from reenact_core.head.model import load_head_model
from reenact_core.head.state import placed, states_of
from reenact_core.media.opening import opened
from reenact_core.models.close_ups import CloseUps, load_close_ups
from reenact_core.models.face_points import (
    FacePointsNet,
    FaceReading,
    fill_from,
    load_face_points,
)
from reenact_core.models.readers.embedded import read_faces
from reenact_core.models.readers.mesh import FaceMesh
from reenact_training.evaluate.footage import degrees

FRAMES, SIDE, CROP = 48, 256, 2.0
BETWEEN_EYES_TO_NOSE = 0.89
GROUPS = ("tuned", "held", "others")


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("cache", type=Path)
    parser.add_argument("--face-points", type=Path)
    parser.add_argument("--close-ups", type=Path)
    parser.add_argument("--fitted", action="store_true", help="measure the heads fitted to it")
    parser.add_argument("--every-clip", action="store_true", help="a line for each clip")
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.cache.mkdir(parents=True, exist_ok=True)
    points, close_ups = load_face_points(options.face_points), load_close_ups()
    if options.close_ups:
        fill_from(options.close_ups, close_ups, "close-up networks")
    rows: dict[str, list[dict[str, object]]] = {group: [] for group in GROUPS}
    for name, start, group in clips():
        crops, seen = _cached(options.cache / f"{name}.pt", name, start)
        with torch.inference_mode():
            reading = _read(points, close_ups, crops)
        found = compare(seen, measured(fitted(reading) if options.fitted else reading))
        rows[group].append(found)
        if options.every_clip:
            print(group, name, _line(found), flush=True)
    every = [found for group in GROUPS for found in rows[group]]
    for group, found_all in [*rows.items(), ("all", every)]:
        print(f"{group}, {len(found_all)} clips:", _means(found_all))


def clips() -> Iterator[tuple[str, int, str]]:
    """Names, first frames and groups; a clip of both halves counts as one that is tuned on."""
    starts = {pair.clip: pair.start for pair in PAIRS}
    tuned = {pair.clip for pair in PAIRS if pair.half == "tuned"}
    for path in sorted((SHARED / "clips").glob("drv_*")):
        group = "tuned" if path.stem in tuned else "held" if path.stem in starts else "others"
        yield path.stem, starts.get(path.stem, 0), group


def _cached(path: Path, name: str, start: int) -> tuple[Tensor, dict[str, Floats]]:
    """Crops (T, 3, S, S) uint8 of a clip, and the mesh's measures."""
    if not path.exists():
        mesh = FaceMesh([SHARED / "models"])
        source = next((SHARED / "clips").glob(f"{name}.*"))
        with opened(source) as container:
            decoded = islice(container.decode(video=0), start, start + FRAMES)
            frames = [np.asarray(f.to_ndarray(format="rgb24"), np.uint8) for f in decoded]
        readings = read_all(mesh, frames)
        boxes = np.array([_square(reading.points[:, :2]) for reading in readings])
        crops = torch.from_numpy(np.stack([_cut(f, b) for f, b in zip(frames, boxes, strict=True)]))
        held = {key: torch.from_numpy(value) for key, value in measures(readings).items()}
        with written_whole(path) as partial:
            torch.save({"crops": crops.permute(0, 3, 1, 2).contiguous(), "measures": held}, partial)
    kept = torch.load(path, weights_only=True)
    return kept["crops"], {key: value.numpy() for key, value in kept["measures"].items()}


def _square(points: Floats) -> tuple[float, float, float]:
    """Middle and side of the crop about a face."""
    low, high = points.min(0), points.max(0)
    side = CROP * 0.93 * float((high - low).max())
    return float(low[0] + high[0]) / 2, float(low[1] + high[1]) / 2 + 0.02 * side, side


def _cut(frame: Pixels, square: Floats) -> Pixels:
    x, y, side = square
    scale = SIDE / side
    into = np.array([[scale, 0, SIDE / 2 - scale * x], [0, scale, SIDE / 2 - scale * y]])
    into[:, 2] += 0.5 * scale - 0.5  # OpenCV places pixel centres on whole numbers
    if scale < 1:
        frame = cv2.GaussianBlur(frame, (0, 0), 0.4 / scale).astype(np.uint8)
    cut = cv2.warpAffine(frame, into, (SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(cut, np.uint8)


def _read(points: FacePointsNet, close_ups: CloseUps, crops: Tensor) -> FaceReading:
    parts = torch.tensor_split(crops, -(-len(crops) // 16))
    read = [read_faces(points, close_ups, part.float() / 255) for part in parts]
    return FaceReading(
        torch.cat([r.points for r in read]), torch.cat([r.rotation for r in read]),
        torch.cat([r.expression for r in read]), torch.cat([r.confidence for r in read]),
    )  # fmt: skip


def fitted(reading: FaceReading) -> FaceReading:
    """The points and turns of the heads that are fitted to what was read."""
    head, scheme = load_head_model(), "embedded79"
    sure = reading.confidence.sigmoid()[:, None].expand(reading.points.shape[:2])
    pupils = reading.points[:, [77, 78], :2]
    states = states_of(head, scheme, reading.points, trust=sure, pupils=pupils)
    points = placed(head.landmarks[scheme].places(states.vertices(head)), states.pose)
    return FaceReading(points, states.pose.rotation, reading.expression, reading.confidence)


def measured(reading: FaceReading) -> dict[str, Floats]:
    """The measures of `measure_pairs.py`, by the embedded scheme."""
    at = reading.points
    pose = degrees(reading.rotation)
    unit = ((at[:, 36] + at[:, 45]) / 2 - at[:, 33]).norm(dim=-1) / BETWEEN_EYES_TO_NOSE
    gap = (at[:, 61:64] - at[:, [67, 66, 65]]).mean(1).norm(dim=-1)
    width = (at[:, 48] - at[:, 54]).norm(dim=-1)
    eyes, gazes, brows = [], [], []
    for left, right, lids, pupil, brow in (
        (36, 39, ((37, 41), (38, 40)), 77, (18, 19, 20)),
        (42, 45, ((43, 47), (44, 46)), 78, (23, 24, 25)),
    ):
        a, b = at[:, left], at[:, right]
        across = (b - a)[:, :2]
        length = across.norm(dim=-1)
        apart = [(at[:, one, :2] - at[:, two, :2]).norm(dim=-1) for one, two in lids]
        eyes.append(torch.stack(apart).mean(0) / length)
        beside = at[:, pupil, :2] - (a + b)[:, :2] / 2
        gazes.append((beside * across).sum(-1) / length.square())
        brows.append((at[:, list(brow)].mean(1) - (a + b) / 2).norm(dim=-1) / unit)
    means = [sum(values) / 2 for values in (eyes, gazes, brows)]
    values = [*pose.unbind(-1), gap / unit, width / unit, *means]
    return {
        name: torch.as_tensor(value).double().numpy()
        for name, value in zip(VARIES, values, strict=True)
    }


def _line(found: dict[str, object]) -> str:
    return " ".join(
        f"{name} {row['correlation']:.2f}({row['amplitude']:.2f})"
        for name in VARIES
        if isinstance(row := found[name], dict)
    )


def _means(rows: list[dict[str, object]]) -> str:
    parts = []
    for name in VARIES:
        values = [row for found in rows if isinstance(row := found[name], dict)]
        if values:
            alike, spread = (np.mean([v[k] for v in values]) for k in ("correlation", "amplitude"))
            parts.append(f"{name} {alike:.3f} ({spread:.2f})")
    blinks = [float(str(found["blinks"])) for found in rows if found["blinks"] is not None]
    return ", ".join([*parts, f"blinks {np.mean(blinks):.2f}"] if blinks else parts)


if __name__ == "__main__":
    main()
