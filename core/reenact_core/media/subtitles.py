"""The subtitles of a range of frames, copied event by event beside the new pictures."""

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

from av.container import InputContainer, OutputContainer
from av.error import FFmpegError
from av.stream import Disposition

from reenact_core.errors import MediaError
from reenact_core.media.extras import kept_tags
from reenact_core.media.opening import opened
from reenact_core.media.probe import MediaInfo

_EARLIER = 60
"""Seconds before a range in which an event may begin that lasts into it."""


@contextmanager
def open_subtitles(
    info: MediaInfo,
    start: Fraction,
    stop: Fraction,
    held: frozenset[str],
    target: OutputContainer,
) -> "Iterator[Subtitles | None]":
    """The subtitle tracks of a stretch of a file that the target takes, ready to be muxed.

    Args:
        start, stop: seconds in the file's own clock.
        held: the codecs that the container takes.

    Raises:
        MediaError: they cannot be read.
    """
    if not held.intersection(info.extras.subtitles):
        yield None
        return
    with opened(*info.file_of(0)) as source:
        yield Subtitles(info.path, source, start, stop, held, target)


class Subtitles:
    """The subtitle tracks of a part of a file, muxed as the pictures go on.

    An event that begins before the range and lasts into it begins with the range.
    """

    def __init__(
        self,
        path: Path,
        source: InputContainer,
        start: Fraction,
        stop: Fraction,
        held: frozenset[str],
        target: OutputContainer,
    ) -> None:
        self._path, self._source, self._target = path, source, target
        self._start, self._stop = start, stop
        self._tracks: dict[int, Any] = {}
        for stream in source.streams.subtitles:
            codec = stream.codec_context
            if codec is not None and codec.codec.canonical_name in held:
                track = target.add_stream_from_template(stream)
                track.metadata.update({**dict(kept_tags(stream.metadata)), **_language(stream)})
                track.disposition = Disposition(int(stream.disposition))
                self._tracks[stream.index] = track
        self._packets = self._wanted()
        self._next = next(self._packets, None)

    def mux_until(self, seconds: Fraction | None) -> None:
        """Mux what begins before `seconds` after the first picture; all that is left for None."""
        while self._next is not None:
            packet = self._next
            if seconds is not None and packet.pts * _exact(packet.time_base) >= seconds:
                return
            packet.stream = self._tracks[packet.stream_index]
            self._target.mux(packet)
            self._next = next(self._packets, None)

    def _wanted(self) -> Iterator[Any]:
        """The events of the range, in the clock of the new file."""
        pictures = list(self._source.streams.video)[:1]
        if self._start > _EARLIER:
            self._source.seek(int((self._start - _EARLIER) * 1_000_000), backward=True)
        wanted = [self._source.streams[index] for index in self._tracks]
        try:
            for packet in self._source.demux(*wanted, *pictures):
                if packet.pts is None or not packet.size:
                    continue
                base = _exact(packet.time_base)
                begins = packet.pts * base
                if packet.stream_index not in self._tracks:
                    if packet.dts is not None and packet.dts * base > self._stop + 1:
                        return
                elif begins < self._stop and self._in_range(packet, begins, base):
                    yield packet
        except FFmpegError as error:
            raise MediaError(
                f"{self._path}: its subtitles cannot be read ({error.strerror}); copy it again"
            ) from error

    def _in_range(self, packet: Any, begins: Fraction, base: Fraction) -> bool:
        """Move an event into the new file's clock; whether any of it is left."""
        ends = begins + (packet.duration or 0) * base
        if begins < self._start and ends <= self._start:
            return False
        shown = max(begins, self._start)
        packet.pts = packet.dts = round((shown - self._start) / base)
        if packet.duration:
            packet.duration = round((min(ends, self._stop) - shown) / base)
        return True


def _language(stream: Any) -> dict[str, str]:
    return {key: stream.metadata[key] for key in ("language",) if key in stream.metadata}


def _exact(value: Fraction) -> Fraction:
    return Fraction(value.numerator, value.denominator)
