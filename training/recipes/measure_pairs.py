"""How faithfully stills act as other people's clips do, judged by MediaPipe's face mesh.

    python training/recipes/measure_pairs.py OUT [--half tuned|held] [--frames 48] [--again]
        [--reenact COMMAND] [--options "..."] [--only STILL__CLIP]

For every pair of `PAIRS`, `reenact animate` makes OUT/NAME.mkv of some frames of a clip in
`../shared/clips` beside the repository. Driver and result are then read by the face mesh
(`reenact models fetch face-mesh`, or its files in `../shared/models`), which is of another make
than the networks that moved the face unless `--options` names the reader `mesh`. OUT/pairs.json
and a table on the screen have for each measure, over the pairs in which the driver varies:

* the correlation of result and driver over time, and the amplitude: the spread (standard
  deviation) of the result over the driver's;
* blinks: the share of the frames with shut eyes in the driver in which the result's are shut too;
* likeness: the distance of dlib's face embedding between still and result, where the packages
  `dlib-bin` and `face-recognition-models` are installed;
* the processor seconds of a frame, start included.

OUT/NAME.jpg shows driver and result side by side. `tuned` are the pairs that constants may be
tuned on; report `held` beside them.
"""

import argparse
import json
import resource
import shlex
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from reenact_core.media.opening import created, opened
from reenact_core.models.readers.mesh import (
    INNER_LEFT,
    INNER_RIGHT,
    OUTER_LEFT,
    OUTER_RIGHT,
    FaceMesh,
    FacePlace,
    MeshReading,
    place_of,
)
from reenact_core.tracking.embedded import EmbeddedDetector
from reenact_training.evaluate.face_mesh import pose_of

SHARED = Path(__file__).resolve().parents[2].parent / "shared"
Half = Literal["tuned", "held"]
Pixels = NDArray[np.uint8]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Pair:
    """A still and the clip that it acts as."""

    still: str
    clip: str
    start: int
    """The first of the clip's frames that are used, where the driver does most."""
    half: Half

    @property
    def name(self) -> str:
        return f"{self.still}__{self.clip}"


PAIRS = (
    Pair("still_emoA_neutral", "drv_lp_d00", 28, "tuned"),
    Pair("still_man2", "drv_lp_d03", 184, "held"),
    Pair("still_man3_glasses", "drv_lp_d18", 72, "tuned"),
    Pair("still_portrait1", "drv_lp_d08", 220, "held"),
    Pair("still_model9", "drv_lp_d12", 40, "tuned"),
    Pair("still_facexlib2", "drv_tps_talk", 52, "held"),
    Pair("still_jianzhu_glasses", "drv_vr_5", 0, "tuned"),
    Pair("still_tasia_gesture", "drv_metrical_wojtek_yaw", 88, "held"),
    Pair("still_emoA_34", "drv_ed_pose2", 140, "tuned"),
    Pair("still_vlado_small", "drv_lp_d07", 100, "held"),
    Pair("still_portrait1", "drv_st_kh_mpeg4", 16, "tuned"),
    Pair("still_emoA_neutral", "drv_lp_d20_lowlight", 12, "held"),
    Pair("still_man2", "drv_dpe_s", 0, "tuned"),
    Pair("still_model9", "drv_lp_d09", 192, "held"),
    Pair("still_man3_glasses", "drv_metrical_wojtek_yaw", 88, "tuned"),
    Pair("still_emoA_hands", "drv_grid_bbaf2n", 8, "held"),
    Pair("still_lp_s2_bw", "drv_lp_d07", 100, "tuned"),
    Pair("still_jianzhu_glasses", "drv_lp_d13", 60, "held"),
    Pair("still_facexlib2", "drv_lp_d08", 220, "tuned"),
    Pair("still_emoA_34", "drv_vr_1_vfr", 36, "held"),
)

NOSE_BASE = 2
BETWEEN_EYES_TO_NOSE = 0.89
"""From between the eyes to below the nose in head units, on the average head."""
LIPS_UPPER, LIPS_LOWER, MOUTH_CORNERS = [82, 13, 312], [87, 14, 317], (61, 291)
LIDS = (((159, 145), (158, 153), (160, 144)), ((386, 374), (385, 380), (387, 373)))
"""Upper and lower points of either eye's lids."""
BROWS = (([63, 105, 66], OUTER_LEFT, INNER_LEFT), ([293, 334, 296], OUTER_RIGHT, INNER_RIGHT))

VARIES = {
    "yaw": 2.0, "pitch": 2.0, "roll": 2.0, "mouth opening": 0.03, "mouth width": 0.03,
    "eyes": 0.03, "gaze": 0.03, "brows": 0.02,
}  # fmt: skip
"""The measures, and the driver's least standard deviation for which one says something: degrees
for the pose, else head units or widths of the eye."""
SHUT = 0.6
"""Of the opening that a person's eyes exceed in a quarter of the frames: less is a blink."""


def main() -> None:
    options = _options()
    options.out.mkdir(parents=True, exist_ok=True)
    models = [SHARED / "models", *([options.models] if options.models else [])]
    mesh, recogniser = FaceMesh(models), _recogniser()
    rows = []
    for pair in PAIRS:
        if options.half in (None, pair.half) and (not options.only or pair.name in options.only):
            rows.append(measure(pair, options, mesh, recogniser))
            print(_line(rows[-1]), flush=True)
    summaries = {"all": summary(rows)}
    summaries |= {half: summary([row for row in rows if row["half"] == half]) for half in HALVES}
    report = {"options": options.options, "frames": options.frames, "pairs": rows} | summaries
    (options.out / "pairs.json").write_text(json.dumps(report, indent=1), "utf-8")
    for name, table in summaries.items():
        print(f"\n{name}: {table.pop('pairs')} pairs")
        for key, value in table.items():
            print(f"  {key:15} {value}")


HALVES: tuple[Half, ...] = ("tuned", "held")


def measure(
    pair: Pair, options: argparse.Namespace, mesh: FaceMesh, recogniser: Any
) -> dict[str, Any]:
    """One pair, made if it is not there yet, and judged."""
    clips = SHARED / "clips"
    driving = _shortened(clips, pair, options)
    result, still = options.out / f"{pair.name}.mkv", clips / f"{pair.still}.jpg"
    seconds = None
    if options.again or not result.exists():
        seconds = _animate(options, still, driving, result)
    ours, theirs = list(_frames(result)), list(_frames(driving))
    if len(ours) != len(theirs):
        raise SystemExit(f"{result}: {len(ours)} frames, but the driver has {len(theirs)}")
    seen, driven = [read_all(mesh, frames) for frames in (ours, theirs)]
    _sheet(theirs, ours, options.out / f"{pair.name}.jpg")
    found = compare(measures(driven), measures(seen))
    face = None if recogniser is None else _likeness(recogniser, mesh, still, ours, seen)
    return {
        "pair": pair.name, "half": pair.half, "frames": len(ours), **found, "likeness": face,
        "seconds a frame": None if seconds is None else seconds / len(ours),
        "unsure": float(np.mean([reading.confidence < 0.5 for reading in seen])),
    }  # fmt: skip


def measures(readings: Sequence[MeshReading]) -> dict[str, Floats]:
    """The measures over time, each (T,)."""
    return {
        name: np.array(values)
        for name, values in zip(VARIES, zip(*map(_measured, readings), strict=True), strict=True)
    }


def _measured(reading: MeshReading) -> tuple[float, ...]:
    at = reading.points
    yaw, pitch, roll = pose_of(torch.from_numpy(at)).tolist()
    middle = (at[OUTER_LEFT] + at[OUTER_RIGHT]) / 2
    unit = _length(middle - at[NOSE_BASE]) / BETWEEN_EYES_TO_NOSE
    opening = _length((at[LIPS_UPPER] - at[LIPS_LOWER]).mean(0)) / unit
    width = _length(at[MOUTH_CORNERS[0]] - at[MOUTH_CORNERS[1]]) / unit
    eyes, gazes, brows = [], [], []
    corners = ((OUTER_LEFT, INNER_LEFT), (INNER_RIGHT, OUTER_RIGHT))
    for iris, (left, right), lids in zip(reading.irises, corners, LIDS, strict=True):
        across = at[right, :2] - at[left, :2]
        length = _length(across)
        gazes.append(float((iris - (at[left, :2] + at[right, :2]) / 2) @ across) / length**2)
        eyes.append(np.mean([_length(at[a, :2] - at[b, :2]) for a, b in lids]) / length)
    for points, outer, inner in BROWS:
        brows.append(_length(at[points].mean(0) - (at[outer] + at[inner]) / 2) / unit)
    return yaw, pitch, roll, opening, width, *(float(np.mean(x)) for x in (eyes, gazes, brows))


def _length(vector: Floats) -> float:
    return float(np.linalg.norm(vector))


def compare(driver: dict[str, Floats], result: dict[str, Floats]) -> dict[str, Any]:
    """Correlation and amplitude of every measure; None where the driver hardly varies."""
    found: dict[str, Any] = {}
    for name, least in VARIES.items():
        spread = float(driver[name].std())
        if spread < least:
            found[name] = None
            continue
        theirs, ours = driver[name] - driver[name].mean(), result[name] - result[name].mean()
        norm = float(np.sqrt((theirs**2).sum() * (ours**2).sum()))
        alike = float((theirs * ours).sum()) / norm if norm > 0 else 0.0
        found[name] = {"correlation": alike, "amplitude": float(result[name].std()) / spread}
    shut, shows = _shut(driver["eyes"]), _shut(result["eyes"])
    found["blinks"] = float(shows[shut].mean()) if shut.sum() >= 2 else None
    return found


def _shut(eyes: Floats) -> NDArray[np.bool_]:
    return eyes < SHUT * np.quantile(eyes, 0.75)


def summary(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Means over the pairs that say something of a measure."""
    table: dict[str, Any] = {"pairs": len(rows)}
    for name in VARIES:
        values = [row[name] for row in rows if row[name] is not None]
        table[name] = {
            "correlation": _mean([v["correlation"] for v in values]),
            "amplitude": _mean([v["amplitude"] for v in values]),
            "pairs": len(values),
        }
    for name in ("blinks", "likeness", "seconds a frame", "unsure"):
        table[name] = _mean([row[name] for row in rows if row[name] is not None])
    return table


def _mean(values: Sequence[float]) -> float | None:
    return round(float(np.mean(values)), 3) if values else None


def _line(row: dict[str, Any]) -> str:
    parts = [
        f"{name} {row[name]['correlation']:.2f} ({row[name]['amplitude']:.2f})"
        for name in VARIES
        if row[name] is not None
    ]
    return f"{row['pair']}: {', '.join(parts)}; blinks {row['blinks']}, {row['likeness']}"


def _animate(options: argparse.Namespace, still: Path, driving: Path, result: Path) -> float:
    """Make a result; gives the processor seconds that it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [*shlex.split(options.reenact), "animate", str(still), str(driving)]
    more = shlex.split(options.options)
    result.unlink(missing_ok=True)
    fixed = ["-o", str(result), "--codec", "ffv1", "--no-provenance", "--progress", "none"]
    subprocess.run([*command, *fixed, *more], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _shortened(clips: Path, pair: Pair, options: argparse.Namespace) -> Path:
    """The frames of a clip that are used, without sound, as they were decoded."""
    short = Path(options.out) / f"{pair.clip}_{options.frames}.mkv"
    if short.exists():
        return short
    clip, stop = next(clips.glob(f"{pair.clip}.*")), pair.start + options.frames
    with opened(clip) as source, created(short) as target:
        stream: Any = None
        for frame in islice(source.decode(video=0), pair.start, stop):
            frame.pts = None
            if stream is None:
                stream = target.add_stream("ffv1", rate=source.streams.video[0].average_rate)
                stream.width, stream.height = frame.width, frame.height
                stream.pix_fmt = frame.format.name.replace("yuvj", "yuv")
            target.mux(stream.encode(frame.reformat(format=stream.pix_fmt)))
        target.mux(stream.encode(None))
    return short


def _frames(path: Path) -> Iterator[Pixels]:
    with opened(path) as container:
        for frame in container.decode(video=0):
            yield np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)


def read_all(mesh: FaceMesh, frames: Sequence[Pixels]) -> list[MeshReading]:
    """Each frame read from where the one before was; anew where that is lost."""
    readings: list[MeshReading] = []
    place: FacePlace | None = None
    for frame in frames:
        place = place or _found(frame)
        reading = mesh.read(frame, place)
        if reading.confidence < 0.5:
            reading = mesh.read(frame, _found(frame))
        readings.append(reading)
        place = place_of(reading.points[:, :2]) if reading.confidence >= 0.5 else None
    return readings


def _found(frame: Pixels) -> FacePlace:
    faces = EmbeddedDetector(smallest=0.15)(frame)
    if not faces:
        height, width = frame.shape[:2]
        return FacePlace(width / 2, height / 2, 0.5 * min(width, height))
    box = max(faces, key=lambda face: face.box.width * face.score).box
    x, y = box.centre
    return FacePlace(float(x), float(y), box.width)


def _recogniser() -> Any:
    """dlib's face embedding, or None where it is not installed."""
    if find_spec("dlib") is None or find_spec("face_recognition_models") is None:
        return None
    import dlib  # type: ignore[import-not-found]

    folder = Path(str(find_spec("face_recognition_models").origin)).parent / "models"  # type: ignore[union-attr]
    shape = dlib.shape_predictor(str(folder / "shape_predictor_5_face_landmarks.dat"))
    network = dlib.face_recognition_model_v1(
        str(folder / "dlib_face_recognition_resnet_model_v1.dat")
    )

    def embed(picture: Pixels, reading: MeshReading) -> Floats:
        picture = np.ascontiguousarray(picture)
        low, high = reading.points[:, :2].min(0), reading.points[:, :2].max(0)
        box = dlib.rectangle(*(int(v) for v in (*low, *high)))
        found = network.compute_face_descriptor(picture, shape(picture, box))
        return np.array(found)

    return embed


def _likeness(
    embed: Any, mesh: FaceMesh, still: Path, frames: Sequence[Pixels], seen: Sequence[MeshReading]
) -> float:
    picture = next(_frames(still))
    own = embed(picture, read_all(mesh, [picture])[0])
    apart = [_length(embed(f, r) - own) for f, r in zip(frames[::6], seen[::6], strict=True)]
    return float(np.mean(apart))


def _sheet(driver: Sequence[Pixels], result: Sequence[Pixels], path: Path) -> None:
    """Eight frames of the driver above the result's."""
    chosen = np.linspace(0, len(driver) - 1, 8).astype(int)
    rows = [
        np.hstack([cv2.resize(_square(frames[i]), (256, 256)) for i in chosen])
        for frames in (driver, result)
    ]
    cv2.imwrite(str(path), cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2BGR))


def _square(picture: Pixels) -> Pixels:
    height, width = picture.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return picture[top : top + side, left : left + side]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--half", choices=HALVES)
    parser.add_argument("--only", action="append", default=[], metavar="STILL__CLIP")
    parser.add_argument("--frames", type=int, default=48)
    parser.add_argument("--reenact", default="reenact", help="the command to measure")
    parser.add_argument("--options", default="", help="more options of `reenact animate`")
    parser.add_argument("--models", type=Path, help="where the face mesh's files lie")
    parser.add_argument("--again", action="store_true", help="make results that are there anew")
    return parser.parse_args()


if __name__ == "__main__":
    main()
