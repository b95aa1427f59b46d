"""Film grain and sensor noise: measured in the footage, added to what is too clean.

Both are measured in the frame's own pixels, at full and at half size (compression leaves blotches
rather than points), and only what is missing is added.
"""

import cv2
import numpy as np

from reenact_core.crop.resample import Image

LUMA = np.array([0.2126, 0.7152, 0.0722], dtype=np.float32)
SECOND_DIFFERENCE = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], dtype=np.float32) / 6
"""Blind to slopes and straight edges; white noise passes with its strength (Immerkaer 1996)."""

MOST = 0.06
"""Noise stronger than this share of the signal's range is taken for texture."""


def grain_lacking(old: Image, new: Image, mask: Image, random: np.random.Generator) -> Image:
    """Grain that makes `new` as noisy as `old`.

    Convention:
        old, new: (h, w, 3) float32 R'G'B' in [0, 1]
        mask: (h, w) in [0, 1], where the strength is measured
        result: (h, w) float32, to be added to all three channels; 0 where new equals old
    """
    old_light, new_light, held = old @ LUMA, new @ LUMA, mask
    result = np.zeros_like(old_light)
    added = np.zeros_like(old_light)
    size = (old_light.shape[1], old_light.shape[0])
    for _ in range(2):
        if min(old_light.shape) < 16:
            break
        strength = _strength_lacking(old_light, new_light, held, added)
        noise = random.standard_normal(strength.shape, dtype=np.float32) * strength
        result += noise if noise.shape == result.shape else _enlarged(noise, size)
        old_light, new_light, held = _halved(old_light), _halved(new_light), _halved(held)
        added = _halved(strength) / 2
    return result


def noise_strength(light: Image, mask: Image) -> float:
    """Standard deviation of the noise in a picture where the mask holds, robust to its edges."""
    inside = mask > 0.5
    if np.count_nonzero(inside) < 64:
        return 0.0
    return min(MOST, float(np.median(_noise(light)[inside])) / 0.6745)


def _strength_lacking(old: Image, new: Image, mask: Image, added: Image) -> Image:
    """Standard deviation (h, w) of the noise to add on top of `added`."""
    inside = noise_strength(old, mask)
    there, here = _local_strength(old), _local_strength(new)
    lacking = np.minimum(there, inside) ** 2 - here**2 - added**2
    return np.asarray(np.sqrt(np.maximum(lacking, 0.0)), dtype=np.float32)


def _noise(light: Image) -> Image:
    filtered = cv2.filter2D(light, cv2.CV_32F, SECOND_DIFFERENCE, borderType=cv2.BORDER_REFLECT_101)
    return np.asarray(np.abs(filtered), dtype=np.float32)


def _local_strength(light: Image) -> Image:
    """Standard deviation of the noise around every pixel; edges count as noise."""
    mean = cv2.GaussianBlur(_noise(light), (0, 0), 8.0)
    return np.asarray(mean * np.float32(np.sqrt(np.pi / 2)), dtype=np.float32)


def _halved(image: Image) -> Image:
    size = (image.shape[1] // 2, image.shape[0] // 2)
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.float32)


def _enlarged(image: Image, size: tuple[int, int]) -> Image:
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_CUBIC), dtype=np.float32)
