"""A new face put back into its frame, in the frame's own samples.

    new = old + mask * (convert(rgb + change) - convert(rgb))        convert: R'G'B' to samples

Conversion stands on both sides of the difference, so that its rounding falls out: where the mask is
0, and where the face is the frame's own, every sample stays what it was.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from reenact_core.crop.cut import cut
from reenact_core.crop.detail import agreement, lost, sharpened
from reenact_core.crop.grain import grain_lacking
from reenact_core.crop.resample import (
    Grid,
    Image,
    Matrix,
    Region,
    density,
    invert,
    region_seen,
    resample,
    shift_source,
)
from reenact_core.frames import Picture, Samples
from reenact_core.geometry import Box
from reenact_core.media.colour import from_rgb, plane_windows, to_rgb

LEAST = 2.0**-12
"""A mask below this is nothing: times any change of a face it is no step of any format."""

UNSEEN = 1e-6
"""A change below this is the rounding of float32; it must not tip a sample over its threshold."""


@dataclass(frozen=True, slots=True)
class PasteSettings:
    """How a face is put back."""

    detail: float = 1.0
    """Share of the footage's fine detail that is kept where the new face agrees with it, in
    [0, 1]. It is the plate's own texture."""
    skin: Literal["auto", "plate", "own"] = "auto"
    """Whose fine texture the new face wears: `plate` keeps `detail` of the footage's, `own` none
    of it. `auto` is `plate` in a redirect and `own` in a recast, which brings another skin."""
    grain: float = 1.0
    """Share of the missing grain that is added, in [0, 1]."""
    dither: Literal["noise", "none"] = "noise"
    """`noise` hides the steps of 8-bit samples in slow gradients of the new face."""
    seed: int = 0
    """Grain and dither follow from this, the frame's number and the place, and nothing else."""

    def __post_init__(self) -> None:
        for name, value in (("detail", self.detail), ("grain", self.grain)):
            if not 0 <= value <= 1:
                raise ValueError(f"{name} must be in [0, 1], got {value}")
        if self.seed < 0:
            raise ValueError(f"a seed is not negative, got {self.seed}")


@dataclass(frozen=True, slots=True, eq=False)
class _Place:
    """Where in its frame a mask falls.

    Convention:
        mask: (h, w) of the region, 0 or at least `LEAST`
        from_crop: (2, 3) crop pixels to the region's pixels
    """

    region: Region
    mask: Image
    from_crop: Matrix


def paste(
    picture: Picture,
    face: Image,
    mask: Image,
    to_crop: Matrix,
    settings: PasteSettings,
    weight: float = 1.0,
    *,
    plate_crop: Image | None = None,
    seen_at: int | None = None,
) -> Picture:
    """The picture with a new face; samples outside `support` are the picture's own.

    Convention:
        face: (size, size, 3) float32 R'G'B' in [0, 1]
        mask: (size, size) float32 in [0, 1]
        to_crop: (2, 3), displayed frame pixels to crop pixels
        weight: in [0, 1], times the mask; 0 gives the picture itself
        plate_crop: what `cut` gives for this picture, where it is at hand already
        seen_at: samples a side at which networks saw the face; None: as many as it has

    Several faces are pasted one after another.
    """
    _check(face, mask, weight)
    place = _place(picture, mask, to_crop) if weight > 0 else None
    if place is None:
        return picture
    if plate_crop is None and settings.detail > 0:
        plate_crop = cut(picture, to_crop, len(face))
    old = to_rgb(picture, place.region.box, out_of_range="keep")
    random = _random(picture, place, settings)
    change = _change(old, face, plate_crop, place, settings.detail, seen_at)
    new = _new_pixels(old, change, place, settings, random)
    left, top = place.region.left, place.region.top
    before, after = (
        from_rgb(pixels, picture, left, top, out_of_range="keep") for pixels in (old, new)
    )
    dither = random if settings.dither == "noise" else None
    return _blend(picture, before, after, place, weight, dither)


def support(picture: Picture, mask: Image, to_crop: Matrix) -> tuple[NDArray[np.bool_], ...]:
    """The samples that `paste` may touch, one boolean array for each plane of the picture."""
    planes = tuple(np.zeros(plane.shape, dtype=np.bool_) for plane in picture.planes)
    place = _place(picture, mask, to_crop)
    if place is not None:
        for plane, share, where in _shares(picture, place):
            planes[plane][where] = share > 0
    return planes


def _check(face: Image, mask: Image, weight: float) -> None:
    if face.ndim != 3 or face.shape[2] != 3 or face.shape[:2] != mask.shape:
        raise ValueError(f"face must be (S, S, 3) and mask (S, S), got {face.shape}, {mask.shape}")
    if not 0 <= weight <= 1:
        raise ValueError(f"weight must be in [0, 1], got {weight}")
    if not (np.isfinite(face).all() and np.isfinite(mask).all()):
        raise ValueError("face and mask must be finite")


def _place(picture: Picture, mask: Image, to_crop: Matrix) -> _Place | None:
    """The mask in frame pixels; None where it touches no sample."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    if len(rows) == 0:
        return None
    # One sample more than the mask holds, and what averaging spreads it by.
    spread = 2.0 + 4.0 * max(1.0, *density(to_crop))
    low, high = (columns[0], rows[0]), (columns[-1] + 1, rows[-1] + 1)
    used = Box(low[0] - spread, low[1] - spread, high[0] + spread, high[1] + spread)
    region = region_seen(to_crop, used, picture.width, picture.height, _chroma_grid(picture))
    from_crop = invert(shift_source(to_crop, region.left, region.top))
    share = resample(
        mask.astype(np.float32), from_crop, region.size, edge="zero", sampling="linear"
    )
    share = np.where(share < LEAST, np.float32(0), np.minimum(share, np.float32(1)))
    return _Place(region, share, from_crop) if share.any() else None


def _change(
    old: Image,
    face: Image,
    plate_crop: Image | None,
    place: _Place,
    detail: float,
    seen_at: int | None,
) -> Image:
    """What to add to the region's R'G'B' to have the new face; nothing where it equals its plate.

    Without a plate, or any detail of it, that is the face less what is there.
    """

    def back(image: Image, sampling: Literal["linear", "cubic"] = "cubic") -> Image:
        size = place.region.size
        return resample(image, place.from_crop, size, edge="repeat", sampling=sampling)

    if plate_crop is None or detail == 0:
        return back(face) - old
    face = sharpened(face, plate_crop, detail, seen_at)
    agreed = back(agreement(face, plate_crop, seen_at), "linear")
    gone = lost(old, back(plate_crop), agreed, detail)
    return back(face - plate_crop) - gone


def _new_pixels(
    old: Image,
    change: Image,
    place: _Place,
    settings: PasteSettings,
    random: np.random.Generator,
) -> Image:
    """The region with the whole new face, R'G'B'; exactly old where nothing changes.

    It stays in [0, 1] but where the old samples are whiter than white already.
    """
    new = old + np.where(np.abs(change) < UNSEEN, np.float32(0), change)
    if settings.grain > 0:
        new += settings.grain * grain_lacking(old, new, place.mask, random)[..., None]
    return np.clip(new, np.minimum(old, 0.0), np.maximum(old, 1.0))


def _random(picture: Picture, place: _Place, settings: PasteSettings) -> np.random.Generator:
    """Fresh noise for every frame and face, the same in every run."""
    region = place.region
    return np.random.default_rng([settings.seed, picture.index, region.left, region.top])


def _blend(
    picture: Picture,
    before: tuple[Samples, ...],
    after: tuple[Samples, ...],
    place: _Place,
    weight: float,
    dither: np.random.Generator | None,
) -> Picture:
    """The picture's samples moved from `before` towards `after` by mask and weight."""
    planes = list(picture.planes)
    layout = picture.layout
    for plane, share, where in _shares(picture, place):
        old: NDArray[Any] = planes[plane][where]
        change = after[plane].astype(np.float32) - before[plane].astype(np.float32)
        # What is no number takes no part in a sum; its conversion stands for it.
        known = np.where(np.isfinite(old), old, before[plane]) if layout.floating else old
        moved = np.asarray(known + np.float32(weight) * share * change, dtype=np.float32)
        new = moved if layout.floating else _rounded(moved, dither)
        changed = planes[plane].copy()
        same = (change == 0) | (share == 0)
        changed[where] = np.where(same, old, np.clip(new, *layout.extent).astype(old.dtype))
        changed.flags.writeable = False
        planes[plane] = changed
    return picture.with_planes(tuple(planes))


def _rounded(values: Image, dither: np.random.Generator | None) -> Image:
    """Whole numbers; with dither at a random height, so that a slow ramp shows no steps."""
    if dither is None:
        return np.asarray(np.rint(values), dtype=np.float32)
    # Short of 1, or float32 would lift a sample that is whole already.
    height = 0.98 * dither.random(values.shape, dtype=np.float32) + np.float32(0.01)
    return np.asarray(np.floor(values + height), dtype=np.float32)


def _shares(picture: Picture, place: _Place) -> list[tuple[int, Image, tuple[slice, slice]]]:
    """For each plane of colour: its number, the mask on its samples, and where they are."""
    region = place.region
    windows = plane_windows(picture, region.left, region.top, *region.size)
    if picture.layout.kind == "grey":
        return [(0, place.mask, windows[0])]
    grid = _chroma_grid(picture)
    coarse = place.mask if grid == Grid() else _averaged(place.mask, region, grid)
    masks = (place.mask, coarse, coarse)
    return [(plane, mask, windows[plane]) for plane, mask in enumerate(masks)]


def _chroma_grid(picture: Picture) -> Grid:
    """The blocks of displayed pixels that share a chroma sample."""
    layout, turns = picture.layout, picture.rotation // 90
    if layout.kind != "yuv":
        return Grid()
    across, down = 1 << layout.chroma_width_shift, 1 << layout.chroma_height_shift
    # Blocks are counted from the stored picture's left and top, which may lie right and below.
    left = picture.width % across if turns in (2, 3) else 0
    top = picture.height % down if turns in (1, 2) else 0
    return Grid((across, down), (left, top))


def _averaged(mask: Image, region: Region, grid: Grid) -> Image:
    """The mask's mean over each block of the grid."""
    pads = []
    for side, start, step, origin in zip(
        mask.shape, (region.top, region.left), grid.step[::-1], grid.origin[::-1], strict=True
    ):
        before = (start - origin) % step
        pads.append((before, -(side + before) % step))
    across, down = grid.step
    even = np.pad(mask, pads, mode="edge")
    blocks = even.reshape(even.shape[0] // down, down, even.shape[1] // across, across)
    return np.asarray(blocks.mean(axis=(1, 3)), dtype=np.float32)
