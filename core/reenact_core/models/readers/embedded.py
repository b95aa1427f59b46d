"""The reader that comes with reenact: 79 points by its own small networks, and no downloads."""

import torch
from torch import Tensor
from torch.nn import functional

from reenact_core.devices import Compute
from reenact_core.models.close_ups import CloseUps, load_close_ups
from reenact_core.models.face_points import (
    INPUT_SIZE,
    PUPIL_LEFT,
    PUPIL_RIGHT,
    FacePointsNet,
    FaceReading,
    fit_pose,
    load_face_points,
)
from reenact_core.models.readers.reader import FaceLandmarks, ReaderName


class EmbeddedReader:
    """The whole face, then mouth and eyes from close up."""

    name: ReaderName = "embedded"
    scheme = "embedded79"

    def __init__(self, points: FacePointsNet, close_ups: CloseUps) -> None:
        self._points, self._close_ups = points, close_ups

    def read(self, crops: Tensor) -> FaceLandmarks:
        """See `Reader.read`."""
        with torch.inference_mode():
            reading = read_faces(self._points, self._close_ups, crops)
        points, sure = reading.points, reading.confidence.sigmoid()
        return FaceLandmarks(
            points,
            sure[:, None].expand(points.shape[:2]),
            sure,
            points[:, [PUPIL_LEFT, PUPIL_RIGHT], :2],
        )


def load_embedded(compute: Compute) -> EmbeddedReader:
    """The reader on a device; it reads in float32.

    Raises:
        CheckpointError: the weights are missing or damaged.
    """
    points = load_face_points(compute=Compute(compute.device))
    return EmbeddedReader(points, load_close_ups().to(compute.device))


def read_faces(points: FacePointsNet, close_ups: CloseUps, crops: Tensor) -> FaceReading:
    """Landmarks, head turn and expression of face crops (N, 3, S, S)."""
    side = (INPUT_SIZE, INPUT_SIZE)
    whole: FaceReading = points(functional.interpolate(crops, side, mode="area"))
    reading: FaceReading = close_ups(crops, whole, fit_pose(whole, points.mean_head))
    return reading
