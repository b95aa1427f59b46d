"""The regions of a performance, and how much of each is carried over."""

from dataclasses import dataclass, fields
from typing import Literal

Region = Literal["pose", "mouth", "eyes", "brows", "gaze", "jaw"]
REGIONS: tuple[Region, ...] = ("pose", "mouth", "eyes", "brows", "gaze", "jaw")
MOST = 1.5
"""Of a strength."""


@dataclass(frozen=True, slots=True)
class RegionStrengths:
    """How much of each region's change is taken over, 0 to 1.5, on top of the whole strength."""

    pose: float = 1.0
    """How the head is turned, and where it is."""
    mouth: float = 1.0
    """Lips, cheeks and tongue."""
    eyes: float = 1.0
    """How far the lids are open."""
    brows: float = 1.0
    """The brows, and the forehead with them."""
    gaze: float = 1.0
    """Where the eyes look."""
    jaw: float = 1.0
    """How far the jaw is open, and its shifts."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not 0 <= value <= MOST:
                raise ValueError(f"{field.name} must lie in [0, {MOST}], got {value}")

    def of(self, region: Region) -> float:
        """How much of a region's change is taken over."""
        return float(getattr(self, region))

    def times(self, other: "RegionStrengths") -> "RegionStrengths":
        """Both together, at most 1.5 in each region."""
        return RegionStrengths(
            **{region: min(MOST, self.of(region) * other.of(region)) for region in REGIONS}
        )

    @property
    def changed(self) -> tuple[Region, ...]:
        """The regions that are not carried over as they are."""
        return tuple(region for region in REGIONS if self.of(region) != 1)
