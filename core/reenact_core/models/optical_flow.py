"""Dense optical flow by OpenCV's DIS (Kroeger and others, 2016)."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

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
    return _measured(new, old, _thorough)


def quick_flow(new: Tensor, old: Tensor) -> Tensor:
    """The same in half the time, for a motion of which only the smooth part counts."""
    return _measured(new, old, _quick)


def _thorough() -> Any:
    return cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)


def _quick() -> Any:
    # Five refinements, which are usual, miss the new frame by no less than two.
    method = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    method.setVariationalRefinementIterations(2)
    return method


def _measured(new: Tensor, old: Tensor, make: Callable[[], Any]) -> Tensor:
    def flow(pair: tuple[np.ndarray, np.ndarray]) -> Tensor:
        method = make()  # one for each thread
        method.setFinestScale(0)
        start = np.zeros((*pair[0].shape, 2), np.float32)
        return torch.from_numpy(method.calc(*pair, start))

    pairs = list(zip(_bytes(new), _bytes(old), strict=True))
    with ThreadPoolExecutor(min(len(pairs), os.cpu_count() or 1)) as pool:
        flows = list(pool.map(flow, pairs)) if len(pairs) > 1 else [flow(pairs[0])]
    return torch.stack(flows).permute(0, 3, 1, 2).to(new) * (2 / new.shape[-1])


def _bytes(pictures: Tensor) -> np.ndarray:
    scaled = (pictures[:, 0].detach().float().clamp(0, 1) * 255 + 0.5).to(torch.uint8)
    return np.ascontiguousarray(scaled.cpu().numpy())
