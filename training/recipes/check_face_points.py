"""Measure the face points network on real footage with reference faces, and draw what it sees.

    python training/recipes/check_face_points.py CLIPS OUT [--weights FILE] [--per-clip 8]

CLIPS is a folder of videos with a `reference_faces.json`: for every video and frame number the
faces' `box`, five `points` (eyes, nose tip, mouth corners, image left first) and `pose` in degrees
as MediaPipe gives them, whose pitch is positive upwards. OUT receives the contact sheet. The
footage is measured, never trained on.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from reenact_core.media.opening import opened
from reenact_core.models.face_points import (
    EYE_LEFT,
    EYE_RIGHT,
    INPUT_SIZE,
    MOUTH_CORNER_LEFT,
    MOUTH_CORNER_RIGHT,
    NOSE_TIP,
    FaceReading,
    face_box,
    load_face_points,
)
from reenact_training.synthetic.motion import angles

YAW_BINS = ((0, 15), (15, 30), (30, 50), (50, 90))

Picture = NDArray[Any]
"""(H, W, 3) uint8, R'G'B'."""


@dataclass(frozen=True, slots=True, eq=False)
class RealFace:
    """One reference face: its crop, and what is known about it in pixels of the crop."""

    crop: Picture
    points: NDArray[np.float64]
    box: NDArray[np.float64]
    pose: tuple[float, float, float]
    clip: str


def cut(
    frame: Picture, box: list[float], side_factor: float
) -> tuple[Picture, NDArray[np.float64]]:
    """The square crop about a box, and its frame-to-crop map (2, 3)."""
    left, top, right, bottom = box
    side = side_factor * max(right - left, bottom - top)
    centre_x, centre_y = (left + right) / 2, (top + bottom) / 2 - 0.06 * side
    scale = INPUT_SIZE / side
    to_crop = np.array(
        [
            [scale, 0, INPUT_SIZE / 2 - scale * centre_x],
            [0, scale, INPUT_SIZE / 2 - scale * centre_y],
        ]
    )
    # OpenCV places pixel centres on whole numbers.
    shifted = to_crop.copy()
    shifted[:, 2] += 0.5 * to_crop[:, :2].sum(1) - 0.5
    flags = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    if scale < 0.5:
        blur = 0.4 / scale
        frame = cv2.GaussianBlur(frame, (0, 0), blur)
    crop = cv2.warpAffine(
        frame, shifted, (INPUT_SIZE, INPUT_SIZE), flags=flags, borderMode=cv2.BORDER_REPLICATE
    )
    return crop, to_crop


def reference_faces(folder: Path, per_clip: int, side_factor: float) -> Iterator[RealFace]:
    """Faces spread evenly over the frames of every clip."""
    table = json.loads((folder / "reference_faces.json").read_text())
    for name, entry in table.items():
        numbers = [int(number) for number, faces in entry["frames"].items() if faces]
        if not numbers or not (folder / name).exists():
            continue
        picks = np.linspace(0, len(numbers) - 1, min(per_clip, len(numbers)))
        wanted = sorted({numbers[int(pick)] for pick in picks})
        for number, frame in _frames(folder / name, wanted):
            for face in entry["frames"][str(number)]:
                if "points" not in face or "pose" not in face:
                    continue
                yield _real_face(name, frame, face, side_factor)


def _real_face(name: str, frame: Picture, face: dict[str, list[float]], side: float) -> RealFace:
    crop, to_crop = cut(frame, face["box"], side)
    linear, offset = to_crop[:, :2], to_crop[:, 2]
    points = np.array(face["points"]) @ linear.T + offset
    box = (np.array(face["box"]).reshape(2, 2) @ linear.T + offset).reshape(4)
    yaw, up, roll = face["pose"]
    return RealFace(crop, points, box, (yaw, -up, roll), name)


def _frames(path: Path, wanted: list[int]) -> Iterator[tuple[int, Picture]]:
    if path.suffix in (".jpg", ".png"):
        still = cv2.imread(str(path))
        if still is not None:
            yield wanted[0], cv2.cvtColor(still, cv2.COLOR_BGR2RGB)
        return
    with opened(path) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number in wanted:
                yield number, frame.to_ndarray(format="rgb24")
            if number >= wanted[-1]:
                return


def five_points(reading: FaceReading) -> NDArray[np.float64]:
    """Eyes, nose tip and mouth corners (B, 5, 2) in pixels of the crop."""
    flat = reading.points[..., :2]
    left, right = flat[:, list(EYE_LEFT)].mean(1), flat[:, list(EYE_RIGHT)].mean(1)
    others = flat[:, [NOSE_TIP, MOUTH_CORNER_LEFT, MOUTH_CORNER_RIGHT]]
    five = torch.cat([left[:, None], right[:, None], others], dim=1)
    return ((five + 1) * INPUT_SIZE / 2).double().numpy()


def draw(face: RealFace, points: NDArray[np.float64], box: NDArray[np.float64]) -> Picture:
    """The crop, enlarged, with the 79 points, the reference points and both boxes."""
    factor = 2
    picture = cv2.resize(face.crop, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
    for x, y in points * factor:
        cv2.circle(picture, (int(x * 8), int(y * 8)), 10, (0, 255, 0), -1, cv2.LINE_AA, 3)
    for x, y in face.points * factor:
        cv2.circle(picture, (int(x * 8), int(y * 8)), 16, (255, 0, 0), -1, cv2.LINE_AA, 3)
    for values, colour in ((face.box, (255, 0, 0)), (box, (0, 255, 0))):
        corners = [int(value) for value in values * factor]
        cv2.rectangle(picture, corners[:2], corners[2:], colour, 1)
    return picture


def measure(faces: list[RealFace], reading: FaceReading) -> dict[str, object]:
    """Errors in shares of the box's side and in degrees, over all and by yaw."""
    five, seen_boxes = five_points(reading), face_box((reading.points + 1) * INPUT_SIZE / 2).numpy()
    sides = np.array([max(face.box[2] - face.box[0], face.box[3] - face.box[1]) for face in faces])
    miss = np.linalg.norm(five - np.stack([face.points for face in faces]), axis=2) / sides[:, None]
    yaw = np.degrees(angles(reading.rotation)[0].numpy())
    pitch = np.degrees(angles(reading.rotation)[1].numpy())
    reference = np.array([face.pose for face in faces])
    result: dict[str, object] = {
        "faces": len(faces),
        "median_error": round(float(np.median(miss)), 4),
        "median_error_by_point": [round(float(value), 4) for value in np.median(miss, axis=0)],
        "yaw_error": round(float(np.median(np.abs(yaw - reference[:, 0]))), 2),
        "yaw_correlation": round(float(np.corrcoef(yaw, reference[:, 0])[0, 1]), 3),
        "pitch_correlation": round(float(np.corrcoef(pitch, reference[:, 1])[0, 1]), 3),
        "pitch_offset": round(float(np.median(pitch - reference[:, 1])), 2),
        "box": _box_difference(faces, seen_boxes, sides),
        "confident": round(float((reading.confidence > 0).float().mean()), 3),
    }
    for low, high in YAW_BINS:
        rows = (np.abs(reference[:, 0]) >= low) & (np.abs(reference[:, 0]) < high)
        if rows.any():
            error = float(np.median(np.abs(yaw - reference[:, 0])[rows]))
            result[f"yaw {low}-{high}"] = [
                int(rows.sum()),
                round(float(np.median(miss[rows])), 4),
                round(error, 2),
            ]
    return result


def _box_difference(
    faces: list[RealFace], boxes: NDArray[np.float64], sides: NDArray[np.float64]
) -> dict[str, float]:
    truth = np.stack([face.box for face in faces])
    both = [
        np.stack([(b[:, 0] + b[:, 2]) / 2, (b[:, 1] + b[:, 3]) / 2], axis=1) for b in (boxes, truth)
    ]
    shift = (both[0] - both[1]) / sides[:, None]
    growth = np.maximum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]) / sides
    return {
        "shift_x": round(float(np.median(shift[:, 0])), 3),
        "shift_y": round(float(np.median(shift[:, 1])), 3),
        "size": round(float(np.median(growth)), 3), "spread": round(float(shift.std()), 3),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the face points network")
    parser.add_argument("clips", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--per-clip", type=int, default=8)
    parser.add_argument(
        "--side", type=float, default=2.0, help="side of the crop in sides of the box"
    )
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    faces = list(reference_faces(arguments.clips, arguments.per_clip, arguments.side))
    crops = (
        torch.from_numpy(np.stack([face.crop for face in faces])).permute(0, 3, 1, 2).float() / 255
    )
    reading = load_face_points(arguments.weights)(crops)
    result = measure(faces, reading)
    print(json.dumps(result, indent=1))
    pixels = ((reading.points[..., :2] + 1) * INPUT_SIZE / 2).double().numpy()
    boxes = face_box(torch.from_numpy(pixels)).numpy()
    picked = np.linspace(0, len(faces) - 1, min(48, len(faces))).astype(int)
    tiles = [draw(faces[i], pixels[i], boxes[i]) for i in picked]
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % 8)
    rows = [np.hstack(tiles[start : start + 8]) for start in range(0, len(tiles), 8)]
    arguments.out.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(
        str(arguments.out / "face_points.png"), cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2BGR)
    )


if __name__ == "__main__":
    main()
