"""The one place where FFmpeg opens files: regular files alone, of known kinds, known again.

FFmpeg reads from a file that is open already and can open no other by itself: a playlist, a list
of files or a reference inside a container leads nowhere.
"""

import io
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import av
from av.container import InputContainer, OutputContainer
from av.error import ArgumentError, FFmpegError

from reenact_core.errors import MediaError

DEMUXERS = (
    # Films, and streams without a container.
    *("mov", "matroska", "avi", "mxf", "mpegts", "mpeg", "mpegvideo", "flv", "asf"),
    *("ogg", "gxf", "lxf", "nut", "wtv", "rm", "ivf", "obu", "av1", "h264", "hevc", "vvc", "evc"),
    *("h261", "h263", "m4v", "vc1", "vc1test", "dirac", "cavsvideo", "mjpeg", "mjpeg_2000"),
    *("dnxhd", "dv", "yuv4mpegpipe", "cine", "filmstrip", "gif", "apng", "flic", "smjpeg"),
    # Pictures.
    *("bmp_pipe", "dds_pipe", "dpx_pipe", "exr_pipe", "gem_pipe", "hdr_pipe", "j2k_pipe"),
    *("jpeg_pipe", "jpegls_pipe", "jpegxl_pipe", "pam_pipe", "pbm_pipe", "pcx_pipe", "pfm_pipe"),
    *("pgm_pipe", "pgmyuv_pipe", "pgx_pipe", "phm_pipe", "photocd_pipe", "pictor_pipe"),
    *("png_pipe", "ppm_pipe", "psd_pipe", "qoi_pipe", "sgi_pipe", "sunrast_pipe", "tiff_pipe"),
    *("webp_pipe", "xbm_pipe", "xpm_pipe", "xwd_pipe", "image2pipe", "ico", "fits"),
    # Sound.
    *("aac", "ac3", "eac3", "aiff", "au", "caf", "dts", "flac", "mp3", "truehd", "w64", "wav"),
    *("wv", "ape", "amr", "tta"),
)
"""FFmpeg's names of what is read. Left out is all that names other files (hls, dash, concat, imf,
sdp, image2, vobsub, mlv, ...), devices, filters (lavfi), text."""

_UNMARKED = (".tga", ".icb", ".vda", ".vst", ".pam")
"""Pictures that FFmpeg knows by their names alone."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """By which a file is known again: another file, or the same one written to, has another."""

    device: int
    inode: int
    size: int
    modified: int
    """Nanoseconds."""

    @classmethod
    def of(cls, status: os.stat_result) -> "Stamp":
        """The stamp of a file with that status."""
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


ABSENT = Stamp(0, 0, 0, 0)
"""Of a file that was not there."""


def stamp_of(path: Path) -> Stamp:
    """The stamp of what a path leads to now; ABSENT where nothing is there."""
    try:
        return Stamp.of(path.stat())
    except OSError:
        return ABSENT


@contextmanager
def open_file(path: Path, stamp: Stamp | None = None) -> Iterator[io.FileIO]:
    """A regular file that holds something, open for reading.

    With a `stamp` it must be that very file, unchanged, at the beginning and at the end.

    Raises:
        MediaError: it is missing, no regular file, empty, cannot be read, or another than before.
    """
    descriptor = _descriptor(path)
    with io.FileIO(descriptor) as stream:
        status = os.fstat(descriptor)
        _check(path, status, stamp)
        # FFmpeg goes by the ending; a path may look like a pattern of an image sequence to it.
        stream.name = f"media{path.suffix}"
        yield stream
        if stamp is not None and not stream.closed and Stamp.of(os.fstat(descriptor)) != stamp:
            raise MediaError(_changed(path))


def _descriptor(path: Path) -> int:
    if path.is_dir():
        raise MediaError(
            f"{path}: is a folder; name a file, or an image sequence by its pattern (name.%04d.png)"
        )
    # Nobody writes into a FIFO perhaps; to open one must not wait for that.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        return os.open(path, flags | getattr(os, "O_CLOEXEC", 0))
    except FileNotFoundError as error:
        raise MediaError(f"{path}: there is no such file") from error
    except OSError as error:
        raise MediaError(f"{path}: cannot be read ({error.strerror})") from error


def _check(path: Path, status: os.stat_result, stamp: Stamp | None) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise MediaError(f"{path}: is a device or a pipe; media are read from files")
    if stamp is not None and Stamp.of(status) != stamp:
        raise MediaError(_changed(path))
    if not status.st_size:
        raise MediaError(f"{path}: is empty (zero bytes); copy it again")


def _changed(path: Path) -> str:
    return (
        f"{path}: has changed since this job first looked at it; see that nothing writes to it "
        "meanwhile, and run the job again"
    )


@contextmanager
def opened(path: Path, stamp: Stamp | None = None) -> Iterator[InputContainer]:
    """A media file, open for reading; with a `stamp` it must be that very file.

    Raises:
        MediaError: as `open_file`, or it is no media of a kind that is read.
    """
    with open_file(path, stamp) as stream, _demuxed(path, stream) as container:
        yield container


def _demuxed(path: Path, stream: io.FileIO) -> InputContainer:
    try:
        return _by_name_or_content(path, stream)
    except ArgumentError as error:
        raise MediaError(
            f"{path}: is of a kind that is not read (a playlist or another list of files never is);"
            " name the media file itself"
        ) from error
    except (FFmpegError, OSError) as error:
        raise MediaError(
            f"{path}: is no media file that FFmpeg can read, or it is cut off before its index;"
            " export or copy it again"
        ) from error


def _by_name_or_content(path: Path, stream: io.FileIO) -> InputContainer:
    try:
        return _open(stream)
    except ArgumentError as refused:
        # FFmpeg prefers image2, which may open other files, where the name is a picture's and the
        # content does not tell beyond doubt: of large JPEGs its probe sees no end.
        stream.seek(0)
        if path.suffix.lower() in _UNMARKED:
            return _open(stream, "image2pipe")
        stream.name = "media"
        try:
            return _open(stream)
        except FFmpegError:
            raise refused from None


def _open(stream: io.FileIO, demuxer: str | None = None) -> InputContainer:
    options = {"format_whitelist": ",".join(DEMUXERS), "protocol_whitelist": "none"}
    return av.open(stream, "r", demuxer, options, metadata_errors="replace")


def created(
    path: Path, muxer: str | None = None, options: Mapping[str, str] | None = None
) -> OutputContainer:
    """A media file, open for writing; without a muxer, one that goes by the name."""
    return av.open(str(path.absolute()), "w", muxer, container_options=dict(options or {}))


@cache
def codecs_held(muxer: str) -> frozenset[str]:
    """Names of all codecs that FFmpeg puts into a container."""
    with av.open(io.BytesIO(), "w", muxer) as container:
        return frozenset(container.supported_codecs)
