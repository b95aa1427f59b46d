from dataclasses import replace

import numpy as np
import pytest

from reenact_core.frames import ColourSpec
from reenact_core.media.colour import to_rgb
from reenact_core.media.convert import colour_after, stored_planes
from reenact_core.media.layouts import packing_of, turned
from tests.core.media.clips import HD, make_picture

PAIRS = [
    ("yuv420p", "yuv422p"),
    ("yuv420p", "yuv422p10le"),
    ("yuv420p", "yuv444p10le"),
    ("yuv422p10le", "yuv444p12le"),
    ("yuv422p10le", "yuv422p"),
    ("yuv444p12le", "yuv444p10le"),
    ("yuva444p12le", "yuva444p10le"),
    ("yuv420p", "gbrp"),
    ("yuv422p10le", "rgb48be"),
    ("gbrp", "yuv444p10le"),
    ("gbrp12le", "gbrp10le"),
    ("gray", "yuv420p"),
    ("nv12", "yuv420p"),
    ("ya8", "rgba"),
]


@pytest.mark.parametrize(("own", "wanted"), PAIRS)
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("site", ["left", "center", "topleft"])
def test_another_layout_shows_the_same_colours(
    own: str, wanted: str, full: bool, site: str
) -> None:
    colour = replace(HD, full_range=full, chroma_location=site)
    picture = make_picture(own, (64, 48), colour)
    layout = packing_of(wanted).layout
    after = colour_after(picture.colour, picture.layout, layout, 48)
    planes = stored_planes(picture, layout, after)
    other = replace(picture, planes=planes, layout=layout, colour=after)
    assert len(planes) == len(packing_of(wanted).components)
    assert np.abs(to_rgb(other) - to_rgb(picture)).mean() * 255 < 1.6


def test_fewer_chroma_samples_are_averaged() -> None:
    picture = make_picture("yuv444p", (64, 48), HD)
    flat = picture.with_planes((picture.planes[0], *(np.full((48, 64), 77, np.uint8),) * 2))
    planes = stored_planes(flat, packing_of("yuv420p").layout, HD)
    assert planes[1].shape == (24, 32)
    assert (planes[1] == 77).all()


def test_the_same_samples_are_not_touched() -> None:
    picture = make_picture("nv12", (64, 48), ColourSpec())
    planes = stored_planes(picture, packing_of("yuv420p").layout, ColourSpec())
    for before, after in zip(picture.planes, planes, strict=True):
        assert np.shares_memory(before, after)


def test_a_turned_picture_is_turned_back() -> None:
    stored = make_picture("yuv422p", (64, 48), HD)
    shown = replace(
        stored,
        planes=tuple(np.rot90(plane, 3) for plane in stored.planes),
        layout=turned(stored.layout, 270),
        rotation=270,
    )
    planes = stored_planes(shown, packing_of("yuv422p").layout, HD)
    for before, after in zip(stored.planes, planes, strict=True):
        np.testing.assert_array_equal(before, after)
