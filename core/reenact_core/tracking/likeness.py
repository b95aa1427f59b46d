"""How much the faces of tracks are alike, and like the face in a reference picture.

With ArcFace's weights installed, facexlib's network compares identities whatever the light.
Without, a plain description of the aligned face (edges, fine texture, colours) tells faces of one
scene apart; another light, hairdo or expression makes it unsure, which is not taken for a proof.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from reenact_core.errors import FaceError
from reenact_core.models.facexlib_weights import fill, read_weights
from reenact_core.tracking.choose import Likeness
from reenact_core.tracking.detect import MEAN_FIVE_POINTS, Detector, Pixels
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
    same: float
    """Likeness from which two faces are one person's."""
    maybe: float
    """Likeness below which they are two people's."""

    def likeness(self, first: Sequence[Floats], second: Sequence[Floats]) -> float:
        """Of the two looks that are most alike: 1 for one picture, about 0 for two people."""
        if not first or not second:
            return -1.0
        product = float((np.stack(first) @ np.stack(second).T).max())
        return (product - self.unrelated) / (1.0 - self.unrelated)


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
ARCFACE_SAME, ARCFACE_MAYBE = 0.4, 0.2
PLAIN_PIXELS = 96
PLAIN_PARTS = ((0.578, 0.767), (0.309, 0.673), (0.113, 0.107))
"""Weights of edges, texture and colours, and the product of two unrelated faces in each (medians
of what was measured); each part counts by what it has above that product."""
PLAIN_SAME = 0.65
"""Above all 1029 pairs of two people's tracks that were measured (0.618; 99 % are below 0.46). Of
first and last thirds of one person's track 72 % are above."""
PLAIN_MAYBE = 0.3


def likeness_of(
    frame_pixels: Callable[[int], Pixels],
    describer: Describer,
    reference: Sequence[Floats] | None = None,
) -> Likeness:
    """What tells the tracks of one file apart; each track is looked at once, when it is asked for.

    Convention:
        frame_pixels: gives the displayed frame of a number of the tracks' file, (h, w, 3) uint8
        reference: what `looks_of_picture` gives
    """

    @cache
    def looks(track: FaceTrack) -> tuple[Floats, ...]:
        return tuple(looks_of(track, best_frames(track), frame_pixels, describer))

    def between(one: FaceTrack, other: FaceTrack) -> float:
        return describer.likeness(looks(one), looks(other))

    def to_reference(track: FaceTrack) -> float:
        return describer.likeness(reference or (), looks(track))

    to_picture = to_reference if reference is not None else None
    return Likeness(between, describer.same, describer.maybe, to_picture)


def looks_of(
    track: FaceTrack,
    frames: Sequence[int],
    frame_pixels: Callable[[int], Pixels],
    describer: Describer,
) -> list[Floats]:
    """A track's face as described in some frames."""
    return [describer.vector(frame_pixels(one), five_in_track(track, one)) for one in frames]


def looks_of_picture(
    picture: Pixels, detector: Detector, describer: Describer, *, name: str
) -> list[Floats]:
    """The largest face of a picture (h, w, 3) uint8; `name` is how messages name it.

    Raises:
        FaceError: no face was found in it.
    """
    return [describer.vector(picture, _points_in(picture, detector, name))]


def describer_in(models: Path | None) -> Describer:
    """ArcFace where its weights are in the folder, the plain description elsewhere.

    Raises:
        CheckpointError: ArcFace's weights are there but damaged.
    """
    if models is not None and (models / ARCFACE_FILE).is_file():
        return Describer(_arcface(models / ARCFACE_FILE), 0.0, ARCFACE_SAME, ARCFACE_MAYBE)
    return PLAIN


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
    """Edges, texture and colours of an aligned face, as one unit vector."""
    side = PLAIN_PIXELS
    face = _aligned(picture, points, _template(1.0, 0.02), side)
    edges = cv2.HOGDescriptor((side, side), (24, 24), (12, 12), (12, 12), 9).compute(
        cv2.equalizeHist(cv2.cvtColor(face, cv2.COLOR_RGB2GRAY))
    )
    close = _aligned(picture, points, _template(0.95, 0.0), side)
    texture = _texture(np.asarray(cv2.cvtColor(close, cv2.COLOR_RGB2GRAY), np.uint8))
    # A small picture of the whole head; its middle is skin, whatever the hair and the ground are.
    head = _aligned(picture, points, _template(0.4, -0.02) * 64 / side, 64)
    skin = cv2.cvtColor(np.ascontiguousarray(head[26:40, 24:40]), cv2.COLOR_RGB2LAB)
    colours = cv2.calcHist([skin], [0, 1, 2], None, [8, 16, 16], [0, 256, 80, 176, 80, 176])
    parts = (np.ravel(edges).astype(np.float64), texture, np.sqrt(np.ravel(colours)))
    return np.concatenate(
        [
            _unit(part) * np.sqrt(weight)
            for part, (weight, _) in zip(parts, PLAIN_PARTS, strict=True)
        ]
    )


PLAIN = Describer(
    describe_plainly, sum(weight * usual for weight, usual in PLAIN_PARTS), PLAIN_SAME, PLAIN_MAYBE
)
"""The description that needs no weights."""


def _template(size: float, down: float) -> Floats:
    """Where the five points lie in a crop of `PLAIN_PIXELS`, the face's box `size` of its side."""
    box = (MEAN_FIVE_POINTS - 0.5) * size + 0.5
    return np.asarray((box + np.array([0.0, down])) * PLAIN_PIXELS, np.float64)


TEXTURE_CELLS = 6
_AROUND = ((-2, 0), (-1, 1), (0, 2), (1, 1), (2, 0), (1, -1), (0, -2), (-1, -1))


def _bins() -> NDArray[np.int64]:
    """Uniform binary patterns (at most two changes around) have bins of their own: (256,)."""
    uniform = [
        code for code in range(256) if (code ^ (code >> 1 | (code & 1) << 7)).bit_count() < 3
    ]
    bins = np.full(256, len(uniform))
    bins[uniform] = np.arange(len(uniform))
    return bins


_BINS = _bins()


def _texture(grey: Pixels) -> Floats:
    """Histograms of local binary patterns, cell by cell (Ahonen et al., 2006), square-rooted."""
    height, width = grey.shape
    middle = grey[2:-2, 2:-2]
    codes = np.zeros(middle.shape, np.int64)
    for bit, (down, right) in enumerate(_AROUND):
        beside = grey[2 + down : height - 2 + down, 2 + right : width - 2 + right]
        codes |= (beside >= middle).astype(np.int64) << bit
    rows = np.array_split(_BINS[codes], TEXTURE_CELLS)
    cells = [cell for row in rows for cell in np.array_split(row, TEXTURE_CELLS, axis=1)]
    count = int(_BINS.max()) + 1
    shares = [np.bincount(cell.ravel(), minlength=count) / cell.size for cell in cells]
    return np.asarray(np.sqrt(np.concatenate(shares)))


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
