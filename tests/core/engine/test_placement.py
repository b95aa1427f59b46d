"""How a placed face is pasted: whose texture it may wear."""

from fractions import Fraction

import numpy as np

from reenact_core.engine.placement import Placement, crop_mask
from reenact_core.frames import ColourSpec, Picture, SampleLayout
from reenact_core.settings import Settings

SIZE = 256


def plate() -> Picture:
    """Grey with a fine pattern, 700 x 700, R'G'B'."""
    stripes = 120 + 40 * (np.arange(700) % 2)
    plane = np.broadcast_to(stripes, (700, 700)).astype(np.uint8)
    layout = SampleLayout("gbrp", "rgb", 8)
    return Picture((plane,) * 3, layout, ColourSpec(matrix="gbr"), 0, 0, Fraction(1, 25))


def pasted(*, own_skin: bool) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """A plain face, larger in the frame than its crop, pasted over the pattern."""
    face = np.full((SIZE, SIZE, 3), 140 / 255, np.float32)
    scale = SIZE / 600
    to_crop = np.array([[scale, 0, -50 * scale], [0, scale, -50 * scale]])
    placement = Placement(face, face, crop_mask(SIZE), to_crop, 1.0, own_skin)
    picture = placement.paste_into(plate(), Settings())
    return picture.planes[0][320:380, 320:380].astype(np.float64)


def test_a_clip_s_own_face_keeps_the_plate_s_detail() -> None:
    assert np.ptp(pasted(own_skin=False).mean(axis=0)) > 20


def test_another_s_face_wears_none_of_the_plate_s_texture() -> None:
    columns = pasted(own_skin=True).mean(axis=0)
    assert abs(columns[::2].mean() - columns[1::2].mean()) < 1.0
