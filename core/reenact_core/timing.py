"""Frame numbers and exact rates. Time is a frame number with a `Fraction` rate, never a float."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class FrameRange:
    """Frames of one file, half open: `start` is in, `stop` is not."""

    start: int
    """First frame; the file's first frame is 0."""
    stop: int
    """One after the last frame."""
    rate: Fraction
    """Frames per second of the file."""

    def __post_init__(self) -> None:
        if self.stop < self.start:
            raise ValueError(f"a range ends before it starts: {self.start}..{self.stop}")
        if self.rate <= 0:
            raise ValueError(f"a rate must be positive, got {self.rate}")

    def __len__(self) -> int:
        return self.stop - self.start

    def __contains__(self, frame: int) -> bool:
        return self.start <= frame < self.stop

    def intersect(self, other: "FrameRange") -> "FrameRange":
        """The frames in both; empty at `start` when they do not meet. Rates must agree."""
        if self.rate != other.rate:
            raise ValueError(f"ranges of different rates: {self.rate} and {other.rate}")
        start = max(self.start, other.start)
        return FrameRange(start, max(start, min(self.stop, other.stop)), self.rate)

    def widen(self, head: int, tail: int) -> "FrameRange":
        """The range with `head` frames more before and `tail` after; never below frame 0."""
        return FrameRange(max(0, self.start - head), self.stop + tail, self.rate)


def snap_rate(rate: float | Fraction) -> Fraction:
    """The exact rate meant by a rounded one: the nearer of n and 1000n/1001.

    23.976 gives 24000/1001, 29.97 gives 30000/1001, 25.0 gives 25. A rate that is near neither
    (12.5, 22.13) is kept as the simplest fraction within a millionth.
    """
    value = Fraction(rate).limit_denominator(1_000_000)
    if value <= 0:
        raise ValueError(f"a rate must be positive, got {rate}")
    whole = max(1, round(value))
    dropped = Fraction(max(1, round(value * 1001 / 1000)) * 1000, 1001)
    nearest = min((Fraction(whole), dropped), key=lambda known: abs(known - value))
    if abs(nearest - value) <= Fraction(5, 1000):
        return nearest
    return Fraction(rate).limit_denominator(10_000)


def parse_rate(text: str) -> Fraction:
    """The rate that is written as `25`, `29.97` or `30000/1001`.

    Raises:
        ValueError: it is no rate.
    """
    try:
        rate = Fraction(text)
    except (ValueError, ZeroDivisionError) as error:
        raise ValueError(f"{text!r} is no frame rate; give one as 25 or 30000/1001") from error
    if not 1 <= rate <= 1000:
        raise ValueError(f"a frame rate must be from 1 to 1000, got {text}")
    return snap_rate(rate)


def runs_of(frames: Iterable[int]) -> list[range]:
    """Rising frame numbers as unbroken runs."""
    runs: list[range] = []
    for frame in frames:
        if runs and runs[-1].stop == frame:
            runs[-1] = range(runs[-1].start, frame + 1)
        else:
            runs.append(range(frame, frame + 1))
    return runs


def said(frames: Sequence[range]) -> str:
    """Stretches of frame numbers for people: `frames 3-7, 12 and 20-22`."""
    words = [
        str(part.start) if len(part) == 1 else f"{part.start}-{part.stop - 1}" for part in frames
    ]
    one = len(words) == 1 and len(frames[0]) == 1
    return ("frame " if one else "frames ") + _joined(words)


def _joined(words: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))
