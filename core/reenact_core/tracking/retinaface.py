"""RetinaFace of facexlib, once its weights are installed.

facexlib's own loading downloads what is missing into its installed package and checks nothing;
here its network is built by its class and filled from a file that is named, offline.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from reenact_core.errors import CheckpointError
from reenact_core.models.facexlib_weights import RELEASE, fill, read_weights
from reenact_core.tracking.detect import FaceDetection, Pixels, box_from_points

RetinaFaceName = Literal["mobile0.25", "resnet50"]

FILES: Mapping[RetinaFaceName, str] = {
    "mobile0.25": "detection_mobilenet0.25_Final.pth",
    "resnet50": "detection_Resnet50_Final.pth",
}
"""facexlib's names of its files, best network last."""
LEAST_SCORE = 0.3
"""Detections below are not given; threads weigh the others by score."""
OVERLAP = 0.4


class RetinaFaceDetector:
    """Finds faces in a picture (h, w, 3) R'G'B' uint8; calling it is a `Detector`."""

    def __init__(
        self, models: Path, *, network: RetinaFaceName | None = None, device: str = "cpu"
    ) -> None:
        """Load a network from the folder `models`; None takes the best that is there.

        Raises:
            CheckpointError: its weights are not there, or are not what they should be.
        """
        name = installed(models)[-1] if network is None and installed(models) else network
        if name is None or not (models / FILES[name]).is_file():
            raise CheckpointError(_missing(models, name))
        self._network: Any = _loaded(models / FILES[name], name, device)

    def __call__(self, pixels: Pixels) -> list[FaceDetection]:
        import torch

        with torch.inference_mode():
            rows = self._network.detect_faces(
                cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), LEAST_SCORE, OVERLAP
            )
        return [_detection(row) for row in np.asarray(rows, np.float64)]


def installed(models: Path) -> list[RetinaFaceName]:
    """The networks whose weights are in a folder, the best last."""
    return [name for name, file in FILES.items() if (models / file).is_file()]


def _missing(models: Path, name: RetinaFaceName | None) -> str:
    wanted = FILES[name] if name is not None else " or ".join(FILES.values())
    return (
        f"{models}: the weights of RetinaFace are not installed ({wanted}); get the file from "
        f"{RELEASE} and put it into that folder, or use --tracker embedded"
    )


def _loaded(path: Path, name: RetinaFaceName, device: str) -> Any:
    import torch

    weights = read_weights(path)
    return fill(_built(name, device), weights, path).to(torch.device(device))


def _built(name: RetinaFaceName, device: str) -> Any:
    import warnings

    with warnings.catch_warnings():
        # facexlib asks torchvision for its network in a way that has become deprecated.
        warnings.simplefilter("ignore")
        from facexlib.detection.retinaface import RetinaFace

        return RetinaFace(network_name=name, device=device)


def _detection(row: NDArray[np.float64]) -> FaceDetection:
    """One row of facexlib: box, score, five points."""
    points = row[5:15].reshape(5, 2)
    # facexlib's pixels have their centre at whole numbers.
    points = points + 0.5
    across = points[1] - points[0]
    roll = float(np.degrees(np.arctan2(across[1], across[0])))
    score = float(np.clip(row[4], 0.0, 1.0))
    return FaceDetection(box_from_points(points), score, roll, points)
