"""Which part of a head every triangle of the kit is."""

import heapq
from itertools import pairwise

import numpy as np

from reenact_core.head.model import PARTS
from reenact_training.head_model.kit import (
    EYE_SOCKETS,
    FACE,
    HEAD,
    MOUTH_SOCKET,
    NARROW_FACE,
    POINTS_68,
    Floats,
    Ints,
    Kit,
)

EAR_SIDE, EAR_BACK = 6.3, 1.9
"""Ears: farther than this from the middle, not farther to the front, cm."""
NECK = 6.3
"""What is no face is neck below this height (down is positive), cm."""
LID_MOVES = 0.12
"""Eyelids: what moves more than this, cm, when eyes close, look or squint..."""
LID_REACH = 0.75
"""...and is not farther from the edge of the lids, cm."""


def parts_of(kit: Kit) -> Ints:
    """The row of `PARTS` of every triangle."""
    of = {name: number for number, name in enumerate(PARTS)}
    vertex = np.full(len(kit.neutral), of["face"])
    place = kit.neutral
    vertex[NARROW_FACE:HEAD] = of["outer_face"]
    vertex[HEAD:MOUTH_SOCKET] = np.where(
        place[HEAD:MOUTH_SOCKET, 1] > NECK, of["neck"], of["scalp"]
    )
    vertex[MOUTH_SOCKET:EYE_SOCKETS] = of["mouth_socket"]
    vertex[EYE_SOCKETS:14062] = of["eye_sockets"]
    skin = np.arange(len(place)) < MOUTH_SOCKET
    side = np.where(np.arange(len(place)) < HEAD, EAR_SIDE, 7.6)
    vertex[skin & (np.abs(place[:, 0]) > side) & _beside(place)] = of["ears"]
    vertex[lids_of(kit)] = of["eyelids"]
    # A face of the kit is what most of its corners are; material tells the sockets' own.
    four = np.full((int(kit.quad.max()) + 1, 2, 3), -1)
    half = np.zeros(len(kit.quad), np.int64)
    half[np.unique(kit.quad, return_index=True)[1]] = 1
    four[kit.quad, half] = vertex[kit.triangles]
    corners = np.sort(four.reshape(-1, 6), 1)
    part = np.where(corners[:, 0] < 0, corners[:, 4], corners[:, 3])[kit.quad]
    back = kit.material == "M_BackHead"
    inner = vertex[kit.triangles].max(1)
    for name in ("mouth_socket", "eye_sockets"):
        part[back & (inner == of[name])] = of[name]
    below = place[kit.triangles][:, :, 1].mean(1) > NECK
    part[(part == of["outer_face"]) & below & ~_fore(place, kit)] = of["neck"]
    part[_lips(kit)] = of["lips"]
    lower = np.abs(kit.expression[kit.names.index("jawOpen")][kit.triangles]).max((1, 2)) > 0.1
    teeth = kit.material == "M_Teeth"
    part[teeth] = np.where(lower[teeth], of["teeth_lower"], of["teeth_upper"])
    gums = kit.material == "M_GumsTongue"
    part[gums] = np.where(_tongue(kit)[gums], of["tongue"], of["gums"])
    return np.asarray(part)


def _beside(place: Floats) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    """At the height and depth of the ears."""
    found = (place[:, 1] > -3.9) & (place[:, 1] < 2.4) & (place[:, 2] > -EAR_BACK)
    return np.asarray(found)


def _fore(place: Floats, kit: Kit) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    return np.asarray(kit.triangles.max(1) < NARROW_FACE)


def lids_of(kit: Kit) -> Ints:
    """Vertices of the eyelids."""
    moves = np.zeros(len(kit.neutral))
    for name, shape in zip(kit.names, kit.expression, strict=True):
        if name.startswith(("eyeBlink", "eyeSquint", "eyeWide", "eyeLook")):
            moves = np.maximum(moves, np.linalg.norm(shape, axis=1))
    edge = np.concatenate([kit.neutral[list(POINTS_68[36:48])]])
    apart = np.linalg.norm(kit.neutral[FACE:NARROW_FACE, None] - edge, axis=-1).min(1)
    return np.flatnonzero(
        ((moves[FACE:NARROW_FACE] > LID_MOVES) & (apart < LID_REACH)) | (apart < 0.25)
    )


def _tongue(kit: Kit) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    """Triangles of the tongue: charts of the texture that lie in the middle of the lower jaw."""
    gums = np.flatnonzero(kit.material == "M_GumsTongue")
    chart = np.arange(len(kit.uv))
    for _ in range(len(kit.uv)):
        before = chart.copy()
        least = chart[kit.corners[gums]].min(1)
        np.minimum.at(chart, kit.corners[gums].ravel(), np.repeat(least, 3))
        if np.array_equal(before, chart):
            break
    found = np.zeros(len(kit.triangles), bool)
    of = chart[kit.corners[gums][:, 0]]
    for number in np.unique(of):
        faces = gums[of == number]
        place = kit.neutral[kit.triangles[faces]]
        if 1.5 < np.abs(place[..., 0]).max() < 2.2 and place[..., 2].min() < -9:
            found[faces] = True
    return found


def _lips(kit: Kit) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    """Triangles within the outer line of the lips."""
    face = np.flatnonzero((kit.material == "M_Face") & (kit.triangles.max(1) < NARROW_FACE))
    near: dict[int, set[int]] = {}
    for i, j, k in kit.triangles[face].tolist():
        for a, b in ((i, j), (j, k), (k, i)):
            near.setdefault(a, set()).add(b)
            near.setdefault(b, set()).add(a)
    outer = [*POINTS_68[48:60], POINTS_68[48]]
    line: set[int] = set()
    for start, stop in pairwise(outer):
        line.update(_way(near, kit.neutral, start, stop))
    line.update(int(kit.mirror[v]) for v in list(line))
    inside = set(POINTS_68[60:68]) - line
    todo = list(inside)
    while todo:
        for vertex in near[todo.pop()] - line - inside:
            inside.add(vertex)
            todo.append(vertex)
    found = np.zeros(len(kit.triangles), bool)
    member = np.zeros(len(kit.neutral), bool)
    member[list(inside)] = True
    found[face] = member[kit.triangles[face]].any(1)
    return found


def _way(near: dict[int, set[int]], place: Floats, start: int, stop: int) -> list[int]:
    """The shortest way along edges."""
    queue, best, before = [(0.0, start)], {start: 0.0}, {start: start}
    while queue:
        length, vertex = heapq.heappop(queue)
        if vertex == stop:
            break
        for other in near[vertex]:
            longer = length + float(np.linalg.norm(place[other] - place[vertex]))
            if longer < best.get(other, np.inf):
                best[other], before[other] = longer, vertex
                heapq.heappush(queue, (longer, other))
    way = [stop]
    while way[-1] != start:
        way.append(before[way[-1]])
    return way
