"""A strip to look at: what drives, what should come out, and what the networks make of it."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from reenact_training.unroll import Examples


def strip(examples: Examples, faces: Tensor, rows: int = 3) -> NDArray[np.uint8]:
    """Three lines an example, source first: driving frames, truth, new faces; (h, w, 3) uint8.

    Convention:
        faces: (T, B, 3, S, S) in [0, 1]; of T moments, the last ones that there are faces for
    """
    count = len(faces)
    columns = [examples.driving_frames[-count:], examples.truth[-count:], faces]
    lines = []
    for number in range(min(rows, faces.shape[1])):
        source = examples.source[number]
        for line in columns:
            pictures = [source, *line[:, number].to(source)]
            lines.append(torch.cat(pictures, 2))
    pixels = torch.cat(lines, 1).permute(1, 2, 0).clamp(0, 1) * 255 + 0.5
    return pixels.to(torch.uint8).cpu().numpy()
