"""How much a track's face is like the face in a reference picture.

With ArcFace's weights installed, facexlib's network compares identities whatever the light.
Without, a plain description of the aligned face (edges, light and dark, colours) tells faces of one
scene apart, and is easily misled by another light, hairdo or expression.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from reenact_core.errors import FaceError
from reenact_core.tracking.choose import Likeness
from reenact_core.tracking.detect import MEAN_FIVE_POINTS, Detector, Pixels
from reenact_core.tracking.facexlib_weights import fill, read_weights
from reenact_core.tracking.place import place_of
from reenact_core.tracking.points import five_of, network_reader, read_points
from reenact_core.tracking.shape import MEAN_FIVE, placed
from reenact_core.tracking.track import FaceTrack

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Describer:
    """A way to compare faces."""

    vector: Callable[[Pixels, Floats], Floats]
    """A unit vector for the face whose five points (5, 2) are given in a picture."""
    unrelated: float
    """The product of two unrelated faces' vectors."""

    def likeness(self, first: Floats, second: Floats) -> float:
        """1 for the same picture, about 0 for unrelated faces."""
        return (float(first @ second) - self.unrelated) / (1.0 - self.unrelated)


ARCFACE_FILE = "recognition_arcface_ir_se50.pth"
ARCFACE_PIXELS = 112
ARCFACE_POINTS = np.array(
    [
        [38.2946, 51.6963],
        [73.5318, 51.5014],
        [56.0252, 71.7366],
        [41.5493, 92.3655],
        [70.7299, 92.2041],
    ]
)
"""Where ArcFace expects the five points in its crop (Deng et al., 2019)."""
LOOKS = 5
"""Frames of a track that are compared."""
SEARCH_SIDE = 640
PLAIN_PIXELS = 64
PLAIN_UNRELATED = 0.5
"""Measured on 30 people: 95 % of unrelated pairs are below a likeness of 0.4, 95 % of pairs of one
person in one scene above."""


def likeness_to(
    reference: Pixels,
    frame_pixels: Callable[[int], Pixels],
    detector: Detector,
    *,
    name: str,
    models: Path | None = None,
) -> Likeness:
    """What tells how much tracks are like the largest face of a reference picture, up to 1.

    Convention:
        reference: (h, w, 3) R'G'B' uint8; `name` is how messages name it
        frame_pixels: gives the displayed frame of a number of the tracks' file, likewise

    `models` is the folder of installed weights.

    Raises:
        FaceError: no face was found in the reference picture.
        CheckpointError: ArcFace's weights are there but damaged.
    """
    by = describer(models)
    wanted = by.vector(reference, _points_in(reference, detector, name))

    def likeness(track: FaceTrack) -> float:
        seen = (
            by.vector(frame_pixels(frame), five_in_track(track, frame))
            for frame in best_frames(track)
        )
        return max((by.likeness(wanted, one) for one in seen), default=-1.0)

    return likeness


def describer(models: Path | None) -> Describer:
    """ArcFace where its weights are in the folder, the plain description elsewhere."""
    if models is not None and (models / ARCFACE_FILE).is_file():
        return Describer(_arcface(models / ARCFACE_FILE), 0.0)
    return Describer(describe_plainly, PLAIN_UNRELATED)


def best_frames(track: FaceTrack) -> list[int]:
    """The frames that show a track's face best: sure, large and far from each other."""
    boxes = track.boxes
    sizes = np.nan_to_num(boxes[:, 2] - boxes[:, 0])
    value = track.confidence * np.sqrt(sizes)
    parts = np.array_split(np.arange(len(value)), min(LOOKS, len(value)))
    best = [int(part[np.argmax(value[part])]) for part in parts]
    return [track.frames.start + index for index in best if track.confidence[index] > 0]


def five_in_track(track: FaceTrack, frame: int) -> Floats:
    """Eyes, nose tip and mouth corners (5, 2) of a track's face in a frame."""
    points = track.landmarks[frame - track.frames.start]
    return np.asarray(points) if len(points) == 5 else five_of(points)


def _points_in(picture: Pixels, detector: Detector, name: str) -> Floats:
    scale = min(1.0, SEARCH_SIDE / max(picture.shape[:2]))
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    small = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
    found = detector(small)
    if not found:
        raise FaceError(f"{name}: no face was found in the reference picture; choose another one")
    face = max(found, key=lambda face: face.box.area * face.score)
    if face.landmarks is not None:
        return np.asarray(face.landmarks / scale)
    place = place_of(face.box)
    reading = read_points(lambda frame: small, [(0, place)], network_reader())[0]
    points = five_of(reading.points) if reading.good else placed(MEAN_FIVE, place)
    return np.asarray(points / scale)


def _aligned(picture: Pixels, points: Floats, template: Floats, side: int) -> Pixels:
    """The face moved, turned and scaled so that its points lie on a template's: (side, side, 3)."""
    fitted = cv2.estimateAffinePartial2D(
        points.astype(np.float32), template.astype(np.float32), method=cv2.LMEDS
    )[0]
    if fitted is None:
        raise FaceError("a face's points lie on one spot; correct them in the tracks file")
    return np.asarray(
        cv2.warpAffine(picture, fitted, (side, side), flags=cv2.INTER_LINEAR), np.uint8
    )


def describe_plainly(picture: Pixels, points: Floats) -> Floats:
    """Edges, light and dark, and colours of an aligned face, as one unit vector."""
    side = PLAIN_PIXELS
    # Lower in the crop than in the box, so that the chin is cut and hair comes in.
    template = (MEAN_FIVE_POINTS + np.array([0.0, 0.05])) * side
    grey = cv2.cvtColor(_aligned(picture, points, template, side), cv2.COLOR_RGB2GRAY)
    grey = cv2.equalizeHist(grey)
    edges = cv2.HOGDescriptor((side, side), (16, 16), (8, 8), (8, 8), 9).compute(grey)
    wide = _aligned(picture, points, template / 2 + side / 4, side)
    lab = cv2.cvtColor(wide, cv2.COLOR_RGB2LAB)
    colours = cv2.calcHist([lab], [1, 2], None, [16, 16], [96, 160, 96, 160]).ravel()
    light = cv2.resize(grey, (16, 16), interpolation=cv2.INTER_AREA).ravel().astype(np.float64)
    parts = [_unit(np.ravel(edges).astype(np.float64)), _unit(light - light.mean())]
    parts.append(_unit(np.sqrt(colours.astype(np.float64))))
    return np.concatenate(
        [part * np.sqrt(weight) for part, weight in zip(parts, (0.5, 0.25, 0.25), strict=True)]
    )


def _unit(vector: Floats) -> Floats:
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-9))


def _arcface(path: Path) -> Callable[[Pixels, Floats], Floats]:
    import torch
    from facexlib.recognition.arcface_arch import Backbone

    network: Any = fill(
        Backbone(num_layers=50, drop_ratio=0.6, mode="ir_se"), read_weights(path), path
    )

    def describe(picture: Pixels, points: Floats) -> Floats:
        face = _aligned(picture, points, ARCFACE_POINTS, ARCFACE_PIXELS)
        given = (torch.from_numpy(face).permute(2, 0, 1)[None].float() / 255 - 0.5) / 0.5
        with torch.inference_mode():
            return _unit(network(given)[0].double().numpy())

    return describe
