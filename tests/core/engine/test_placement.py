"""How a placed face is pasted: whose texture it may wear."""

from fractions import Fraction

import numpy as np

from reenact_core.crop.cut import cut
from reenact_core.engine.cut_face import as_kept
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


def test_a_large_face_that_equals_its_plate_gives_the_frame_itself() -> None:
    scale = 640 / 600
    to_crop = np.array([[scale, 0, -50 * scale], [0, scale, -50 * scale]])
    picture = plate()
    face = as_kept(cut(picture, to_crop, 640), picture.layout)
    placed = Placement(face, None, crop_mask(640), to_crop, 1.0, own_skin=False)
    shown = placed.paste_into(picture, Settings())
    for before, after in zip(picture.planes, shown.planes, strict=True):
        assert np.array_equal(before, after)


def test_a_large_face_keeps_its_own_detail() -> None:
    rows = np.where(np.arange(640) % 4 < 2, 0.4, 0.6).astype(np.float32)
    face = np.broadcast_to(rows[:, None, None], (640, 640, 3)).copy()
    to_crop = np.array([[1.0, 0, -30], [0, 1.0, -30]])
    placed = Placement(face, None, crop_mask(640), to_crop, 1.0, own_skin=True)
    shown = placed.paste_into(plate(), Settings()).planes[0][320:380, 320:380]
    assert np.ptp(shown.astype(float).mean(axis=1)) > 0.8 * 0.2 * 255
