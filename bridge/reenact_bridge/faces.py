"""Faces in one picture, with landmarks and pose: the reply of `detect`."""

from fractions import Fraction
from math import asin, atan2, degrees
from pathlib import Path
from typing import Any

import numpy as np
import torch

from reenact_core.crop.align import align_still
from reenact_core.crop.cut import cut
from reenact_core.engine.portrait import faces_in
from reenact_core.errors import MediaError
from reenact_core.frames import Picture
from reenact_core.media.decode import decode
from reenact_core.media.probe import Look
from reenact_core.models.face_points import INPUT_SIZE, FacePointsNet
from reenact_core.settings import Settings
from reenact_core.timing import FrameRange
from reenact_core.tracking.detect import Detector
from reenact_core.tracking.track import FaceTrack


def read_picture(path: Path, frame: int | None, seconds: float | None, look: Look) -> Picture:
    """One frame of a file, by its number or its time; the first where neither is given.

    Raises:
        MediaError: the file cannot be read, or has no such frame.
    """
    info = look(path)
    if info.still:
        number = 0
    elif seconds is not None:
        number = info.frame_at(Fraction(str(seconds)))
    else:
        number = frame or 0
    if not info.still and not 0 <= number < info.frame_count:
        raise MediaError(f"{path}: has no frame {number}; it has {info.frame_count}")
    found = next(iter(decode(info, FrameRange(number, number + 1, info.rate), ahead=1)), None)
    if found is None:
        raise MediaError(f"{path}: frame {number} cannot be decoded")
    return found


def describe_faces(
    picture: Picture, settings: Settings, detector: Detector, points: FacePointsNet
) -> list[dict[str, Any]]:
    """The faces of a picture from left to right, in its pixels."""
    tracks = faces_in(picture, settings, detector)
    return [_face(track, picture, settings, points) for track in tracks]


def _face(
    track: FaceTrack, picture: Picture, settings: Settings, points: FacePointsNet
) -> dict[str, Any]:
    box = track.box_at(picture.index)
    assert box is not None  # a track of one frame is seen in it
    landmarks = track.landmarks[0]
    known = landmarks[np.isfinite(landmarks).all(axis=1)]
    to_crop = align_still(box, known, settings.crop).matrix[0]
    crop = cut(picture, to_crop, settings.crop.size)
    return {
        "id": track.face_id,
        "box": [round(edge, 2) for edge in (box.left, box.top, box.right, box.bottom)],
        "confidence": round(float(track.confidence[0]), 4),
        "landmarks": [[round(float(x), 2), round(float(y), 2)] for x, y in known],
        "pose": _pose(crop, to_crop, points),
    }


def _pose(crop: Any, to_crop: Any, points: FacePointsNet) -> dict[str, float]:
    """Degrees as docs/explanation/architecture.md has them; the crop's own turn is added."""
    tensor = torch.from_numpy(np.ascontiguousarray(np.moveaxis(crop, -1, 0)))[None].float()
    with torch.inference_mode():
        small = torch.nn.functional.interpolate(tensor, (INPUT_SIZE, INPUT_SIZE), mode="area")
        turn = points(small).rotation[0].double().numpy()
    upright = degrees(atan2(to_crop[0, 1], to_crop[0, 0]))
    return {
        "yaw": round(degrees(atan2(turn[2, 0], turn[2, 2])), 1),
        "pitch": round(degrees(asin(float(np.clip(turn[2, 1], -1, 1)))), 1),
        "roll": round(degrees(atan2(-turn[0, 1], turn[1, 1])) + upright, 1),
    }
