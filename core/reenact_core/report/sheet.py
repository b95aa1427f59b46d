"""Contact sheets: moments of some shots side by side, before and after."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from reenact_core.files import Admit, written_whole

Pixels = NDArray[np.uint8]
"""(h, w, 3) R'G'B' as displayed."""

PAPER = (21, 23, 27)
INK = (236, 238, 241)
FAINT = (150, 156, 166)
RULE = (52, 56, 64)

MARGIN = 28
GAP = 6
LABEL_WIDTH = 132
TITLE_HEIGHT = 64
HEADING_HEIGHT = 62
FOOT_HEIGHT = 22
BAND_GAP = 22


@dataclass(frozen=True, slots=True, eq=False)
class Strip:
    """One row of pictures that belong together, as the frames of the result."""

    label: str
    """Stands to the left of the row; a line break is allowed."""
    pictures: tuple[Pixels, ...]
    """One a column; all strips of a band have equally many."""
    beside: Pixels | None = None
    """A small picture under the label, as of the face that is put in."""


@dataclass(frozen=True, slots=True, eq=False)
class Band:
    """One shot: its strips under each other, column for column the same moment."""

    title: str
    caption: str
    """A faint line under the title."""
    strips: tuple[Strip, ...]
    moments: tuple[str, ...]
    """What each column shows, as `frame 12`."""

    def __post_init__(self) -> None:
        lengths = {len(strip.pictures) for strip in self.strips}
        if lengths != {len(self.moments)}:
            raise ValueError(
                f"{len(self.moments)} moments, but strips of {sorted(lengths)} pictures"
            )


def draw_sheet(title: str, bands: Sequence[Band], *, tile_width: int = 300) -> Pixels:
    """The sheet as a picture; every tile is `tile_width` pixels wide and as high as it needs."""
    columns = max(len(band.moments) for band in bands)
    width = 2 * MARGIN + LABEL_WIDTH + columns * (tile_width + GAP) - GAP
    heights = [_band_height(band, tile_width) for band in bands]
    height = 2 * MARGIN + TITLE_HEIGHT + sum(heights) + BAND_GAP * (len(bands) - 1)
    sheet = Image.new("RGB", (width, height), PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((MARGIN, MARGIN), title, INK, _font(30))
    top = MARGIN + TITLE_HEIGHT
    for band, band_height in zip(bands, heights, strict=True):
        _draw_band(sheet, draw, band, top, tile_width)
        top += band_height + BAND_GAP
    return np.asarray(sheet)


def write_sheet(path: Path, sheet: Pixels, *, admit: Admit | None = None) -> None:
    """Write a sheet as PNG; `admit` guards the name, as in `files.written_whole`.

    Raises:
        OutputError: the folder cannot be written.
    """
    with written_whole(path, admit=admit) as partial:
        Image.fromarray(sheet).save(partial, "PNG", optimize=True)


def difference(before: Pixels, after: Pixels, *, gain: float = 4.0) -> Pixels:
    """Where two pictures differ: black where they agree, else `gain` times the difference."""
    apart = np.abs(after.astype(np.float32) - before.astype(np.float32)) * gain
    return np.clip(np.rint(apart), 0, 255).astype(np.uint8)


def spread(count: int, columns: int) -> tuple[int, ...]:
    """At most so many of `count` frames, evenly spread, a little away from both ends."""
    columns = min(columns, count)
    return tuple(int((column + 0.5) * count / columns) for column in range(columns))


def _band_height(band: Band, tile_width: int) -> int:
    tiles = sum(_tile_height(strip, tile_width) + GAP for strip in band.strips)
    return HEADING_HEIGHT + tiles + FOOT_HEIGHT


def _tile_height(strip: Strip, tile_width: int) -> int:
    height, width = strip.pictures[0].shape[:2]
    return round(tile_width * int(height) / int(width))


def _draw_band(sheet: Image.Image, draw: Any, band: Band, top: int, tile_width: int) -> None:
    draw.line([(MARGIN, top), (sheet.width - MARGIN, top)], RULE, 1)
    draw.text((MARGIN, top + 10), band.title, INK, _font(20))
    draw.text((MARGIN, top + 36), band.caption, FAINT, _font(14))
    top += HEADING_HEIGHT
    for strip in band.strips:
        height = _tile_height(strip, tile_width)
        draw.multiline_text((MARGIN, top + 4), strip.label, FAINT, _font(15), spacing=4)
        if strip.beside is not None:
            lines = strip.label.count("\n") + 1
            _paste_beside(sheet, strip.beside, top + 10 + 20 * lines, top + height)
        for left, picture in zip(_columns(band, tile_width), strip.pictures, strict=True):
            sheet.paste(Image.fromarray(_fit(picture, tile_width, height)), (left, top))
        top += height + GAP
    for left, moment in zip(_columns(band, tile_width), band.moments, strict=True):
        draw.text((left + 2, top), moment, FAINT, _font(13))


def _paste_beside(sheet: Image.Image, picture: Pixels, top: int, bottom: int) -> None:
    side = min(LABEL_WIDTH - 16, bottom - top)
    if side > 0:
        sheet.paste(Image.fromarray(_fit(picture, side, side)), (MARGIN, top))


def _columns(band: Band, tile_width: int) -> Iterator[int]:
    for column in range(len(band.moments)):
        yield MARGIN + LABEL_WIDTH + column * (tile_width + GAP)


def _fit(picture: Pixels, width: int, height: int) -> Pixels:
    """The picture scaled into the tile, centred on black where their shapes differ."""
    scale = min(width / picture.shape[1], height / picture.shape[0])
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    small = np.asarray(cv2.resize(picture, size, interpolation=method), np.uint8)
    tile = np.zeros((height, width, 3), np.uint8)
    left, top = (width - size[0]) // 2, (height - size[1]) // 2
    tile[top : top + size[1], left : left + size[0]] = small
    return tile


def _font(size: int) -> Any:
    return ImageFont.load_default(size)
