"""Motion between driving frames, on a textured picture that is shifted by known amounts."""

import cv2
import numpy as np
from numpy.typing import NDArray

from reenact_core.models.flow_prior import FlowPrior, choose, compose, photometric_error, warp


def texture(shift: float) -> NDArray[np.uint8]:
    """Smooth noise moved to the right by `shift` pixels."""
    noise = np.random.default_rng(3).integers(0, 256, (96, 160, 3)).astype(np.uint8)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2)
    smooth = cv2.normalize(smooth, None, 0, 255, cv2.NORM_MINMAX)  # type: ignore[call-overload]
    matrix = np.array([[1, 0, shift - 32], [0, 1, 0]], np.float32)
    return np.asarray(cv2.warpAffine(smooth, matrix, (96, 96)), np.uint8)


def middle(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return values[24:-24, 24:-24]


def test_a_still_picture_does_not_move() -> None:
    motion = FlowPrior(texture(0)).advance(texture(0))
    for field in (motion.subtle, motion.direct, motion.summed, motion.refined):
        assert np.abs(field).max() < 0.05
    assert motion.errors.max() < 0.01


def test_fields_lead_back_to_the_first_frame() -> None:
    prior = FlowPrior(texture(0))
    for step in range(1, 6):
        motion = prior.advance(texture(2.0 * step))
    assert abs(float(middle(motion.subtle)[..., 0].mean()) + 2) < 0.1
    assert abs(float(middle(motion.summed)[..., 0].mean()) + 10) < 0.3
    assert abs(float(middle(motion.refined)[..., 0].mean()) + 10) < 0.2
    assert float(middle(motion.errors[2]).mean()) < 0.02


def test_composition_adds_what_the_way_leads_over() -> None:
    x = np.linspace(0, 3, 64, dtype=np.float32)
    ramp = np.stack(np.broadcast_arrays(x[None, :], 0 * x[:, None]), axis=-1)
    by_five = np.zeros_like(ramp)
    by_five[..., 0] = 5
    both = compose(by_five, ramp)
    slow = 5 + np.interp(np.arange(64) + 5, np.arange(64), x)
    assert np.allclose(both[10, :, 0], slow, atol=1e-4)


def test_the_field_with_the_smaller_error_is_chosen() -> None:
    fields = tuple(np.full((2, 2, 2), value, np.float32) for value in (1, 2, 3))
    errors = np.full((3, 2, 2), 0.5, np.float32)
    errors[1, 0, 0], errors[2, 1, 1] = 0.1, 0.1
    chosen = choose(fields, errors)
    assert np.allclose(chosen[0, 0], 2) and np.allclose(chosen[1, 1], 3)
    assert np.allclose(chosen[0, 1], 2)  # all alike: the mean


def test_a_perfect_guess_has_no_error() -> None:
    assert photometric_error(texture(0), texture(0)).max() == 0
    zero = np.zeros((96, 96, 2), np.float32)
    assert np.array_equal(warp(texture(3), zero), texture(3))
