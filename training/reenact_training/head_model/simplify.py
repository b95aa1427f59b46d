"""A coarser mesh from a fine one whose shape deforms: edges collapse where that changes least.

Garland and Heckbert, "Simplifying Surfaces with Color and Texture using Quadric Error Metrics",
1998: every vertex is a point of n dimensions, the first three its place, the others what the
deformations do to it. So a collapse costs what it changes of the shape and of how it moves.
"""

import heapq
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Mesh:
    """What is made coarser."""

    points: Floats
    """(V, n): the first three numbers are the place."""
    poses: Floats
    """(P, V, 3): shapes in which no triangle may turn over."""
    triangles: Ints
    """(F, 3)."""
    corners: Ints
    """(F, 3): the texture vertex of every corner."""
    groups: Ints
    """(F,): what a triangle belongs to."""
    lines: Ints
    """(F,): edges between triangles of two numbers are kept as lines."""
    weight: Floats
    """(F,): how much a triangle's shape matters."""
    pinned: Ints
    """Vertices that stay."""


@dataclass(frozen=True, slots=True, eq=False)
class Coarse:
    """What is left of a mesh."""

    triangles: Ints
    """(F', 3), vertices of the fine mesh."""
    corners: Ints
    """(F', 3), texture vertices of the fine mesh."""
    groups: Ints
    """(F',)."""


def simplify(mesh: Mesh, count: int, evenness: float = 2e-3) -> Coarse:
    """The mesh with `count` of its vertices left (more, where no further one may go).

    Args:
        evenness: what a long edge costs, beside what the collapse changes
    """
    work = _Work(mesh, evenness)
    left, before = len(work.used), -1
    # What was refused may be allowed when its surroundings have changed: hence several rounds.
    while left > count and left != before:
        before = left
        queue = [entry for u in work.used.tolist() for entry in work.offers(u)]
        heapq.heapify(queue)
        while left > count and queue:
            _, u, v, stamp = heapq.heappop(queue)
            if stamp == work.stamp[u] + work.stamp[v] and work.allowed(u, v):
                work.collapse(u, v)
                left -= 1
                for entry in work.offers(v):
                    heapq.heappush(queue, entry)
    alive = np.flatnonzero(work.alive)
    return Coarse(work.triangles[alive], work.corners[alive], mesh.groups[alive])


class _Work:
    """The mesh while edges collapse."""

    def __init__(self, mesh: Mesh, evenness: float) -> None:
        self.mesh, self.evenness = mesh, evenness
        self.triangles, self.corners = mesh.triangles.copy(), mesh.corners.copy()
        self.alive = np.ones(len(self.triangles), bool)
        self.used = np.unique(self.triangles)
        self.stamp = np.zeros(len(mesh.points), np.int64)
        """Grows with every change at a vertex: older offers are out of date."""
        self.gone = np.zeros(len(mesh.points), bool)
        self.pinned = np.zeros(len(mesh.points), bool)
        self.pinned[mesh.pinned] = True
        self.around: list[set[int]] = [set() for _ in range(len(mesh.points))]
        for face, triangle in enumerate(self.triangles.tolist()):
            for vertex in triangle:
                self.around[vertex].add(face)
        self._quadrics()
        self._lines()

    def _quadrics(self) -> None:
        """x'Ax - 2b'x + c at every vertex: squared distances to its triangles' planes."""
        points, n = self.mesh.points, self.mesh.points.shape[1]
        self.quadric = np.zeros((len(points), n, n))
        self.b, self.c = np.zeros((len(points), n)), np.zeros(len(points))
        self.area = np.zeros(len(points))
        for face, (i, j, k) in enumerate(self.triangles.tolist()):
            p, q, r = points[i], points[j], points[k]
            first, second = q - p, r - p
            length = np.linalg.norm(first)
            e = first / max(length, 1e-9)
            second = second - (second @ e) * e
            height = np.linalg.norm(second)
            f = second / max(height, 1e-9)
            mass = length * height / 2 * self.mesh.weight[face]
            plane = np.eye(n) - np.outer(e, e) - np.outer(f, f)
            turned = plane @ p
            for vertex in (i, j, k):
                self.quadric[vertex] += mass / 3 * plane
                self.b[vertex] += mass / 3 * turned
                self.c[vertex] += mass / 3 * (p @ turned)
                self.area[vertex] += mass / 3

    def _lines(self) -> None:
        """Edges that are kept as lines: borders, seams of the texture, edges between groups."""
        sides: dict[tuple[int, int], list[tuple[int, int, int]]] = {}
        for face, (triangle, corner) in enumerate(
            zip(self.triangles.tolist(), self.corners.tolist(), strict=True)
        ):
            for a in range(3):
                b = (a + 1) % 3
                ends = [(triangle[a], corner[a]), (triangle[b], corner[b])]
                (u, cu), (v, cv) = sorted(ends)
                sides.setdefault((u, v), []).append((cu, cv, int(self.mesh.lines[face])))
        self.lines: list[set[int]] = [set() for _ in range(len(self.mesh.points))]
        n = self.mesh.points.shape[1]
        for (u, v), found in sides.items():
            if len(found) == 2 and found[0] == found[1]:
                continue
            self.lines[u].add(v)
            self.lines[v].add(u)
            p, along = self.mesh.points[u], self.mesh.points[v] - self.mesh.points[u]
            squared = along @ along
            plane = np.eye(n) - np.outer(along, along) / max(squared, 1e-12)
            mass = squared * 0.5 * max(self.area[u], self.area[v]) / max(squared, 1e-2)
            for vertex in (u, v):
                self.quadric[vertex] += mass * plane
                self.b[vertex] += mass * (plane @ p)
                self.c[vertex] += mass * (p @ plane @ p)

    def neighbours(self, u: int) -> set[int]:
        near = {v for face in self.around[u] for v in self.triangles[face].tolist()}
        near.discard(u)
        return near

    def offers(self, u: int) -> list[tuple[float, int, int, int]]:
        """What it costs to move a vertex onto each of its neighbours, and each of them onto it."""
        if self.gone[u]:
            return []
        near = np.array(sorted(self.neighbours(u)), np.int64)
        points = self.mesh.points
        plane = self.quadric[u] + self.quadric[near]
        b, c = self.b[u] + self.b[near], self.c[u] + self.c[near]
        long = ((points[near] - points[u])[:, :3] ** 2).sum(1) * self.evenness
        stamps = (self.stamp[u] + self.stamp[near]).tolist()

        def cost(places: Floats) -> Floats:
            seen = np.einsum("kn,knm,km->k", places, plane, places) - 2 * (b * places).sum(1) + c
            return np.asarray(seen)

        away = cost(points[near]) + long * self.area[u]
        here = cost(np.repeat(points[u][None], len(near), 0)) + long * self.area[near]
        out = list(zip(away.tolist(), [u] * len(near), near.tolist(), stamps, strict=True))
        return out + list(zip(here.tolist(), near.tolist(), [u] * len(near), stamps, strict=True))

    def allowed(self, u: int, v: int) -> bool:
        """Whether u may move onto v."""
        if self.gone[u] or self.gone[v] or self.pinned[u] or v not in self.neighbours(u):
            return False
        if self.lines[u] and (v not in self.lines[u] or len(self.lines[u]) != 2):
            return False
        shared = self.around[u] & self.around[v]
        if len(self.neighbours(u) & self.neighbours(v)) != len(shared):
            return False
        return self._moved(u, v, shared) is not None and not self._turns(u, v, shared)

    def _moved(self, u: int, v: int, shared: set[int]) -> dict[int, int] | None:
        """Which texture vertex of v takes the place of each of u's; None where one has none."""
        table: dict[int, int] = {}
        for face in shared:
            triangle = self.triangles[face].tolist()
            corner = self.corners[face].tolist()
            table[corner[triangle.index(u)]] = corner[triangle.index(v)]
        for face in self.around[u] - shared:
            if self.corners[face][self.triangles[face].tolist().index(u)] not in table:
                return None
        return table

    def _turns(self, u: int, v: int, shared: set[int]) -> bool:
        """Whether a triangle would turn over, or become a sliver, in any pose."""
        faces = sorted(self.around[u] - shared)
        if not faces:
            return True
        before = self.triangles[faces]
        after = np.where(before == u, v, before)
        old, new = self.mesh.poses[:, before], self.mesh.poses[:, after]
        old_normal = np.cross(old[:, :, 1] - old[:, :, 0], old[:, :, 2] - old[:, :, 0])
        new_normal = np.cross(new[:, :, 1] - new[:, :, 0], new[:, :, 2] - new[:, :, 0])
        size = np.linalg.norm(old_normal, axis=-1) * np.linalg.norm(new_normal, axis=-1)
        if np.any((old_normal * new_normal).sum(-1) < 0.2 * size):
            return True
        sides = sum(((new[0, :, a] - new[0, :, a - 1]) ** 2).sum(-1) for a in range(3))
        quality = 2 * np.sqrt(3) * np.linalg.norm(new_normal[0], axis=-1) / np.maximum(sides, 1e-12)
        was = sum(((old[0, :, a] - old[0, :, a - 1]) ** 2).sum(-1) for a in range(3))
        had = 2 * np.sqrt(3) * np.linalg.norm(old_normal[0], axis=-1) / np.maximum(was, 1e-12)
        return bool(np.any((quality < 0.25) & (quality < had.min())))

    def collapse(self, u: int, v: int) -> None:
        """Move u onto v."""
        shared = self.around[u] & self.around[v]
        table = self._moved(u, v, shared)
        assert table is not None
        for face in shared:
            self.alive[face] = False
            for vertex in self.triangles[face].tolist():
                self.around[vertex].discard(face)
        for face in self.around[u]:
            at = self.triangles[face].tolist().index(u)
            self.triangles[face, at] = v
            self.corners[face, at] = table[int(self.corners[face, at])]
            self.around[v].add(face)
        self.around[u] = set()
        for other in self.lines[u]:
            self.lines[other].discard(u)
            if other != v:
                self.lines[other].add(v)
                self.lines[v].add(other)
        self.lines[u] = set()
        self.quadric[v] += self.quadric[u]
        self.b[v] += self.b[u]
        self.c[v] += self.c[u]
        self.area[v] += self.area[u]
        self.gone[u] = True
        self.stamp[v] += 1
