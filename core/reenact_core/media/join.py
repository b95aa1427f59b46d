"""Encoded pieces of a shot to one file, packet by packet, with the sound and tags of the source."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError

from reenact_core.errors import MediaError, OutputError
from reenact_core.files import Admit, written_whole
from reenact_core.media.codecs import EncodeSettings, held_codecs
from reenact_core.media.encode import Seal
from reenact_core.media.extras import container_options, write_chapters, write_tags
from reenact_core.media.mux import clock_of, set_rotation, set_timecode
from reenact_core.media.opening import created, opened
from reenact_core.media.probe import MediaInfo
from reenact_core.media.sound import open_sound, range_seconds
from reenact_core.media.subtitles import open_subtitles
from reenact_core.timing import FrameRange
from reenact_core.wording import amount


@dataclass(frozen=True, slots=True)
class Piece:
    """A file that holds some frames of a shot."""

    path: Path
    frames: FrameRange
    """Frames of the source that it shows."""


def join(
    path: Path,
    pieces: Sequence[Piece],
    info: MediaInfo,
    frames: FrameRange,
    settings: EncodeSettings,
    seal: Seal | None = None,
    *,
    admit: Admit | None = None,
) -> None:
    """Write the file that one encoder would have written, from pieces that follow each other.

    No picture is encoded again. Frame times are the source's, counted from the first frame of
    `frames`; sound and timecode are those of the range. `seal` may change the whole file before it
    bears its name; `admit` guards that name, as in `files.written_whole`.

    Raises:
        MediaError: a piece cannot be read or does not hold what it should; sound cannot be read.
        OutputError: pieces were encoded differently, or the file cannot be written.
    """
    with written_whole(path, admit=admit) as partial:
        _join(partial, pieces, info, frames, settings)
        if seal is not None:
            seal(partial, path)


def _join(
    path: Path,
    pieces: Sequence[Piece],
    info: MediaInfo,
    frames: FrameRange,
    settings: EncodeSettings,
) -> None:
    clock = clock_of(info, frames, settings)
    order = [_order(piece) for piece in pieces]
    delay = max(_delay(ranks) for ranks in order)
    options = container_options(settings.muxer, info.extras)
    held = held_codecs(settings.muxer)
    start, stop = (Fraction(0), Fraction(0)) if info.still else range_seconds(info, frames)
    with ExitStack() as stack:
        target = stack.enter_context(created(path, settings.muxer, options))
        stream = _add_stream(target, pieces[0], info, frames, settings, clock)
        write_tags(target, stream, info.extras, settings.tags)
        write_chapters(target, info.extras, start, stop)
        sound = stack.enter_context(open_sound(path, info, frames, settings, target))
        subtitles = stack.enter_context(open_subtitles(info, start, stop, held, target))
        followers = [one for one in (sound, subtitles) if one]
        times = _Times(info, frames, clock, delay)
        header = stream.codec_context.extradata
        for piece, ranks in zip(pieces, order, strict=True):
            for packet, rank in zip(_packets(piece, header), ranks, strict=True):
                times.stamp(packet, piece.frames.start - frames.start + rank)
                packet.stream = stream
                for one in followers:
                    if packet.dts is not None:
                        one.mux_until(packet.dts * clock)
                target.mux(packet)
        for one in followers:
            one.mux_until(None)


class _Times:
    """When frames are shown and decoded, as one encoder would have said."""

    def __init__(self, info: MediaInfo, frames: FrameRange, clock: Fraction, delay: int) -> None:
        count = len(frames)
        if info.numbers or info.still:
            shown = [Fraction(number) / frames.rate for number in range(count)]
            last = 1 / frames.rate
        else:
            times = [int(time) for time in info.times[frames.start : frames.stop]]
            shown = [(time - times[0]) * info.time_base for time in times]
            last = _last_duration(info, frames)
        self._shown = [round(time / clock) for time in shown]
        self._last = max(1, round(last / clock))
        self._clock, self._delay, self._decoded = clock, delay, 0

    def stamp(self, packet: "av.Packet[av.VideoStream]", frame: int) -> None:
        """Give the next packet, which holds a frame of the whole, its times."""
        ahead = self._decoded - self._delay
        packet.pts = self._shown[frame]
        packet.dts = self._shown[ahead] if ahead >= 0 else self._shown[0] + ahead * self._step
        following = self._shown[frame + 1] if frame + 1 < len(self._shown) else None
        packet.duration = self._last if following is None else following - packet.pts
        packet.time_base = self._clock
        self._decoded += 1

    @property
    def _step(self) -> int:
        return self._shown[1] - self._shown[0] if len(self._shown) > 1 else self._last


def _last_duration(info: MediaInfo, frames: FrameRange) -> Fraction:
    if frames.stop < info.frame_count:
        return int(info.times[frames.stop] - info.times[frames.stop - 1]) * info.time_base
    units = info.index.last_duration or round(1 / (info.rate * info.time_base))
    return units * info.time_base


def _add_stream(
    target: OutputContainer,
    piece: Piece,
    info: MediaInfo,
    frames: FrameRange,
    settings: EncodeSettings,
    clock: Fraction,
) -> av.VideoStream:
    with opened(piece.path) as source:
        stream = target.add_stream_from_template(source.streams.video[0])
    stream.time_base = clock
    set_rotation(stream, info)
    set_timecode(stream, info, frames)
    if settings.encoder == "libx265" and settings.muxer in ("mov", "mp4"):
        stream.codec_context.codec_tag = "hvc1"
    return stream


def _order(piece: Piece) -> list[int]:
    """For every packet of a piece, in order, which of its frames it holds."""
    with opened(piece.path) as source:
        times = [packet.pts for packet in _read(source, piece) if packet.size]
    if len(times) != len(piece.frames) or None in times:
        raise MediaError(
            f"{piece.path}: holds {amount(len(times), 'frame')} where {len(piece.frames)} should "
            "be; delete it and run its unit again"
        )
    ranks = np.empty(len(times), np.int64)
    ranks[np.argsort(np.array(times, np.int64), kind="stable")] = np.arange(len(times))
    return [int(rank) for rank in ranks]


def _delay(ranks: Sequence[int]) -> int:
    """Frames that a decoder must hold back, so that none is shown before it is decoded."""
    return max((number - rank for number, rank in enumerate(ranks)), default=0)


def _packets(piece: Piece, header: bytes | None) -> "Iterator[av.Packet[av.VideoStream]]":
    with opened(piece.path) as source:
        if source.streams.video[0].codec_context.extradata != header:
            raise OutputError(
                f"{piece.path}: was encoded in another way than the pieces before it, by another "
                "version of its encoder perhaps; run its unit again on a machine like theirs"
            )
        for packet in _read(source, piece):
            if packet.size:
                yield packet


def _read(source: InputContainer, piece: Piece) -> "Iterator[av.Packet[av.VideoStream]]":
    try:
        yield from source.demux(source.streams.video[0])
    except FFmpegError as error:
        raise MediaError(
            f"{piece.path}: cannot be read ({error.strerror}); delete it and run its unit again"
        ) from error
