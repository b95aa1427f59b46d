"""HDR metadata that travels beside frames."""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

Point = tuple[Fraction, Fraction]


@dataclass(frozen=True, slots=True)
class MasteringDisplay:
    """The screen that a picture was graded on (SMPTE ST 2086)."""

    red: Point
    """Chromaticity (x, y)."""
    green: Point
    blue: Point
    white: Point
    darkest: Fraction
    """cd/m²."""
    brightest: Fraction
    """cd/m²."""

    def x265(self) -> str:
        """As the encoder's `master-display` parameter."""
        named = {"G": self.green, "B": self.blue, "R": self.red, "WP": self.white}
        points = "".join(
            f"{name}({round(x * 50000)},{round(y * 50000)})" for name, (x, y) in named.items()
        )
        return f"{points}L({round(self.brightest * 10000)},{round(self.darkest * 10000)})"


def parse_mastering(data: bytes | None) -> MasteringDisplay | None:
    """FFmpeg's AVMasteringDisplayMetadata; None where it is absent or fills in only a part."""
    if data is None or len(data) < 88:
        return None
    numbers = np.frombuffer(data, np.int32)[:22]
    pairs = numbers[:20].reshape(10, 2)
    if not numbers[20] or not numbers[21] or (pairs[:, 1] == 0).any():
        return None
    values = [Fraction(int(top), int(bottom)) for top, bottom in pairs]
    red, green, blue, white = ((values[i], values[i + 1]) for i in range(0, 8, 2))
    return MasteringDisplay(red, green, blue, white, darkest=values[8], brightest=values[9])
