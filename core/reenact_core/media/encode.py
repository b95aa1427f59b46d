"""Pictures to a file: with the times, tags and sound of their source; a whole file or none."""

import errno
import os
import queue
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from av.error import FFmpegError

from reenact_core.errors import MediaError, OutputError
from reenact_core.files import Admit, written_whole
from reenact_core.frames import Picture
from reenact_core.media.codecs import EncodeSettings
from reenact_core.media.mux import PictureFiles, Writer
from reenact_core.media.probe import MediaInfo
from reenact_core.timing import FrameRange

_POLL_SECONDS = 0.1
_OUTPUT_FAULTS = (
    errno.EACCES,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EIO,
    errno.EISDIR,
    errno.ENOENT,
    errno.ENOSPC,
    errno.ENOTDIR,
    errno.EPERM,
    errno.EROFS,
)


Seal = Callable[[Path, Path], None]
"""Called with a whole file and the name that it will have, before it bears it; for picture files
with their patterns."""


class Encoder:
    """Takes the pictures of a range in order; encodes behind in a thread of its own."""

    def __init__(self, path: Path, writer: Writer | PictureFiles, count: int, behind: int) -> None:
        self._path = path
        self._writer = writer
        self._count = count
        self._taken = 0
        self._waiting: queue.Queue[Picture | None] = queue.Queue(max(1, behind))
        self._error: Exception | None = None
        self._cancelled = threading.Event()
        self._thread = threading.Thread(target=self._work, name=f"encode {path.name}", daemon=True)
        self._thread.start()

    def write(self, picture: Picture) -> None:
        """Hand over the next picture; waits while the encoder is `behind` pictures behind.

        Raises:
            OutputError: the file cannot be written, or the disk is full.
            MediaError: the encoder refuses a picture.
        """
        self._hand_over(picture)
        self._taken += 1

    def finish(self) -> None:
        """Wait for the encoder to write everything that it was given.

        Raises: as `write`. ValueError: fewer or more pictures than the range has frames.
        """
        self._hand_over(None)
        self._thread.join()
        self._raise()
        if self._taken != self._count:
            raise ValueError(f"{self._path}: {self._taken} of {self._count} pictures were written")

    def cancel(self) -> None:
        """Stop at once and wait for the thread to end."""
        self._cancelled.set()
        self._thread.join()

    def _hand_over(self, item: Picture | None) -> None:
        while True:
            self._raise()
            try:
                return self._waiting.put(item, timeout=_POLL_SECONDS)
            except queue.Full:
                continue

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error

    def _work(self) -> None:
        try:
            with self._writer as writer:
                while (picture := self._take()) is not None:
                    writer.write(picture)
                if not self._cancelled.is_set():
                    writer.flush()
        except OSError as error:
            self._error = _sentence(self._path, error)
        except Exception as error:  # handed to the caller, who raises it
            self._error = _sentence(self._path, error) if _is_ffmpeg(error) else error

    def _take(self) -> Picture | None:
        while not self._cancelled.is_set():
            try:
                return self._waiting.get(timeout=_POLL_SECONDS)
            except queue.Empty:
                continue
        return None


@contextmanager
def open_encoder(
    path: Path,
    info: MediaInfo,
    frames: FrameRange,
    settings: EncodeSettings,
    *,
    behind: int = 8,
    seal: Seal | None = None,
    admit: Admit | None = None,
) -> Iterator[Encoder]:
    """An encoder for the pictures of a range of `info`, to be given by `.write(picture)`, in order.

    The file bears its final name only when it is whole; an error or an exception in the block
    removes what was written. Frame times are those of the pictures, counted from the first
    frame of the range; rate, tags, pixel aspect, rotation, timecode (moved on to the range) and
    the sound of the range are the source's. For a picture sequence `path` is a printf pattern; its
    files are numbered like the source's sequence, else from 1. `seal` may change the whole file;
    `admit` guards the names, as in `files.written_whole`.

    Raises:
        OutputError: the file or its folder cannot be written, or the disk is full.
        MediaError: the encoder refuses the pictures.
    """
    with whole_result(path, settings, admit) as partial:
        writer: Writer | PictureFiles
        if settings.is_sequence:
            writer = PictureFiles(partial, info, frames, settings)
        else:
            writer = Writer(partial, info, frames, settings)
        encoder = Encoder(path, writer, len(frames), behind)
        try:
            yield encoder
            encoder.finish()
        finally:
            encoder.cancel()
        if seal is not None:
            seal(partial, path)


@contextmanager
def whole_result(
    path: Path, settings: EncodeSettings, admit: Admit | None = None
) -> Iterator[Path]:
    """Where to write until the file, or every file of a sequence, is whole.

    Args:
        path: the file, or the pattern of a sequence.
        admit: guards the names, as in `files.written_whole`.

    Raises:
        OutputError: the file or its folder cannot be written, or a name is refused.
    """
    if not settings.is_sequence:
        with written_whole(path, admit=admit) as partial:
            yield partial
        return
    folder = path.parent.with_name(f".partial-{os.getpid()}-{path.parent.name}")
    try:
        folder.mkdir(parents=True)
        yield folder / path.name
        path.parent.mkdir(exist_ok=True)
        pairs = [(written, path.parent / written.name) for written in sorted(folder.iterdir())]
        if admit is not None:
            for written, final in pairs:
                admit(written, final)
        for written, final in pairs:
            os.replace(written, final)
    except OSError as error:
        raise _sentence(path, error) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _is_ffmpeg(error: Exception) -> bool:
    return isinstance(error, FFmpegError)


def _sentence(path: Path, error: Exception) -> OutputError | MediaError:
    number = getattr(error, "errno", None)
    reason = getattr(error, "strerror", None) or str(error)
    if number in (errno.ENOSPC, errno.EDQUOT):
        found: OutputError | MediaError = OutputError(
            f"{path}: the disk is full; free some space and run the same command again"
        )
    elif number in _OUTPUT_FAULTS:
        found = OutputError(f"{path}: cannot be written ({reason}); choose another folder with -o")
    else:
        found = MediaError(f"{path}: its encoder failed ({reason}); choose another --codec")
    found.__cause__ = error
    return found
