"""Of the pixel formats that an encoder takes, the one that loses least; and what it loses."""

from collections.abc import Iterable

from reenact_core.frames import SampleLayout
from reenact_core.media.layouts import packing, packing_of


def nearest_format(wanted: SampleLayout, offered: Iterable[str]) -> str:
    """The pixel format that keeps most of a layout: colour model, opacity, chroma, depth."""

    chroma = (wanted.chroma_width_shift, wanted.chroma_height_shift)
    if wanted.kind == "grey":
        chroma = (9, 9)  # there is none to lose

    def loss(name: str) -> tuple[int | bool, ...]:
        layout = packing_of(name).layout
        wide = layout.chroma_width_shift + layout.chroma_height_shift
        fine = chroma[0] + chroma[1]
        return (
            layout.kind == "grey" != wanted.kind,
            layout.kind != wanted.kind and wanted.kind != "grey",
            wanted.has_alpha and not layout.has_alpha,
            max(0, layout.chroma_width_shift - chroma[0])
            + max(0, layout.chroma_height_shift - chroma[1]),
            layout.floating != wanted.floating,
            max(0, wanted.depth - layout.depth),
            layout.kind != wanted.kind,
            layout.has_alpha != wanted.has_alpha,
            max(0, fine - wide),
            max(0, layout.depth - wanted.depth),
            name.startswith("yuvj"),
        )

    return min((name for name in offered if packing(name)), key=loss)


def losses(own: SampleLayout, target: SampleLayout) -> tuple[str, ...]:
    """What samples lose on their way into another layout, a sentence for each kind of loss.

    Both layouts as stored, not turned. Another colour model alone is no loss (`conversion` tells
    it): of more bits, it keeps every code.
    """
    found = []
    if own.has_alpha and not target.has_alpha:
        found.append("the codec holds no opacity; it is left out")
    if own.kind != "grey" and target.kind == "grey":
        found.append("the codec holds no colour; it is left out")
    elif target.kind == "yuv" and own.kind != "grey":
        across = target.chroma_width_shift > own.chroma_width_shift
        down = target.chroma_height_shift > own.chroma_height_shift
        if across or down:
            found.append(
                f"colour is halved in size: {own.pixel_format} becomes {target.pixel_format}"
            )
    if own.floating and not target.floating:
        found.append(
            f"floating point becomes whole numbers of {target.depth} bits; what is below 0 or "
            "above 1 is clipped (exr keeps it)"
        )
    elif own.depth > target.depth:
        found.append(f"the encoder takes {target.depth} of {own.depth} bits a sample")
    return tuple(found)


def conversion(own: SampleLayout, target: SampleLayout) -> tuple[str, ...]:
    """That the colour model changes, if it does."""
    if own.kind == target.kind:
        return ()
    return (f"{own.pixel_format} is converted to {target.pixel_format}",)
