"""The volume of a convex hull, for methods whose keypoints have three dimensions."""

import itertools
import math

import torch
from torch import Tensor

from reenact_core.models.keypoint_detector import Keypoints

Vector = tuple[float, float, float]
Face = tuple[int, int, int]

SMALLEST_VOLUME = 1e-10
"""A hull smaller than this, in network coordinates cubed, has no size to compare."""

FLAT = 1e-12
"""A point no higher than this above a face, in volume, lies in it."""


def volume_scale(source: Keypoints, initial: Keypoints) -> Tensor:
    """How much larger the source's face is than the driver's: a = sqrt(V_S) / sqrt(V_0).

    A square root of volumes, as upstream has it. Where either hull is flat, a = 1.

    Convention:
        result: (N,), float32, on the keypoints' device; source and initial: N or 1 frames in
        three dimensions
    """
    count = max(len(source), len(initial))
    pairs = zip(_volumes(source.expand(count)), _volumes(initial.expand(count)), strict=True)
    scales = [math.sqrt(a / b) if min(a, b) > SMALLEST_VOLUME else 1.0 for a, b in pairs]
    return torch.tensor(scales, dtype=torch.float32, device=source.value.device)


def _volumes(keypoints: Keypoints) -> list[float]:
    frames: list[list[Vector]] = keypoints.value.tolist()
    return [hull_volume([(x, y, z) for x, y, z in points]) for points in frames]


def hull_volume(points: list[Vector]) -> float:
    """The volume of the convex hull of points in space; 0 for points on a plane."""
    if not all(math.isfinite(number) for point in points for number in point):
        return 0.0
    faces = convex_hull(points)
    if not faces:
        return 0.0
    inside = points[faces[0][0]]
    return sum(_height(points, face, inside) for face in faces) / -6


def convex_hull(points: list[Vector]) -> list[Face]:
    """The triangles around points, each seen anticlockwise from outside; none if they are flat.

    Points are added one by one: those faces that see the new point give way to a cone over their
    rim.
    """
    start = _tetrahedron(points)
    if start is None:
        return []
    faces = _outward(points, start)
    for number, point in enumerate(points):
        if number in start:
            continue
        seen = [face for face in faces if _height(points, face, point) > FLAT]
        edges = {edge for face in seen for edge in _edges(face)}
        rim = [(a, b) for a, b in edges if (b, a) not in edges]
        faces = [face for face in faces if face not in seen]
        faces += [(a, b, number) for a, b in rim]
    return faces


def _tetrahedron(points: list[Vector]) -> tuple[int, int, int, int] | None:
    """Four points that span as much as can be had by taking the farthest three times."""
    if len(points) < 4:
        return None
    rest = range(len(points))
    a = 0
    b = max(rest, key=lambda i: _length(_less(points[i], points[a])))
    base = _less(points[b], points[a])
    c = max(rest, key=lambda i: _length(_cross(base, _less(points[i], points[a]))))
    d = max(rest, key=lambda i: abs(_height(points, (a, b, c), points[i])))
    return (a, b, c, d) if abs(_height(points, (a, b, c), points[d])) > FLAT else None


def _outward(points: list[Vector], corners: tuple[int, int, int, int]) -> list[Face]:
    """The four faces of a tetrahedron, each turned away from its fourth corner."""
    faces: list[Face] = []
    for face in itertools.combinations(corners, 3):
        (other,) = set(corners) - set(face)
        a, b, c = face
        faces.append((a, b, c) if _height(points, face, points[other]) < 0 else (a, c, b))
    return faces


def _edges(face: Face) -> tuple[tuple[int, int], ...]:
    a, b, c = face
    return (a, b), (b, c), (c, a)


def _height(points: list[Vector], face: Face, point: Vector) -> float:
    """Six times the volume over a face; above 0 on its outer side."""
    origin = points[face[0]]
    normal = _cross(_less(points[face[1]], origin), _less(points[face[2]], origin))
    return sum(n * p for n, p in zip(normal, _less(point, origin), strict=True))


def _less(a: Vector, b: Vector) -> Vector:
    return a[0] - b[0], a[1] - b[1], a[2] - b[2]


def _cross(a: Vector, b: Vector) -> Vector:
    return (
        a[1] * b[2] - a[2] * b[1],
        a[2] * b[0] - a[0] * b[2],
        a[0] * b[1] - a[1] * b[0],
    )


def _length(a: Vector) -> float:
    return math.hypot(*a)
