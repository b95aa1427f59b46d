"""A head at a moment: who it is, how it is turned, what it does, where it differs from the model.

Convention:
    pictures: points (..., 2) in [-1, 1] over the crop, align_corners=False; depth in the same unit
"""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import Any, Self

import torch
from torch import Tensor

from reenact_core.head.fit import fit
from reenact_core.head.model import BLINKS, HeadModel
from reenact_core.head.pose import Pose

LIDS: dict[str, tuple[tuple[tuple[int, int], ...], tuple[tuple[int, int], ...]]] = {
    "points68": (((37, 41), (38, 40)), ((43, 47), (44, 46))),
    "embedded79": (((37, 41), (38, 40)), ((43, 47), (44, 46))),
    "mesh468": (((160, 144), (158, 153)), ((387, 373), (385, 380))),
}
"""Rows of each scheme on upper and lower lid: of the eye at the image's left, and of the other."""
NEIGHBOURS = 6
"""Landmarks that a vertex follows in what they lie beside the model."""
REACH_CM = 3.0
"""Distance from a landmark at which a vertex follows it by 1/e."""
FARTHEST_CM = 1.0
"""Most that a landmark may lie beside the model; more is an error of reading."""
OPEN_CM, SHUT = 0.75, 0.12
"""An open eye's lids are at least so far apart, and a shut one's so much of that, as they are
read."""
SEEN_OPEN, SEEN_SHUT = 0.8, 0.02
"""Quantiles over time that stand for a person's open and shut eyes."""
WIDEST = 1.3
"""Most that an eye opens, in its own open states."""


@dataclass(frozen=True, slots=True, eq=False)
class HeadState:
    """N heads, each at a moment."""

    pose: Pose
    """[-1, 1] units a centimetre."""
    identity: Tensor
    """(N, I)"""
    expression: Tensor
    """(N, E) in [0, 1]."""
    gaze: Tensor
    """(N, 2) degrees to the image's right and down, of the eyes in the head."""
    beside: Tensor
    """(N, K, 3) cm, head coordinates: how far this person's landmarks lie beside the model's."""
    eyes: Tensor
    """(N, 2) in [0, `WIDEST`]: how far eyes are open, image-left first; 1: as this person's are."""
    open_eyes: Tensor
    """(N, 2) cm between the lids of this person's open eyes."""
    tilt: Tensor
    """(N,) radians clockwise by which the crop was turned when it was cut: roll that the pose in
    the crop does not show."""
    scheme: str
    """Of the landmarks."""

    def __len__(self) -> int:
        return len(self.pose)

    def __getitem__(self, index: slice | Tensor) -> Self:
        return self._of(self.pose[index], lambda tensor: tensor[index])

    def _of(self, pose: Pose, rows: Callable[[Tensor], Tensor]) -> Self:
        tensors: dict[str, Any] = {name: rows(getattr(self, name)) for name in self._tensors()}
        return replace(self, pose=pose, **tensors)

    @classmethod
    def _tensors(cls) -> list[str]:
        return [field.name for field in fields(cls) if field.type in (Tensor, "Tensor")]

    @classmethod
    def cat(cls, states: "list[Self]") -> Self:
        """Several batches of heads as one."""
        tensors: dict[str, Any] = {
            name: torch.cat([getattr(state, name) for state in states]) for name in cls._tensors()
        }
        return replace(states[0], pose=Pose.stack([state.pose for state in states]), **tensors)

    def repeat(self, count: int) -> Self:
        """One head `count` times, without a copy."""
        if len(self) != 1:
            raise ValueError(f"one head can be repeated, got {len(self)}")
        pose = Pose(
            self.pose.rotation.expand(count, -1, -1),
            self.pose.scale.expand(count),
            self.pose.offset.expand(count, -1),
        )
        return self._of(pose, lambda tensor: tensor.expand(count, *tensor.shape[1:]))

    def to(self, device: str) -> Self:
        """The same heads on another device."""
        return self._of(self.pose.to(device), lambda tensor: tensor.to(device))

    def vertices(self, head: HeadModel) -> Tensor:
        """The heads (N, V, 3) in head coordinates."""
        modelled = head.vertices(self.identity, self.expression, self.gaze)
        return modelled + spread(head, self.scheme, self.beside)

    def lid_gaps(self, head: HeadModel, vertices: Tensor) -> Tensor:
        """How far the lids of heads with these vertices are apart, (N, 2) cm."""
        return _gaps(head.landmarks[self.scheme].places(vertices), head, self.scheme)

    def points(self, head: HeadModel) -> Tensor:
        """The 79 points of `models.face_points` in the picture, (N, 79, 2) in [-1, 1]."""
        places = head.landmarks["embedded79"].places(self.vertices(head))
        return placed(places, self.pose)[..., :2]


def placed(vertices: Tensor, pose: Pose) -> Tensor:
    """Head coordinates (N, V, 3) in the picture, with depth in its unit."""
    turned = vertices @ pose.rotation.mT * pose.scale[:, None, None]
    return torch.cat([turned[..., :2] + pose.offset[:, None], turned[..., 2:]], -1)


def states_of(
    head: HeadModel,
    scheme: str,
    points: Tensor,
    *,
    trust: Tensor | None = None,
    pupils: Tensor | None = None,
    tilt: Tensor | None = None,
    person: HeadState | None = None,
) -> HeadState:
    """One person's head in T moments, from landmarks.

    Args:
        points: (T, rows of the scheme, 3) in [-1, 1], z away from the viewer in the same unit
        trust: (T, rows), pupils: (T, 2, 2): as `head.fit.fit` takes them
        tilt: (T,), see `HeadState`
        person: an earlier head of the same person, for moments that come one by one
    """
    table = head.landmarks[scheme]
    rows = table.points
    identity = None if person is None else person.identity[0]
    counted = None if trust is None else trust[:, rows]
    seen = points[:, rows]
    found = fit(head, table, seen, trust=counted, pupils=pupils, identity=identity)
    pose = Pose(found.rotation, found.scale, found.offset[:, :2])
    shape = table.places(head.vertices(found.identity[None], found.expression))
    missed = _missed(shape, seen, pose)
    gaps = _gaps(shape + missed, head, scheme)
    widest = None if person is None else person.open_eyes[0]
    eyes, open_eyes = _openness(gaps, found.confidence, widest)
    share = found.confidence / found.confidence.sum().clamp_min(1e-6)
    beside = torch.einsum("t,tkc->kc", share, missed) if person is None else person.beside[0]
    count = len(points)
    return HeadState(
        pose,
        found.identity.expand(count, -1),
        found.expression,
        found.gaze,
        beside.expand(count, -1, -1),
        eyes,
        open_eyes.expand(count, -1),
        points.new_zeros(count) if tilt is None else tilt,
        scheme,
    )


def _missed(shape: Tensor, points: Tensor, pose: Pose) -> Tensor:
    """How far landmarks (T, K, 3) lie beside the model's in the picture, cm, head coordinates."""
    apart = (points - placed(shape, pose))[..., :2] / pose.scale[:, None, None]
    apart = torch.nan_to_num(apart)
    length = apart.norm(dim=-1, keepdim=True)
    apart = apart * (FARTHEST_CM / length.clamp_min(FARTHEST_CM))
    return torch.as_tensor(torch.nn.functional.pad(apart, (0, 1)) @ pose.rotation)


def _gaps(places: Tensor, head: HeadModel, scheme: str) -> Tensor:
    """How far lids are apart, (T, 2) cm, on the table's points (T, K, 3)."""
    rows = head.landmarks[scheme].points
    gaps = []
    for pairs in LIDS[scheme]:
        upper, lower = (
            torch.searchsorted(rows, rows.new_tensor(side)) for side in zip(*pairs, strict=True)
        )
        gaps.append((places[:, lower, 1] - places[:, upper, 1]).mean(1))
    return torch.stack(gaps, 1)


def _openness(
    gaps: Tensor, confidence: Tensor, opened: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """How far eyes are open, (T, 2), and what of it is open for this person, (2,) cm."""
    if opened is not None:
        shut = SHUT * opened
        return ((gaps - shut) / (opened - shut)).clamp(0, WIDEST), opened
    sure = gaps[confidence > 0.5] if bool((confidence > 0.5).any()) else gaps
    opened = sure.quantile(SEEN_OPEN, 0).clamp_min(OPEN_CM)
    shut = torch.minimum(sure.quantile(SEEN_SHUT, 0).clamp_min(0), SHUT * opened)
    return ((gaps - shut) / (opened - shut)).clamp(0, WIDEST), opened


def spread(head: HeadModel, scheme: str, beside: Tensor) -> Tensor:
    """What landmarks (N, K, 3) lie beside the model, carried to all vertices (N, V, 3)."""
    nearest, shares = _neighbours(head, scheme)
    return (beside[:, nearest] * shares[..., None]).sum(2)


@lru_cache(maxsize=16)
def _neighbours(head: HeadModel, scheme: str) -> tuple[Tensor, Tensor]:
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


def with_eyes(head: HeadModel, state: HeadState, opening: Tensor) -> HeadState:
    """The same heads with their lids so far apart (N, 2) cm: lids go straight, so it is exact."""
    columns = [head.expression_names.index(name) for name in BLINKS]
    gaps = []
    for shut in (0.0, 1.0):
        expression = state.expression.clone()
        expression[:, columns] = shut
        gaps.append(state.lid_gaps(head, replace(state, expression=expression).vertices(head)))
    blink = (gaps[0] - opening) / (gaps[0] - gaps[1]).clamp_min(0.1)
    expression = state.expression.clone()
    expression[:, columns] = blink.clamp(-0.4, 1.05)
    return replace(state, expression=expression)


def smooth(states: HeadState, sigma: float) -> HeadState:
    """Poses of consecutive moments smoothed by a Gaussian over time, ends replicated."""
    if sigma <= 0 or len(states) < 3:
        return states
    pose = states.pose
    left, _, right = torch.linalg.svd(_over_time(pose.rotation.flatten(1), sigma).view(-1, 3, 3))
    smoothed = Pose(
        left @ right,
        _over_time(pose.scale[:, None], sigma)[:, 0],
        _over_time(pose.offset, sigma),
    )
    return replace(states, pose=smoothed)


def _over_time(values: Tensor, sigma: float) -> Tensor:
    reach = max(1, round(3 * sigma))
    offsets = torch.arange(-reach, reach + 1, dtype=values.dtype, device=values.device)
    kernel = torch.exp(-0.5 * (offsets / sigma) ** 2)
    kernel = (kernel / kernel.sum()).view(1, 1, -1)
    series = values.T[:, None]
    padded = torch.nn.functional.pad(series, (reach, reach), mode="replicate")
    return torch.nn.functional.conv1d(padded, kernel)[:, 0].T
