"""Pictures in and out of files: clips, folders of frames, and the videos that are scored."""

import re
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from reenact_core.errors import MediaError
from reenact_core.files import written_whole
from reenact_core.media.colour import to_rgb
from reenact_core.media.decode import decode
from reenact_core.media.opening import created
from reenact_core.media.probe import probe
from reenact_core.timing import FrameRange

STILLS = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
VIDEOS = (".mp4", ".mov", ".mkv", ".avi", ".mpg", ".mpeg", ".webm", ".m4v", ".mxf", ".gif")

Pixels = NDArray[np.uint8]


def frame_files(folder: Path) -> list[Path]:
    """The pictures of a folder, by the numbers in their names."""
    found = [path for path in folder.iterdir() if path.suffix.lower() in STILLS]
    return sorted(found, key=lambda path: _natural(path.name))


def _natural(name: str) -> list[tuple[int, str]]:
    """A key that puts frame 2 before frame 10."""
    parts = re.split(r"(\d+)", name)
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts]


def frame_count(path: Path) -> int:
    """How many frames a video or a folder of frames has.

    Raises:
        MediaError: it cannot be read.
    """
    return len(frame_files(path)) if path.is_dir() else probe(path).frame_count


def frame_size(path: Path) -> tuple[int, int]:
    """Width and height of a video's frames, or of a folder's first.

    Raises:
        MediaError: it cannot be read.
    """
    if path.is_dir():
        files = frame_files(path)
        if not files:
            raise MediaError(f"{path}: holds no pictures")
        height, width = read_still(files[0]).shape[:2]
        return width, height
    info = probe(path)
    return info.width, info.height


def read_clip(path: Path, frames: int, size: int) -> Tensor:
    """The first frames of a video or of a folder, (T, 3, size, size) uint8 R'G'B'.

    Raises:
        MediaError: a frame is damaged or missing, or of another size than the first.
    """
    pictures = list(_folder_pictures(path, frames) if path.is_dir() else _video(path, frames))
    return torch.stack([_fitted(picture, size) for picture in pictures])


def read_still(path: Path) -> Pixels:
    """One picture, (h, w, 3) R'G'B'.

    Raises:
        MediaError: it cannot be read.
    """
    stored = np.fromfile(path, np.uint8)
    picture = cv2.imdecode(stored, cv2.IMREAD_COLOR) if stored.size else None
    if picture is None:
        raise MediaError(f"{path}: is no picture that can be read")
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)


def _folder_pictures(folder: Path, frames: int) -> Iterator[Pixels]:
    size: tuple[int, ...] = ()
    for path in frame_files(folder)[:frames]:
        picture = read_still(path)
        size = size or picture.shape
        if picture.shape != size:
            raise MediaError(
                f"{path}: is {picture.shape[1]}x{picture.shape[0]}, but the folder's first frame "
                f"is {size[1]}x{size[0]}"
            )
        yield picture


def _video(path: Path, frames: int) -> Iterator[Pixels]:
    info = probe(path)
    wanted = FrameRange(0, min(frames, info.frame_count), info.rate)
    with closing(decode(info, wanted)) as pictures:
        for picture in pictures:
            yield np.rint(to_rgb(picture) * 255).astype(np.uint8)


def _fitted(picture: Pixels, size: int) -> Tensor:
    """A square picture at the size that the networks take, (3, size, size)."""
    if picture.shape[0] != size:
        method = cv2.INTER_AREA if picture.shape[0] > size else cv2.INTER_CUBIC
        picture = np.asarray(cv2.resize(picture, (size, size), interpolation=method), np.uint8)
    return torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))


@contextmanager
def lossless_video(
    path: Path, size: int, rate: Fraction = Fraction(25)
) -> Iterator[Callable[[Tensor], None]]:
    """What writes the next frame (3, size, size) uint8 of an FFV1 file, R'G'B' as it is.

    Raises:
        OutputError: the file cannot be written.
    """
    with written_whole(path) as partial, created(partial) as container:
        stream = container.add_stream("ffv1", rate=rate)
        stream.width = stream.height = size
        stream.pix_fmt = "bgr0"

        def write(picture: Tensor) -> None:
            pixels = np.ascontiguousarray(picture.permute(1, 2, 0).cpu().numpy())
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))

        yield write
        container.mux(stream.encode(None))
