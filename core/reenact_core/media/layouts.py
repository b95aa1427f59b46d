"""Pixel formats: where a file's frames keep their samples, and views of them as planes."""

import ctypes
import re
from dataclasses import dataclass, replace
from functools import cache
from typing import cast

import av
import numpy as np
from numpy.typing import NDArray

from reenact_core.frames import SampleLayout, Samples

CHROMA_SHIFTS = {
    "420": (1, 1),
    "422": (1, 0),
    "444": (0, 0),
    "440": (0, 1),
    "411": (2, 0),
    "410": (2, 2),
}


@dataclass(frozen=True, slots=True)
class Component:
    """Where one component's samples lie inside a frame, counted in samples."""

    plane: int
    offset: int = 0
    step: int = 1


@dataclass(frozen=True, slots=True)
class Packing:
    """How a pixel format stores its components."""

    layout: SampleLayout
    components: tuple[Component, ...]
    """In the order of `Picture.planes`."""
    dtype: str = ""
    """NumPy's name of the stored sample type, with its byte order."""
    value_shift: int = 0
    """Samples lie this many bits up (P010 keeps ten bits at the top of sixteen)."""


# Components in the order of Picture.planes; `depth` below is the width of a stored sample.
_INTERLEAVED_RGB = {
    "rgb24": ((0, 1, 2), 3),
    "bgr24": ((2, 1, 0), 3),
    "rgba": ((0, 1, 2, 3), 4),
    "bgra": ((2, 1, 0, 3), 4),
    "argb": ((1, 2, 3, 0), 4),
    "abgr": ((3, 2, 1, 0), 4),
    "rgb0": ((0, 1, 2), 4),
    "bgr0": ((2, 1, 0), 4),
    "0rgb": ((1, 2, 3), 4),
    "0bgr": ((3, 2, 1), 4),
    "rgb48": ((0, 1, 2), 3),
    "bgr48": ((2, 1, 0), 3),
    "rgba64": ((0, 1, 2, 3), 4),
    "bgra64": ((2, 1, 0, 3), 4),
}
_SEMI_PLANAR = {
    "nv12": ("420", 8, 0),
    "nv21": ("420", 8, 0),
    "nv16": ("422", 8, 0),
    "nv24": ("444", 8, 0),
    "nv42": ("444", 8, 0),
    "nv20": ("422", 10, 0),
    "p010": ("420", 10, 6),
    "p012": ("420", 12, 4),
    "p016": ("420", 16, 0),
    "p210": ("422", 10, 6),
    "p212": ("422", 12, 4),
    "p216": ("422", 16, 0),
    "p410": ("444", 10, 6),
    "p412": ("444", 12, 4),
    "p416": ("444", 16, 0),
}
# (Y, U, V) offsets in a group of four samples that covers two pixels, depth, value shift.
_INTERLEAVED_422 = {
    "yuyv422": ((0, 1, 3), 8, 0),
    "yvyu422": ((0, 3, 1), 8, 0),
    "uyvy422": ((1, 0, 2), 8, 0),
    "y210": ((0, 1, 3), 10, 6),
    "y212": ((0, 1, 3), 12, 4),
    "y216": ((0, 1, 3), 16, 0),
}
_PLANAR_YUV = re.compile(r"yuv(a|j)?(420|422|444|440|411|410)p(\d+)?$")
_PLANAR_RGB = re.compile(r"gbr(a)?p(f?)(\d+)?$")
_GREY = re.compile(r"gray(f?)(\d+)?$")
_GREY_ALPHA = re.compile(r"ya(f?)(8|16|32)$")
_DEEP_BAYER = re.compile(r"bayer_\w{4}16")
_FLOAT_RGB = re.compile(r"rgb(a)?f(16|32)$")


@cache
def packing(pixel_format: str) -> Packing | None:
    """The packing of one of FFmpeg's pixel formats; None where samples need converting first."""
    stem, order = pixel_format, "<"
    if pixel_format.endswith(("le", "be")):
        stem, order = pixel_format[:-2], "<" if pixel_format.endswith("le") else ">"
    found = _planar(stem) or _interleaved(stem)
    if found is None or (found.layout.depth > 16 and not found.layout.floating):
        return None
    layout = replace(found.layout, pixel_format=pixel_format)
    dtype = f"{order}{np.dtype(layout.dtype).str[1:]}" if layout.depth > 8 else "u1"
    return replace(found, layout=layout, dtype=dtype)


def packing_of(pixel_format: str) -> Packing:
    """The packing of a format that `packing` knows."""
    found = packing(pixel_format)
    if found is None:
        raise ValueError(f"{pixel_format} is no format of whole samples; see readable_format")
    return found


def readable_format(pixel_format: str) -> str:
    """The format itself where its samples can be read as they are, else the one to convert to.

    Palettes, bit fields, XYZ, Bayer patterns and whole numbers of 32 bits are converted: to
    R'G'B' of 8 or 16 bits, or to grey.
    """
    if packing(pixel_format) is not None:
        return pixel_format
    about = av.VideoFormat(pixel_format)
    deep = any(part.bits > 8 for part in about.components) or _DEEP_BAYER.match(pixel_format)
    alpha = any(part.is_alpha for part in about.components) or about.has_palette
    if len(about.components) <= 1 and not about.has_palette:
        return "gray16le" if deep else "gray"
    if about.is_rgb or about.has_palette or pixel_format.startswith("xyz"):
        return ("gbrap" if alpha else "gbrp") + ("16le" if deep else "")
    return ("yuva444p" if alpha else "yuv444p") + ("16le" if deep else "")


def planar_format(layout: SampleLayout) -> str:
    """The planar, native-endian format that holds the same samples as `layout`, not turned."""
    own = packing_of(layout.pixel_format).layout
    bits = "" if own.depth == 8 else f"{'f' * own.floating}{own.depth}le"
    if own.kind == "rgb":
        return f"gbr{'a' if own.has_alpha else ''}p{bits}"
    if own.kind == "grey":
        return f"ya{bits or '8'}" if own.has_alpha else f"gray{bits}"
    shifts = (own.chroma_width_shift, own.chroma_height_shift)
    ratio = next(name for name, value in CHROMA_SHIFTS.items() if value == shifts)
    return f"yuv{'a' if own.has_alpha else ''}{ratio}p{bits}"


def turned(layout: SampleLayout, rotation: int) -> SampleLayout:
    """The layout of planes that were turned by `rotation` degrees."""
    if rotation % 180 == 0:
        return layout
    return replace(
        layout,
        chroma_width_shift=layout.chroma_height_shift,
        chroma_height_shift=layout.chroma_width_shift,
    )


def plane_size(width: int, height: int, layout: SampleLayout, plane: int) -> tuple[int, int]:
    """(height, width) of a plane of a picture of that size; chroma is rounded up."""
    if layout.kind != "yuv" or plane not in (1, 2):
        return height, width
    return -(-height >> layout.chroma_height_shift), -(-width >> layout.chroma_width_shift)


def read_planes(frame: av.VideoFrame) -> tuple[Samples, ...]:
    """The samples of a frame in their own orientation, read-only, without a copy where possible."""
    found = packing_of(frame.format.name)
    planes = []
    for view in _views(frame, found):
        if found.dtype.startswith(">"):
            view = view.astype(found.layout.dtype)
        if found.value_shift:
            view = view.astype(np.uint16) >> found.value_shift
        view.flags.writeable = False
        planes.append(view)
    return tuple(planes)


def write_planes(frame: av.VideoFrame, planes: tuple[Samples, ...]) -> None:
    """Put samples, in the frame's own orientation, into a frame that belongs to the caller."""
    found = packing_of(frame.format.name)
    if _has_padding(frame.format.name):
        for number in range(len(frame.planes)):
            _lines(frame, number)[...] = 0
    for view, plane in zip(_views(frame, found), planes, strict=True):
        view[...] = plane << found.value_shift if found.value_shift else plane


def _has_padding(pixel_format: str) -> bool:
    return pixel_format in ("rgb0", "bgr0", "0rgb", "0bgr")


def _views(frame: av.VideoFrame, found: Packing) -> list[NDArray[np.generic]]:
    """Strided views of a frame's buffers, one a component."""
    views: list[NDArray[np.generic]] = []
    for number, part in enumerate(found.components):
        height, width = plane_size(frame.width, frame.height, found.layout, number)
        lines = _lines(frame, part.plane)[:height].view(found.dtype)
        views.append(lines[:, part.offset :: part.step][:, :width])
    return views


def _lines(frame: av.VideoFrame, number: int) -> NDArray[np.uint8]:
    """One buffer of a frame as bytes (lines, bytes a line)."""
    plane = frame.planes[number]
    size = plane.line_size
    if size > 0:
        return np.frombuffer(cast(memoryview, plane), np.uint8).reshape(-1, size)
    # Bottom-up pictures (BMP, old AVI): the pointer is at the last line in memory.
    count = plane.buffer_size // -size
    start = plane.buffer_ptr + (count - 1) * size
    memory = (ctypes.c_uint8 * plane.buffer_size).from_address(start)
    below = np.frombuffer(cast(memoryview, memory), np.uint8).reshape(count, -size)
    return below[::-1].copy()


def _planar(stem: str) -> Packing | None:
    if match := _PLANAR_YUV.match(stem):
        extra, ratio, bits = match.groups()
        alpha = extra == "a"
        return _yuv(ratio, int(bits or 8), [Component(i) for i in range(3 + alpha)], alpha=alpha)
    if match := _PLANAR_RGB.match(stem):
        alpha, floating, depth = bool(match[1]), bool(match[2]), int(match[3] or 8)
        parts = [Component(2), Component(0), Component(1)] + [Component(3)] * alpha
        layout = SampleLayout("", "rgb", depth, has_alpha=alpha, floating=floating)
        return Packing(layout, tuple(parts))
    if match := _GREY.match(stem):
        layout = SampleLayout("", "grey", int(match[2] or 8), floating=bool(match[1]))
        return Packing(layout, (Component(0),))
    return None


def _interleaved(stem: str) -> Packing | None:
    if match := _GREY_ALPHA.match(stem):
        floating, depth = bool(match[1]), int(match[2])
        layout = SampleLayout("", "grey", depth, has_alpha=True, floating=floating)
        return Packing(layout, tuple(Component(0, i, 2) for i in range(2)))
    if match := _FLOAT_RGB.match(stem):
        alpha, depth = bool(match[1]), int(match[2])
        layout = SampleLayout("", "rgb", depth, has_alpha=alpha, floating=True)
        return Packing(layout, tuple(Component(0, i, 3 + alpha) for i in range(3 + alpha)))
    if stem in _INTERLEAVED_RGB:
        offsets, step = _INTERLEAVED_RGB[stem]
        depth = 16 if stem.endswith(("48", "64")) else 8
        layout = SampleLayout("", "rgb", depth, has_alpha=len(offsets) == 4)
        return Packing(layout, tuple(Component(0, offset, step) for offset in offsets))
    if stem in _SEMI_PLANAR:
        ratio, depth, shift = _SEMI_PLANAR[stem]
        first = 1 if stem in ("nv21", "nv42") else 0
        parts = [Component(0), Component(1, first, 2), Component(1, 1 - first, 2)]
        return replace(_yuv(ratio, depth, parts), value_shift=shift)
    if stem in _INTERLEAVED_422:
        (y, u, v), depth, shift = _INTERLEAVED_422[stem]
        parts = [Component(0, y, 2), Component(0, u, 4), Component(0, v, 4)]
        return replace(_yuv("422", depth, parts), value_shift=shift)
    if stem == "ayuv64":
        return _yuv("444", 16, [Component(0, i, 4) for i in (1, 2, 3, 0)], alpha=True)
    return None


def _yuv(ratio: str, depth: int, parts: list[Component], *, alpha: bool = False) -> Packing:
    layout = SampleLayout("", "yuv", depth, *CHROMA_SHIFTS[ratio], has_alpha=alpha)
    return Packing(layout, tuple(parts))
