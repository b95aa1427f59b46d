"""Film grain and sensor noise: measured in the footage, added to what is too clean.

Both are measured in the frame's own pixels, at full, half and quarter size (film and compression
leave blotches rather than points), and only what is missing is added.
"""

import cv2
import numpy as np

from reenact_core.crop.resample import Image

LUMA = np.array([0.2126, 0.7152, 0.0722], dtype=np.float32)
SECOND_DIFFERENCE = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], dtype=np.float32) / 6
"""Blind to slopes and straight edges; white noise passes with its strength (Immerkaer 1996)."""

WEAKEST_MEAN = 0.5149
"""Mean of the weakest three quarters of |x|, x normal with deviation 1."""

RESPONSE = np.array(
    [[1.0, 0.0113, 0.0001], [0.25, 0.3583, 0.0090], [0.0625, 0.1817, 0.2977]], dtype=np.float32
)
"""Variance that is measured at full, half and quarter size (rows) for white noise of variance 1
that was made at full, half and quarter size and enlarged (columns)."""

MOST = 0.06
"""Noise stronger than this share of the signal's range is taken for texture."""

LEAST_SIDE = 16
"""Pixels; smaller pictures are not measured."""


def grain_lacking(old: Image, new: Image, mask: Image, random: np.random.Generator) -> Image:
    """Grain that makes `new` as noisy as `old`.

    Convention:
        old, new: (h, w, 3) float32 R'G'B' in [0, 1]
        mask: (h, w) in [0, 1], where the strength is measured
        result: (h, w) float32, to be added to all three channels; 0 where new equals old
    """
    height, width = mask.shape
    result = np.zeros((height, width), dtype=np.float32)
    lacking = _lacking(old @ LUMA, new @ LUMA, mask)
    for level, power in enumerate(_powers(lacking)):
        if not power.any():
            continue
        size = (width >> level, height >> level)
        noise = random.standard_normal(size[::-1], dtype=np.float32)
        noise *= _resized(np.sqrt(power), size, cv2.INTER_LINEAR)
        result += noise if level == 0 else _resized(noise, (width, height), cv2.INTER_CUBIC)
    return result


def noise_strength(light: Image, mask: Image) -> float:
    """Standard deviation of the noise in a picture where the mask holds, robust to its edges."""
    inside = mask > 0.5
    if np.count_nonzero(inside) < 64:
        return 0.0
    weakest = np.sort(_noise(light)[inside])
    # The mean, not a median: samples of 8 bits give few different values.
    return min(MOST, float(weakest[: len(weakest) * 3 // 4].mean()) / WEAKEST_MEAN)


def _lacking(old: Image, new: Image, mask: Image) -> list[Image]:
    """Variance that `new` lacks at full, half and quarter size; below 0 where it has too much.

    All maps have the size of the smallest one.
    """
    maps: list[Image] = []
    while min(old.shape) >= LEAST_SIDE and len(maps) < len(RESPONSE):
        inside = noise_strength(old, mask)
        maps.append(np.minimum(_local_strength(old), inside) ** 2 - _local_strength(new) ** 2)
        old, new, mask = _halved(old), _halved(new), _halved(mask)
    size = maps[-1].shape[::-1] if maps else (0, 0)
    return [_resized(each, (size[0], size[1]), cv2.INTER_AREA) for each in maps]


def _powers(lacking: list[Image]) -> list[Image]:
    """Variances, none below 0, of the noises that together fill what is lacking."""
    powers = [np.zeros_like(each) for each in lacking]
    for _ in range(4):  # the matrix is nearly triangular, so this is enough
        for row, wanted in enumerate(lacking):
            others = [RESPONSE[row, k] * power for k, power in enumerate(powers) if k != row]
            left = wanted - sum(others, start=np.zeros_like(wanted))
            powers[row] = np.asarray(np.maximum(left / RESPONSE[row, row], 0), dtype=np.float32)
    return powers


def _noise(light: Image) -> Image:
    filtered = cv2.filter2D(light, cv2.CV_32F, SECOND_DIFFERENCE, borderType=cv2.BORDER_REFLECT_101)
    return np.asarray(np.abs(filtered), dtype=np.float32)


def _local_strength(light: Image) -> Image:
    """Standard deviation of the noise around every pixel; edges count as noise."""
    mean = cv2.GaussianBlur(_noise(light), (0, 0), 8.0)
    return np.asarray(mean * np.float32(np.sqrt(np.pi / 2)), dtype=np.float32)


def _halved(image: Image) -> Image:
    return _resized(image, (image.shape[1] // 2, image.shape[0] // 2), cv2.INTER_AREA)


def _resized(image: Image, size: tuple[int, int], how: int) -> Image:
    return np.asarray(cv2.resize(image, size, interpolation=how), dtype=np.float32)
