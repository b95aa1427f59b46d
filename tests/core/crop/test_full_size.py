"""How many samples a new face has."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reenact_core.crop.align import CropSettings
from reenact_core.crop.full_size import FINER, at_size, full_size, own_sides, resized
from reenact_core.geometry import Affine

sides = st.floats(1, 5000)


def test_a_crop_s_side_in_its_frame_is_what_its_map_says() -> None:
    turned = np.deg2rad(30)
    scale = 256 / 700
    turn = scale * np.array([[np.cos(turned), np.sin(turned)], [-np.sin(turned), np.cos(turned)]])
    one = np.concatenate([turn, [[3.0], [4.0]]], axis=1)
    assert own_sides(np.stack([one, 2 * one]), 256) == pytest.approx([700, 350])


def test_narrow_pixels_count_along_the_side_that_has_more_of_them() -> None:
    to_crop = np.array([[[256 / 900, 0, 0], [0, 256 / 600, 0]]])
    assert own_sides(to_crop, 256) == pytest.approx([900])


@given(sides, sides)
def test_a_new_face_has_what_is_seen_and_shown_within_bounds(seen: float, shown: float) -> None:
    size = full_size(seen, shown, CropSettings())
    assert size % 64 == 0
    assert 256 <= size <= 1024
    assert size >= min(seen, shown, 1024) - 1e-3
    assert size <= max(256, min(FINER * seen, shown) + 64)


def test_the_largest_size_is_a_setting_and_never_below_the_networks_own() -> None:
    assert full_size(2000, 2000, CropSettings(largest=512)) == 512
    assert full_size(2000, 2000, CropSettings(largest=64)) == 256


@given(st.integers(64, 1024))
def test_a_crop_of_another_size_shows_the_same(size: int) -> None:
    to_crop = np.array([[0.4, 0.1, -7.0], [-0.1, 0.4, 9.0]])
    points = np.array([[[10.0, 20.0], [300.0, 40.0]]])
    small = Affine(to_crop[None]).apply(points)
    large = Affine(at_size(to_crop, 256, size)[None]).apply(points)
    assert np.allclose(large / size, small / 256)


def test_an_image_of_its_own_size_stays_the_same_object() -> None:
    image = np.zeros((8, 8, 3), np.float32)
    assert resized(image, 8) is image
    assert resized(image, 4).shape == (4, 4, 3)
    assert resized(image, 20).shape == (20, 20, 3)
