"""Pixels of editors: rows of R'G'B' in a buffer, to the core's pictures and back."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reenact_core.frames import ColourSpec, Picture, SampleLayout
from reenact_core.media.colour import to_rgb

_BYTES = {"u1": 1, "u2": 2, "f2": 2, "f4": 4}


@dataclass(frozen=True, slots=True)
class PixelFormat:
    """How a frame lies in a buffer: top row first, no padding, little-endian."""

    width: int
    height: int
    channels: int
    """3: R'G'B', 4: R'G'B'A."""
    dtype: str
    """u1, u2: whole range; f2, f4: 0 to 1."""

    @classmethod
    def of(cls, body: dict[str, Any]) -> "PixelFormat":
        """From `pixels` of a request that was compared with its schema."""
        return cls(int(body["width"]), int(body["height"]), int(body["channels"]), body["dtype"])

    @property
    def nbytes(self) -> int:
        """Bytes of a frame; Python's integers do not overflow."""
        return self.width * self.height * self.channels * _BYTES[self.dtype]

    def array(self, buffer: Any) -> NDArray[Any]:
        """A view (height, width, channels) of a buffer."""
        kind = np.dtype(self.dtype).newbyteorder("<")
        count = self.width * self.height * self.channels
        shape = (self.height, self.width, self.channels)
        return np.frombuffer(buffer, kind, count).reshape(shape)


def to_picture(pixels: NDArray[Any], index: int, rate: Fraction) -> Picture:
    """The picture that pixels (h, w, 3 or 4) show; floats become 16 bits, alpha is left out."""
    if pixels.dtype.kind == "f":
        bounded = np.clip(np.nan_to_num(pixels[..., :3].astype(np.float32)), 0.0, 1.0)
        planes = np.rint(bounded * 65535).astype(np.uint16)
    else:
        planes = pixels[..., :3]
    depth = 8 * planes.dtype.itemsize
    layout = SampleLayout("gbrp" if depth == 8 else "gbrp16le", "rgb", depth)
    colour = ColourSpec("bt709", "bt709", "gbr", True)
    parts = tuple(np.ascontiguousarray(planes[..., number]) for number in range(3))
    return Picture(parts, layout, colour, index, index, 1 / rate)


def put_changes(pixels: NDArray[Any], before: Picture, after: Picture) -> None:
    """Write what differs between two pictures into the pixels that the first was made of."""
    for number, (old, new) in enumerate(zip(before.planes, after.planes, strict=True)):
        if new is old:
            continue
        changed = new != old
        values = new[changed]
        if pixels.dtype.kind == "f":
            values = values.astype(np.float32) / 65535
        pixels[..., number][changed] = values


def put_picture(pixels: NDArray[Any], picture: Picture) -> None:
    """Write a whole picture, opaque, into pixels (h, w, 3 or 4) of its size."""
    top = 1.0 if pixels.dtype.kind == "f" else float(np.iinfo(pixels.dtype).max)
    rgb = np.clip(to_rgb(picture), 0.0, 1.0) * top
    pixels[..., :3] = rgb if top == 1.0 else np.rint(rgb)
    pixels[..., 3:] = top
