"""468 points, lids and irises of a face by MediaPipe's small networks, run by OpenCV.

The networks are MediaPipe's (Apache-2.0) and are no part of this package: `reenact models fetch
face-mesh` brings them. `face_landmark` reads a whole face, `iris_landmark` one eye from close up.
How they want their crops is described in "Attention Mesh" (Grishchenko et al. 2020), "MediaPipe
Iris" (Ablavatski et al. 2020) and measured on their files.

Each frame is read by itself from the place that it is given, so that a video can be read in
pieces of any size.
"""

import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from reenact_core.errors import CheckpointError
from reenact_core.models.catalogue import FACE_MESH, installed_files
from reenact_core.models.readers.reader import BOX_CENTRE, BOX_SIDE, FaceLandmarks, ReaderName

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float64]

POINT_COUNT = 468
FACE_SIDE, IRIS_SIDE = 192, 64
"""Width and height of the crops that the two networks read."""
FACE_MARGIN = 1.5
"""Side of the face's crop, in sides of the square around all points."""
EYE_MARGIN = 2.3
"""Side of an eye's crop, in distances of its corners."""
SIDES = (1.1, 0.75, 1.6)
"""Sides of the square around all points, by the face's box, from which an aligned crop is read:
the usual one, and those of crops that hold less or more than the face."""
SURE = 0.5
"""Confidence from which no other side is tried."""
WIDEST = 4
"""Most crops that are read side by side."""
ROUNDS = 3
"""How often the crop is placed anew by what was read in it."""

OUTER_LEFT, INNER_LEFT, INNER_RIGHT, OUTER_RIGHT = 33, 133, 362, 263
"""Corners of the eyes; left as seen in the image of a face that looks at the camera."""
LID_LEFT = (33, 7, 163, 144, 145, 153, 154, 155, 133, 246, 161, 160, 159, 158, 157, 173)
LID_RIGHT = (263, 249, 390, 373, 374, 380, 381, 382, 362, 466, 388, 387, 386, 385, 384, 398)
"""The points that the first sixteen of the iris network's contour stand for: the lower lid from
the outer corner to the inner one, then the upper lid between them."""


@dataclass(frozen=True, slots=True)
class FacePlace:
    """Where a face is expected in a picture: enough to cut it out."""

    x: float
    y: float
    """Centre of the face, pixels of the picture."""
    side: float
    """Of the square around all its points, in pixels."""
    roll: float = 0.0
    """Radians by which the line of the eyes is turned, clockwise as seen."""


@dataclass(frozen=True, slots=True, eq=False)
class MeshReading:
    """What the networks see of one face.

    Convention:
        points: (468, 3) float64, x right and y down in pixels of the picture, origin at the
            corner of its first pixel; z away from the viewer, in the same unit
        irises: (2, 2) float64, centres of the irises, image left first
    """

    points: Floats
    irises: Floats
    confidence: float
    """Probability that the crop shows a face, in [0, 1]."""


class FaceMesh:
    """The two networks, ready to read; calls from several threads wait for each other."""

    def __init__(self, folders: Sequence[Path]) -> None:
        """Open the files that lie in one of the folders.

        Raises:
            CheckpointError: a file is missing or cannot be opened.
        """
        files = installed_files(FACE_MESH, folders)
        if files is None:
            raise CheckpointError(
                "the face mesh's files are not installed; get them with "
                "`reenact models fetch face-mesh`, or use --reader embedded"
            )
        self._folders = tuple(folders)
        self._face = _opened(files["face_landmark.tflite"])
        self._iris = _opened(files["iris_landmark.tflite"])
        self._lock = threading.Lock()

    def copy(self) -> "FaceMesh":
        """The same networks once more, to read beside these."""
        return FaceMesh(self._folders)

    def read(self, picture: Pixels, place: FacePlace) -> MeshReading:
        """The face of a picture (h, w, 3) R'G'B' that is expected at a place."""
        with self._lock:
            for _ in range(ROUNDS - 1):
                place = place_of(self._read_face(picture, place)[0][:, :2])
            points, confidence = self._read_face(picture, place)
            roll = place_of(points[:, :2]).roll
            irises = [
                self._read_eye(picture, points, roll, LID_LEFT, mirrored=False),
                self._read_eye(picture, points, roll, LID_RIGHT, mirrored=True),
            ]
        return MeshReading(points, np.array(irises), confidence)

    def _read_face(self, picture: Pixels, place: FacePlace) -> tuple[Floats, float]:
        """The points (468, 3) of the face and the probability that there is one."""
        crop, to_picture = _cut(picture, place, FACE_MARGIN, FACE_SIDE)
        *_, score, found = sorted(_run(self._face, crop), key=np.size)
        points = found.reshape(POINT_COUNT, 3).astype(np.float64)
        flat = points[:, :2] @ to_picture[:, :2].T + to_picture[:, 2]
        scale = float(np.hypot(to_picture[0, 0], to_picture[1, 0]))
        confidence = float(1 / (1 + np.exp(-np.clip(score.ravel()[0], -50, 50))))
        return np.column_stack([flat, points[:, 2] * scale]), confidence

    def _read_eye(
        self, picture: Pixels, points: Floats, roll: float, lids: Sequence[int], *, mirrored: bool
    ) -> Floats:
        """The centre (2,) of an iris; the mesh's points of the lids are replaced in place.

        The mesh alone hardly sees lids close. The network knows the image-left eye; the other one
        is shown to it in a mirror.
        """
        outer, inner = points[lids[0]], points[lids[8]]
        x, y, _ = (outer + inner) / 2
        # In depth too: cut by what is seen of its width, an eye that is turned away is shown larger
        # than the network knows eyes, and its lids come out too near each other.
        place = FacePlace(float(x), float(y), float(np.linalg.norm(outer - inner)), roll)
        crop, to_picture = _cut(picture, place, EYE_MARGIN, IRIS_SIDE)
        shown = np.ascontiguousarray(crop[:, ::-1]) if mirrored else crop
        iris, contour = sorted(_run(self._iris, shown), key=np.size)
        seen = np.concatenate([iris.reshape(-1, 3)[:1, :2], contour.reshape(-1, 3)[:16, :2]])
        seen = seen.astype(np.float64)
        if mirrored:
            seen[:, 0] = IRIS_SIDE - seen[:, 0]
        seen = seen @ to_picture[:, :2].T + to_picture[:, 2]
        points[list(lids), :2] = seen[1:]
        centre: Floats = seen[0]
        return centre


class MeshReader:
    """The networks as a reader of aligned crops: each is begun where its face should be."""

    name: ReaderName = "mesh"
    scheme = "mesh468"

    def __init__(self, mesh: FaceMesh, width: int | None = None) -> None:
        """`width`: crops that are read side by side; None: as suits the machine's processor."""
        self._meshes = [mesh]
        self._width = width or min(WIDEST, os.cpu_count() or 1)

    def read(self, crops: Tensor) -> FaceLandmarks:
        """See `Reader.read`."""
        size = crops.shape[-1]
        pixels = (crops.detach().clamp(0, 1) * 255).round().to("cpu", torch.uint8)
        pictures = pixels.permute(0, 2, 3, 1).contiguous().numpy()
        seen = self._read_all(pictures)
        points = np.array([one.points for one in seen]).reshape(-1, POINT_COUNT, 3)
        irises = np.array([one.irises for one in seen]).reshape(-1, 2, 2)
        edges = np.array([1.0, 1.0, 0.0])

        def tensor(values: Any) -> Tensor:
            return torch.from_numpy(np.asarray(values, np.float32)).to(crops.device)

        sure = np.array([one.confidence for one in seen])
        return FaceLandmarks(
            tensor(points * (2 / size) - edges),
            tensor(_trust(points) * sure[:, None]),
            tensor(sure),
            tensor(irises * (2 / size) - edges[:2]),
        )

    def _read_all(self, pictures: Pixels) -> list[MeshReading]:
        """Readings of pictures (N, S, S, 3), each by itself."""
        width = max(1, min(self._width, len(pictures)))
        while len(self._meshes) < width:
            self._meshes.append(self._meshes[0].copy())

        def every_nth(first: int) -> list[MeshReading]:
            return [_surest(self._meshes[first], picture) for picture in pictures[first::width]]

        with ThreadPoolExecutor(width) as pool:
            parts = list(pool.map(every_nth, range(width)))
        return [parts[index % width][index // width] for index in range(len(pictures))]


def _trust(points: Floats) -> Floats:
    """How sure points (N, 468, 3) are of a face that is there: lids by how much of an eye's width
    is seen."""
    trust = np.ones(points.shape[:2])
    for lids in (LID_LEFT, LID_RIGHT):
        across = points[:, lids[8]] - points[:, lids[0]]
        whole = np.maximum(np.linalg.norm(across, axis=1), 1e-6)
        trust[:, lids] = (np.linalg.norm(across[:, :2], axis=1) / whole)[:, None]
    return trust


def _surest(mesh: FaceMesh, picture: Pixels) -> MeshReading:
    """The surest reading of a crop; where none is sure, faces of other sizes are tried."""
    readings: list[MeshReading] = []
    for grow in SIDES:
        readings.append(mesh.read(picture, _expected(picture.shape[0], grow)))
        if readings[-1].confidence >= SURE:
            break
    return max(readings, key=lambda reading: reading.confidence)


def _expected(size: int, grow: float) -> FacePlace:
    """Where an aligned crop of some pixels a side has its face."""
    x, y = (centre * size for centre in BOX_CENTRE)
    return FacePlace(x, y, grow * BOX_SIDE * size)


def _opened(file: Path) -> Any:
    try:
        return cv2.dnn.readNetFromTFLite(str(file))
    except cv2.error as error:
        raise CheckpointError(
            f"{file}: cannot be opened as a TFLite network ({error.err}); delete it and fetch anew"
        ) from error


def _run(network: Any, crop: Pixels) -> list[NDArray[np.float32]]:
    """All outputs of a network for a crop (S, S, 3) uint8."""
    planes = np.moveaxis(crop, -1, 0)[None].astype(np.float32) / 255
    network.setInput(np.ascontiguousarray(planes))
    return list(network.forward(network.getUnconnectedOutLayersNames()))


def _cut(picture: Pixels, place: FacePlace, margin: float, size: int) -> tuple[Pixels, Floats]:
    """The upright crop (size, size, 3) about a place, and the map (2, 3) from it to the picture."""
    step = place.side * margin / size  # pixels of the picture in one of the crop
    cosine, sine = np.cos(place.roll) * step, np.sin(place.roll) * step
    turn = np.array([[cosine, -sine], [sine, cosine]])
    to_picture = np.column_stack([turn, [place.x, place.y] - turn @ np.full(2, size / 2)])
    shrink = max(1, int(step))
    if shrink > 1:  # finer detail than the crop can hold would turn into jagged edges
        picture, offset = _shrunk_around(picture, to_picture, size, shrink)
        from_small = np.column_stack([turn, to_picture[:, 2] - offset]) / shrink
    else:
        from_small = to_picture
    centred = from_small.copy()  # OpenCV counts from pixel centres
    centred[:, 2] += from_small[:, :2] @ np.full(2, 0.5) - 0.5
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    crop = cv2.warpAffine(picture, centred, (size, size), flags=flags)
    return np.asarray(crop, np.uint8), to_picture


def _shrunk_around(
    picture: Pixels, to_picture: Floats, size: int, shrink: int
) -> tuple[Pixels, Floats]:
    """The part of a picture that a crop reaches, averaged over squares, and where it began."""
    corners = np.array([[0, 0], [size, 0], [0, size], [size, size]], np.float64)
    reached = corners @ to_picture[:, :2].T + to_picture[:, 2]
    limit = np.array([picture.shape[1], picture.shape[0]])
    low = np.clip(np.floor(reached.min(0)) - shrink, 0, limit).astype(int)
    high = np.clip(np.ceil(reached.max(0)) + shrink, 0, limit).astype(int)
    count = np.maximum((high - low) // shrink, 1)
    high = np.minimum(low + count * shrink, limit)
    part = picture[low[1] : high[1], low[0] : high[0]]
    if part.size == 0:
        return np.zeros((1, 1, 3), np.uint8), low.astype(np.float64)
    small = cv2.resize(part, (int(count[0]), int(count[1])), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8), low.astype(np.float64)


def place_of(points: Floats) -> FacePlace:
    """The place of a face whose points (468, 2) are known."""
    across = points[OUTER_RIGHT] - points[OUTER_LEFT]
    roll = float(np.arctan2(across[1], across[0]))
    cosine, sine = np.cos(roll), np.sin(roll)
    upright = np.array([[cosine, sine], [-sine, cosine]])
    turned = points @ upright.T
    low, high = turned.min(0), turned.max(0)
    x, y = upright.T @ ((low + high) / 2)
    return FacePlace(float(x), float(y), float(max(high - low)), roll)
