"""One tracked face of one file: where its crops lie, how sure it is, and the crops on disk."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reenact_core.crop.align import align
from reenact_core.crop.cut import cut
from reenact_core.crop.fade import fade, trust
from reenact_core.engine.edges import TrackEdges
from reenact_core.engine.spool import Spool, from_samples, to_samples
from reenact_core.frames import Picture, SampleLayout
from reenact_core.geometry import Affine
from reenact_core.media.probe import MediaInfo
from reenact_core.settings import Settings
from reenact_core.timing import FrameRange
from reenact_core.tracking.track import FaceTrack


@dataclass(frozen=True, slots=True, eq=False)
class CutFace:
    """A face through the frames of its track.

    Convention:
        to_crop: (T, 2, 3), displayed frame pixels to crop pixels
        weight: (T,) in [0, 1], how strongly a new face may stand here; above 0 there is a crop
        seconds: (T,) float64, when each frame is shown, by the file's own clock
    """

    track: FaceTrack
    to_crop: Affine
    weight: NDArray[np.float64]
    edges: TrackEdges
    crops: Spool
    """Record i holds the crop of frame `track.frames.start + i`."""
    seconds: NDArray[np.float64]

    @property
    def usable(self) -> NDArray[np.bool_]:
        """(T,) where there is a crop."""
        return np.asarray(self.weight > 0)

    @property
    def tilt(self) -> NDArray[np.float64]:
        """(T,) radians clockwise by which the face is turned in its frames and not in its crops."""
        across = self.to_crop.matrix[:, :, 0]
        return np.asarray(-np.arctan2(across[:, 1], across[:, 0]))

    def index_of(self, frame: int) -> int | None:
        """The place of a frame of the file in this face's arrays; None where it has no crop."""
        if frame not in self.track.frames:
            return None
        index = frame - self.track.frames.start
        return index if self.weight[index] > 0 else None


def face_of(track: FaceTrack, info: MediaInfo, settings: Settings, crops: Spool) -> CutFace:
    """A track's face, its crops still to be written by `write_crops`.

    Raises:
        FaceError: no frame of the track has a box.
    """
    to_crop = align(track, settings.crop, info.pixel_aspect)
    seconds = frame_seconds(info, track.frames)
    edges = TrackEdges()
    return CutFace(track, to_crop, _weight(track, edges, settings), edges, crops, seconds)


def with_edges(face: CutFace, edges: TrackEdges, settings: Settings) -> CutFace:
    """The face, coming and going as the edges of its track say."""
    return replace(face, weight=_weight(face.track, edges, settings), edges=edges)


def _weight(track: FaceTrack, edges: TrackEdges, settings: Settings) -> NDArray[np.float64]:
    rate = track.frames.rate
    sure = trust(track.confidence, track.boxes, settings.fade)
    return fade(sure, rate, settings.fade, before=edges.before, after=edges.after)


def frame_seconds(info: MediaInfo, frames: FrameRange) -> NDArray[np.float64]:
    """When each frame of a range is shown, in seconds by the file's own clock."""
    numbers = np.arange(frames.start, frames.stop)
    if info.still or info.numbers:
        return np.asarray(numbers / float(frames.rate), np.float64)
    return np.asarray(info.times[numbers] * float(info.time_base), np.float64)


def write_crops(pictures: Iterator[Picture], faces: Sequence[CutFace]) -> Iterator[int]:
    """Cut every face out of every picture that shows it; yields the number of pictures done."""
    for done, picture in enumerate(pictures, 1):
        for face in faces:
            _cut_one(picture, face)
        yield done


def sample_type(layout: SampleLayout) -> Any:
    """What keeps the crops of a file without loss that counts."""
    return np.uint8 if layout.depth == 8 else np.uint16


def as_kept(pixels: NDArray[np.float32], layout: SampleLayout) -> NDArray[np.float32]:
    """A crop of a file as it is read again from its spool."""
    return from_samples(to_samples(pixels, sample_type(layout)))


def sample_bytes(layout: SampleLayout) -> int:
    """Of one sample of `sample_type`."""
    return 1 if layout.depth == 8 else 2


def _cut_one(picture: Picture, face: CutFace) -> None:
    frames = face.track.frames
    if picture.index not in frames:
        return
    index = picture.index - frames.start
    if face.weight[index] > 0:
        size = face.crops.shape[0]
        pixels = cut(picture, face.to_crop.matrix[index], size)
        face.crops.write(index, to_samples(pixels, face.crops.dtype))
