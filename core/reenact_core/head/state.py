"""A head at a moment: who it is, how it is turned, what it does, where it differs from the model.

Convention:
    pictures: points (..., 2) in [-1, 1] over the crop, align_corners=False; depth in the same unit
"""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import torch
from torch import Tensor

from reenact_core.head.fit import JAW_OPEN, MOUTH_CLOSE, Before, fit, gaze_of, usual_settings
from reenact_core.head.gaps import gap_model, neighbours, on_points
from reenact_core.head.model import HeadModel
from reenact_core.head.pose import Pose

FARTHEST_CM = 1.0
"""Most that a landmark may lie beside the model; more is an error of reading."""
OPEN_CM, SHUT, BLINKED = 0.55, 0.3, 0.5
"""An open eye's lids are at least so far apart. Where no blink was seen, shut ones are read as so
much of that; a blink is read as less than the last."""
SEEN_OPEN, SEEN_SHUT = 0.8, 0.02
"""Quantiles over time that stand for a person's open and shut eyes."""
SHUT_LIPS_CM = 0.25
"""Landmarks of shut lips are not farther apart."""
SCALES, USUAL_SCALE = (1e-2, 1.0), 0.065
"""Sizes of a head in a crop that can be meant, [-1, 1] units a centimetre, and the usual one."""
UNREAD = 0.2
"""Confidence of a fit below which a moment was not read."""
SURE = 0.5
"""Confidence of a fit from which on a moment tells of a person."""
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
    """(N, 2, 2) degrees to the image's right and down, of either eye in the head, left first."""
    beside: Tensor
    """(N, K, 3) cm, head coordinates: how far this person's landmarks lie beside the model's."""
    eyes: Tensor
    """(N, 2) in [0, `WIDEST`]: how far eyes are open, image-left first; 1: as this person's are."""
    open_eyes: Tensor
    """(N, 2) cm between the lids of this person's open eyes."""
    lips: Tensor
    """(N,) cm that the lips are parted, 0 where they are shut."""
    shut_lips: Tensor
    """(N,) cm between the landmarks of this person's shut lips."""
    tilt: Tensor
    """(N,) radians clockwise by which the crop was turned when it was cut: roll that the pose in
    the crop does not show."""
    residual: Tensor
    """(N,) cm by which the model misses the landmarks, root mean square."""
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

    def gaps(self, head: HeadModel) -> Tensor:
        """How far lids, image-left first, and lips are apart, (N, 3) cm."""
        model = gap_model(head, self.scheme)
        return model.gaps(self.identity, self.expression, self.beside)

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
    before: HeadState | None = None,
    apart: bool = False,
    clear: Tensor | None = None,
) -> HeadState:
    """One person's head in T moments, from landmarks.

    Args:
        points: (T, rows of the scheme, 3) in [-1, 1], z away from the viewer in the same unit
        trust: (T, rows), of the points; pupils: (T, 2, 2); as `head.fit.fit` takes them
        tilt: (T,), see `HeadState`
        person: an earlier head of the same person, for moments that come one by one
        before: the moments just before, of the same person, where they are known: they are gone on
            from, and stand for what is not read
        apart: the moments do not follow each other: nothing is steady over time, and one that is
            not read has an infinite residual
        clear: (T,) in [0, 1], how far pictures are clear enough to be read
    """
    table = head.landmarks[scheme]
    rows = table.points
    identity = None if person is None else person.identity[0]
    counted = None if trust is None else trust[:, rows]
    seen = points[:, rows]
    if clear is not None:
        counted = clear[:, None] * (torch.ones_like(seen[..., 0]) if counted is None else counted)
    going_on = None
    if before is not None:
        going_on = Before(before.identity[-1], before.expression, before.residual)
    told = identity is not None or going_on is not None
    settings = usual_settings(len(table), len(points), told, apart=apart)
    found = fit(
        head, table, seen, trust=counted, identity=identity, before=going_on, settings=settings
    )
    if clear is not None:
        found = replace(found, confidence=found.confidence * clear)
    pose = Pose(found.rotation, found.scale, found.offset[:, :2])
    shape = table.places(head.vertices(found.identity[None], found.expression))
    missed = _missed(shape, seen, pose)
    gaps = on_points(head, scheme, shape + missed)
    sure = found.confidence > SURE
    known = gaps[sure] if bool(sure.any()) else gaps
    if person is None:
        open_eyes, shut_lips = known[:, :2].quantile(SEEN_OPEN, 0).clamp_min(OPEN_CM), _shut(known)
        least = known[:, :2].quantile(SEEN_SHUT, 0).clamp_min(0)
        shut = torch.where(least < BLINKED * open_eyes, least, SHUT * open_eyes)
    else:
        open_eyes, shut_lips = person.open_eyes[0], person.shut_lips[0]
        shut = SHUT * open_eyes
    eyes = ((gaps[:, :2] - shut) / (open_eyes - shut)).clamp(0, WIDEST)
    share = found.confidence / found.confidence.sum().clamp_min(1e-6)
    beside = torch.einsum("t,tkc->kc", share, missed) if person is None else person.beside[0]
    count = len(points)
    gaze = points.new_zeros(count, 2, 2)
    if pupils is not None:
        # On the eyeballs where they are drawn: with what this person's landmarks lie beside.
        still = head.vertices(found.identity[None], torch.zeros_like(found.expression[:1]))
        still = still + spread(head, scheme, beside[None])
        gaze = gaze_of(head, still, pupils, found.rotation, found.scale, found.offset)
    states = HeadState(
        pose,
        found.identity.expand(count, -1),
        found.expression,
        torch.nan_to_num(gaze),
        beside.expand(count, -1, -1),
        eyes,
        open_eyes.expand(count, -1),
        (gaps[:, 2] - shut_lips).clamp_min(0),
        shut_lips.expand(count),
        points.new_zeros(count) if tilt is None else tilt,
        found.residual,
        scheme,
    )
    if apart:
        lost = found.residual.masked_fill(found.confidence <= UNREAD, torch.inf)
        return replace(_believable(states, found.confidence), residual=lost)
    if before is None:
        return _believable(states, found.confidence)
    joined = HeadState.cat([before[-1:], states])
    sure = torch.cat([torch.ones_like(found.confidence[:1]), found.confidence])
    return _believable(joined, sure)[1:]


def _believable(states: HeadState, confidence: Tensor) -> HeadState:
    """The same without garbage: moments that were not read lie between those that were, before and
    after, or stay as the nearest.

    Where none was read, heads look straight ahead from the middle of the crop.
    """
    pose = states.pose
    finite = torch.isfinite(torch.cat([pose.rotation.flatten(1), pose.offset], 1)).all(1)
    finite &= (pose.scale > SCALES[0]) & (pose.scale < SCALES[1])
    read = finite & (confidence > UNREAD)
    read = read if bool(read.any()) else finite
    if bool(read.all()):
        return states
    if not bool(read.any()):
        return _straight(states)
    places = torch.nonzero(read)[:, 0]
    moments = torch.arange(len(states), device=places.device)
    after = torch.searchsorted(places, moments).clamp_max(len(places) - 1)
    before = (torch.searchsorted(places, moments, right=True) - 1).clamp_min(0)
    first, last = places[before], places[after]
    share = (moments - first) / (last - first).clamp_min(1) * (last > first)
    between = _between(states[first], states[last], share.to(states.expression))
    whole = HeadState.cat([states, between])
    return replace(whole[torch.where(read, moments, moments + len(states))], tilt=states.tilt)


def _between(one: HeadState, other: HeadState, share: Tensor) -> HeadState:
    """Heads on the way from one to the other, of which a share (N,) is behind them."""

    def mixed(a: Tensor, b: Tensor) -> Tensor:
        return torch.lerp(a, b, share.view(-1, *[1] * (a.ndim - 1)))

    tensors: dict[str, Any] = {
        name: mixed(getattr(one, name), getattr(other, name)) for name in one._tensors()
    }
    left, _, right = torch.linalg.svd(mixed(one.pose.rotation, other.pose.rotation))
    pose = Pose(
        torch.where((share == 0)[:, None, None], one.pose.rotation, left @ right),
        mixed(one.pose.scale, other.pose.scale),
        mixed(one.pose.offset, other.pose.offset),
    )
    return replace(one, pose=pose, **tensors)


def _straight(states: HeadState) -> HeadState:
    """Heads at rest of the mean person, straight ahead."""
    count, like = len(states), states.expression
    pose = Pose(
        torch.eye(3).to(like).expand(count, -1, -1),
        like.new_full((count,), USUAL_SCALE),
        like.new_zeros(count, 2),
    )
    return replace(
        states,
        pose=pose,
        identity=torch.zeros_like(states.identity),
        expression=torch.zeros_like(like),
        gaze=torch.zeros_like(states.gaze),
        beside=torch.zeros_like(states.beside),
        eyes=torch.ones_like(states.eyes),
        open_eyes=torch.full_like(states.open_eyes, OPEN_CM),
        lips=torch.zeros_like(states.lips),
        shut_lips=torch.zeros_like(states.shut_lips),
        residual=torch.zeros_like(states.residual),
    )


def _missed(shape: Tensor, points: Tensor, pose: Pose) -> Tensor:
    """How far landmarks (T, K, 3) lie beside the model's in the picture, cm, head coordinates."""
    apart = (points - placed(shape, pose))[..., :2] / pose.scale[:, None, None]
    apart = torch.nan_to_num(apart)
    length = apart.norm(dim=-1, keepdim=True)
    apart = apart * (FARTHEST_CM / length.clamp_min(FARTHEST_CM))
    turned = torch.nn.functional.pad(apart, (0, 1)) @ pose.rotation
    return torch.nan_to_num(turned)


def _shut(gaps: Tensor) -> Tensor:
    """The gap between a person's landmarks of shut lips, cm; 0 where they never are."""
    least = gaps[:, 2].quantile(SEEN_SHUT)
    return torch.where(least < SHUT_LIPS_CM, least, 0.0)


def spread(head: HeadModel, scheme: str, beside: Tensor) -> Tensor:
    """What landmarks (N, K, 3) lie beside the model, carried to all vertices (N, V, 3)."""
    nearest, shares = neighbours(head, scheme)
    first = beside.shape[1] * torch.arange(len(beside), device=beside.device)
    at_vertices = torch.nn.functional.embedding_bag(
        (nearest + first[:, None, None]).flatten(0, 1),
        beside.flatten(0, 1),
        per_sample_weights=shares.repeat(len(beside), 1),
        mode="sum",
    )
    return at_vertices.view(len(beside), -1, 3)


def with_gaps(head: HeadModel, state: HeadState, wanted: Tensor) -> HeadState:
    """The same heads with lids and lips so far apart (N, 3) cm.

    Lips by the jaw, and what it cannot close by closing them over it; lids by blinking.
    """
    model, expression = gap_model(head, state.scheme), state.expression.clone()
    jaw, close = (head.expression_names.index(name) for name in (JAW_OPEN, MOUTH_CLOSE))
    by_jaw, by_close = model.expression[jaw, 2], model.expression[close, 2]
    missing = wanted[:, 2] - model.gaps(state.identity, expression, state.beside)[:, 2]
    opened = (expression[:, jaw] + missing / by_jaw).clamp(0, 1)
    left = missing - (opened - expression[:, jaw]) * by_jaw
    expression[:, jaw] = opened
    expression[:, close] = (expression[:, close] + left / by_close).clamp(0, 1)
    lids = wanted[:, :2] - model.gaps(state.identity, expression, state.beside)[:, :2]
    blinks, by_blink = list(model.blinks), model.by_blink(state.identity).clamp(max=-0.1)
    expression[:, blinks] = (expression[:, blinks] + lids / by_blink).clamp(-0.4, 1.05)
    return replace(state, expression=expression)


def smooth(states: HeadState, sigma: float) -> HeadState:
    """Poses of consecutive moments smoothed by a Gaussian over time, ends replicated."""
    if sigma <= 0 or len(states) < 3:
        return states
    pose = states.pose
    left, _, right = torch.linalg.svd(over_time(pose.rotation.flatten(1), sigma).view(-1, 3, 3))
    smoothed = Pose(
        left @ right,
        over_time(pose.scale[:, None], sigma)[:, 0],
        over_time(pose.offset, sigma),
    )
    return replace(states, pose=smoothed)


def over_time(values: Tensor, sigma: float) -> Tensor:
    """Values (T, C) of consecutive moments averaged by a Gaussian, ends replicated."""
    reach = max(1, round(3 * sigma))
    offsets = torch.arange(-reach, reach + 1, dtype=values.dtype, device=values.device)
    kernel = torch.exp(-0.5 * (offsets / sigma) ** 2)
    kernel = (kernel / kernel.sum()).view(1, 1, -1)
    series = values.T[:, None]
    padded = torch.nn.functional.pad(series, (reach, reach), mode="replicate")
    return torch.nn.functional.conv1d(padded, kernel)[:, 0].T
