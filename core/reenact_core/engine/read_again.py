"""The points of followed faces read once more, by a reader of the user's choice.

Readers tell the points of schemes of their own. A head is fitted to those of all frames of a face;
the 79 points that tracks have are the fitted head's.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np
import torch
from numpy.typing import NDArray

from reenact_core.crop.align import CropSettings, align
from reenact_core.crop.cut import cut
from reenact_core.frames import Picture
from reenact_core.geometry import Affine
from reenact_core.head.fit import fit
from reenact_core.head.model import load_head_model
from reenact_core.models.readers.reader import FaceLandmarks, Reader
from reenact_core.tracking.track import FaceTrack

Floats = NDArray[np.float64]

BATCH = 16
"""Crops that are read together."""
SURE = 0.5
"""Confidence from which a reading is used."""


@dataclass(frozen=True, slots=True, eq=False)
class _Follow:
    """A track, and what was read of it so far."""

    track: FaceTrack
    to_crop: Affine
    rows: list[int] = field(default_factory=list)
    readings: list[FaceLandmarks] = field(default_factory=list)


def read_again(
    pictures: Iterable[Picture],
    tracks: Sequence[FaceTrack],
    reader: Reader,
    crop: CropSettings,
    pixel_aspect: Fraction = Fraction(1),
) -> list[FaceTrack]:
    """The tracks with their landmarks as a reader sees them.

    Frames in which it is not sure lie between their neighbours; a face of which no frame is sure
    stays as it is.

    Convention:
        pictures: displayed frames, numbered as the tracks' are; taken one by one, none is kept
    """
    follows = [_Follow(track, align(track, crop, pixel_aspect)) for track in tracks]
    waiting: list[tuple[_Follow, int, NDArray[np.float32]]] = []
    for follow, row, picture in _shown(pictures, follows):
        waiting.append((follow, row, cut(picture, follow.to_crop.matrix[row], crop.size)))
        if len(waiting) == BATCH:
            _read(waiting, reader)
    _read(waiting, reader)
    return [_with_landmarks(follow, reader.scheme, crop.size) for follow in follows]


def _shown(
    pictures: Iterable[Picture], follows: Sequence[_Follow]
) -> Iterator[tuple[_Follow, int, Picture]]:
    """Every face in every picture that shows it."""
    for picture in pictures:
        for follow in follows:
            if follow.track.box_at(picture.index) is not None:
                yield follow, picture.index - follow.track.frames.start, picture


def _read(waiting: list[tuple[_Follow, int, NDArray[np.float32]]], reader: Reader) -> None:
    """Read the crops that wait, and note those that are sure."""
    if not waiting:
        return
    crops = torch.from_numpy(np.stack([crop for _, _, crop in waiting])).permute(0, 3, 1, 2)
    seen = reader.read(crops)
    for index, (follow, row, _) in enumerate(waiting):
        if float(seen.confidence[index]) >= SURE:
            follow.rows.append(row)
            follow.readings.append(seen[index : index + 1])
    waiting.clear()


def _with_landmarks(follow: _Follow, scheme: str, size: int) -> FaceTrack:
    if not follow.rows:
        return follow.track
    track, points = follow.track, _points79(FaceLandmarks.cat(follow.readings), scheme)
    every = np.arange(len(track.frames))
    flat = points.reshape(len(points), -1)
    between = np.stack([np.interp(every, follow.rows, column) for column in flat.T], axis=1)
    in_crop = (between.reshape(len(every), -1, 2) + 1) * (size / 2)
    landmarks = follow.to_crop.inverse().apply(in_crop)
    landmarks[np.isnan(track.boxes[:, 0])] = np.nan
    return replace(track, landmarks=landmarks)


def _points79(seen: FaceLandmarks, scheme: str) -> Floats:
    """The 79 points (T, 79, 2) in [-1, 1] over the crop, of the head that is fitted to a face."""
    head = load_head_model()
    table = head.landmarks[scheme]
    rows = table.points
    found = fit(head, table, seen.points[:, rows], trust=seen.trust[:, rows], pupils=seen.pupils)
    places = head.landmarks["embedded79"].places(found.vertices(head))
    return np.asarray(places[..., :2].double().numpy())
