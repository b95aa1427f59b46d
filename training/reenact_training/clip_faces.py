"""Clips in memory: their frames at the size of the training, and the face in each of them."""

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from reenact_core.errors import MediaError
from reenact_core.head.model import load_head_model
from reenact_core.head.state import HeadState, smooth, states_of
from reenact_core.media.colour import to_rgb8
from reenact_core.media.decode import decode
from reenact_core.media.probe import probe
from reenact_core.models.face_points import INPUT_SIZE
from reenact_core.models.readers.reader import FaceLandmarks, Reader
from reenact_core.timing import FrameRange
from reenact_core.wording import amount
from reenact_training.clips import ClipFile, frame_files
from reenact_training.ensembles import states_of_points
from reenact_training.synth_folder import SynthClip

SMOOTHING = 1.0
"""Sigma in frames that what is read is smoothed by, as in a render."""
LEAST_CONFIDENCE = 0.5
"""Confidence of the reader below which, on the median, a clip shows no face."""
AT_ONCE = 32
"""Frames that are read together."""

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class ClipFaces:
    """A clip of T frames.

    Convention:
        frames: (T, 3, S, S) uint8, R'G'B'
        states: the head in T moments
        heads: (T, S, S) uint8, 255 where the head is; None where only its pose tells
    """

    frames: Tensor
    states: HeadState
    heads: Tensor | None

    @property
    def bytes(self) -> int:
        """What it takes in memory."""
        return self.frames.numel() + (0 if self.heads is None else self.heads.numel())


class ClipReader:
    """Reads clips; the last ones stay in memory."""

    def __init__(self, size: int, reader: Reader, megabytes: int) -> None:
        self._size = size
        self._reader = reader
        self._budget = megabytes * 2**20
        self._kept: OrderedDict[Path, ClipFaces] = OrderedDict()
        self._lock = Lock()

    def __call__(self, clip: ClipFile) -> ClipFaces:
        """The faces of a clip.

        Raises:
            MediaError: it cannot be decoded, has changed its length, or shows no face.
        """
        with self._lock:
            if clip.path in self._kept:
                self._kept.move_to_end(clip.path)
            else:
                self._kept[clip.path] = self._read(clip)
                self._forget()
            return self._kept[clip.path]

    def _read(self, clip: ClipFile) -> ClipFaces:
        if clip.truth is not None:
            return _drawn(clip.truth, self._size)
        side = max(self._size, INPUT_SIZE)
        frames = torch.from_numpy(np.stack(list(_pictures(clip, side)))).permute(0, 3, 1, 2)
        if len(frames) != clip.frames:
            raise MediaError(
                f"{clip.path}: {len(frames)} of {amount(clip.frames, 'frame')} could be decoded"
            )
        states = read_states(self._reader, frames, clip.path)
        return ClipFaces(_resized(frames, self._size), states, None)

    def _forget(self) -> None:
        held = sum(faces.bytes for faces in self._kept.values())
        while held > self._budget and len(self._kept) > 1:
            held -= self._kept.popitem(last=False)[1].bytes


def _pictures(clip: ClipFile, side: int) -> Iterator[Pixels]:
    """All frames, (side, side, 3)."""
    if clip.path.is_dir():
        for path in frame_files(clip.path):
            yield _fitted(_picture(path), side)
        return
    info = probe(clip.path)
    with closing(decode(info, FrameRange(0, info.frame_count, info.rate))) as pictures:
        for picture in pictures:
            yield _fitted(to_rgb8(picture), side)


def _picture(path: Path) -> Pixels:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as picture:
            return np.asarray(picture.convert("RGB"))
    except (OSError, UnidentifiedImageError) as error:
        raise MediaError(f"{path}: cannot be read ({error})") from error


def _fitted(pixels: Pixels, side: int) -> Pixels:
    if pixels.shape[:2] == (side, side):
        return pixels
    shrinks = min(pixels.shape[:2]) > side
    how = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(pixels, (side, side), interpolation=how), np.uint8)


@torch.no_grad()
def read_states(reader: Reader, frames: Tensor, path: Path) -> HeadState:
    """The head of the face in consecutive frames (T, 3, S, S) uint8, its pose smoothed.

    Raises:
        MediaError: most of them show no face.
    """
    seen = FaceLandmarks.cat(
        [reader.read(chunk.float() / 255) for chunk in torch.split(frames, AT_ONCE)]
    )
    if float(seen.confidence.median()) < LEAST_CONFIDENCE:
        raise MediaError(f"{path}: no face was read in most of its frames")
    head = load_head_model()
    states = states_of(head, reader.scheme, seen.points, trust=seen.trust, pupils=seen.pupils)
    return smooth(states, SMOOTHING)


def _drawn(clip: SynthClip, size: int) -> ClipFaces:
    """A clip whose truth is known."""
    truth = clip.read_truth()
    frames = torch.from_numpy(clip.read_frames()).permute(0, 3, 1, 2)
    states = states_of_points(torch.from_numpy(truth.landmarks))
    heads = _resized(torch.from_numpy(truth.head_mask)[:, None], size)[:, 0]
    return ClipFaces(_resized(frames, size), states, heads)


def _resized(frames: Tensor, size: int) -> Tensor:
    """Pictures (T, C, H, W) uint8 at another size."""
    if frames.shape[-1] == size:
        return frames.contiguous()
    small = functional.interpolate(frames.float(), (size, size), mode="area")
    return (small + 0.5).clamp(0, 255).to(torch.uint8)
