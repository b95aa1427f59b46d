"""A judge of another make: head turn and mouth by the face mesh of MediaPipe, where installed.

Its networks come with the package; nothing is downloaded. It has nothing in common with the
networks that move the face here: other people trained it, on other pictures.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from reenact_core.errors import SettingsError
from reenact_training.evaluate.footage import degrees

PACKAGE = "mediapipe"
OUTER_LEFT, OUTER_RIGHT, FOREHEAD, CHIN, BELOW_NOSE = 33, 263, 10, 152, 2
"""Of its 468 points; left as seen in the image."""
UPPER_LIP, LOWER_LIP = [82, 13, 312], [87, 14, 317]
EYES_TO_NOSE = 0.89
"""From between the eyes to below the nose, in head units, on the average head."""
LEAST_SIDE = 300
"""Smaller pictures are enlarged to at least this side in pixels."""
RIM = 0.25
"""Of the side, put around a crop: faces that fill a picture are not found."""


def mesh_pose() -> Callable[[Tensor], Tensor]:
    """Reads yaw, pitch and roll (B, 3) in degrees off faces (B, 3, S, S); nan where none is found.

    Raises:
        SettingsError: the package is not installed, or is one that has no face mesh.
    """
    mesh = _mesh()
    return lambda faces: torch.stack([pose_of(points) for points in _points(mesh, faces)])


def mesh_motion() -> Callable[[Tensor], Tensor]:
    """Reads yaw in degrees and the opening of the mouth in head units, (B, 2), likewise.

    Raises:
        SettingsError: as `mesh_pose`.
    """
    mesh = _mesh()
    return lambda faces: torch.stack(
        [torch.stack([pose_of(at)[0], _gap(at)]) for at in _points(mesh, faces)]
    )


def _mesh() -> Any:
    try:
        mediapipe: Any = import_module(PACKAGE)
    except ImportError as error:
        raise SettingsError(f"the face mesh needs {PACKAGE}, which is not installed") from error
    if not hasattr(mediapipe, "solutions"):
        version = mediapipe.__version__
        raise SettingsError(
            f"{PACKAGE} {version} has no face mesh of its own any more; 0.10.21 has"
        )
    return mediapipe.solutions.face_mesh.FaceMesh(
        static_image_mode=True, min_detection_confidence=0.3
    )


def _points(mesh: Any, faces: Tensor) -> list[Tensor]:
    """The points (468, 3) of every face, x right, y down, z away, in sides; nan where none."""
    pixels = (faces.clamp(0, 1) * 255 + 0.5).to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
    return [_points_of(mesh, one) for one in pixels]


def _points_of(mesh: Any, face: NDArray[np.uint8]) -> Tensor:
    import cv2

    more = -(-LEAST_SIDE // face.shape[0])
    large = cv2.resize(face, None, fx=more, fy=more, interpolation=cv2.INTER_CUBIC)
    rim = round(RIM * large.shape[0])
    framed = cv2.copyMakeBorder(large, rim, rim, rim, rim, cv2.BORDER_REPLICATE)
    found = mesh.process(framed).multi_face_landmarks
    if not found:
        return torch.full((468, 3), torch.nan)
    return torch.tensor([(at.x, at.y, at.z) for at in found[0].landmark])


def pose_of(points: Tensor) -> Tensor:
    """Yaw, pitch and roll (3,) in degrees, as docs/explanation/architecture.md has them."""
    right = points[OUTER_RIGHT] - points[OUTER_LEFT]
    down = points[CHIN] - points[FOREHEAD]
    right = right / right.norm()
    down = down - right * (right @ down)
    down = down / down.norm()
    return degrees(torch.stack([right, down, torch.linalg.cross(right, down)], -1))


def _gap(points: Tensor) -> Tensor:
    """How far the inner lips are apart, in head units."""
    eyes = (points[OUTER_LEFT] + points[OUTER_RIGHT]) / 2
    unit = (eyes - points[BELOW_NOSE]).norm() / EYES_TO_NOSE
    gap: Tensor = (points[UPPER_LIP] - points[LOWER_LIP]).norm(dim=-1).mean() / unit
    return gap
