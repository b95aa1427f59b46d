"""ICC profiles of still pictures: which they are, and their R'G'B' as sRGB."""

import io
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

Rgb = NDArray[np.float32]

_MODES = {"RGB": "RGB", "GRAY": "L"}
_SAME = 3
"""Codes of 255 by which a profile may differ from sRGB and still be called that."""


@dataclass(frozen=True, slots=True, eq=False)
class ColourProfile:
    """A profile whose colours are not those of sRGB."""

    name: str
    transform: ImageCms.ImageCmsTransform
    grey: bool
    """It is for pictures of one channel."""

    def to_srgb(self, pixels: Rgb) -> Rgb:
        """R'G'B' of a picture that has this profile as sRGB.

        Convention:
            pixels, result: (h, w, 3) float32 in [0, 1]
        """
        codes = np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8)
        moved = _applied(self.transform, codes[..., 0] if self.grey else codes)
        # What eight bits leave out is kept: only the difference goes through them.
        shift = (moved.astype(np.float32) - codes) / np.float32(255)
        return np.clip(pixels + shift, 0, 1).astype(np.float32)


@lru_cache(maxsize=16)
def read_profile(data: bytes, *, grey: bool) -> ColourProfile | None:
    """The profile in a picture's ICC data; None where its colours are sRGB's.

    Raises:
        ValueError: it is damaged, or not for such pictures.
    """
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(data))
        space: str = profile.profile.xcolor_space.strip()  # pyright: ignore
        if space not in _MODES or (space == "GRAY" and not grey):
            raise ValueError(f"a profile for {space} colours")
        transform = ImageCms.buildTransform(
            profile, ImageCms.createProfile("sRGB"), _MODES[space], "RGB"
        )
        name = ImageCms.getProfileDescription(profile).strip() or "without a name"
    except (ImageCms.PyCMSError, OSError) as error:
        raise ValueError("damaged") from error
    samples = _samples(space)
    neutral = samples if space == "RGB" else np.repeat(samples[..., None], 3, axis=-1)
    if np.abs(_applied(transform, samples).astype(int) - neutral).max() <= _SAME:
        return None
    return ColourProfile(name, transform, space == "GRAY")


def _samples(space: str) -> NDArray[np.uint8]:
    """Colours from all over the cube, or all greys, as a picture."""
    if space == "GRAY":
        return np.arange(256, dtype=np.uint8)[None]
    steps = np.linspace(0, 255, 9).astype(np.uint8)
    return np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(1, -1, 3)


def _applied(transform: ImageCms.ImageCmsTransform, codes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    picture = Image.fromarray(np.ascontiguousarray(codes))
    moved = ImageCms.applyTransform(picture, transform)
    return np.asarray(cast(Image.Image, moved))
