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

from dataclasses import dataclass

import torch
from torch import Tensor

from reenact_core.head.landmarks import Landmarks
from reenact_core.head.model import HeadModel

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
    identity_prior: float = 0.5
    expression_prior: float = 0.05
    smoothness: float = 0.3
    """What accelerations of expressions cost."""
    steps: int = 80
    """Of the solver for expressions, each round."""


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


def fit(
    head: HeadModel,
    table: Landmarks,
    points: Tensor,
    *,
    trust: Tensor | None = None,
    pupils: Tensor | None = None,
    identity: Tensor | None = None,
    settings: FitSettings | None = None,
    chunk: int = 256,
) -> HeadFit:
    """Fit the head to all frames of one person.

    Args:
        trust: (T, K) in [0, 1], of each point in each frame
        pupils: (T, 2, 2) pixels, image-left eye first: where the eyes look
        identity: (I,) who it is, where that is known already
        chunk: frames that are worked on at once; it bounds the memory, not the result
    """
    if points.ndim != 3 or points.shape[1:] != (len(table), 3):
        raise ValueError(f"points must be (T, {len(table)}, 3), got {tuple(points.shape)}")
    chosen = settings or FitSettings()
    weight = table.trust.expand(points.shape[:2])
    if trust is not None:
        weight = weight * trust
    weight = weight * torch.isfinite(points).all(-1)
    clean = torch.nan_to_num(points)
    free, who = identity is None, points.new_zeros(len(head.identity))
    if identity is not None:
        who = identity
    acted = points.new_zeros(len(points), len(head.expression))
    pose = _first_pose(table.places(head.mean), clean, weight)
    robust, frame = torch.ones_like(weight), points.new_ones(len(points))
    for _ in range(chosen.rounds):
        shape = _shape(head, table, who, acted)
        pose = _turned(shape, clean, weight * robust, pose, chosen)
        robust, frame, _ = _reliance(shape, clean, weight, pose, chosen)
        counted = weight * robust * frame[:, None]
        acted = _acted(head, table, who, clean, counted, pose, acted, chosen, chunk)
        if free:
            who = _who(head, table, who, acted, clean, counted, pose, chosen, chunk)
    shape = _shape(head, table, who, acted)
    pose = _turned(shape, clean, weight * robust, pose, chosen)
    _, frame, residual = _reliance(shape, clean, weight, pose, chosen)
    rotation, scale, offset = pose
    gaze = points.new_zeros(len(points), 2)
    if pupils is not None:
        gaze = _gaze(head, who, pupils, pose)
    return HeadFit(who, acted, rotation, scale, offset, gaze, residual, frame)


_Pose = tuple[Tensor, Tensor, Tensor]


def _shape(head: HeadModel, table: Landmarks, identity: Tensor, expression: Tensor) -> Tensor:
    """The table's points (T, K, 3) on heads in head coordinates."""
    rest, moves = _bases(head, table, identity)
    return rest + torch.einsum("te,ekc->tkc", expression, moves)


def _bases(head: HeadModel, table: Landmarks, identity: Tensor) -> tuple[Tensor, Tensor]:
    rest, moves = head.basis(identity, table.vertices.flatten())
    share = table.shares[..., None]
    return (
        (rest.view(-1, 3, 3) * share).sum(1),
        (moves.view(len(moves), -1, 3, 3) * share).sum(2),
    )


def _first_pose(model: Tensor, points: Tensor, weight: Tensor) -> _Pose:
    """Scale, rotation and offset that lay the mean head on points (Umeyama)."""
    share = weight / weight.sum(1, keepdim=True).clamp_min(1e-6)
    a0, b0 = share @ model, (share[..., None] * points).sum(1)
    a, b = model - a0[:, None], points - b0[:, None]
    u, s, vt = torch.linalg.svd((b * share[..., None]).transpose(1, 2) @ a)
    sign = torch.ones_like(s)
    sign[:, 2] = torch.linalg.det(u @ vt).sign()
    rotation = (u * sign[:, None]) @ vt
    scale = (s * sign).sum(1) / (share * a.square().sum(-1)).sum(1).clamp_min(1e-6)
    scale = scale.clamp_min(1e-6)
    return rotation, scale, b0 - scale[:, None] * (rotation @ a0[..., None])[..., 0]


def _turned(shape: Tensor, points: Tensor, weight: Tensor, pose: _Pose, to: FitSettings) -> _Pose:
    """The pose after three steps of Gauss-Newton."""
    depth = points.new_tensor([1, 1, to.depth_weight]) * weight[..., None]
    rotation, scale, offset = pose
    for _ in range(3):
        turned = shape @ rotation.transpose(1, 2)
        ways = _ways(turned)
        missed = (points - offset[:, None]) / scale[:, None, None] - turned
        normal = torch.einsum("tikc,tkc,tjkc->tij", ways, depth, ways)
        normal = normal + 1e-6 * torch.eye(7, device=points.device)
        right = torch.einsum("tikc,tkc,tkc->ti", ways, depth, missed)
        by = torch.linalg.solve(normal, right)
        rotation = torch.matrix_exp(_cross(by[:, :3].clamp(-0.5, 0.5))) @ rotation
        offset = offset + scale[:, None] * by[:, 4:]
        scale = scale * by[:, 3].clamp(-0.3, 0.3).exp()
    return rotation, scale, offset


def _ways(turned: Tensor) -> Tensor:
    """What turns about the camera's axes, growth and shifts do to points, cm, (T, 7, K, 3)."""
    x, y, z = turned.unbind(-1)
    o, one = torch.zeros_like(x), torch.ones_like(x)
    ways = (
        (o, -z, y), (z, o, -x), (-y, x, o), (x, y, z), (one, o, o), (o, one, o), (o, o, one),
    )  # fmt: skip
    return torch.stack([torch.stack(way, -1) for way in ways], 1)


def _unposed(flat: Tensor, shape: Tensor, pose: _Pose, root: Tensor, to: FitSettings) -> Tensor:
    """Rows (T, M, 3 K) without what a pose would make up for (variable projection): what is found
    then is the best with the pose that goes with it, and rounds are few."""
    depth = shape.new_tensor([1, 1, to.depth_weight]).sqrt()
    ways = _ways(shape @ pose[0].transpose(1, 2)) * depth * root[:, None]
    q = torch.linalg.qr(ways.flatten(2).transpose(1, 2)).Q
    return torch.as_tensor(flat - (flat @ q) @ q.transpose(1, 2))


def _cross(turn: Tensor) -> Tensor:
    x, y, z = turn.unbind(-1)
    o = torch.zeros_like(x)
    return torch.stack([o, -z, y, z, o, -x, -y, x, o], -1).view(-1, 3, 3)


def _reliance(
    shape: Tensor, points: Tensor, weight: Tensor, pose: _Pose, to: FitSettings
) -> tuple[Tensor, Tensor, Tensor]:
    """Huber's weight of every point, how much each frame counts, and by how much it misses."""
    rotation, scale, offset = pose
    laid = scale[:, None, None] * (shape @ rotation.transpose(1, 2)) + offset[:, None]
    apart = (laid - points)[..., :2].norm(dim=-1) / scale[:, None]
    total = weight.sum(1).clamp_min(1e-6)
    residual = ((weight * apart.square()).sum(1) / total).sqrt()
    usual = residual.median().clamp_min(0.1 * to.outlier_cm)
    frame = 1 / (1 + (residual / (2.5 * usual)) ** 6)
    frame = frame * (weight.sum(1) > 0)
    return to.outlier_cm / apart.clamp_min(to.outlier_cm), frame, residual


def _metric(pose: _Pose, to: FitSettings) -> Tensor:
    """Roots (T, 3, 3) of what distances in head coordinates count: R' of the camera's, by depth."""
    root = pose[0].new_tensor([1, 1, to.depth_weight]).sqrt()
    return root[:, None] * pose[0]


def _acted(
    head: HeadModel, table: Landmarks, identity: Tensor, points: Tensor, weight: Tensor,
    pose: _Pose, start: Tensor, to: FitSettings, chunk: int,
) -> Tensor:  # fmt: skip
    """The expressions of all frames, given who it is and how the head is turned."""
    rest, moves = _bases(head, table, identity)
    normals, rights = [], []
    for first in range(0, len(points), chunk):
        part = slice(first, first + chunk)
        metric = _metric(_some(pose, part), to)
        root = weight[part].sqrt()[:, None, :, None]
        seen = torch.einsum("tcd,ekd->tekc", metric, moves) * root
        missed = _missed(rest, points[part], _some(pose, part), metric) * root[:, 0]
        shape = rest + torch.einsum("te,ekc->tkc", start[part], moves)
        flat = _unposed(seen.flatten(2), shape, _some(pose, part), root[:, 0], to)
        normals.append(flat @ flat.transpose(1, 2))
        rights.append((flat @ missed.flatten(1)[..., None])[..., 0])
    return _bounded(head, torch.cat(normals), torch.cat(rights), start, to)


def _bounded(head: HeadModel, normal: Tensor, right: Tensor, x: Tensor, to: FitSettings) -> Tensor:
    """min ½ x'Nx − r'x + priors within the bounds, by accelerated projected gradient steps
    (Beck and Teboulle, "A Fast Iterative Shrinkage-Thresholding Algorithm", 2009)."""
    close, jaw = (head.expression_names.index(name) for name in (MOUTH_CLOSE, JAW_OPEN))
    step = 1 / (normal.abs().sum(2) + to.expression_prior + 16 * to.smoothness)
    ahead, momentum = x, 1.0
    for _ in range(to.steps):
        slope = (normal @ ahead[..., None])[..., 0] - right + to.expression_prior * ahead
        slope = slope + to.smoothness * _jerks(ahead)
        new = (ahead - step * slope).clamp(0, 1)
        new[:, close] = torch.minimum(new[:, close], new[:, jaw])
        after = (1 + (1 + 4 * momentum**2) ** 0.5) / 2
        ahead = new + (momentum - 1) / after * (new - x)
        x, momentum = new, after
    return x


def _jerks(x: Tensor) -> Tensor:
    """D'D x, where D gives the accelerations of T rows."""
    out = torch.zeros_like(x)
    if len(x) > 2:
        acceleration = x[:-2] - 2 * x[1:-1] + x[2:]
        out[:-2] += acceleration
        out[1:-1] -= 2 * acceleration
        out[2:] += acceleration
    return out


def _who(
    head: HeadModel, table: Landmarks, start: Tensor, acted: Tensor, points: Tensor,
    weight: Tensor, pose: _Pose, to: FitSettings, chunk: int,
) -> Tensor:  # fmt: skip
    """The identity that all frames share, given expressions and poses."""
    count = len(head.identity)
    normal = points.new_zeros(count, count, dtype=torch.float64)
    right = points.new_zeros(count, dtype=torch.float64)
    nobody = points.new_zeros(count)
    corners = table.vertices.flatten()
    ways = (head.identity[:, corners].view(count, -1, 3, 3) * table.shares[..., None]).sum(2)
    shut = _shut(head, table)
    rest, shape = (_shape(head, table, one, acted) for one in (nobody, start))
    for first in range(0, len(points), chunk):
        part = slice(first, first + chunk)
        metric = _metric(_some(pose, part), to)
        root = weight[part].sqrt()[..., None]
        down = torch.einsum("tb,bik->tik", _blinks(head, acted[part]), shut)
        seen = (
            torch.einsum("tcd,ikd->tikc", metric, ways)
            + down[..., None] * metric[:, None, None, :, 1]
        )
        flat = (seen * root[:, None]).flatten(2)
        flat = _unposed(flat, shape[part], _some(pose, part), root, to).double()
        missed = (_missed(rest[part], points[part], _some(pose, part), metric) * root).flatten(1)
        normal += (flat @ flat.transpose(1, 2)).sum(0)
        right += (flat @ missed.double()[..., None])[..., 0].sum(0)
    # As much prior as there are frames that count.
    frames = weight.sum() / table.trust.sum().clamp_min(1e-6)
    prior = to.identity_prior * frames.clamp_min(1e-3)
    eye = torch.eye(count, dtype=torch.float64, device=points.device)
    solved: Tensor = torch.linalg.solve(normal + prior.double() * eye, right)
    return solved.to(points.dtype)


def _blinks(head: HeadModel, acted: Tensor) -> Tensor:
    return acted[:, [head.expression_names.index(name) for name in ("eyeBlink_R", "eyeBlink_L")]]


def _shut(head: HeadModel, table: Landmarks) -> Tensor:
    """How far down a full blink of either eye takes the points, for each identity, (2, I, K)."""
    whole = head.mean.new_zeros(len(head.identity), len(head.mean))
    whole[:, head.lids] = head.lids_shut
    at = (whole[:, table.vertices] * table.shares).sum(-1)
    left = table.places(head.mean)[:, 0] < 0
    return torch.stack([at * left, at * ~left])


def _some(pose: _Pose, rows: slice) -> _Pose:
    return pose[0][rows], pose[1][rows], pose[2][rows]


def _missed(rest: Tensor, points: Tensor, pose: _Pose, metric: Tensor) -> Tensor:
    """What is left of points brought back into head coordinates, as the metric counts it."""
    rotation, scale, offset = pose
    back = ((points - offset[:, None]) / scale[:, None, None]) @ rotation
    return (back - rest) @ metric.transpose(1, 2)


def _gaze(head: HeadModel, identity: Tensor, pupils: Tensor, pose: _Pose) -> Tensor:
    """Where the eyes look, from where the pupils stand on the eyeballs; both eyes' mean."""
    rotation, scale, offset = pose
    still = head.vertices(identity[None], head.mean.new_zeros(1, len(head.expression)))
    centres = head.eye_centres(still)[0]
    poles = torch.stack([still[0, ball[0]] for ball in head.eyeballs])
    radius = (poles - centres).norm(dim=-1)
    laid = scale[:, None, None] * (centres @ rotation.transpose(1, 2)) + offset[:, None]
    across = (pupils - laid[..., :2]) / scale[:, None, None] / radius[:, None]
    across = across * (0.95 / across.norm(dim=-1, keepdim=True).clamp_min(0.95))
    toward = -(1 - across.square().sum(-1, keepdim=True)).sqrt()
    x, y, z = (torch.cat([across, toward], -1) @ rotation).mean(1).unbind(-1)
    return torch.rad2deg(torch.stack([torch.atan2(x, -z), torch.atan2(y, torch.hypot(x, z))], -1))
