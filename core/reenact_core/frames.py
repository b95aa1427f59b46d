"""Pixels with their place in time and their colour: what travels between decoder and encoder."""

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[Any]


@dataclass(frozen=True, slots=True)
class ColourSpec:
    """How samples stand for colours, in FFmpeg's names; `unknown` where the file does not say."""

    primaries: str = "unknown"
    """As `bt709`, `smpte170m`, `bt2020`."""
    transfer: str = "unknown"
    """As `bt709`, `smpte2084`, `arib-std-b67`."""
    matrix: str = "unknown"
    """As `bt709`, `smpte170m`, `bt2020nc`; `gbr` for R'G'B' samples."""
    full_range: bool | None = None
    """True for 0..255, False for 16..235, None where the file does not say."""
    chroma_location: str = "unknown"
    """As `left`, `center`, `topleft`."""


@dataclass(frozen=True, slots=True)
class SampleLayout:
    """Which samples a picture has, independent of how a file packs them."""

    pixel_format: str
    """FFmpeg's name of the format that the file decodes to, as `yuv422p10le`."""
    kind: Literal["yuv", "rgb", "grey"]
    """The colour model of the first planes."""
    depth: int
    """Bits a sample, 8 to 16; samples lie in the low bits of uint8 or uint16. Of floating point 16
    or 32."""
    chroma_width_shift: int = 0
    """Chroma planes are narrower by 2 to this power (yuv only)."""
    chroma_height_shift: int = 0
    """Chroma planes are lower by 2 to this power (yuv only)."""
    has_alpha: bool = False
    """A last plane of opacity, which is never touched."""
    floating: bool = False
    """Samples are float16 or float32: 0 is black, 1 is white, and there is more on both sides."""

    @property
    def dtype(self) -> type[np.uint8 | np.uint16 | np.float16 | np.float32]:
        """Of the planes."""
        if self.floating:
            return np.float16 if self.depth == 16 else np.float32
        return np.uint8 if self.depth == 8 else np.uint16

    @property
    def peak(self) -> int:
        """The highest code; of floating point what stands for white."""
        return 1 if self.floating else (1 << self.depth) - 1

    @property
    def extent(self) -> tuple[float, float]:
        """The lowest and the highest number that a sample can hold."""
        if not self.floating:
            return 0, self.peak
        highest = float(np.finfo(np.float16 if self.depth == 16 else np.float32).max)
        return -highest, highest


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """One frame in the file's own samples, turned as it is displayed.

    Convention:
        planes: one array a component: Y, U, V [, A], or R, G, B [, A], or Y [, A]; each (h, w),
            uint8 (depth 8), uint16, float16 or float32, as decoded: no conversion has taken place.
            They are read-only views; who wants to change samples copies the plane (`with_planes`).
    """

    planes: tuple[Samples, ...]
    layout: SampleLayout
    colour: ColourSpec
    index: int
    """Number of the frame in its file, in display order, from 0."""
    pts: int
    """Presentation time in units of `time_base`, as in the file."""
    time_base: Fraction
    rotation: int = 0
    """Degrees (0, 90, 180, 270) that the planes were turned to be displayed; undone on encoding."""
    duration: int | None = None
    """In units of `time_base`; None where the file does not say."""
    extra: Any = None
    """The decoder's own frame, for what must travel on unseen (side data, field order)."""

    @property
    def width(self) -> int:
        return int(self.planes[0].shape[1])

    @property
    def height(self) -> int:
        return int(self.planes[0].shape[0])

    def with_planes(self, planes: tuple[Samples, ...]) -> "Picture":
        """The same moment with other samples of the same shapes and type."""
        shapes = [(plane.shape, plane.dtype) for plane in self.planes]
        if [(plane.shape, plane.dtype) for plane in planes] != shapes:
            raise ValueError("planes differ in shape or type from the picture's own")
        return replace(self, planes=planes)
