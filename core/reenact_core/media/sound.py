"""The sound of a range of frames, copied packet by packet beside the new pictures."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError
from av.stream import Discard, Disposition

from reenact_core.errors import MediaError
from reenact_core.media.codecs import EncodeSettings
from reenact_core.media.extras import kept_tags
from reenact_core.media.ffmpeg_binary import decoded_sound
from reenact_core.media.opening import Stamp, opened
from reenact_core.media.probe import MediaInfo
from reenact_core.timing import FrameRange

# Containers that trim the head of a packet that begins before the pictures do.
_TRIMMING = ("mov", "mp4")


@dataclass(frozen=True, slots=True)
class SoundPart:
    """Which part of a file's sound is wanted."""

    file: tuple[Path, Stamp | None]
    """And by which it is known again."""
    start: Fraction
    """Seconds in the file's own clock at which the first picture appears."""
    stop: Fraction
    """Seconds at which the last picture ends."""
    whole_head: bool
    """Also what sounds before the first picture."""
    whole_tail: bool
    """Also what sounds after the last picture."""
    trims: bool
    """The new file can hide the head of a packet."""


@contextmanager
def open_sound(
    path: Path,
    info: MediaInfo,
    frames: FrameRange,
    settings: EncodeSettings,
    target: OutputContainer,
) -> "Iterator[Sound | None]":
    """The sound of a range, ready to be muxed into `target`, which is being written at `path`.

    Raises:
        MediaError: it cannot be read.
    """
    if settings.sound == "none" or not info.has_sound:
        yield None
        return
    start, stop = range_seconds(info, frames)
    with ExitStack() as stack:
        if settings.sound == "pcm":
            decoded = stack.enter_context(decoded_sound(info.file_of(0), start, stop, path))
            part = SoundPart((decoded, None), Fraction(0), stop - start, True, True, True)
        else:
            head, tail = frames.start == 0, frames.stop >= info.frame_count
            trims = settings.muxer in _TRIMMING
            part = SoundPart(info.file_of(0), start, stop, head, tail, trims)
        source = stack.enter_context(opened(*part.file))
        yield Sound(source, part, target)


class Sound:
    """The sound tracks of a part of a file, muxed as the pictures go on.

    Packets are never cut. A range from the file's first frame takes the sound from its beginning,
    one to the last frame takes it to its end. A range that starts inside takes, in QuickTime and
    MP4, every packet that sounds in it (an edit list hides the part before the first frame),
    elsewhere every packet that begins in it. So sound and pictures stay in step; what may be
    missing at the head is less than one packet.
    """

    def __init__(self, source: InputContainer, part: "SoundPart", target: OutputContainer) -> None:
        self._source, self._part, self._target = source, part, target
        self._tracks = self._add_tracks()
        self._packets = self._wanted()
        self._next = next(self._packets, None)

    def mux_until(self, seconds: Fraction | None) -> None:
        """Mux what begins before `seconds` after the first picture; all that is left for None."""
        while self._next is not None:
            packet = self._next
            if seconds is not None and _seconds(packet) - self._part.start >= seconds:
                return
            self._mux(packet)
            self._next = next(self._packets, None)

    def _add_tracks(self) -> dict[int, av.AudioStream]:
        tracks: dict[int, av.AudioStream] = {}
        for stream in self._source.streams.audio:
            track = self._target.add_stream_from_template(stream)
            if "channels" in stream.layout.name:
                # MXF names no loudspeakers, MP4 wants them named.
                _name_speakers(track, stream.codec_context.channels)
            track.metadata.update(dict(kept_tags(stream.metadata)))
            if "language" in stream.metadata:
                track.metadata["language"] = stream.metadata["language"]
            if stream.disposition:
                track.disposition = Disposition(int(stream.disposition))
            tracks[stream.index] = track
        return tracks

    def _mux(self, packet: "av.Packet[av.AudioStream]") -> None:
        """Move a packet to the clock of the new file and write it."""
        offset = round(self._part.start / packet.time_base)
        packet.pts = None if packet.pts is None else packet.pts - offset
        packet.dts = None if packet.dts is None else packet.dts - offset
        packet.stream = self._tracks[packet.stream_index]
        self._target.mux(packet)

    def _wanted(self) -> "Iterator[av.Packet[av.AudioStream]]":
        """The packets of the range, in the order of the file."""
        done: set[int] = set()
        for packet in self._read():
            begins = _seconds(packet)
            ends = begins + (packet.duration or 0) * _fraction(packet.time_base)
            if not self._part.whole_tail and begins >= self._part.stop:
                done.add(packet.stream_index)
                if len(done) == len(self._tracks):
                    return
            elif (
                self._part.whole_head
                or begins >= self._part.start
                or (self._part.trims and ends > self._part.start)
            ):
                yield packet

    def _read(self) -> "Iterator[av.Packet[av.AudioStream]]":
        for video in self._source.streams.video:
            video.discard = Discard.all
        if not self._part.whole_head:
            # A second early: packets are not interleaved to the frame.
            self._source.seek(max(0, int((self._part.start - 1) * 1_000_000)), backward=True)
        try:
            for packet in self._source.demux(self._source.streams.audio):
                if packet.size and (packet.pts is not None or packet.dts is not None):
                    yield packet
        except FFmpegError as error:
            raise MediaError(
                f"{self._part.file[0]}: its sound cannot be read ({error.strerror}); copy it again"
            ) from error


def _name_speakers(track: av.AudioStream, channels: int) -> None:
    usual = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}
    if channels in usual:
        track.codec_context.layout = usual[channels]


def range_seconds(info: MediaInfo, frames: FrameRange) -> tuple[Fraction, Fraction]:
    """When a range's first frame appears and its last one ends, in the file's own clock."""
    start = int(info.times[frames.start])
    if frames.stop < info.frame_count:
        stop = int(info.times[frames.stop])
    else:
        last = info.index.last_duration or round(1 / (info.rate * info.time_base))
        stop = int(info.times[-1]) + last
    return start * info.time_base, stop * info.time_base


def _seconds(packet: "av.Packet[av.AudioStream]") -> Fraction:
    stamp = packet.pts if packet.pts is not None else packet.dts
    return (stamp or 0) * _fraction(packet.time_base)


def _fraction(value: Fraction) -> Fraction:
    return Fraction(value.numerator, value.denominator)
