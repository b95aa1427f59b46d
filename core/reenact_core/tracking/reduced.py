"""Small copies of a clip's frames in an unnamed temporary file, so that memory stays flat.

Tracking goes over the frames forwards and backwards, and a clip can be long. Every frame is kept
as a JPEG of a few ten kilobytes: at 640 pixels that is a hundredth of a decoded HD frame. The file
has no name, so it goes with the process, however that ends.
"""

import errno
import tempfile
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import cv2
import numpy as np
from numpy.typing import NDArray

from reenact_core.errors import OutputError

JPEG_QUALITY = 93
REMEMBERED = 6
"""Decoded grey frames kept at hand: steps go to a neighbour and back."""

Pixels = NDArray[np.uint8]


class ReducedFrames:
    """Frames by number, appended once and read often."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._ends = [0]
        self._grey: OrderedDict[int, Pixels] = OrderedDict()

    def __len__(self) -> int:
        return len(self._ends) - 1

    def append(self, pixels: Pixels) -> None:
        """Keep an (h, w, 3) R'G'B' picture.

        Raises:
            OutputError: the folder for temporary files is full.
        """
        code = cv2.imencode(
            ".jpg",
            cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR),
            [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY],
        )[1]
        try:
            self._stream.seek(self._ends[-1])
            self._stream.write(code.tobytes())
            self._stream.flush()
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise OutputError(
                f"{tempfile.gettempdir()}: the disk is full while faces are followed; "
                "free some space or point TMPDIR to another folder"
            ) from error
        self._ends.append(self._ends[-1] + len(code))

    def rgb(self, number: int) -> Pixels:
        """The picture (h, w, 3) R'G'B'."""
        decoded = self._decoded(number, cv2.IMREAD_COLOR)
        return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), np.uint8)

    def grey(self, number: int) -> Pixels:
        """Its luma (h, w)."""
        if number in self._grey:
            self._grey.move_to_end(number)
            return self._grey[number]
        self._grey[number] = self._decoded(number, cv2.IMREAD_GRAYSCALE)
        if len(self._grey) > REMEMBERED:
            self._grey.popitem(last=False)
        return self._grey[number]

    def _decoded(self, number: int, kind: int) -> Pixels:
        start, stop = self._ends[number], self._ends[number + 1]
        self._stream.seek(start)
        code = np.frombuffer(self._stream.read(stop - start), np.uint8)
        return np.asarray(cv2.imdecode(code, kind), np.uint8)


@contextmanager
def reduced_frames() -> Iterator[ReducedFrames]:
    """An empty store, gone when the block ends."""
    with tempfile.TemporaryFile(prefix="reenact-frames-") as stream:
        yield ReducedFrames(stream)
