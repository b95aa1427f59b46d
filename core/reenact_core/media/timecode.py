"""SMPTE timecode: frames counted as hours:minutes:seconds:frames, drop-frame included."""

import re
from fractions import Fraction

_TIMECODE = re.compile(r"(\d{1,2}):(\d{2}):(\d{2})([:;.,])(\d{2,3})")


def advance(timecode: str, frames: int, rate: Fraction) -> str | None:
    """The timecode so many frames later, around midnight; None for text that is no timecode.

    Drop-frame (a semicolon, comma or full stop before the frames) skips the numbers 0 and 1 (0 to
    3 at 59.94) at the start of every minute but each tenth.
    """
    match = _TIMECODE.fullmatch(timecode.strip())
    if match is None:
        return None
    base = max(1, round(rate))
    drop = base // 15 if match[4] != ":" and base % 30 == 0 else 0
    hours, minutes, seconds, number = (int(match[i]) for i in (1, 2, 3, 5))
    all_minutes = hours * 60 + minutes
    count = (all_minutes * 60 + seconds) * base + number
    count -= drop * (all_minutes - all_minutes // 10)
    return _written(count + frames, base, drop, match[4])


def _written(count: int, base: int, drop: int, separator: str) -> str:
    in_ten_minutes = base * 600 - drop * 9
    count %= in_ten_minutes * 144
    tens, rest = divmod(count, in_ten_minutes)
    count += drop * 9 * tens
    if drop and rest >= base * 60:
        count += drop * (1 + (rest - base * 60) // (base * 60 - drop))
    seconds, number = divmod(count, base)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}{separator}{number:02d}"
