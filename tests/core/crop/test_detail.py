import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from reenact_core.crop.cut import cut
from reenact_core.crop.detail import agreement, lost, sharpened
from reenact_core.crop.paste import PasteSettings, paste
from reenact_core.media.colour import to_rgb
from tests.core.crop.pictures import Form, disc, picture, similarity, texture

Image = NDArray[np.float32]
RGB16 = Form("gbrp16le", "rgb", 16)


def crop(seed: int) -> Image:
    random = np.random.default_rng(seed)
    return np.dstack([texture(48, 48, random) for _ in range(3)])


@given(st.integers(0, 99), st.integers(0, 99))
def test_agreement_is_whole_for_equal_faces_and_in_range_for_all(one: int, two: int) -> None:
    assert (agreement(crop(one), crop(one)) == 1).all()
    agreed = agreement(crop(one), crop(two))
    assert agreed.min() >= 0 and agreed.max() <= 1


def test_faces_that_differ_do_not_agree_there_and_near_there() -> None:
    changed = crop(0)
    changed[20:30, 20:30] += 0.3
    agreed = agreement(changed, crop(0))
    assert (agreed[19:31, 19:31] == 0).all() and (agreed[:10] == 1).all()


@given(st.integers(0, 99), st.floats(0, 1))
def test_a_face_that_is_its_plate_is_as_sharp_as_it_is(seed: int, strength: float) -> None:
    assert np.array_equal(sharpened(crop(seed), crop(seed), strength), crop(seed))


def test_a_soft_face_becomes_sharp_where_it_shows_the_same() -> None:
    plate = crop(0)
    truth = plate.copy()
    truth[20:30, 20:30] = 0.9  # what the new face does on its own
    soft = np.asarray(cv2.GaussianBlur(truth, (0, 0), 1.0), dtype=np.float32)
    sharp = sharpened(soft, plate, 1.0)
    away = np.ones((48, 48), np.bool_)
    away[12:38, 12:38] = False
    assert psnr(sharp, truth, away) > psnr(soft, truth, away) + 4
    assert np.allclose(sharp[20:30, 20:30], soft[20:30, 20:30], atol=1e-6)
    assert np.array_equal(sharpened(soft, plate, 0.0), soft)


def test_forms_are_compared_as_networks_see_them() -> None:
    """Texture of another frame, which they cannot see, is no disagreement."""
    plate = np.asarray(cv2.resize(crop(0), (192, 192)), np.float32)
    texture_rows = np.where(np.arange(192) % 4 < 2, 0.3, -0.3).astype(np.float32)
    other = plate + texture_rows[:, None, None]
    assert (agreement(other, plate, 48) > 0.99).all()
    assert not (agreement(other, plate) > 0.99).any()
    assert np.allclose(sharpened(other, plate, 1.0, 48), plate, atol=0.01)
    assert np.array_equal(sharpened(plate, plate, 1.0, 48), plate)


def test_what_is_not_agreed_is_not_given_back() -> None:
    old, kept = crop(0), crop(1)
    nothing, everything = np.zeros((48, 48), np.float32), np.ones((48, 48), np.float32)
    assert np.array_equal(lost(old, kept, nothing, 1.0), old - kept)
    assert np.array_equal(lost(old, kept, everything, 0.0), old - kept)
    assert not lost(old, kept, everything, 1.0).any()


def psnr(one: Image, two: Image, where: NDArray[np.bool_]) -> float:
    return float(-10 * np.log10(((one - two)[where] ** 2).mean()))


def test_detail_makes_a_large_face_sharper() -> None:
    # A face four times as large as its crop, of which the new one shows all but a darker patch.
    shown = picture(RGB16, 320, 320)
    to_crop, mask = similarity((160, 160), 256, 0.2, 64), disc(64)
    truth = to_rgb(shown)
    new = cut(shown, to_crop, 64)
    new[28:36, 28:36] -= 0.2
    whole = disc(320, 0.35 * 256 / 320) > 0.9
    # The patch and what lies so near it that the faces do not agree there.
    whole[130:190, 130:190] = False

    def pasted(detail: float) -> Image:
        settings = PasteSettings(detail=detail, grain=0.0)
        return to_rgb(paste(shown, new, mask, to_crop, settings))

    assert psnr(pasted(1.0), truth, whole) > psnr(pasted(0.0), truth, whole) + 6


@pytest.mark.parametrize("scale", [2.0, 4.0])
def test_where_the_crop_is_larger_than_the_face_detail_changes_nothing(scale: float) -> None:
    shown = picture(RGB16, 100, 100)
    side = 48.0
    size = round(side * scale)
    to_crop = similarity((50, 50), side, 0.2, size)
    new = np.clip(cut(shown, to_crop, size) + 0.02, 0, 1)
    with_it, without = (
        to_rgb(paste(shown, new, disc(size), to_crop, PasteSettings(detail=detail, grain=0.0)))
        for detail in (1.0, 0.0)
    )
    assert np.abs(with_it - without).max() < 1 / 255
