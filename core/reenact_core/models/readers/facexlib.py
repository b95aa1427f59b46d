"""68 points by facexlib's alignment network, once its weights are installed.

The network is a stack of four hourglasses that was taught 98 points by adaptive wing loss (Wang
et al., "Adaptive Wing Loss for Robust Face Alignment via Heatmap Regression", 2019). It sees no
depth; the average head's, laid on the points that it does see, stands in for it. facexlib's own
loading downloads what is missing, and its own reading of the heat maps fails with NumPy 2; here
the network is built by its class, filled from a file that is named, and read anew.
"""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from reenact_core.devices import Compute
from reenact_core.errors import CheckpointError
from reenact_core.models.face_points import load_face_points
from reenact_core.models.facexlib_weights import RELEASE, fill, read_weights
from reenact_core.models.readers.reader import BOX_CENTRE, BOX_SIDE, FaceLandmarks, ReaderName

FILE = "alignment_WFLW_4HG.pth"
"""facexlib's name of its file."""
INPUT_SIZE = 256
MARGIN = 1.5
"""Side of what the network sees, by the side of the face's box."""
NEAR = 2
"""Cells about a heat map's peak whose mean is the point."""

POINT_COUNT = 98
PUPILS = (96, 97)
"""Of the 98 points, image left first."""
_BROWS = (
    (33,), (34, 41), (35, 40), (36, 39), (37, 38),
    (42, 50), (43, 49), (44, 48), (45, 47), (46,),
)  # fmt: skip
_EYES = ((60,), (61,), (63,), (64,), (65,), (67,), (68,), (69,), (71,), (72,), (73,), (75,))
FROM_98 = (
    *((point,) for point in range(0, 33, 2)),
    *_BROWS,
    *((point,) for point in range(51, 60)),
    *_EYES,
    *((point,) for point in range(76, 96)),
)
"""The points of the 98 whose middle each of the 68 is: brows are outlined there, and lines here."""


class FacexlibReader:
    """The network, ready to read."""

    name: ReaderName = "facexlib"
    scheme = "points68"

    def __init__(self, network: Any, mean_head: Tensor) -> None:
        """`mean_head`: (68, 3) the points of the average head, head coordinates."""
        self._network, self._mean_head = network, mean_head

    def read(self, crops: Tensor) -> FaceLandmarks:
        """See `Reader.read`."""
        with torch.inference_mode():
            heat = self._network(face_of(crops))[0][-1][:, :POINT_COUNT].float()
            place, peak = peaks(heat)
        place = place * (MARGIN * BOX_SIDE) + place.new_tensor(BOX_CENTRE) * 2 - 1
        points, trust = _joined(place), _joined(peak[..., None])[..., 0]
        depth = depth_of(self._mean_head, points, trust)
        return FaceLandmarks(
            torch.cat([points, depth[..., None]], -1), trust, trust.mean(1), place[:, list(PUPILS)]
        )


def installed_file(folders: Sequence[Path]) -> Path | None:
    """The network's weights, in the first folder that has them; None without facexlib itself."""
    if find_spec("facexlib") is None:
        return None
    return next((folder / FILE for folder in folders if (folder / FILE).is_file()), None)


def load_facexlib(compute: Compute, folders: Sequence[Path]) -> FacexlibReader:
    """The reader on a device; it reads in float32.

    Raises:
        CheckpointError: its weights are not there, or are not what they should be.
    """
    path = installed_file(folders)
    if path is None:
        raise CheckpointError(
            f"{folders[0] if folders else 'models'}: the weights of facexlib's landmarks ({FILE}) "
            f"are not installed; get the file from {RELEASE} and put it into that folder, or use "
            "--reader embedded"
        )
    weights: Any = read_weights(path)
    weights = weights.get("state_dict", weights)
    network = fill(_built(compute.device), weights, path).to(compute.device)
    mean_head = load_face_points(compute=Compute(compute.device)).mean_head
    return FacexlibReader(network, mean_head[:68])


def _built(device: str) -> Any:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # facexlib's own libraries warn as they are imported
        from facexlib.alignment.awing_arch import FAN

        return FAN(num_modules=4, num_landmarks=POINT_COUNT, device=device)


def face_of(crops: Tensor) -> Tensor:
    """The part of crops (N, 3, S, S) that the network sees, (N, 3, 256, 256)."""
    half = MARGIN * BOX_SIDE
    x, y = (2 * centre - 1 for centre in BOX_CENTRE)
    to_crop = crops.new_tensor([[half, 0, x], [0, half, y]]).expand(len(crops), -1, -1)
    share = half * crops.shape[-1] / INPUT_SIZE
    if share > 1:  # finer detail than the network's input can hold would turn into jagged edges
        side = round(crops.shape[-1] / share)
        crops = functional.interpolate(crops, (side, side), mode="area")
    grid = functional.affine_grid(to_crop, [len(crops), 3, INPUT_SIZE, INPUT_SIZE], False)
    return functional.grid_sample(crops, grid, padding_mode="border", align_corners=False)


def peaks(heat: Tensor) -> tuple[Tensor, Tensor]:
    """Where heat maps (N, K, S, S) are highest, (N, K, 2) in [-1, 1], and how high, (N, K).

    Finer than the cells: the mean place of the warm cells about the highest one.
    """
    size = heat.shape[-1]
    peak, at = heat.flatten(2).max(-1)
    line = torch.arange(size, device=heat.device)
    row, column = (at // size)[..., None], (at % size)[..., None]
    down = ((line - row).abs() <= NEAR).float()[..., :, None]
    across = ((line - column).abs() <= NEAR).float()[..., None, :]
    warm = heat.clamp_min(0) * down * across
    # Where nothing is warm the highest cell itself is all there is.
    warm = warm + 1e-6 * ((line == row)[..., :, None] & (line == column)[..., None, :])
    warm = warm / warm.sum((2, 3), keepdim=True)
    places = (line + 0.5) * (2 / size) - 1
    x, y = (warm.sum(2) * places).sum(-1), (warm.sum(3) * places).sum(-1)
    return torch.stack([x, y], -1), peak.clamp(0, 1)


def _joined(values: Tensor) -> Tensor:
    """Of 98 points (N, 98, C) the 68 (N, 68, C)."""
    return torch.stack([values[:, list(some)].mean(1) for some in FROM_98], 1)


def depth_of(model: Tensor, points: Tensor, weight: Tensor) -> Tensor:
    """The depths (N, K) of a head (K, 3) that is turned and grown to lie on points (N, K, 2).

    The camera of weak perspective whose rows are nearest to the affine one of least squares.
    """
    share = (weight + 1e-3) / (weight + 1e-3).sum(1, keepdim=True)
    middle = (share[..., None] * model).sum(1, keepdim=True)
    a = model - middle
    b = points - (share[..., None] * points).sum(1, keepdim=True)
    normal = (a * share[..., None]).mT @ a
    affine = torch.linalg.solve(normal, (a * share[..., None]).mT @ b).mT  # (N, 2, 3)
    u, sizes, vt = torch.linalg.svd(affine, full_matrices=False)
    rows = u @ vt
    forward = torch.linalg.cross(rows[:, 0], rows[:, 1], dim=-1)
    depth: Tensor = (a @ forward[..., None])[..., 0] * sizes.mean(1, keepdim=True)
    return depth
