"""The head behind landmarks: one identity for all frames; expression, pose and gaze of each.

Alternating least squares on a table of landmarks, all frames side by side:

    min Σ_t Σ_k w_tk |(s_t R_t v_k(identity, x_t) + o_t − p_tk)|² / s_t²
        + a |identity|² T + b Σ_t |x_t|² + c Σ_t |x_{t−1} − 2 x_t + x_{t+1}|²,   0 ≤ x_t ≤ 1

Depth counts less than what is seen. Weights w are Huber's, so that a wrong point pulls little, and
a frame whose points miss together hardly counts.

Convention:
    points: (T, K, 3) in pixels, z away from the viewer in the same unit, rows of a `Landmarks`
    pose: point = scale * (rotation @ head) + offset (weak perspective)
"""

from dataclasses import dataclass, replace
from functools import lru_cache

import torch
from torch import Tensor

from reenact_core.head.landmarks import Landmarks
from reenact_core.head.model import BLINKS, HeadModel

MOUTH_CLOSE, JAW_OPEN = "mouthClose", "jawOpen"
"""The first closes the lips of an open jaw, never more than the jaw is open."""


@dataclass(frozen=True, slots=True)
class FitSettings:
    """What is weighed against the landmarks."""

    rounds: int = 8
    """How often pose, expression and identity are fitted in turn."""
    depth_weight: float = 0.25
    """How much a point's depth counts beside its place in the picture."""
    outlier_cm: float = 0.35
    """Points that miss by more pull no harder (Huber)."""
    identity_prior: float = 0.03
    expression_prior: float = 0.1
    jaw_price: float = 50.0
    """What opening the jaw costs beside other expressions: landmarks of lips cannot tell a jaw from
    lips that part before teeth."""
    smoothness: float = 0.3
    """What accelerations of expressions cost."""
    steps: int = 40
    """Of the solver for expressions, each round."""
    identity_frames: int = 32
    """So many frames at most tell who it is, taken evenly from all turns of the head."""
    further_rounds: int = 3
    """In the place of `rounds` where the frames before are known."""


STILL_PRIOR, STILL_JAW_PRICE = 2.0, 3.0
"""For a single frame of somebody unknown: a raised brow is as well a high one, and people mostly
rest."""
FEW_POINTS = 100
"""Schemes of fewer points say less beside their noise."""


def usual_settings(points: int, frames: int, known: bool, *, apart: bool = False) -> FitSettings:
    """Settings for a scheme of so many points and so many frames of a person who is known or not;
    `apart`: they are stills, which do not follow each other.

    Set on six pairs of stills and clips: `measure_pairs.py`, the half that is tuned on.
    """
    few = points < FEW_POINTS
    found = (
        FitSettings(identity_prior=0.1, expression_prior=0.5, jaw_price=10.0)
        if few
        else FitSettings()
    )
    if frames == 1 and not known:
        found = replace(found, expression_prior=STILL_PRIOR, jaw_price=STILL_JAW_PRICE)
    elif apart:
        # Each says as much of who it is as a still alone.
        alone = 0.0 if known else STILL_PRIOR / frames
        price = max(found.expression_prior, alone)
        found = replace(found, expression_prior=price, smoothness=0.0)
    return found


@dataclass(frozen=True, slots=True, eq=False)
class HeadFit:
    """A person's head in T frames."""

    identity: Tensor
    """(I,)"""
    expression: Tensor
    """(T, E) in [0, 1]."""
    rotation: Tensor
    """(T, 3, 3), head to camera."""
    scale: Tensor
    """(T,) pixels a centimetre."""
    offset: Tensor
    """(T, 3) pixels: where the head's origin is."""
    gaze: Tensor
    """(T, 2) degrees to the image's right and down, of the eyes in the head; 0 without pupils."""
    residual: Tensor
    """(T,) root mean square distance of the points from the head's, cm, in the picture alone."""
    confidence: Tensor
    """(T,) in [0, 1]: 1 for frames that miss as little as most, 0 for garbage."""

    def placed(self, vertices: Tensor) -> Tensor:
        """Vertices (T, V, 3) of heads in head coordinates, in pixels and depth."""
        turned = vertices @ self.rotation.transpose(1, 2)
        return self.scale[:, None, None] * turned + self.offset[:, None]

    def vertices(self, head: HeadModel) -> Tensor:
        """The fitted heads (T, V, 3) in pixels and depth."""
        return self.placed(head.vertices(self.identity[None], self.expression, self.gaze))


@dataclass(frozen=True, slots=True, eq=False)
class Before:
    """What the frames just before say of those that are fitted."""

    identity: Tensor
    """(I,)"""
    expression: Tensor
    """(T, E) in [0, 1]: the last two are gone on from."""
    residual: Tensor
    """(T,) cm, by which frames usually miss."""


def fit(
    head: HeadModel,
    table: Landmarks,
    points: Tensor,
    *,
    trust: Tensor | None = None,
    pupils: Tensor | None = None,
    identity: Tensor | None = None,
    before: Before | None = None,
    settings: FitSettings | None = None,
    chunk: int = 64,
) -> HeadFit:
    """Fit the head to all frames of one person.

    Args:
        trust: (T, K) in [0, 1], of each point in each frame
        pupils: (T, 2, 2) pixels, image-left eye first: where the eyes look
        identity: (I,) who it is, where that is known already
        settings: None: the `usual_settings`
        before: the frames just before, where they are known: they tell who it is unless `identity`
            does, where expressions come from, and how much frames usually miss
        chunk: frames that are worked on at once; it bounds the memory, not the result
    """
    if points.ndim != 3 or points.shape[1:] != (len(table), 3):
        raise ValueError(f"points must be (T, {len(table)}, 3), got {tuple(points.shape)}")
    known = identity is not None or before is not None
    chosen = settings or usual_settings(len(table), len(points), known)
    weight = table.trust.expand(points.shape[:2])
    if trust is not None:
        weight = weight * trust
    weight = weight * torch.isfinite(points).all(-1)
    clean = torch.nan_to_num(points)
    face, rounds = _face(head, table), chosen.rounds
    acted = points.new_zeros(len(points), len(head.expression))
    last, usual = acted[:0], points.new_zeros(0)
    if before is not None:
        rounds, last, usual = chosen.further_rounds, before.expression[-2:], before.residual
        acted = last[-1:].expand_as(acted)
        identity = before.identity if identity is None else identity
    who = points.new_zeros(len(head.identity)) if identity is None else identity
    pose = _first_pose(face.shape(who, acted), clean, weight)
    telling = _telling(pose, weight, chosen.identity_frames)
    robust = torch.ones_like(weight)
    for done in range(rounds):
        shape = face.shape(who, acted)
        pose = _turned(shape, clean, weight * robust, pose, chosen, steps=1 if done else 3)
        robust, frame, _ = _reliance(shape, clean, weight, pose, usual, chosen)
        counted = weight * robust * frame[:, None]
        acted = _acted(face, who, clean, counted, pose, acted, last, chosen, chunk)
        if identity is None:
            who = _who(
                face, who, acted[telling], clean[telling], counted[telling], _some(pose, telling),
                chosen, chunk,
            )  # fmt: skip
    shape = face.shape(who, acted)
    pose = _turned(shape, clean, weight * robust, pose, chosen, steps=2)
    _, frame, residual = _reliance(shape, clean, weight, pose, usual, chosen)
    rotation, scale, offset = pose
    gaze = points.new_zeros(len(points), 2)
    if pupils is not None:
        still = head.vertices(who[None], head.mean.new_zeros(1, len(head.expression)))
        gaze = gaze_of(head, still, pupils, *pose).mean(1)
    return HeadFit(who, acted, rotation, scale, offset, gaze, residual, frame)


_Pose = tuple[Tensor, Tensor, Tensor]


@dataclass(frozen=True, slots=True, eq=False)
class _Face:
    """The head model at the points of a table alone, coordinate by coordinate."""

    mean: Tensor
    """(3, K)"""
    identity: Tensor
    """(3, K, I)"""
    expression: Tensor
    """(3, K, E)"""
    shut: Tensor
    """(2, K, I): how far down a full blink of either eye takes the points, for each identity."""
    blinks: list[int]
    """The expressions that are these blinks."""
    mouth_close: int
    jaw_open: int
    trust: Tensor
    """(K,) of the table."""

    def rest(self, identity: Tensor) -> Tensor:
        """One person's face, (3, K)."""
        return self.mean + self.identity @ identity

    def moves(self, identity: Tensor) -> Tensor:
        """What expressions do to it, (3, K, E)."""
        moves = self.expression.clone()
        moves[1, :, self.blinks] += (self.shut @ identity).T
        return moves

    def shape(self, identity: Tensor, expression: Tensor) -> Tensor:
        """The points (T, 3, K) of a person who acts."""
        acted = expression @ self.moves(identity).flatten(0, 1).T
        return self.rest(identity) + acted.view(len(expression), *self.mean.shape)

    def ways(self, expression: Tensor) -> Tensor:
        """What identities do to faces that act, (T, 3, K, I)."""
        ways = self.identity.repeat(len(expression), 1, 1, 1)
        down = expression[:, self.blinks] @ self.shut.flatten(1)
        ways[:, 1] += down.view(len(expression), *self.shut.shape[1:])
        return ways


@lru_cache(maxsize=4)
def _face(head: HeadModel, table: Landmarks) -> _Face:
    def at_points(of_vertices: Tensor) -> Tensor:
        """(K, ...) of (V, ...)."""
        corners = of_vertices.index_select(0, table.vertices.flatten())
        corners = corners.view(*table.vertices.shape, *of_vertices.shape[1:])
        return torch.einsum("kc...,kc->k...", corners, table.shares)

    def planes(basis: Tensor) -> Tensor:
        """(3, K, D) of (D, V, 3)."""
        return at_points(basis.permute(1, 2, 0)).movedim(1, 0).contiguous()

    number, mean = head.expression_names.index, at_points(head.mean).T.contiguous()
    whole = head.mean.new_zeros(len(head.mean), len(head.identity))
    whole[head.lids] = head.lids_shut.T
    shut, left = at_points(whole), (mean[0] < 0)[:, None]
    return _Face(
        mean, planes(head.identity), planes(head.expression),
        torch.stack([shut * left, shut * ~left]), [number(name) for name in BLINKS],
        number(MOUTH_CLOSE), number(JAW_OPEN), table.trust,
    )  # fmt: skip


def _first_pose(shape: Tensor, points: Tensor, weight: Tensor) -> _Pose:
    """Scale, rotation and offset that lay heads on points (Umeyama)."""
    share = (weight / weight.sum(1, keepdim=True).clamp_min(1e-6))[..., None]
    model = shape.transpose(1, 2)
    a0, b0 = (share * model).sum(1), (share * points).sum(1)
    a, b = model - a0[:, None], points - b0[:, None]
    u, s, vt = torch.linalg.svd((b * share).transpose(1, 2) @ a)
    sign = torch.ones_like(s)
    sign[:, 2] = torch.linalg.det(u @ vt).sign()
    rotation = (u * sign[:, None]) @ vt
    scale = (s * sign).sum(1) / (share * a.square()).sum((1, 2)).clamp_min(1e-6)
    scale = scale.clamp_min(1e-6)
    return rotation, scale, b0 - scale[:, None] * (rotation @ a0[..., None])[..., 0]


def _telling(pose: _Pose, weight: Tensor, count: int) -> Tensor:
    """Frames that are to tell who it is, evenly from all turns to a side."""
    seen = torch.nonzero(weight.sum(1) > 0)[:, 0]
    if len(seen) <= count:
        return seen
    turn = torch.atan2(pose[0][seen, 0, 2], pose[0][seen, 2, 2])
    ranks = torch.linspace(0, len(seen) - 1, count, device=seen.device).round().long()
    return seen[turn.argsort(stable=True)[ranks]].sort().values


def _turned(
    shape: Tensor, points: Tensor, weight: Tensor, pose: _Pose, to: FitSettings, *, steps: int
) -> _Pose:
    """The pose after steps of Gauss-Newton."""
    rotation, scale, offset = pose
    eye = torch.eye(7, device=points.device)
    for _ in range(steps):
        rows = shape.new_zeros(len(points), 3, shape.shape[2], 8)
        _fill(rows, shape, shape, points, weight, (rotation, scale, offset), to)
        flat = rows.flatten(1, 2)
        gram = flat.transpose(1, 2) @ flat
        by = torch.linalg.solve(gram[:, :7, :7] + 1e-6 * eye, gram[:, :7, 7])
        half = _cross(by[:, :3].clamp(-0.5, 0.5)) / 2
        # Cayley's transform: a rotation, by the same angle but for its cube.
        rotation = torch.linalg.solve(eye[:3, :3] - half, eye[:3, :3] + half) @ rotation
        offset = offset + scale[:, None] * by[:, 4:]
        scale = scale * by[:, 3].clamp(-0.3, 0.3).exp()
    return rotation, scale, offset


def _cross(turn: Tensor) -> Tensor:
    x, y, z = turn.unbind(-1)
    o = torch.zeros_like(x)
    return torch.stack([o, -z, y, z, o, -x, -y, x, o], -1).view(-1, 3, 3)


def _fill(
    rows: Tensor, shape: Tensor, at: Tensor, points: Tensor, weight: Tensor, pose: _Pose,
    to: FitSettings,
) -> None:  # fmt: skip
    """Write the rows (T, 3, K, 8) of the least squares, cm, into zeros: what turns about the
    camera's axes, growth and shifts do to a shape, and by how much `at` misses the points."""
    rotation, scale, offset = pose
    turned, roots = rotation @ shape, _roots(weight, to)
    target = (points - offset[:, None]) / scale[:, None, None]
    x, y, z = (turned * roots[:, :1]).unbind(1)
    deep = to.depth_weight**0.5
    rows[:, 1, :, 0], rows[:, 2, :, 0] = -z, y * deep
    rows[:, 0, :, 1], rows[:, 2, :, 1] = z, x * -deep
    rows[:, 0, :, 2], rows[:, 1, :, 2] = -y, x
    rows[..., 3] = turned * roots
    rows[..., 4:7].diagonal(dim1=1, dim2=3).copy_(roots.transpose(1, 2))
    rows[..., 7] = (target.transpose(1, 2) - rotation @ at) * roots


def _roots(weight: Tensor, to: FitSettings) -> Tensor:
    """Roots (T, 3, K) of what a point's coordinates count."""
    return (weight[:, None] * weight.new_tensor([1, 1, to.depth_weight])[:, None]).sqrt()


def _reliance(
    shape: Tensor, points: Tensor, weight: Tensor, pose: _Pose, usual: Tensor, to: FitSettings
) -> tuple[Tensor, Tensor, Tensor]:
    """Huber's weight of every point, how much each frame counts, and by how much it misses."""
    rotation, scale, offset = pose
    laid = scale[:, None, None] * (rotation[:, :2] @ shape) + offset[:, :2, None]
    x, y = (laid - points[..., :2].transpose(1, 2)).unbind(1)
    apart = (x.square() + y.square()).sqrt() / scale[:, None]
    total = weight.sum(1).clamp_min(1e-6)
    residual = ((weight * apart.square()).sum(1) / total).sqrt()
    unread = weight.sum(1) == 0
    told = torch.cat([usual, residual.masked_fill(unread, torch.nan)])
    most = torch.nan_to_num(told.nanmedian()).clamp_min(0.1 * to.outlier_cm)
    frame = 1 / (1 + (residual / (2.5 * most)) ** 6)
    frame = frame * ~unread
    return to.outlier_cm / apart.clamp_min(to.outlier_cm), frame, residual


def _normal(
    ways: Tensor, shape: Tensor, rest: Tensor, points: Tensor, weight: Tensor, pose: _Pose,
    to: FitSettings,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """The normal equations (T, D, D) and (T, D) of what moves (T or 1, 3, K, D) points of faces at
    rest, without what a pose makes up for (variable projection): what is found then is the best
    with the pose that goes with it, and rounds are few."""
    frames, (many, count) = len(points), ways.shape[2:]
    if len(ways) == 1:
        seen = pose[0].flatten(0, 1) @ ways[0].flatten(1)
    else:
        seen = pose[0] @ ways.flatten(2)
    rows = seen.new_zeros(frames, 3, many, count + 8)
    seen = seen.view(frames, 3, many, count)
    torch.mul(seen, _roots(weight, to)[..., None], out=rows[..., :count])
    _fill(rows[..., count:], shape, rest, points, weight, pose, to)
    flat = rows.flatten(1, 2)
    gram = flat.transpose(1, 2) @ flat
    turns, crossed = gram[:, count:-1, count:-1], gram[:, count:-1]
    eye = 1e-6 * torch.eye(7, dtype=torch.float64, device=gram.device)
    by = torch.linalg.solve(turns.double() + eye, crossed.double()).to(gram.dtype)
    left = gram[:, :count] - crossed[..., :count].transpose(1, 2) @ by
    return left[..., :count], left[..., -1]


def _acted(
    face: _Face, identity: Tensor, points: Tensor, weight: Tensor, pose: _Pose, start: Tensor,
    before: Tensor, to: FitSettings, chunk: int,
) -> Tensor:  # fmt: skip
    """The expressions of all frames, given who it is and how the head is turned."""
    rest, moves = face.rest(identity), face.moves(identity)[None]
    shape = face.shape(identity, start)
    normals, rights = [], []
    for first in range(0, len(points), chunk):
        part = slice(first, first + chunk)
        normal, right = _normal(
            moves, shape[part], rest, points[part], weight[part], _some(pose, part), to
        )
        normals.append(normal)
        rights.append(right)
    return _bounded(face, torch.cat(normals), torch.cat(rights), start, before, to)


def _bounded(
    face: _Face, normal: Tensor, right: Tensor, start: Tensor, before: Tensor, to: FitSettings
) -> Tensor:
    """min 1/2 x'Nx - r'x + priors within the bounds, by accelerated projected gradient steps
    (Beck and Teboulle, "A Fast Iterative Shrinkage-Thresholding Algorithm", 2009)."""
    price = torch.full_like(normal[0, 0], to.expression_prior)
    price[face.jaw_open] *= to.jaw_price
    step = 1 / (normal.abs().sum(2) + price + 16 * to.smoothness)
    normal = normal + torch.diag(price)
    # Rows (T, 1, E): products of rows and matrices are quick.
    step, right, before, x = (rows[:, None] for rows in (step, right, before, start))
    smooth = to.smoothness > 0 and len(before) + len(x) > 2
    ahead, momentum = x, 1.0
    for _ in range(to.steps):
        slope = torch.baddbmm(right, ahead, normal, beta=-1)
        if smooth:
            jerks = _jerks(torch.cat([before, ahead]))[len(before) :]
            slope.add_(jerks, alpha=to.smoothness)
        new = torch.addcmul(ahead, step, slope, value=-1).clamp_(0, 1)
        close, jaw = new[..., face.mouth_close], new[..., face.jaw_open]
        close.copy_(torch.minimum(close, jaw))
        after = (1 + (1 + 4 * momentum**2) ** 0.5) / 2
        ahead = torch.lerp(x, new, 1 + (momentum - 1) / after)
        x, momentum = new, after
    return x[:, 0]


def _jerks(x: Tensor) -> Tensor:
    """D'D x, where D gives the accelerations of three rows or more."""
    acceleration = x.new_zeros(len(x) + 2, *x.shape[1:])
    torch.add(x[:-2], x[2:], out=acceleration[2:-2]).sub_(x[1:-1], alpha=2)
    return (acceleration[:-2] + acceleration[2:]).sub_(acceleration[1:-1], alpha=2)


def _who(
    face: _Face, start: Tensor, acted: Tensor, points: Tensor, weight: Tensor, pose: _Pose,
    to: FitSettings, chunk: int,
) -> Tensor:  # fmt: skip
    """The identity that all frames share, given expressions and poses."""
    count = len(start)
    normal = points.new_zeros(count, count, dtype=torch.float64)
    right = points.new_zeros(count, dtype=torch.float64)
    rest, shape = (face.shape(who, acted) for who in (torch.zeros_like(start), start))
    for first in range(0, len(points), chunk):
        part = slice(first, first + chunk)
        normals, rights = _normal(
            face.ways(acted[part]), shape[part], rest[part], points[part], weight[part],
            _some(pose, part), to,
        )  # fmt: skip
        normal += normals.double().sum(0)
        right += rights.double().sum(0)
    # As much prior as there are frames that count.
    frames = weight.sum() / face.trust.sum().clamp_min(1e-6)
    prior = to.identity_prior * frames.clamp_min(1e-3)
    eye = torch.eye(count, dtype=torch.float64, device=points.device)
    solved: Tensor = torch.linalg.solve(normal + prior.double() * eye, right)
    return solved.to(points.dtype)


def _some(pose: _Pose, rows: slice | Tensor) -> _Pose:
    return pose[0][rows], pose[1][rows], pose[2][rows]


def gaze_of(
    head: HeadModel, still: Tensor, pupils: Tensor, rotation: Tensor, scale: Tensor, offset: Tensor
) -> Tensor:
    """Where each eye looks, from where its pupil stands on its eyeball: (T, 2, 2) degrees to the
    image's right and down, of the eyes in the head.

    Convention:
        still: (1, V, 3), the head with eyes straight ahead
        pupils, rotation, scale, offset: as `fit` takes and gives them
    """
    centres = head.eye_centres(still)[0]
    poles = torch.stack([still[0, ball[0]] for ball in head.eyeballs])
    radius = (poles - centres).norm(dim=-1)
    laid = scale[:, None, None] * (centres @ rotation.transpose(1, 2)) + offset[:, None]
    across = (pupils - laid[..., :2]) / scale[:, None, None] / radius[:, None]
    across = across * (0.95 / across.norm(dim=-1, keepdim=True).clamp_min(0.95))
    toward = -(1 - across.square().sum(-1, keepdim=True)).sqrt()
    x, y, z = (torch.cat([across, toward], -1) @ rotation).unbind(-1)
    return torch.rad2deg(torch.stack([torch.atan2(x, -z), torch.atan2(y, torch.hypot(x, z))], -1))
