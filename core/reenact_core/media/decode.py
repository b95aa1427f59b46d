"""The frames of a range, in order and exact to the frame, decoded ahead in a thread."""

import queue
import threading
from collections.abc import Generator, Iterator
from fractions import Fraction
from itertools import chain, islice
from pathlib import Path

import av
import numpy as np
from av.error import FFmpegError, InvalidDataError

from reenact_core.errors import MediaError
from reenact_core.frames import Picture
from reenact_core.media.layouts import packing_of, read_planes, readable_format, turned
from reenact_core.media.opening import opened
from reenact_core.media.probe import MediaInfo, first_frame, video_stream
from reenact_core.timing import FrameRange

_POLL_SECONDS = 0.1


def decode(
    info: MediaInfo, frames: FrameRange, *, ahead: int = 8
) -> Generator[Picture, None, None]:
    """The pictures of a range of frames, one by one.

    A thread of its own decodes at most `ahead` pictures before they are asked for. Closing the
    iterator, or an error in the caller, stops it.

    Frame N is the Nth in the order of display, found by its time, wherever decoding starts. A
    picture whose data is damaged is given as the decoder mends it; a picture that the decoder does
    not give at all is an error. A still answers for every frame number, and for an image of a
    sequence that is not there what `info.missing` says.

    Raises:
        MediaError: a frame is missing, damaged beyond use, of another size or format than the
            first, or the range reaches beyond the file.
    """
    _check_range(info, frames)
    if not len(frames):
        return
    stop = threading.Event()
    ready: queue.Queue[Picture | BaseException | None] = queue.Queue(max(1, ahead))
    work = threading.Thread(
        target=_fill, args=(info, frames, ready, stop), name=f"decode {info.path.name}", daemon=True
    )
    work.start()
    try:
        while (item := ready.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stop.set()
        work.join()


def _check_range(info: MediaInfo, frames: FrameRange) -> None:
    if not len(frames):
        return
    if frames.start < 0 or (frames.stop > info.frame_count and not info.still):
        raise MediaError(
            f"{info.path}: has frames 0 to {info.frame_count - 1},"
            f" frames {frames.start} to {frames.stop - 1} were asked for"
        )


def _fill(
    info: MediaInfo,
    frames: FrameRange,
    ready: "queue.Queue[Picture | BaseException | None]",
    stop: threading.Event,
) -> None:
    """The thread: pictures into the queue, then None; or the error that ended them."""
    last: BaseException | None = None
    try:
        for picture in pictures(info, frames):
            if not _put(ready, picture, stop):
                return
    except BaseException as error:  # handed to the caller, who raises it
        last = error
    _put(ready, last, stop)


def _put(
    ready: "queue.Queue[Picture | BaseException | None]",
    item: Picture | BaseException | None,
    stop: threading.Event,
) -> bool:
    while not stop.is_set():
        try:
            ready.put(item, timeout=_POLL_SECONDS)
            return True
        except queue.Full:
            continue
    return False


def pictures(info: MediaInfo, frames: FrameRange) -> Iterator[Picture]:
    """The pictures of a range, decoded in the calling thread."""
    if info.numbers or info.still:
        yield from _stills(info, frames)
        return
    expected = frames.start
    for number, frame in _numbered(info, frames.start):
        if number > expected:
            raise MediaError(_missing(info, expected))
        yield _picture(info, frame, number)
        expected = number + 1
        if expected == frames.stop:
            return
    raise MediaError(_missing(info, expected))


def _stills(info: MediaInfo, frames: FrameRange) -> Iterator[Picture]:
    """One file a frame, or one file for all frames."""
    time_base = 1 / frames.rate
    frame: av.VideoFrame | None = None
    last: Path | None = None
    for number in range(frames.start, frames.stop):
        place = _stand_in(info, number) if info.numbers else 0
        path, stamp = info.file_of(place)
        if frame is None or path != last:
            with opened(path, stamp) as container:
                frame, last = first_frame(path, container), path
        picture = _picture(info, frame, number, pts=number, time_base=time_base)
        black = info.missing == "black" and bool(info.numbers)
        yield blackened(picture) if black and info.numbers[number] in info.absent else picture


def _stand_in(info: MediaInfo, frame: int) -> int:
    """The frame whose image is read for one: itself, or where that is missing the one before it.

    Raises:
        MediaError: it is missing, and nothing may stand for it.
    """
    if info.numbers[frame] not in info.absent:
        return frame
    if info.missing == "error":
        raise MediaError(
            f"{info.file_of(frame)[0]}: is missing; put the image back, or let the "
            "timeline say what stands for it (missing_frame_policy hold or black)"
        )
    others = chain(range(frame - 1, -1, -1), range(frame + 1, len(info.numbers)))
    return next(other for other in others if info.numbers[other] not in info.absent)


def blackened(picture: Picture) -> Picture:
    """A black picture of the same samples; opaque where it has alpha."""
    layout, planes = picture.layout, []
    narrow = (
        picture.colour.full_range is not True
        if layout.kind == "yuv"
        else (picture.colour.full_range is False)
    )
    black = 16 << (layout.depth - 8) if narrow and not layout.floating else 0
    for number, plane in enumerate(picture.planes):
        value = black
        if layout.kind == "yuv" and number in (1, 2):
            value = 1 << (layout.depth - 1)
        if layout.has_alpha and number == len(picture.planes) - 1:
            value = layout.peak
        planes.append(np.full_like(plane, value))
    return picture.with_planes(tuple(planes))


def _numbered(info: MediaInfo, start: int) -> Iterator[tuple[int, av.VideoFrame]]:
    """Frames with their numbers, in order, from `start` or a later one on."""
    if not info.index.ordered:
        yield from islice(enumerate(_frames_from(info, None)), start, None)
        return
    for entry in _entries(info, start):
        found = False
        for frame in _frames_from(info, entry):
            number = _number_of(info, frame)
            if number is None or number < start:
                continue
            if number > start and not found and entry is not None:
                break  # decoding began too late for this frame; begin at an earlier one
            found = True
            yield number, frame
        if found:
            return


def _entries(info: MediaInfo, start: int) -> Iterator[int | None]:
    """Times of key frames to start decoding at, the best first; None is the file's start."""
    target = int(info.times[start])
    keys = info.index.keyframes
    last = int(np.searchsorted(keys, target, side="right")) - 1
    tried = [int(keys[number]) for number in (last, last - 1, last - 4) if number > 0]
    yield from tried
    yield None  # the file's start


def _number_of(info: MediaInfo, frame: av.VideoFrame) -> int | None:
    if frame.pts is None:
        return None
    number = int(np.searchsorted(info.times, frame.pts))
    if number == len(info.times) or info.times[number] != frame.pts:
        return None
    return number


def _frames_from(info: MediaInfo, entry: int | None) -> Iterator[av.VideoFrame]:
    """Frames as the decoder gives them, from a key frame on, or from the file's start."""
    with opened(*info.file_of(0)) as container:
        stream = video_stream(info.path, container)
        stream.codec_context.thread_type = "AUTO"
        if entry is not None:
            container.seek(entry, stream=stream, backward=True, any_frame=False)
        try:
            for packet in container.demux(stream):
                try:
                    decoded = packet.decode()
                except InvalidDataError:
                    continue  # the frame that this leaves out is missed by its number
                yield from decoded
        except FFmpegError as error:
            raise MediaError(f"{info.path}: reading it failed ({error.strerror})") from error


def _picture(
    info: MediaInfo,
    frame: av.VideoFrame,
    number: int,
    *,
    pts: int | None = None,
    time_base: Fraction | None = None,
) -> Picture:
    """A decoded frame as a picture, turned as it is displayed."""
    readable = readable_format(frame.format.name)
    layout = packing_of(readable).layout
    _check_same(info, frame, readable, number)
    if readable != frame.format.name:
        frame = frame.reformat(format=readable)
    turns = info.rotation // 90
    return Picture(
        planes=tuple(np.rot90(plane, turns) for plane in read_planes(frame)),
        layout=turned(layout, info.rotation),
        colour=info.colour,
        index=number,
        pts=int(info.times[number]) if pts is None else pts,
        time_base=info.time_base if time_base is None else time_base,
        rotation=info.rotation,
        duration=_duration(info, number) if pts is None else 1,
        extra=frame,
    )


def _check_same(info: MediaInfo, frame: av.VideoFrame, readable: str, number: int) -> None:
    size = (frame.width, frame.height)
    wanted = (info.width, info.height)
    if info.rotation % 180:
        wanted = (info.height, info.width)
    if size != wanted:
        raise MediaError(
            f"{info.path}: frame {number} is {size[0]}x{size[1]}, the first is"
            f" {wanted[0]}x{wanted[1]}; split the file where its size changes"
        )
    if readable != info.layout.pixel_format:
        raise MediaError(
            f"{info.path}: frame {number} is {readable}, the first is {info.layout.pixel_format};"
            " split the file where its format changes"
        )


def _duration(info: MediaInfo, number: int) -> int | None:
    if number + 1 < len(info.times):
        return int(info.times[number + 1] - info.times[number])
    if info.index.last_duration:
        return info.index.last_duration
    return round(1 / (info.rate * info.time_base))


def _missing(info: MediaInfo, number: int) -> str:
    return (
        f"{info.path}: frame {number} of {info.frame_count} is damaged and cannot be decoded;"
        " render around it, or export the file again"
    )
