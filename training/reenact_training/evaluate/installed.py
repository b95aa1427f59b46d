"""Estimators whose weights a user has installed: facexlib's ArcFace and HopeNet.

Nothing is downloaded. The signs of HopeNet's angles are those of its authors' drawing code: yaw
looks to the image's left, pitch up.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from reenact_core.models.facexlib_weights import fill, read_weights
from reenact_core.tracking.likeness import ARCFACE_FILE, describer_in
from reenact_core.tracking.points import five_of

__all__ = ["ARCFACE_FILE", "HOPENET_FILE", "arcface", "hopenet"]

HOPENET_FILE = "headpose_hopenet.pth"
HOPENET_PIXELS = 224
HOPENET_LAYERS = [3, 4, 6, 3]
HOPENET_BINS = 66
IMAGENET_MEAN, IMAGENET_SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def arcface(path: Path) -> Callable[[Tensor, Tensor], Tensor]:
    """Unit vectors (B, 512) of faces (B, 3, S, S) whose 79 points (B, 79, 2) are known.

    Raises:
        CheckpointError: the weights are damaged.
    """
    vector = describer_in(path.parent).vector

    def describe(faces: Tensor, points: Tensor) -> Tensor:
        pixels = (faces.clamp(0, 1) * 255 + 0.5).to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
        places = ((points.double() + 1) * (faces.shape[-1] / 2)).cpu().numpy()
        rows = [vector(face, five_of(at)) for face, at in zip(pixels, places, strict=True)]
        return torch.from_numpy(np.stack(rows))

    return describe


def hopenet(path: Path) -> Callable[[Tensor], Tensor]:
    """Yaw, pitch and roll (B, 3) in degrees of faces (B, 3, S, S).

    Raises:
        CheckpointError: the weights are damaged.
    """
    from facexlib.headpose.hopenet_arch import HopeNet

    network: Any = fill(HopeNet("resnet", HOPENET_LAYERS, HOPENET_BINS), _stored(path), path)

    @torch.inference_mode()
    def read(faces: Tensor) -> Tensor:
        side = (HOPENET_PIXELS, HOPENET_PIXELS)
        resized = functional.interpolate(faces.float().cpu(), side, mode="bilinear", antialias=True)
        mean = resized.new_tensor(IMAGENET_MEAN).view(1, 3, 1, 1)
        spread = resized.new_tensor(IMAGENET_SPREAD).view(1, 3, 1, 1)
        yaw, pitch, roll = network((resized - mean) / spread)
        return torch.stack([-yaw, -pitch, roll], -1)

    return read


def _stored(path: Path) -> dict[str, Tensor]:
    """HopeNet's file holds its weights under `params`."""
    stored: dict[str, Any] = dict(read_weights(path))
    inner = stored.get("params")
    return dict(inner) if isinstance(inner, dict) else stored
