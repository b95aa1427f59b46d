"""The writing end of an encoder: frames made of pictures, encoded and muxed with their sound."""

import os
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import av.filter
from av.codec.context import Flags
from av.error import FFmpegError

from reenact_core.errors import MediaError
from reenact_core.frames import Picture
from reenact_core.media.codecs import (
    BOTTOM_FIRST,
    EncodeSettings,
    colour_written,
    held_codecs,
    siting_written,
)
from reenact_core.media.colour import is_light, transfer_meant
from reenact_core.media.convert import stored_planes
from reenact_core.media.dpx import copy_header
from reenact_core.media.dynamic_hdr import HDR10PLUS, read_hdr10plus, with_message
from reenact_core.media.exr_header import write_transfer
from reenact_core.media.extras import container_options, write_chapters, write_tags
from reenact_core.media.layouts import packing_of, write_planes
from reenact_core.media.opening import ABSENT, created
from reenact_core.media.probe import MediaInfo
from reenact_core.media.sequence import frame_path
from reenact_core.media.sound import open_sound, range_seconds
from reenact_core.media.subtitles import open_subtitles
from reenact_core.media.tags import tag_frame, tag_stream
from reenact_core.media.timecode import advance
from reenact_core.timing import FrameRange

# Encoders and containers that count frames by their rate and know no other time.
_COUNTING = ("mpeg4", "mpeg2video", "mpeg1video", "avi")
_X265_DELAY = 3
_INTERLACING = ("libx264", "mpeg2video", "prores_ks", "mpeg4")


class FrameMaker:
    """Pictures as frames for an encoder: its format, its clock, the source's tags."""

    def __init__(self, info: MediaInfo, settings: EncodeSettings, time_base: Fraction) -> None:
        self._layout = packing_of(settings.pixel_format).layout
        self._time_base = time_base
        self.colour = colour_written(info, settings.encoder, settings.pixel_format, settings.muxer)
        self._first: Fraction | None = None
        self._fields = _FieldMarker(info) if info.interlaced else None

    def make(self, picture: Picture) -> av.VideoFrame:
        """The frame of the next picture."""
        planes = stored_planes(picture, self._layout, self.colour)
        height, width = planes[0].shape
        frame = av.VideoFrame(width, height, self._layout.pixel_format)
        write_planes(frame, planes)
        shown = picture.pts * picture.time_base
        self._first = shown if self._first is None else self._first
        frame.pts = round((shown - self._first) / self._time_base)
        frame.time_base = self._time_base
        if picture.duration:
            frame.duration = round(picture.duration * picture.time_base / self._time_base)
        if self._fields:
            frame = self._fields.mark(frame)
        tag_frame(frame, self.colour)
        return frame


class _FieldMarker:
    """Marks frames as interlaced, which PyAV can do by a filter only."""

    def __init__(self, info: MediaInfo) -> None:
        self._mode = "bff" if info.field_order in BOTTOM_FIRST else "tff"
        self._graph: av.filter.Graph | None = None

    def mark(self, frame: av.VideoFrame) -> av.VideoFrame:
        if self._graph is None:
            self._graph = av.filter.Graph()
            source = self._graph.add_buffer(
                width=frame.width,
                height=frame.height,
                format=frame.format,
                time_base=frame.time_base,
            )
            marker = self._graph.add("setfield", f"mode={self._mode}")
            sink = self._graph.add("buffersink")
            source.link_to(marker)
            marker.link_to(sink)
            self._graph.configure()
        self._graph.push(frame)
        marked = self._graph.pull()
        assert isinstance(marked, av.VideoFrame)
        return marked


class Writer:
    """One video file, written in the thread that enters it."""

    def __init__(
        self, path: Path, info: MediaInfo, frames: FrameRange, settings: EncodeSettings
    ) -> None:
        self._path, self._info, self._frames, self._settings = path, info, frames, settings

    def __enter__(self) -> Self:
        info, settings = self._info, self._settings
        time_base = clock_of(info, self._frames, settings)
        self._maker = FrameMaker(info, settings, time_base)
        carried = settings.encoder == "libx265" and info.codec == "hevc"
        beside = carried and HDR10PLUS in info.extras.beside
        self._messages = read_hdr10plus(info, self._frames) if beside else {}
        self._shown: dict[int, int] = {}
        options = container_options(settings.muxer, info.extras)
        held = held_codecs(settings.muxer)
        start, stop = (
            (Fraction(0), Fraction(0)) if info.still else range_seconds(info, self._frames)
        )
        with ExitStack() as stack:
            self._container = created(self._path, settings.muxer, options)
            stack.push(self._close_container)
            self._stream = self._add_stream(time_base)
            write_tags(self._container, self._stream, info.extras, settings.tags)
            write_chapters(self._container, info.extras, start, stop)
            self._sound = stack.enter_context(
                open_sound(self._path, info, self._frames, settings, self._container)
            )
            self._subtitles = stack.enter_context(
                open_subtitles(info, start, stop, held, self._container)
            )
            self._stack = stack.pop_all()
        return self

    def write(self, picture: Picture) -> None:
        """Encode and mux one picture, and the sound up to it."""
        frame = self._maker.make(picture)
        size = (self._stream.codec_context.width, self._stream.codec_context.height)
        if (frame.width, frame.height) != size:
            raise MediaError(
                f"{self._path}: frame {picture.index} is {frame.width}x{frame.height},"
                f" the file is {size[0]}x{size[1]}"
            )
        if self._messages and frame.pts is not None:
            self._shown[frame.pts] = picture.pts
        self._mux(self._stream.encode(frame))

    def flush(self) -> None:
        """Everything that the encoder still holds, and the rest of the sound."""
        self._mux(self._stream.encode(None))
        for beside in (self._sound, self._subtitles):
            if beside:
                beside.mux_until(None)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def _mux(self, packets: "list[av.Packet[av.VideoStream]]") -> None:
        for packet in packets:
            if self._settings.encoder == "libx265" and len(self._frames) < _X265_DELAY:
                packet.dts = packet.pts  # else undefined: x265 fills it in from the third frame on
            for beside in (self._sound, self._subtitles):
                if beside and packet.dts is not None:
                    beside.mux_until(packet.dts * packet.time_base)
            message = self._messages.get(self._shown.pop(packet.pts or 0, -1))
            self._container.mux(packet if message is None else with_message(packet, message))

    def _close_container(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Write the trailer; after an error, what cannot be closed must not hide that error."""
        try:
            self._container.close()
        except FFmpegError:
            if error is None:
                raise

    def _add_stream(self, time_base: Fraction) -> av.VideoStream:
        info, settings = self._info, self._settings
        rate = self._frames.rate if info.numbers or info.still else info.rate
        options = dict(settings.options)
        place = siting_written(self._maker.colour, settings.pixel_format)
        if place != "unknown":
            options["chroma_sample_location"] = place
        if settings.encoder == "libsvtav1":
            # SVT-AV1 asks the environment alone how much it may print; 1: errors.
            os.environ.setdefault("SVT_LOG", "1")
        stream = self._container.add_stream(settings.encoder, rate=rate, options=options)
        assert isinstance(stream, av.VideoStream)
        turned = info.rotation % 180
        context = stream.codec_context
        context.width = info.height if turned else info.width
        context.height = info.width if turned else info.height
        context.pix_fmt = settings.pixel_format
        context.time_base = time_base
        stream.time_base = time_base
        context.sample_aspect_ratio = 1 / info.pixel_aspect if turned else info.pixel_aspect
        context.thread_type = "AUTO"
        context.flags |= int(Flags.frame_duration)
        if settings.encoder == "libx265" and settings.muxer in ("mov", "mp4"):
            context.codec_tag = "hvc1"  # the one that QuickTime plays
        tag_stream(stream, self._maker.colour)
        self._set_fields(stream)
        set_rotation(stream, info)
        set_timecode(stream, info, self._frames)
        return stream

    def _set_fields(self, stream: av.VideoStream) -> None:
        context = stream.codec_context
        context.field_order = self._info.field_order or (2 if self._info.interlaced else 0)
        if self._info.interlaced and self._settings.encoder in _INTERLACING:
            context.flags |= int(Flags.interlaced_dct | Flags.interlaced_me)


def set_rotation(stream: av.VideoStream, info: MediaInfo) -> None:
    """Turn a new stream as the source is turned."""
    if info.display_matrix:
        stream.set_display_matrix(info.display_matrix)
    elif info.rotation:
        stream.set_display_rotation(info.rotation)


def set_timecode(stream: av.VideoStream, info: MediaInfo, frames: FrameRange) -> None:
    """Give a new stream the timecode of a range's first frame."""
    if info.timecode is None:
        return
    moved = advance(info.timecode, frames.start, info.rate)
    if moved is not None:
        stream.metadata["timecode"] = moved


class PictureFiles:
    """One picture file a frame, written in the thread that enters it."""

    def __init__(
        self, pattern: Path, info: MediaInfo, frames: FrameRange, settings: EncodeSettings
    ) -> None:
        self._pattern, self._info, self._settings = pattern, info, settings
        self._rate = frames.rate
        self._maker = FrameMaker(info, settings, 1 / frames.rate)
        step = info.numbers[1] - info.numbers[0] if len(info.numbers) > 1 else 1
        start = info.numbers[frames.start] if info.numbers else 1
        self._numbers = iter(range(start, start + len(frames) * step, step))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def write(self, picture: Picture) -> None:
        """Write the next picture's file."""
        number = next(self._numbers, None)
        if number is None:
            raise ValueError(f"{self._pattern}: more pictures than frames")
        frame = self._maker.make(picture)
        frame.pts = 0
        path = frame_path(self._pattern, number)
        with created(path, "image2pipe") as file:
            stream = file.add_stream(
                self._settings.encoder, rate=self._rate, options=dict(self._settings.options)
            )
            assert isinstance(stream, av.VideoStream)
            stream.width, stream.height = frame.width, frame.height
            stream.pix_fmt = self._settings.pixel_format
            turned = self._info.rotation % 180
            aspect = self._info.pixel_aspect
            stream.codec_context.sample_aspect_ratio = 1 / aspect if turned else aspect
            tag_stream(stream, self._maker.colour)
            file.mux(stream.encode(frame))
            file.mux(stream.encode(None))
        if self._settings.encoder == self._info.codec == "dpx":
            own, stamp = self._info.file_of(picture.index)
            if stamp != ABSENT:  # else held, or black
                copy_header(own, stamp, path)
        if self._settings.encoder == "exr" and not is_light(picture.colour, picture.layout):
            write_transfer(path, transfer_meant(picture.colour, picture.layout))

    def flush(self) -> None:
        """Nothing is held back."""


def clock_of(info: MediaInfo, frames: FrameRange, settings: EncodeSettings) -> Fraction:
    """The unit of the new file's frame times: the source's, but for encoders that count frames."""
    if info.numbers or info.still:
        return 1 / frames.rate
    if settings.encoder in _COUNTING or settings.muxer in _COUNTING:
        return 1 / info.rate
    return info.time_base
