import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from reenact_core.crop.cut import cut, inside_frame
from reenact_core.frames import Picture
from reenact_core.media.colour import to_rgb
from tests.core.crop.pictures import FORMS, Form, maps, picture, pictures, similarity


@given(pictures(), maps(24))
def test_a_crop_is_in_range_wherever_it_lies(shown: Picture, to_crop: NDArray[np.float64]) -> None:
    crop = cut(shown, to_crop, 24)
    assert crop.shape == (24, 24, 3) and crop.dtype == np.float32
    assert np.isfinite(crop).all() and crop.min() >= 0 and crop.max() <= 1


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.pixel_format)
@pytest.mark.parametrize("turns", [0, 1, 2])
def test_a_crop_pixel_for_pixel_is_the_converted_frame(form: Form, turns: int) -> None:
    shown = picture(form, 64, 80, turns=turns)
    crop = cut(shown, similarity((32, 32), 32, 0.0, 32), 32)
    assert np.allclose(crop, to_rgb(shown)[16:48, 16:48], atol=1e-5)


def test_only_the_place_matters_and_not_what_else_is_converted() -> None:
    large = picture(FORMS[0], 90, 90, seed=3)
    rgb = to_rgb(large)
    crop = cut(large, similarity((40, 44), 16, 0.0, 16), 16)
    assert np.allclose(crop, rgb[36:52, 32:48], atol=1e-5)


@given(st.floats(0, 80), st.floats(0, 60))
def test_the_share_inside_the_frame_is_known(x: float, y: float) -> None:
    inside = inside_frame(similarity((x, y), 40, 0.0, 40), 40, 80, 60)
    width = min(x + 20, 80) - max(x - 20, 0)
    height = min(y + 20, 60) - max(y - 20, 0)
    assert inside.mean() == pytest.approx(width * height / 1600, abs=0.06)
