"""Dense optical flow by OpenCV's DIS (Kroeger and others, 2016)."""

import os
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import torch
from torch import Tensor


def dis_flow(new: Tensor, old: Tensor) -> Tensor:
    """The field from new to old frames, see `flow_prior`.

    Convention:
        new, old: (B, 1, S, S) in [0, 1], on any device; the flow itself runs on the CPU, several
            pairs side by side on its cores
        result: (B, 2, S, S) in [-1, 1] units
    """
    pairs = list(zip(_bytes(new), _bytes(old), strict=True))
    with ThreadPoolExecutor(min(len(pairs), os.cpu_count() or 1)) as pool:
        flows = list(pool.map(_flow, pairs)) if len(pairs) > 1 else [_flow(pairs[0])]
    return torch.stack(flows).permute(0, 3, 1, 2).to(new) * (2 / new.shape[-1])


def _flow(pair: tuple[np.ndarray, np.ndarray]) -> Tensor:
    new, old = pair
    method = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    method.setFinestScale(0)
    return torch.from_numpy(method.calc(new, old, np.zeros((*new.shape, 2), np.float32)))


def _bytes(pictures: Tensor) -> np.ndarray:
    scaled = (pictures[:, 0].detach().float().clamp(0, 1) * 255 + 0.5).to(torch.uint8)
    return np.ascontiguousarray(scaled.cpu().numpy())
