"""When every frame of a file is shown: read from its packets, without decoding them."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice, pairwise

import av
import numpy as np
from av.container import InputContainer
from av.error import EOFError as EndOfFileError
from av.error import InvalidDataError
from numpy.typing import NDArray

from reenact_core.timing import snap_rate

Times = NDArray[np.int64]

# Files whose whole packet table is in the header, so that the packets need not be read.
_TABLED = "mov,mp4,m4a,3gp,3g2,mj2"
_TABLE_CHECK = 100


@dataclass(frozen=True, slots=True, eq=False)
class FrameIndex:
    """The times of all frames of a file, in display order."""

    times: Times
    """Presentation times in the stream's time base, strictly rising."""
    keyframes: Times
    """Those of the frames where decoding can start."""
    ordered: bool
    """False: the file's times do not tell the order of its frames (missing, doubled, restarting,
    or in the order of decoding), so frames are counted from the first one as they are decoded."""
    last_duration: int | None
    """Of the last frame, where the file says."""
    undelayed: bool = False
    """Every frame is said to be shown when it is decoded."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """The times of one packet, in the stream's time base."""

    pts: int | None
    dts: int | None
    key: bool
    duration: int | None


def read_index(container: InputContainer, stream: av.VideoStream) -> FrameIndex:
    """The index of a video stream that was just opened; the container is read on by it."""
    stamps = _from_table(container, stream) or _from_packets(container, stream)
    return build_index(stamps)


def build_index(stamps: Sequence[Stamp]) -> FrameIndex:
    """The index of packets in the order of the file."""
    known = [stamp.pts for stamp in stamps if stamp.pts is not None]
    decoding = [stamp.dts for stamp in stamps if stamp.dts is not None]
    restarts = any(after < before for before, after in pairwise(decoding))
    if len(known) == len(stamps) and len(set(known)) == len(known) and not restarts:
        keys = sorted(stamp.pts for stamp in stamps if stamp.key and stamp.pts is not None)
        last = max(stamps, key=lambda stamp: stamp.pts or 0, default=None)
        duration = last.duration if last else None
        undelayed = all(stamp.pts == stamp.dts for stamp in stamps)
        return FrameIndex(_array(sorted(known)), _array(keys), True, duration or None, undelayed)
    return FrameIndex(_array(_mended(stamps)), _array([]), False, None)


def as_counted(index: FrameIndex) -> FrameIndex:
    """The same times for a file whose frames must be counted as they are decoded."""
    return FrameIndex(index.times, _array([]), False, index.last_duration)


def by_decoding(index: FrameIndex, decoded: Sequence[int | None]) -> FrameIndex:
    """The index of a file whose packets do not tell its frames, from the decoded frames' times.

    Two fields in two packets, raw streams without times, times in the order of decoding.
    """
    times = [time for time in decoded if time is not None]
    rising = all(before < after for before, after in pairwise(times))
    if times and rising and len(times) == len(decoded):
        return FrameIndex(_array(times), _array([]), True, None)
    if len(decoded) == len(index.times):
        return index
    step = int(np.median(np.diff(index.times))) if len(index.times) > 1 else 1
    if len(decoded) * 2 == len(index.times):
        step *= 2  # every packet was a field
    start = int(index.times[0]) if len(index.times) else 0
    return as_counted(
        FrameIndex(start + step * _array(range(len(decoded))), _array([]), False, step)
    )


def find_rate(
    times: Times, time_base: Fraction, mean: Fraction | None, guess: Fraction | None
) -> tuple[Fraction, bool]:
    """The exact rate of frames, and whether their spacing varies.

    A rate counts when every frame lies within a tick (or a twentieth of a frame, where ticks are
    short) of where that rate puts it; tried are FFmpeg's guess, the stated mean, the usual rate
    next to the mean, and the mean itself. Where none fits, the mean is given and the rate varies.
    """
    stated = [rate for rate in (guess, mean) if rate]
    if len(times) < 2:
        return (stated or [Fraction(25)])[0], False
    counted = Fraction(len(times) - 1, int(times[-1] - times[0])) / time_base
    for rate in [*stated, snap_rate(counted), counted]:
        if _fits(times, time_base, rate):
            return rate, False
    return mean or snap_rate(counted), True


def _fits(times: Times, time_base: Fraction, rate: Fraction) -> bool:
    step = 1 / (rate * time_base)
    numbers = np.arange(len(times), dtype=np.int64)
    whole, part = divmod(step.numerator, step.denominator)
    if part * len(times) > 2**62:
        return False
    expected = numbers * whole + numbers * part // step.denominator
    error = int(np.abs(times - times[0] - expected).max())
    return error <= max(Fraction(1), step / 20)


def _from_packets(container: InputContainer, stream: av.VideoStream) -> list[Stamp]:
    stamps: list[Stamp] = []
    try:
        for packet in container.demux(stream):
            if packet.size and not packet.is_discard:
                stamps.append(Stamp(packet.pts, packet.dts, packet.is_keyframe, packet.duration))
    except (InvalidDataError, EndOfFileError):
        pass  # the file breaks off here; what was read counts
    return stamps


def _from_table(container: InputContainer, stream: av.VideoStream) -> list[Stamp] | None:
    """The packets of a QuickTime or MP4 file whose frames are evenly spaced, by its table alone.

    The table has times of decoding only. Where they are even, the times of showing are the same
    row, moved; the first packets are read to see that this is so. Which of those times a key frame
    has is a guess for open groups of pictures, which the decoder verifies as it seeks.
    """
    rows = list(stream.index_entries) if container.format.name == _TABLED else []
    if len(rows) <= _TABLE_CHECK or len(rows) != stream.frames or stream.start_time is None:
        return None
    if any(row.is_discard for row in rows) or rows[-1].pos + rows[-1].size > container.size:
        return None
    steps = np.diff(np.array([row.timestamp for row in rows], np.int64))
    start, step = stream.start_time, int(steps[0])
    if step <= 0 or step != steps.min() or step != steps.max():
        return None
    packets = list(islice(container.demux(stream), _TABLE_CHECK))
    first = [packet.pts for packet in packets]
    on_grid = all(pts is not None and (pts - start) % step == 0 for pts in first)
    if (
        not on_grid
        or len(set(first)) != len(first)
        or min(pts for pts in first if pts is not None) != start
    ):
        return None
    delay = 0 if all(packet.pts == packet.dts for packet in packets) else 1
    return [
        Stamp(start + n * step, start + n * step - delay, row.is_keyframe, step)
        for n, row in enumerate(rows)
    ]


def _mended(stamps: Sequence[Stamp]) -> list[int]:
    """Rising times for packets whose own are missing, doubled or start again.

    Each stretch between two restarts is put in order and follows the one before it at the distance
    of its own frames.
    """
    times: list[int] = []
    for stretch in _stretches(stamps):
        known = sorted(
            {stamp.pts if stamp.pts is not None else stamp.dts or 0 for stamp in stretch}
        )
        step = _usual_step(known, stretch)
        known += [known[-1] + step * (n + 1) for n in range(len(stretch) - len(known))]
        offset = times[-1] + step - known[0] if times else 0
        times += [time + offset for time in known]
    return times


def _stretches(stamps: Sequence[Stamp]) -> list[list[Stamp]]:
    stretches: list[list[Stamp]] = []
    latest: int | None = None
    for stamp in stamps:
        if not stretches or (latest is not None and stamp.dts is not None and stamp.dts < latest):
            stretches.append([])
        latest = stamp.dts if stamp.dts is not None else latest
        stretches[-1].append(stamp)
    return stretches


def _usual_step(times: Sequence[int], stretch: Sequence[Stamp]) -> int:
    if len(times) > 1:
        return max(1, int(np.median(np.diff(times))))
    return next((stamp.duration for stamp in stretch if stamp.duration), 1)


def _array(values: Sequence[int]) -> Times:
    return np.array(values, dtype=np.int64)
