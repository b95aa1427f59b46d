"""Relative motion of keypoints: what the driver did since d_0, done by the source's face.

FOMM, section 3.3 and equation 8 of the animation scheme (b).
"""

import math

import torch
from torch import Tensor

from reenact_core.models.dense_motion import inverse
from reenact_core.models.keypoint_detector import Keypoints

Point = tuple[float, float]

SMALLEST_AREA = 1e-8
"""A hull smaller than this, in network coordinates squared, has no size to compare."""


def carry_over(
    source: Keypoints, initial: Keypoints, driving: Keypoints, scale: Tensor | float = 1.0
) -> Keypoints:
    """The source's keypoints moved as the driver's moved from d_0 to d_i.

    p = p_S + a (p_i - p_0);  J = J_i J_0^-1 J_S, which a does not scale.

    Convention:
        driving: N frames; source, initial: N or 1; scale: a, a number or (N,) or (1,)
    """
    if isinstance(scale, Tensor):
        scale = scale[:, None, None]
    value = source.value + scale * (driving.value - initial.value)
    if source.jacobian is None or initial.jacobian is None or driving.jacobian is None:
        return Keypoints(value)
    return Keypoints(value, driving.jacobian @ inverse(initial.jacobian) @ source.jacobian)


def part_of_the_way(start: Keypoints, end: Keypoints, share: float) -> Keypoints:
    """Keypoints between two, places and frames alike: 0 is `start`, 1 is `end`.

    Convention:
        start: N frames or 1; end: N frames
    """
    if share == 1:
        return end
    value = torch.lerp(start.value.expand_as(end.value), end.value, share)
    if start.jacobian is None or end.jacobian is None:
        return Keypoints(value)
    jacobian = torch.lerp(start.jacobian.expand_as(end.jacobian), end.jacobian, share)
    return Keypoints(value, jacobian)


def movement_scale(source: Keypoints, initial: Keypoints) -> Tensor:
    """How much larger the source's face is than the driver's: a = sqrt(A_S) / sqrt(A_0).

    A is the area of the keypoints' convex hull. Where either hull is a line or a point, a = 1.

    Convention:
        result: (N,), float32, on the keypoints' device; source and initial: N or 1 frames
    """
    count = max(len(source), len(initial))
    pairs = zip(_areas(source.expand(count)), _areas(initial.expand(count)), strict=True)
    scales = [math.sqrt(a / b) if min(a, b) > SMALLEST_AREA else 1.0 for a, b in pairs]
    return torch.tensor(scales, dtype=torch.float32, device=source.value.device)


def _areas(keypoints: Keypoints) -> list[float]:
    frames: list[list[Point]] = keypoints.value[..., :2].tolist()
    return [hull_area([(x, y) for x, y in points]) for points in frames]


def hull_area(points: list[Point]) -> float:
    """The area of the convex hull of points in the plane; 0 for points on a line."""
    hull = convex_hull(points)
    turns = zip(hull, hull[1:] + hull[:1], strict=True)
    return abs(sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in turns)) / 2


def convex_hull(points: list[Point]) -> list[Point]:
    """The corners of the convex hull in order around it (Andrew's monotone chain)."""
    ordered = sorted(set(points))
    if len(ordered) < 3:
        return ordered
    return _chain(ordered)[:-1] + _chain(ordered[::-1])[:-1]


def _chain(ordered: list[Point]) -> list[Point]:
    """One side of the hull of ordered points: every turn goes the same way."""
    chain: list[Point] = []
    for point in ordered:
        while len(chain) > 1 and _turn(chain[-2], chain[-1], point) <= 0:
            chain.pop()
        chain.append(point)
    return chain


def _turn(a: Point, b: Point, c: Point) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
