from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from reenact_core.crop.full_size import resized
from reenact_core.crop.harmonise import (
    HarmoniseSettings,
    Match,
    apply,
    follow,
    measure,
    smooth,
)
from tests.core.crop.pictures import disc, texture

Image = NDArray[np.float32]
RATE = Fraction(25)
SIZE = 64


def face(seed: int = 0) -> Image:
    random = np.random.default_rng(seed)
    return np.dstack([0.2 + 0.5 * texture(SIZE, SIZE, random) for _ in range(3)])


@given(st.integers(0, 99), st.floats(0, 0.5))
def test_a_face_that_is_the_plate_is_not_changed(seed: int, radius: float) -> None:
    same = face(seed)
    match = measure(same, same, disc(SIZE, radius))
    assert np.array_equal(apply(same, match), same)
    [steady] = smooth([match], RATE)
    assert np.array_equal(apply(same, steady), same)
    assert np.array_equal(apply(same, follow(match, match, RATE)), same)


@given(st.floats(0.85, 1.15), st.floats(-0.1, 0.1), st.floats(-0.1, 0.1))
def test_a_face_in_another_light_is_brought_back(gain: float, red: float, blue: float) -> None:
    plate, mask = face(), disc(SIZE)
    lit = (plate - 0.4) * np.float32(gain) + 0.4 + np.array([red, 0, blue], np.float32)
    fixed = apply(lit, measure(lit, plate, mask))
    inside = mask > 0.5
    assert np.abs(fixed - plate)[inside].mean() < 0.012
    assert np.abs(fixed - plate)[inside].mean() <= np.abs(lit - plate)[inside].mean() + 1e-4


def test_no_step_is_left_on_a_flat_ground() -> None:
    # Ground of one colour, the painted one off by a slope from side to side.
    plate = np.full((SIZE, SIZE, 3), 0.5, np.float32)
    slope = np.linspace(-0.05, 0.05, SIZE, dtype=np.float32)[None, :, None]
    painted = plate + slope
    mask = disc(SIZE)
    fixed = apply(painted, measure(painted, plate, mask))
    edge = (mask > 0.05) & (mask < 0.6)
    assert np.abs(fixed - plate)[edge].max() < 0.35 * np.abs(painted - plate)[edge].max()


def test_a_wholly_other_face_is_changed_within_bounds() -> None:
    settings = HarmoniseSettings()
    match = measure(face() * 0.1, np.clip(face(1) * 2, 0, 1), disc(SIZE), settings)
    assert match.gain.max() <= settings.largest_gain
    assert np.abs(match.offset).max() <= settings.largest_offset
    assert np.abs(match.light).max() <= settings.largest_light


def test_a_mouth_that_opens_does_not_tint_the_skin() -> None:
    plate, mask = face(), disc(SIZE)
    speaking = plate.copy()
    speaking[38:50, 24:40] = (0.25, 0.02, 0.02)
    fixed = apply(speaking, measure(speaking, plate, mask))
    skin = mask > 0.9
    skin[34:54, 20:44] = False
    assert np.abs(fixed - plate)[skin].max() < 0.01


def test_a_face_beyond_the_plates_own_is_not_lit_by_the_background() -> None:
    # The new face covers all of the mask, the plate's ends in the soft edge, against blue.
    skin, mask = np.array([0.7, 0.5, 0.4], np.float32), disc(SIZE)
    plate = np.where((mask > 0.5)[..., None], skin, np.array([0.1, 0.2, 0.7], np.float32))
    new = np.broadcast_to(skin, plate.shape).astype(np.float32)
    assert np.abs(apply(new, measure(new, plate, mask)) - new).max() < 0.02


def test_nothing_is_matched_at_strength_0_or_under_an_empty_mask() -> None:
    new, plate = face(), face(1)
    off = HarmoniseSettings(colour=0.0, light=0.0)
    assert np.array_equal(apply(new, measure(new, plate, disc(SIZE), off)), new)
    empty = np.zeros((SIZE, SIZE), np.float32)
    assert np.array_equal(apply(new, measure(new, plate, empty)), new)


def test_one_odd_frame_does_not_flash() -> None:
    plate, mask = face(), disc(SIZE)
    usual = measure(plate * 0.9, plate, mask)
    odd = measure(plate * 0.5, plate, mask)
    sequence = [usual] * 10 + [odd] + [usual] * 10
    steady = smooth(sequence, RATE)
    flash = abs(float(odd.offset[0] - usual.offset[0]))
    assert max(abs(float(m.offset[0] - usual.offset[0])) for m in steady) < 0.2 * flash
    kept = usual
    for match in sequence:
        kept = follow(kept, match, RATE)
        assert abs(float(kept.offset[0] - usual.offset[0])) < 0.3 * flash


def test_frames_without_a_mask_take_their_neighbours_match() -> None:
    plate, mask = face(), disc(SIZE)
    usual = measure(plate * 0.9, plate, mask)
    empty = replace(measure(plate, plate, np.zeros_like(mask)), confidence=0.0)
    steady = smooth([usual, empty, usual], RATE)
    assert steady[1].offset == pytest.approx(usual.offset)
    assert follow(usual, empty, RATE).offset == pytest.approx(usual.offset)
    assert smooth([empty], RATE) == [empty]
    assert follow(None, usual, RATE) is usual


def test_detail_finer_than_what_was_measured_keeps_its_contrast() -> None:
    """A match at 64 on a face of 256: what 64 samples show is matched, and nothing else."""
    light = np.linspace(0.3, 0.6, 256, dtype=np.float32)
    smooth_face = np.broadcast_to(light[None, :, None], (256, 256, 3))
    fine = np.where(np.arange(256) % 2, 0.05, -0.05).astype(np.float32)[:, None, None]
    match = Match(
        np.array([0.8, 1, 1]),
        np.array([0.8, 0, 0]),
        np.array([0.1, 0, 0]),
        np.zeros((16, 16, 3), np.float32),
        1.0,
    )
    changed = apply(np.asarray(smooth_face + fine, np.float32), match, 64)
    assert np.allclose(np.diff(changed, axis=0)[8:-8, 8:-8], np.diff(fine, axis=0)[8:-8], atol=0.01)
    assert np.allclose(resized(changed, 64), apply(resized(smooth_face, 64), match), atol=0.01)
