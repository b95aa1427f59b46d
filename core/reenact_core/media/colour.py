"""Samples to R'G'B' and back, by the tags of the file.

A conversion changes the matrix and the range of values, not the transfer: PQ stays PQ. Only linear
light in floating point, which says nothing to eyes and networks, is shown under sRGB's curve.
Pictures are converted in the orientation in which they are stored, since that is where chroma
samples have their place, and turned afterwards.
"""

from dataclasses import replace
from math import ceil, floor
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from reenact_core.frames import ColourSpec, Picture, SampleLayout, Samples
from reenact_core.geometry import Box
from reenact_core.media.layouts import packing_of

Rgb = NDArray[np.float32]
OutOfRange = Literal["clip", "keep"]

# Weights of R' and B' in Y' (ITU-R BT.601, 709, 2020; FCC; SMPTE 240M).
_LUMA = {
    "bt709": (0.2126, 0.0722),
    "smpte170m": (0.299, 0.114),
    "bt470bg": (0.299, 0.114),
    "fcc": (0.30, 0.11),
    "smpte240m": (0.212, 0.087),
    "bt2020nc": (0.2627, 0.0593),
    "bt2020c": (0.2627, 0.0593),
}
# Where a chroma sample lies between the first (0) and the last (1) luma sample that it covers.
_SITING = {
    "left": (0.0, 0.5),
    "center": (0.5, 0.5),
    "topleft": (0.0, 0.0),
    "top": (0.5, 0.0),
    "bottomleft": (0.0, 1.0),
    "bottom": (0.5, 1.0),
}
_KNEE = 0.0031308
"""Light under which the curve of sRGB is a line."""

Window = tuple[int, int, int, int]
"""left, top, right, bottom: whole pixels, half open."""


def guess(colour: ColourSpec, height: int, layout: SampleLayout | None = None) -> ColourSpec:
    """The tags with what is missing filled in as players do, for conversion only.

    The matrix is BT.709 from 720 lines on, else BT.601; Y'CbCr is limited in range, R'G'B' and
    grey are full; chroma samples lie at the left. Floating point has no range to speak of, and is
    linear light.
    """
    kind = layout.kind if layout else "yuv"
    matrix = colour.matrix
    if kind == "rgb":
        matrix = "gbr"
    elif matrix not in _LUMA and matrix != "ycgco":
        matrix = "bt709" if height >= 720 else "smpte170m"
    floating = layout is not None and layout.floating
    stated = None if floating else colour.full_range
    return replace(
        colour,
        transfer="linear" if floating and colour.transfer == "unknown" else colour.transfer,
        matrix=matrix,
        full_range=kind != "yuv" if stated is None else stated,
        chroma_location=colour.chroma_location if colour.chroma_location in _SITING else "left",
    )


def is_light(colour: ColourSpec, layout: SampleLayout) -> bool:
    """Whether samples are linear light, which is converted to be looked at.

    Whole numbers are not, whatever their tag: programs call any DPX linear.
    """
    return layout.floating and guess(colour, 0, layout).transfer == "linear"


def transfer_meant(colour: ColourSpec, layout: SampleLayout) -> str:
    """The transfer of samples that are not linear light, for files that must name one.

    Without a tag, or with that tag on whole numbers, it is what players show: BT.709's for Y'CbCr,
    else sRGB's.
    """
    if colour.transfer not in ("unknown", "linear"):
        return colour.transfer
    return "bt709" if layout.kind == "yuv" else "iec61966-2-1"


def to_rgb(
    picture: Picture,
    box: Box | None = None,
    *,
    size: tuple[int, int] | None = None,
    out_of_range: OutOfRange = "clip",
) -> Rgb:
    """A region of a picture as R'G'B', by its tags or the usual guess.

    Convention:
        box: displayed pixels; grown to whole ones and clipped to the frame; None is all of it
        size: (width, height) to scale the region to; None keeps it
        result: (h, w, 3), float32, contiguous. [0, 1] with `clip`; `keep` leaves whiter than white
            and colours outside the cube as they are, so that the way back is exact. Of floating
            point infinity is 1, what is no number 0.

    Chroma is upsampled bilinearly from where its samples lie; what lies outside the box is used
    for that, so a region does not depend on its borders.
    """
    window = whole_window(picture, box)
    stored, turns = stored_picture(picture)
    inside = _turn_window(window, picture, turns)
    values = _convert(_components(stored, inside), _affine(stored))
    if is_light(stored.colour, stored.layout):
        values = _shown(values)
    if out_of_range == "clip":
        np.clip(values, 0, 1, out=values)
    rgb = np.ascontiguousarray(np.rot90(values, turns))
    return rgb if size is None else _resized(rgb, size)


def from_rgb(
    rgb: Rgb, picture: Picture, left: int, top: int, *, out_of_range: OutOfRange = "clip"
) -> tuple[Samples, ...]:
    """R'G'B' of a region as samples of the picture's own layout and tags.

    Convention:
        rgb: (h, w, 3), displayed pixels; its top-left pixel is (left, top) of the picture
        result: one array a plane, as `plane_windows` places them; opacity is the picture's own.
            With `clip` values are legal (16..235, 16..240 for limited range); with `keep`
            whiter than white and blacker than black remain, but for the codes that are reserved.

    Chroma is averaged around its samples' places. At the region's edge the outermost pixels
    are repeated, so a region that starts and ends on whole chroma samples is the best.
    """
    window = (left, top, left + rgb.shape[1], top + rgb.shape[0])
    if whole_window(picture, Box(*window)) != window:
        raise ValueError(f"region {window} leaves the {picture.width}x{picture.height} picture")
    stored, turns = stored_picture(picture)
    inside = _turn_window(window, picture, turns)
    wanted = np.clip(rgb, 0, 1) if out_of_range == "clip" else rgb
    values = np.ascontiguousarray(np.rot90(wanted, -turns), dtype=np.float32)
    if is_light(stored.colour, stored.layout):
        values = _lit(values)
    codes = _convert(values, _inverse(_affine(stored)))
    planes = [
        _sampled(codes, stored, inside, plane, out_of_range) for plane in range(_count(stored))
    ]
    if stored.layout.has_alpha:
        rows, columns = _plane_window(stored, inside, len(planes))
        planes.append(stored.planes[-1][rows, columns])
    return tuple(np.ascontiguousarray(np.rot90(plane, turns)) for plane in planes)


def plane_windows(
    picture: Picture, left: int, top: int, width: int, height: int
) -> tuple[tuple[slice, slice], ...]:
    """(rows, columns) of every plane that a region covers, chroma samples rounded outwards.

    `picture.planes[i][plane_windows(...)[i]]` has the shape of `from_rgb(...)[i]`.
    """
    stored, turns = stored_picture(picture)
    inside = _turn_window((left, top, left + width, top + height), picture, turns)
    windows = []
    for number, plane in enumerate(picture.planes):
        rows, columns = _plane_window(stored, inside, number)
        windows.append(_turn_slices(rows, columns, plane.shape, turns))
    return tuple(windows)


def to_rgb8(picture: Picture, max_side: int | None = None) -> NDArray[np.uint8]:
    """The whole picture as 8-bit R'G'B', quickly, shrunk so that no side exceeds `max_side`.

    Convention: result: (h, w, 3), uint8, contiguous. For looking at, not for giving back: the
    chroma samples' places are not minded.
    """
    stored, turns = stored_picture(picture)
    height, width = stored.planes[0].shape
    scale = min(1.0, max_side / max(height, width)) if max_side else 1.0
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    parts = [_scaled_plane(plane, size) for plane in stored.planes[: _count(stored)]]
    affine = _affine(stored) * 255
    merged = cv2.merge(parts * 3 if len(parts) == 1 else parts)
    if is_light(stored.colour, stored.layout):
        merged = _shown(np.asarray(merged, dtype=np.float32))
    if stored.layout.depth > 8:
        values = cv2.transform(merged.astype(np.float32), affine)
        rgb = cv2.convertScaleAbs(np.maximum(values, 0))  # rounds, and stops at 255
    else:
        rgb = cv2.transform(merged, affine)  # of 8 bits: rounded and clipped
    rgb = np.asarray(rgb, dtype=np.uint8)
    return np.ascontiguousarray(np.rot90(rgb, turns))


def whole_window(picture: Picture, box: Box | None) -> Window:
    """The whole pixels that a box touches inside a picture."""
    if box is None:
        return 0, 0, picture.width, picture.height
    left, top = max(0, floor(box.left)), max(0, floor(box.top))
    right, bottom = min(picture.width, ceil(box.right)), min(picture.height, ceil(box.bottom))
    if right <= left or bottom <= top:
        raise ValueError(f"{box} lies outside the {picture.width}x{picture.height} picture")
    return left, top, right, bottom


def stored_picture(picture: Picture) -> tuple[Picture, int]:
    """The picture as it is stored, and the quarter turns (anticlockwise) to display it."""
    turns = picture.rotation // 90
    if not turns:
        return picture, 0
    planes = tuple(np.rot90(plane, -turns) for plane in picture.planes)
    layout = packing_of(picture.layout.pixel_format).layout
    return replace(picture, planes=planes, layout=layout, rotation=0), turns


def _turn_window(window: Window, displayed: Picture, turns: int) -> Window:
    """A window of the displayed picture in the stored one."""
    left, top, right, bottom = window
    width, height = displayed.width, displayed.height
    return (
        window,
        (height - bottom, left, height - top, right),
        (width - right, height - bottom, width - left, height - top),
        (top, width - right, bottom, width - left),
    )[turns]


def _turn_slices(
    rows: slice, columns: slice, shape: tuple[int, ...], turns: int
) -> tuple[slice, slice]:
    """Slices of a stored plane in the displayed plane of that shape."""
    height, width = shape
    return (
        (rows, columns),
        (slice(height - columns.stop, height - columns.start), rows),
        (
            slice(height - rows.stop, height - rows.start),
            slice(width - columns.stop, width - columns.start),
        ),
        (columns, slice(width - rows.stop, width - rows.start)),
    )[turns]


def _count(stored: Picture) -> int:
    """Planes that carry colour."""
    return 1 if stored.layout.kind == "grey" else 3


def _components(stored: Picture, window: Window) -> Rgb:
    """(h, w, 3) of the window, chroma at the place of every pixel; grey three times."""
    left, top, right, bottom = window
    luma = _numbers(stored.planes[0][top:bottom, left:right])
    if stored.layout.kind == "grey":
        return np.repeat(luma[:, :, None], 3, axis=2)
    return np.stack([luma, *(upsample_chroma(stored, window, plane) for plane in (1, 2))], axis=2)


def upsample_chroma(stored: Picture, window: Window, number: int) -> Rgb:
    """One plane of chroma at the place of every pixel of a window; a stored picture."""
    plane, layout = stored.planes[number], stored.layout
    left, top, right, bottom = window
    shift_x = layout.chroma_width_shift if layout.kind == "yuv" else 0
    shift_y = layout.chroma_height_shift if layout.kind == "yuv" else 0
    if not shift_x and not shift_y:
        return _numbers(plane[top:bottom, left:right])
    phase_x, phase_y = chroma_phases(stored)
    first_x, last_x, scale_x, from_x = _span(left, right, shift_x, phase_x, plane.shape[1])
    first_y, last_y, scale_y, from_y = _span(top, bottom, shift_y, phase_y, plane.shape[0])
    part = np.ascontiguousarray(plane[first_y:last_y, first_x:last_x], dtype=np.float32)
    matrix = np.array([[scale_x, 0, from_x - first_x], [0, scale_y, from_y - first_y]])
    # warpAffine counts in 32nds of a pixel: exact for these halves and quarters.
    return np.asarray(
        cv2.warpAffine(
            part,
            matrix,
            (right - left, bottom - top),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        ),
        dtype=np.float32,
    )


def _span(
    start: int, stop: int, shift: int, phase: float, length: int
) -> tuple[int, int, float, float]:
    """Chroma samples around [start, stop), the step between pixels, the first pixel's place."""
    scale = 1 / (1 << shift)
    place = (start - phase) * scale
    first = max(0, min(floor(place), length - 1))
    last = min(length, ceil((stop - 1 - phase) * scale) + 2)
    return first, max(last, first + 1), scale, place


def chroma_phases(stored: Picture) -> tuple[float, float]:
    """Luma pixels between a chroma sample and the first pixel that it covers."""
    layout = stored.layout
    x, y = _SITING[_tags(stored).chroma_location]
    return x * ((1 << layout.chroma_width_shift) - 1), y * ((1 << layout.chroma_height_shift) - 1)


def _tags(stored: Picture) -> ColourSpec:
    return guess(stored.colour, stored.height, stored.layout)


def _affine(stored: Picture) -> NDArray[np.float64]:
    """(3, 4): code values to R'G'B' in [0, 1]."""
    tags, layout = _tags(stored), stored.layout
    peak, unit = layout.peak, 1 << (layout.depth - 8)
    low, span = (0, peak) if tags.full_range else (16 * unit, 219 * unit)
    if layout.kind != "yuv":
        return np.hstack([np.eye(3) / span, np.full((3, 1), -low / span)])
    chroma_span = peak if tags.full_range else 224 * unit
    linear = np.linalg.inv(_forward(tags.matrix)) @ np.diag(
        1 / np.array([span, chroma_span, chroma_span])
    )
    offset = linear @ np.array([low, 128 * unit, 128 * unit], dtype=np.float64)
    return np.hstack([linear, -offset[:, None]])


def _numbers(plane: Samples) -> Rgb:
    """Samples as float32, all of them numbers."""
    values = plane.astype(np.float32)
    if plane.dtype.kind == "f":
        np.nan_to_num(values, copy=False, nan=0.0, posinf=1.0, neginf=0.0)
    return np.asarray(values, dtype=np.float32)


def _shown(light: Rgb) -> Rgb:
    """Linear light under the curve of sRGB (IEC 61966-2-1), odd around 0 and going on above 1."""
    bright = np.abs(light)
    curve = 1.055 * np.power(bright, 1 / 2.4) - 0.055
    return np.asarray(
        np.copysign(np.where(bright <= _KNEE, 12.92 * bright, curve), light), dtype=np.float32
    )


def _lit(shown: Rgb) -> Rgb:
    """What `_shown` shows as these values."""
    bright = np.abs(shown)
    with np.errstate(over="ignore"):  # what is too much for float32 is bounded by its sample
        light = np.power((bright + 0.055) / 1.055, 2.4)
    return np.asarray(
        np.copysign(np.where(bright <= 12.92 * _KNEE, bright / 12.92, light), shown),
        dtype=np.float32,
    )


def _forward(matrix: str) -> NDArray[np.float64]:
    """R'G'B' to Y'CbCr, chroma in [-0.5, 0.5]."""
    if matrix == "ycgco":
        return np.array([[0.25, 0.5, 0.25], [-0.25, 0.5, -0.25], [0.5, 0, -0.5]])
    red, blue = _LUMA[matrix]
    luma = np.array([red, 1 - red - blue, blue])
    from_blue = (np.array([0, 0, 1]) - luma) / (2 * (1 - blue))
    from_red = (np.array([1, 0, 0]) - luma) / (2 * (1 - red))
    return np.stack([luma, from_blue, from_red])


def _inverse(affine: NDArray[np.float64]) -> NDArray[np.float64]:
    linear = np.linalg.inv(affine[:, :3])
    return np.hstack([linear, -linear @ affine[:, 3:]]).astype(np.float64)


def _convert(values: Rgb, affine: NDArray[np.float64]) -> Rgb:
    return np.asarray(cv2.transform(values, affine), dtype=np.float32)


def _plane_window(stored: Picture, window: Window, number: int) -> tuple[slice, slice]:
    left, top, right, bottom = window
    layout = stored.layout
    if layout.kind != "yuv" or number not in (1, 2):
        return slice(top, bottom), slice(left, right)
    shift_x, shift_y = layout.chroma_width_shift, layout.chroma_height_shift
    return (
        slice(top >> shift_y, -(-bottom >> shift_y)),
        slice(left >> shift_x, -(-right >> shift_x)),
    )


def _sampled(
    values: Rgb, stored: Picture, window: Window, number: int, out_of_range: OutOfRange
) -> Samples:
    """One plane of the window, rounded to code values."""
    plane = _grey(values, stored) if stored.layout.kind == "grey" else values[:, :, number]
    if stored.layout.kind == "yuv" and number:
        plane = average_chroma(plane, stored, window)
    low, high = _limits(stored, number, out_of_range)
    values = plane if stored.layout.floating else np.rint(plane)
    return np.clip(values, low, high).astype(stored.planes[number].dtype)


def average_chroma(values: Rgb, stored: Picture, window: Window) -> Rgb:
    """Chroma samples of a window from a value for each of its pixels; a stored picture."""
    rows, columns = _plane_window(stored, window, 1)
    phase_x, phase_y = chroma_phases(stored)
    layout = stored.layout
    values = _averaged(values, rows, window[1], layout.chroma_height_shift, phase_y)
    return _averaged(values.T, columns, window[0], layout.chroma_width_shift, phase_x).T


def _grey(values: Rgb, stored: Picture) -> Rgb:
    red, blue = _LUMA.get(_tags(stored).matrix, _LUMA["bt709"])
    weights = np.array([red, 1 - red - blue, blue], dtype=np.float32)
    return np.asarray(values @ weights, dtype=np.float32)


def _averaged(plane: Rgb, wanted: slice, start: int, shift: int, phase: float) -> Rgb:
    """Rows of chroma from rows of pixels that begin at pixel `start`.

    Between pixels the mean of those covered; on a pixel a tent as wide as two chroma samples.
    """
    if not shift:
        return plane
    step = 1 << shift
    places = np.arange(wanted.start, wanted.stop) * step - start
    if phase == (step - 1) / 2:
        taps = [(offset, 1 / step) for offset in range(step)]
    else:
        reach = range(1 - step, step)
        taps = [(round(phase) + offset, (step - abs(offset)) / step**2) for offset in reach]
    result = np.zeros((len(places), *plane.shape[1:]), dtype=np.float32)
    for offset, weight in taps:
        result += np.float32(weight) * plane[np.clip(places + offset, 0, len(plane) - 1)]
    return result


def _limits(stored: Picture, number: int, out_of_range: OutOfRange) -> tuple[float, float]:
    layout = stored.layout
    unit = 1 << (layout.depth - 8)
    if _tags(stored).full_range:
        return layout.extent
    if out_of_range == "keep":
        return unit, 255 * unit - 1  # the lowest and highest codes carry synchronisation
    chroma = layout.kind == "yuv" and number in (1, 2)
    return 16 * unit, (240 if chroma else 235) * unit


def _resized(rgb: Rgb, size: tuple[int, int]) -> Rgb:
    shrinks = size[0] < rgb.shape[1] or size[1] < rgb.shape[0]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(rgb, size, interpolation=how), dtype=np.float32)


def _scaled_plane(plane: Samples, size: tuple[int, int]) -> Samples:
    if plane.dtype.kind == "f":
        plane = np.clip(_numbers(plane), 0, 1)
    if plane.shape == (size[1], size[0]):
        return np.ascontiguousarray(plane)
    shrinks = size[0] < plane.shape[1] or size[1] < plane.shape[0]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(np.ascontiguousarray(plane), size, interpolation=how))
