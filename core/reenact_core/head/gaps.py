"""How far lids and lips are apart: linear in who it is, what the face does, and what lies beside.

Lids and lips go straight up and down, so that they can be put exactly so far apart as is wanted.
"""

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from reenact_core.head.model import BLINKS, HeadModel

Pairs = tuple[tuple[int, int], ...]
_OF_68: tuple[Pairs, Pairs, Pairs] = (
    ((37, 41), (38, 40)), ((43, 47), (44, 46)), ((61, 67), (62, 66), (63, 65)),
)  # fmt: skip
PAIRS: dict[str, tuple[Pairs, Pairs, Pairs]] = {
    "points68": _OF_68,
    "embedded79": _OF_68,
    "mesh468": (
        ((160, 144), (158, 153)), ((387, 373), (385, 380)), ((82, 87), (13, 14), (312, 317)),
    ),
}  # fmt: skip
"""Rows of each scheme above and below: on the lids of the eye at the image's left, on those of the
other, on the inner lips."""


@dataclass(frozen=True, slots=True, eq=False)
class GapModel:
    """The gaps of both eyes, image-left first, and of the lips, as the head model has them, cm."""

    mean: Tensor
    """(3,)"""
    identity: Tensor
    """(I, 3)"""
    expression: Tensor
    """(E, 3)"""
    shut: Tensor
    """(2, I, 3): what each full blink adds for each direction of identity."""
    beside: Tensor
    """(K, 3): what landmarks that lie lower than the model's add."""
    blinks: tuple[int, int]

    def gaps(self, identity: Tensor, expression: Tensor, beside: Tensor) -> Tensor:
        """How far lids and lips of N heads are apart, (N, 3) cm, negative where they overlap.

        Convention:
            identity: (N, I); expression: (N, E); beside: (N, K, 3), see `HeadState`
        """
        out = self.mean + identity @ self.identity + expression @ self.expression
        for side, blink in enumerate(self.blinks):
            out = out + expression[:, blink, None] * (identity @ self.shut[side])
        return torch.as_tensor(out + beside[..., 1] @ self.beside)

    def by_blink(self, identity: Tensor) -> Tensor:
        """What a full blink of each eye does to its own gap, (N, 2) cm; negative."""
        columns = [
            self.expression[blink, side] + identity @ self.shut[side, :, side]
            for side, blink in enumerate(self.blinks)
        ]
        return torch.stack(columns, 1)


def on_points(head: HeadModel, scheme: str, points: Tensor) -> Tensor:
    """The gaps (N, 3) of the table's points (N, K, 3) in head coordinates."""
    return torch.as_tensor(points[..., 1] @ _differences(head, scheme))


@lru_cache(maxsize=16)
def gap_model(head: HeadModel, scheme: str) -> GapModel:
    """The gaps between the landmarks of a scheme."""
    with torch.inference_mode(False):
        table, ways = head.landmarks[scheme], _differences(head, scheme)

        def gaps(vertices: Tensor) -> Tensor:  # (..., V) heights
            return (vertices[..., table.vertices] * table.shares).sum(-1) @ ways

        lids = head.mean.new_zeros(len(head.identity), len(head.mean))
        lids[:, head.lids] = head.lids_shut
        left = head.mean[:, 0] < 0
        follow, shares = neighbours(head, scheme)
        carried = head.mean.new_zeros(len(head.mean), len(table)).scatter_add_(1, follow, shares)
        return GapModel(
            gaps(head.mean[:, 1]),
            gaps(head.identity[..., 1]),
            gaps(head.expression[..., 1]),
            torch.stack([gaps(lids * left), gaps(lids * ~left)]),
            gaps(carried.T),
            (head.expression_names.index(BLINKS[0]), head.expression_names.index(BLINKS[1])),
        )


@lru_cache(maxsize=16)
def _differences(head: HeadModel, scheme: str) -> Tensor:
    """What heights of the table's points (K) add to the gaps (3): (K, 3)."""
    with torch.inference_mode(False):
        rows = head.landmarks[scheme].points
        ways = head.mean.new_zeros(len(rows), 3)
        for gap, pairs in enumerate(PAIRS[scheme]):
            for upper, lower in pairs:
                ways[rows == upper, gap] -= 1 / len(pairs)
                ways[rows == lower, gap] += 1 / len(pairs)
        return ways


NEIGHBOURS = 6
"""Landmarks that a vertex follows in what they lie beside the model."""
REACH_CM = 3.0
"""Distance from a landmark at which a vertex follows it by 1/e."""


@lru_cache(maxsize=16)
def neighbours(head: HeadModel, scheme: str) -> tuple[Tensor, Tensor]:
    """The landmarks (V, M) that each vertex follows, and how far (V, M). Eyeballs stay round."""
    with torch.inference_mode(False):
        places = head.mean.clone()
        for ball in head.eyeballs:
            places[ball] = places[ball].mean(0)
        distance = torch.cdist(places, head.landmarks[scheme].places(head.mean))
        near, nearest = distance.topk(NEIGHBOURS, largest=False)
        shares = 1 / (near + 0.3) ** 2
        shares = shares / shares.sum(1, keepdim=True)
        return nearest, shares * torch.exp(-((near[:, :1] / REACH_CM) ** 2))
