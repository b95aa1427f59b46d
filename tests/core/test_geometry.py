"""Boxes and maps between frames and crops."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reenact_core.geometry import Affine, Box

numbers = st.floats(-100, 100)


def test_overlap_of_half_shifted_boxes_is_a_third() -> None:
    assert Box(0, 0, 10, 10).overlap(Box(5, 0, 15, 10)) == pytest.approx(1 / 3)


def test_boxes_apart_do_not_overlap() -> None:
    assert Box(0, 0, 10, 10).overlap(Box(10, 0, 20, 10)) == 0
    assert Box(0, 0, 0, 0).overlap(Box(0, 0, 0, 0)) == 0


def test_a_clipped_box_lies_in_its_frame() -> None:
    assert Box(-5, 2, 30, 50).clip(20, 40) == Box(0, 2, 20, 40)


def test_scaling_keeps_the_centre() -> None:
    grown = Box(2, 4, 6, 12).scaled(2)
    assert grown == Box(0, 0, 8, 16)
    assert grown.centre == Box(2, 4, 6, 12).centre


@given(st.floats(0.2, 5), st.floats(-3, 3), numbers, numbers)
def test_there_and_back_is_the_same_place(scale: float, turn: float, x: float, y: float) -> None:
    cos, sin = scale * np.cos(turn), scale * np.sin(turn)
    there = Affine(np.array([[[cos, -sin, x], [sin, cos, y]]]))
    points = np.array([[[0.0, 0.0], [3.0, -7.0], [20.0, 11.0]]])
    assert np.allclose(there.inverse().apply(there.apply(points)), points, atol=1e-6)


def test_every_frame_is_mapped_by_its_own_matrix() -> None:
    shifts = Affine(np.array([[[1, 0, 1], [0, 1, 0]], [[1, 0, 2], [0, 1, 0]]], np.float64))
    moved = shifts.apply(np.zeros((2, 1, 2)))
    assert moved[:, 0, 0].tolist() == [1, 2]
    assert len(shifts[:1]) == 1


def test_a_map_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\(T, 2, 3\)"):
        Affine(np.eye(3)[None])
