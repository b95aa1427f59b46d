"""The sound of a range of frames, copied packet by packet beside the new pictures."""

from collections.abc import Iterator
from contextlib import ExitStack
from fractions import Fraction

import av

from reenact_core.media.codecs import EncodeSettings
from reenact_core.media.probe import MediaInfo, opened
from reenact_core.timing import FrameRange

# Containers that trim the head of a packet that begins before the pictures do.
_TRIMMING = ("mov", "mp4")


class Sound:
    """The sound tracks of a file over a range of frames, muxed as the pictures go on.

    Packets are never cut. A range from the file's first frame takes the sound from its beginning,
    one to the last frame takes it to its end. A range that starts inside takes, in QuickTime and
    MP4, every packet that sounds in it (an edit list hides the part before the first frame),
    elsewhere every packet that begins in it. So sound and pictures stay in step; what may be
    missing at the head is less than one packet.
    """

    def __init__(
        self,
        info: MediaInfo,
        frames: FrameRange,
        settings: EncodeSettings,
        target: av.container.OutputContainer,
    ) -> None:
        self._target = target
        self._stack = ExitStack()
        self._source = self._stack.enter_context(opened(info.path))
        self._start, self._stop = range_seconds(info, frames)
        self._whole_head = frames.start == 0
        self._whole_tail = frames.stop >= info.frame_count
        self._trims = settings.muxer in _TRIMMING
        self._tracks = self._add_tracks()
        self._packets = self._wanted()
        self._next = next(self._packets, None)

    def mux_until(self, seconds: Fraction | None) -> None:
        """Mux what begins before `seconds` after the first picture; all that is left for None."""
        while self._next is not None:
            packet = self._next
            if seconds is not None and _seconds(packet) - self._start >= seconds:
                return
            self._mux(packet)
            self._next = next(self._packets, None)

    def close(self) -> None:
        self._stack.close()

    def _add_tracks(self) -> dict[int, av.AudioStream]:
        tracks: dict[int, av.AudioStream] = {}
        for stream in self._source.streams.audio:
            track = self._target.add_stream_from_template(stream)
            for key in ("language", "title"):
                if key in stream.metadata:
                    track.metadata[key] = stream.metadata[key]
            tracks[stream.index] = track
        return tracks

    def _mux(self, packet: "av.Packet[av.AudioStream]") -> None:
        """Move a packet to the clock of the new file and write it."""
        offset = round(self._start / packet.time_base)
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
            if not self._whole_tail and begins >= self._stop:
                done.add(packet.stream_index)
                if len(done) == len(self._tracks):
                    return
            elif self._whole_head or begins >= self._start or (self._trims and ends > self._start):
                yield packet

    def _read(self) -> "Iterator[av.Packet[av.AudioStream]]":
        streams = list(self._source.streams.audio)
        for video in self._source.streams.video:
            video.discard = av.stream.Discard.all
        if not self._whole_head:
            # A second early: packets are not interleaved to the frame.
            self._source.seek(max(0, int((self._start - 1) * 1_000_000)), backward=True)
        for packet in self._source.demux(streams):
            if packet.size and (packet.pts is not None or packet.dts is not None):
                yield packet


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
