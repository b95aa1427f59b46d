"""Pictures in the layout that an encoder needs: other depths, chroma sizes, colour models."""

from dataclasses import replace

import cv2
import numpy as np

from reenact_core.frames import ColourSpec, Picture, SampleLayout, Samples
from reenact_core.media.colour import (
    OutOfRange,
    average_chroma,
    chroma_phases,
    from_rgb,
    guess,
    is_light,
    stored_picture,
    to_rgb,
    upsample_chroma,
)
from reenact_core.media.layouts import plane_size


def stored_planes(
    picture: Picture, layout: SampleLayout, colour: ColourSpec
) -> tuple[Samples, ...]:
    """A picture's samples as an encoder takes them: as stored, in `layout` and `colour`.

    The same samples where the layout has the same kind, depth and chroma size. Whole numbers become
    parts of one in floating point; linear light is shown (`to_rgb`) in whole numbers.
    """
    stored, _ = stored_picture(picture)
    own = stored.layout
    if layout.floating:
        return _as_floats(stored, layout)
    meant, wanted = guess(stored.colour, stored.height, own), guess(colour, stored.height, layout)
    recoloured = (meant.matrix, meant.full_range) != (wanted.matrix, wanted.full_range)
    if own.kind != layout.kind or own.floating or (recoloured and own.kind == "yuv"):
        return _recoloured(stored, layout, colour)
    if same_samples(own, layout):
        return stored.planes
    colours = 1 if own.kind == "grey" else 3
    planes = [_rescaled(stored, layout, number) for number in range(colours)]
    if layout.has_alpha:
        planes.append(_opacity(stored, layout))
    return tuple(planes)


def same_samples(one: SampleLayout, other: SampleLayout) -> bool:
    """Whether two layouts, not turned, hold the same samples, packed differently at most."""
    return replace(one, pixel_format="") == replace(other, pixel_format="")


def colour_after(
    colour: ColourSpec, own: SampleLayout, target: SampleLayout, height: int
) -> ColourSpec:
    """The tags of a picture once it is in `target`: the same, but for another colour model."""
    if is_light(colour, own) and not target.floating:
        colour = replace(colour, transfer="iec61966-2-1")
    if own.kind == target.kind:
        return colour
    if target.kind == "rgb":
        return replace(colour, matrix="gbr", full_range=True, chroma_location="unknown")
    if target.kind == "grey":
        return replace(colour, full_range=True, chroma_location="unknown")
    unsaid = replace(colour, matrix="unknown", full_range=None)
    return replace(guess(unsaid, height, target), chroma_location="unknown")


def _recoloured(stored: Picture, layout: SampleLayout, colour: ColourSpec) -> tuple[Samples, ...]:
    count = (1 if layout.kind == "grey" else 3) + layout.has_alpha
    shapes = [plane_size(stored.width, stored.height, layout, number) for number in range(count)]
    blank = replace(
        stored,
        planes=tuple(np.zeros(shape, layout.dtype) for shape in shapes),
        layout=layout,
        colour=colour,
    )
    same_kind = stored.layout.kind == layout.kind
    outside: OutOfRange = "keep" if same_kind and not stored.layout.floating else "clip"
    planes = from_rgb(to_rgb(stored, out_of_range=outside), blank, 0, 0, out_of_range=outside)
    return (*planes[:-1], _opacity(stored, layout)) if layout.has_alpha else planes


def _as_floats(stored: Picture, layout: SampleLayout) -> tuple[Samples, ...]:
    """The samples in floating point; those that have it already as they are, to the bit."""
    own = stored.layout
    if own.kind == "yuv":
        rgb = to_rgb(stored, out_of_range="keep")
        planes: list[Samples] = [rgb[:, :, number] for number in range(3)]
    else:
        planes = [
            _parts(stored, plane) for plane in stored.planes[: 1 if own.kind == "grey" else 3]
        ]
    if own.kind == "grey" and layout.kind == "rgb":
        planes = planes * 3
    if layout.has_alpha:
        planes.append(_opacity(stored, layout))
    return tuple(plane.astype(layout.dtype) for plane in planes)


def _parts(stored: Picture, plane: Samples) -> Samples:
    """R'G'B' or grey as parts of the way from black to white."""
    own = stored.layout
    if own.floating:
        return plane
    if guess(stored.colour, stored.height, own).full_range:
        return np.asarray(plane / np.float32(own.peak))
    unit = 1 << (own.depth - 8)
    return np.asarray((plane.astype(np.float32) - 16 * unit) / np.float32(219 * unit))


def _opacity(stored: Picture, layout: SampleLayout) -> Samples:
    own = stored.layout
    if not own.has_alpha:
        return np.full(stored.planes[0].shape, layout.peak, layout.dtype)
    if own.floating and layout.floating:
        return stored.planes[-1]
    values = stored.planes[-1].astype(np.float32)
    if own.floating:
        values = np.nan_to_num(values, nan=0.0, posinf=1.0, neginf=0.0)
    values = values * (layout.peak / own.peak)
    return values if layout.floating else _codes(values, layout)


def _rescaled(stored: Picture, layout: SampleLayout, number: int) -> Samples:
    """One plane of colour in another depth and size."""
    deep = _deepened(stored, layout, number)
    if stored.layout.kind != "yuv" or number == 0:
        return deep
    own = (stored.layout.chroma_width_shift, stored.layout.chroma_height_shift)
    wanted = (layout.chroma_width_shift, layout.chroma_height_shift)
    if own == wanted:
        return deep
    if wanted[0] <= own[0] and wanted[1] <= own[1]:
        return _enlarged(stored, layout, deep)
    planes = [deep if plane == number else stored.planes[plane] for plane in range(3)]
    window = (0, 0, stored.width, stored.height)
    full = upsample_chroma(replace(stored, planes=tuple(planes)), window, number)
    return _codes(average_chroma(full, replace(stored, layout=layout), window), layout)


def _deepened(stored: Picture, layout: SampleLayout, number: int) -> Samples:
    """One plane of colour in another depth, of its own size."""
    own, plane = stored.layout, stored.planes[number]
    if own.depth == layout.depth:
        return plane
    if not guess(stored.colour, stored.height, own).full_range:
        if layout.depth > own.depth:
            return plane.astype(np.uint16) << (layout.depth - own.depth)
        return _codes(plane * 2.0 ** (layout.depth - own.depth), layout)
    factor = layout.peak / own.peak
    chroma = own.kind == "yuv" and number > 0
    middle = (1 << (own.depth - 1), 1 << (layout.depth - 1)) if chroma else (0, 0)
    return _codes((plane.astype(np.float32) - middle[0]) * factor + middle[1], layout)


def _enlarged(stored: Picture, layout: SampleLayout, plane: Samples) -> Samples:
    """A plane of chroma with more samples, each bilinear at its own place."""
    place, target = chroma_phases(stored), chroma_phases(replace(stored, layout=layout))
    own = (stored.layout.chroma_width_shift, stored.layout.chroma_height_shift)
    steps = (
        2.0 ** (layout.chroma_width_shift - own[0]),
        2.0 ** (layout.chroma_height_shift - own[1]),
    )
    first = [(target[axis] - place[axis]) / (1 << own[axis]) for axis in (0, 1)]
    height, width = plane_size(stored.width, stored.height, layout, 1)
    matrix = np.array([[steps[0], 0, first[0]], [0, steps[1], first[1]]])
    return np.asarray(
        cv2.warpAffine(
            np.ascontiguousarray(plane),
            matrix,
            (width, height),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
    )


def _codes(values: Samples, layout: SampleLayout) -> Samples:
    return np.clip(np.rint(values), 0, layout.peak).astype(layout.dtype)
