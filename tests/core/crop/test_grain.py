import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from reenact_core.crop.grain import LUMA, grain_lacking, noise_strength
from tests.core.crop.pictures import texture

Image = NDArray[np.float32]
MASK = np.ones((128, 128), np.float32)


def clean(seed: int = 0) -> Image:
    slow = texture(128, 128, np.random.default_rng(seed))
    return np.repeat(slow[:, :, None], 3, axis=2)


def noisy(strength: float, seed: int = 1) -> Image:
    noise = np.random.default_rng(seed).normal(0, strength, (128, 128, 1))
    return (clean() + noise).astype(np.float32)


@given(st.integers(0, 50), st.floats(0, 0.05))
def test_nothing_is_added_to_the_same_picture(seed: int, strength: float) -> None:
    same = noisy(strength, seed)
    assert not grain_lacking(same, same.copy(), MASK, np.random.default_rng(0)).any()


@pytest.mark.parametrize("strength", [0.015, 0.03, 0.05])
def test_a_clean_face_gets_the_grain_of_its_plate(strength: float) -> None:
    grain = grain_lacking(noisy(strength), clean(), MASK, np.random.default_rng(0))
    assert grain.std() == pytest.approx(strength, rel=0.2)
    after = np.asarray((clean() + grain[..., None]) @ LUMA, dtype=np.float32)
    assert noise_strength(after, MASK) == pytest.approx(strength, rel=0.25)


def test_blotches_are_matched_by_blotches() -> None:
    random = np.random.default_rng(3)
    coarse = np.kron(random.normal(0, 0.03, (64, 64)), np.ones((2, 2)))[..., None]
    grain = grain_lacking(
        (0.5 + coarse * np.ones(3)).astype(np.float32),
        np.full((128, 128, 3), 0.5, np.float32),
        MASK,
        np.random.default_rng(0),
    )
    beside = np.corrcoef(grain[:, :-1].ravel(), grain[:, 1:].ravel())[0, 1]
    assert beside > 0.5 and 0.02 < grain.std() < 0.05


def test_a_clean_plate_asks_for_no_grain() -> None:
    flat = np.full((128, 128, 3), 0.4, np.float32)
    assert not grain_lacking(flat, clean(), MASK, np.random.default_rng(0)).any()


def test_a_tiny_face_is_left_alone() -> None:
    tiny = noisy(0.02)[:10, :10]
    assert not grain_lacking(tiny, tiny * 0, MASK[:10, :10], np.random.default_rng(0)).any()
