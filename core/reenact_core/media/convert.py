"""Pictures in the layout that an encoder needs: other depths, chroma sizes, colour models."""

from dataclasses import replace

import numpy as np

from reenact_core.frames import ColourSpec, Picture, SampleLayout, Samples
from reenact_core.media.colour import (
    OutOfRange,
    average_chroma,
    from_rgb,
    guess,
    stored_picture,
    to_rgb,
    upsample_chroma,
)
from reenact_core.media.layouts import plane_size


def stored_planes(
    picture: Picture, layout: SampleLayout, colour: ColourSpec
) -> tuple[Samples, ...]:
    """A picture's samples as an encoder takes them: as stored, in `layout` and `colour`.

    The same samples where the layout has the same kind, depth and chroma size.
    """
    stored, _ = stored_picture(picture)
    own = stored.layout
    meant, wanted = guess(stored.colour, stored.height, own), guess(colour, stored.height, layout)
    recoloured = (meant.matrix, meant.full_range) != (wanted.matrix, wanted.full_range)
    if own.kind != layout.kind or (recoloured and own.kind == "yuv"):
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
    if own.kind == target.kind:
        return colour
    if target.kind == "rgb":
        return replace(colour, matrix="gbr", full_range=True, chroma_location="unknown")
    if target.kind == "grey":
        return replace(colour, full_range=True, chroma_location="unknown")
    unsaid = replace(colour, matrix="unknown", full_range=None)
    return replace(guess(unsaid, height, target), chroma_location="unknown")


def _recoloured(stored: Picture, layout: SampleLayout, colour: ColourSpec) -> tuple[Samples, ...]:
    dtype = np.uint8 if layout.depth == 8 else np.uint16
    count = (1 if layout.kind == "grey" else 3) + layout.has_alpha
    shapes = [plane_size(stored.width, stored.height, layout, number) for number in range(count)]
    blank = replace(
        stored,
        planes=tuple(np.zeros(shape, dtype) for shape in shapes),
        layout=layout,
        colour=colour,
    )
    same_kind = stored.layout.kind == layout.kind
    outside: OutOfRange = "keep" if same_kind else "clip"
    planes = from_rgb(to_rgb(stored, out_of_range=outside), blank, 0, 0, out_of_range=outside)
    return (*planes[:-1], _opacity(stored, layout)) if layout.has_alpha else planes


def _opacity(stored: Picture, layout: SampleLayout) -> Samples:
    peak = (1 << layout.depth) - 1
    if not stored.layout.has_alpha:
        return np.full(stored.planes[0].shape, peak, np.uint8 if layout.depth == 8 else np.uint16)
    return _codes(stored.planes[-1] * (peak / ((1 << stored.layout.depth) - 1)), layout)


def _rescaled(stored: Picture, layout: SampleLayout, number: int) -> Samples:
    """One plane of colour in another depth and size."""
    own = stored.layout
    plane: Samples = stored.planes[number]
    chroma = own.kind == "yuv" and number > 0
    if chroma and (own.chroma_width_shift, own.chroma_height_shift) != (
        layout.chroma_width_shift,
        layout.chroma_height_shift,
    ):
        window = (0, 0, stored.width, stored.height)
        full = upsample_chroma(stored, window, number)
        plane = average_chroma(full, replace(stored, layout=layout), window)
    elif own.depth == layout.depth:
        return plane
    whole = guess(stored.colour, stored.height, own).full_range
    factor = 2.0 ** (layout.depth - own.depth)
    if not whole:
        return _codes(plane * factor, layout)
    factor = ((1 << layout.depth) - 1) / ((1 << own.depth) - 1)
    middle = (1 << own.depth - 1, 1 << layout.depth - 1) if chroma else (0, 0)
    return _codes((plane.astype(np.float32) - middle[0]) * factor + middle[1], layout)


def _codes(values: Samples, layout: SampleLayout) -> Samples:
    dtype = np.uint8 if layout.depth == 8 else np.uint16
    return np.clip(np.rint(values), 0, (1 << layout.depth) - 1).astype(dtype)
