"""Our head model from the kit: mesh, mean, identities, expressions."""

from dataclasses import dataclass, replace

import numpy as np

from reenact_core.head.model import EYEBALL_SECTORS as SECTORS
from reenact_core.head.model import PARTS
from reenact_training.head_model.kit import (
    GUMS,
    MIRROR,
    POINTS_68,
    SCLERA_LEFT,
    SKIN,
    TEETH,
    Floats,
    Ints,
    Kit,
)
from reenact_training.head_model.meet import (
    LIDS_OVERLAP,
    LIDS_REACH,
    LIPS_REACH,
    OVERLAP,
    Edges,
    close_to,
    fade,
    gap,
    lid_edges,
    lip_edges,
)
from reenact_training.head_model.parts import parts_of
from reenact_training.head_model.simplify import Coarse, Mesh, simplify

COUNTS = {SKIN: 1520, GUMS: 140, TEETH: 190}
"""Vertices of one half of each connected part."""
MATTERS = {
    "face": 1.0, "lips": 4.0, "eyelids": 12.0, "outer_face": 0.1, "ears": 0.1, "neck": 0.02,
    "scalp": 0.02, "mouth_socket": 0.03, "eye_sockets": 0.03,
}  # fmt: skip
"""How much shape and motion of each part matter when vertices are given away; others: 1."""
MOTION, SHAPE, DIMENSIONS = 0.7, 0.4, 20
"""What expressions and identities count beside the place itself, and in how many dimensions."""
KEY_POSES = (
    ("jawOpen",), ("eyeBlink_L", "eyeBlink_R"), ("mouthSmile_L", "mouthSmile_R"), ("mouthPucker",),
    ("mouthFunnel",), ("browDown_L", "browDown_R"), ("mouthRollLower", "mouthRollUpper"),
)  # fmt: skip
"""Shapes in which no triangle may turn over."""
NO_LINES = {"eyelids": "face", "neck": "outer_face", "scalp": "outer_face"}
"""Parts whose borders are no lines that edges must follow."""
SUNK = 0.1
"""How much smaller than the kit's our eyeballs are, cm: lids cut corners as they close."""
RINGS = (8.0, 15.0, 22.5, 30.0, 42.0, 60.0, 80.0, 100.0)
"""Degrees between the pole of an eyeball and its circles of vertices."""
PUPIL_RING, IRIS_RING = 0, 2


@dataclass(frozen=True, slots=True, eq=False)
class Shapes:
    """A mesh with its mean and the directions in which it varies."""

    source: Ints
    """(V,) the kit's vertex that each is; -1 for eyeballs."""
    mirror: Ints
    """(V,)"""
    triangles: Ints
    """(F, 3)"""
    part: Ints
    """(F,) rows of PARTS."""
    texture: Floats
    """(F, 3, 2)"""
    neutral: Floats
    """(V, 3)"""
    identity: Floats
    """(K, V, 3)"""
    identity_sign: Ints
    """(K,) 1 for a direction that is its own mirror image, -1 where it turns round."""
    expression: Floats
    """(57, V, 3)"""
    expression_mirror: Ints
    """(57,)"""
    lids: Ints
    """(L,) vertices of the lids that move otherwise as identities have other lids."""
    lid_edges: Edges
    """The edges of the lids at the image's left."""
    lids_shut: Floats
    """(K, L) cm downwards at full blink, for each direction of identity."""


def build(kit: Kit, identities: int) -> Shapes:
    """The head model."""
    lips, lids = lip_edges(kit), lid_edges(kit)
    pinned = np.concatenate([lips.upper, lips.lower, lids.upper, lids.lower, np.array(POINTS_68)])
    source, mirror, triangles, part, texture = _mesh(kit, pinned)
    skin = source >= 0
    km = kit.mirror[source[skin]]
    order = np.array(kit.expression_mirror())
    expression = (kit.expression[:, source[skin]] + kit.expression[order][:, km] * MIRROR) / 2
    neutral = (kit.neutral[source[skin]] + kit.neutral[km] * MIRROR) / 2
    even = (kit.identity[:, source[skin]] + kit.identity[:, km] * MIRROR) / 2
    odd = (kit.identity[:, source[skin]] - kit.identity[:, km] * MIRROR) / 2
    eye = _eyeballs(kit)
    neutral = np.concatenate([neutral, eye.neutral])
    expression = np.concatenate([expression, eye.expression], 1)
    even, odd = np.concatenate([even, eye.even], 1), np.concatenate([odd, eye.odd], 1)
    weight = _weights(neutral, triangles, part)
    kinds = [_components(_unposed(shapes, neutral, weight), weight) for shapes in (even, odd)]
    sizes = np.concatenate([size for _, size in kinds])
    shapes = np.concatenate([shape for shape, _ in kinds])
    signs = np.repeat([1, -1], [len(size) for _, size in kinds])
    best = np.argsort(-sizes)[:identities]
    made = Shapes(
        source, mirror, triangles, part, texture, neutral, shapes[best], signs[best], expression,
        order, np.zeros(0, int), _here(lids, source), np.zeros((0, 0)),
    )  # fmt: skip
    return _lids_met(_lips_met(made, _here(lips, source)), kit, _here(lids, source), eye)


def _here(edges: Edges, source: Ints) -> Edges:
    """Edges by our numbers of vertices."""
    row = {int(vertex): number for number, vertex in enumerate(source)}
    return Edges(
        np.array([row[int(v)] for v in edges.upper]), np.array([row[int(v)] for v in edges.lower])
    )


def _mirrored(edges: Edges, mirror: Ints) -> Edges:
    return Edges(mirror[edges.upper][::-1], mirror[edges.lower][::-1])


def _lips_met(made: Shapes, left: Edges) -> Shapes:
    """The mean's lips closed, and no identity opens them."""
    right = _mirrored(left, made.mirror)
    whole = Edges(
        np.concatenate([left.upper, right.upper[1:]]), np.concatenate([left.lower, right.lower[1:]])
    )
    place = made.neutral
    up, down = close_to(whole, place, LIPS_REACH)
    upper = up > down
    share = np.maximum(up, down) * fade(whole, place) * (made.source >= 0) / 2
    share = np.where(_skin(made), share, 0)
    move = np.where(upper, share, -share)
    shapes = np.concatenate([place[None], made.identity])
    apart = gap(whole, place, shapes, place[:, 0])
    apart[0] += OVERLAP
    shapes[..., 1] += apart * move
    return replace(made, neutral=shapes[0], identity=shapes[1:])


def _skin(made: Shapes) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    inner = [PARTS.index(n) for n in ("gums", "tongue", "teeth_upper", "teeth_lower", "sclera")]
    out = np.ones(len(made.neutral), bool)
    out[made.triangles[np.isin(made.part, inner)]] = False
    return out


def _lids_met(made: Shapes, kit: Kit, left: Edges, eye: "_Eyeballs") -> Shapes:
    """The mean's lids meet at full blink, and identities' lids by a correction of the blink."""
    expression = made.expression.copy()
    correction = np.zeros((len(made.identity), len(made.neutral)))
    right = _mirrored(left, made.mirror)
    for name, edges, centre in (
        ("eyeBlink_R", left, eye.centre),
        ("eyeBlink_L", right, eye.centre * MIRROR),
    ):
        blink = expression[kit.names.index(name)]
        shut = made.neutral + blink
        up, down = close_to(edges, made.neutral, LIDS_REACH)
        move = np.where(up >= down, up, 0) * fade(edges, made.neutral, 0.1) * _skin(made)
        blink[:, 1] += (gap(edges, shut, shut[None], shut[:, 0], 0)[0] + LIDS_OVERLAP) * move
        shut = made.neutral + blink
        out = shut - centre
        length = np.linalg.norm(out, axis=1)
        lid = (np.maximum(up, down) > 0.02) & (shut[:, 2] < centre[2]) & _skin(made)
        pushed = np.maximum(eye.radius + SUNK + 0.02 - length, 0) * lid * np.maximum(up, down)
        blink += out / length[:, None] * pushed[:, None]
        correction += gap(edges, shut, made.identity, shut[:, 0], 0) * move
    lids = np.flatnonzero(np.abs(correction).max(0) > 1e-3)
    return replace(made, expression=expression, lids=lids, lids_shut=correction[:, lids])


def _components(shapes: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """Directions of unit variance, and how far they move the head, of shapes that are added up
    with independent weights of unit variance: principal components without any drawing."""
    u, size, _ = np.linalg.svd((shapes * np.sqrt(weight)[:, None]).reshape(len(shapes), -1), False)
    return np.tensordot(u.T, shapes, 1), size


def _unposed(shapes: Floats, neutral: Floats, weight: Floats) -> Floats:
    """Shapes without what a pose would do: shift, turn and growth are taken out."""
    x, y, z = neutral.T
    o = np.zeros_like(x)
    one = np.ones_like(x)
    ways = np.stack([
        np.stack(way, -1) for way in (
            (one, o, o), (o, one, o), (o, o, one), (x, y, z), (o, -z, y), (z, o, -x), (-y, x, o),
        )
    ])  # fmt: skip
    root = np.sqrt(weight)[:, None]
    basis = (ways * root).reshape(len(ways), -1).T
    found = np.linalg.lstsq(basis, (shapes * root).reshape(len(shapes), -1).T, rcond=None)[0]
    return np.asarray(shapes - np.tensordot(found.T, ways, 1))


def _weights(neutral: Floats, triangles: Ints, part: Ints) -> Floats:
    """How much a vertex counts when identities are told apart: its area of the face."""
    a, b, c = (neutral[triangles[:, i]] for i in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 6
    worth = {"face": 1.0, "lips": 2.0, "eyelids": 2.0, "outer_face": 0.3, "ears": 0.05}
    area = area * np.array([worth.get(name, 0.02) for name in PARTS])[part]
    weight = np.zeros(len(neutral))
    for corner in range(3):
        np.add.at(weight, triangles[:, corner], area)
    return np.asarray(weight / weight.sum())


# Mesh


def _mesh(kit: Kit, pinned: Ints) -> tuple[Ints, Ints, Ints, Ints, Floats]:
    """Vertices by the kit's number, mirror, triangles, parts, texture places; eyeballs last."""
    part = parts_of(kit)
    halves = [_half(kit, part, pinned, first, last) for first, last in COUNTS]
    triangles = np.concatenate([half.triangles for half in halves])
    groups = np.concatenate([half.groups for half in halves])
    corners = np.concatenate([half.corners for half in halves])
    used = np.unique(triangles)
    other = kit.mirror[used]
    beside = other != used
    source = np.concatenate([used, other[beside]])
    here = np.arange(len(used))
    there = here.copy()
    there[beside] = len(used) + np.arange(beside.sum())
    mirror = np.concatenate([there, here[beside]])
    row = np.searchsorted(used, triangles)
    both = np.concatenate([row, there[row][:, ::-1]])
    texture = _texture(kit, triangles, corners, groups)
    flipped = np.concatenate([1 - texture[..., :1], texture[..., 1:]], -1)[:, ::-1]
    eye, eye_part, eye_texture = _eyeball_triangles()
    count, size = len(source), 1 + len(RINGS) * SECTORS
    pair = np.concatenate([count + eye, count + size + eye[:, ::-1]])
    eye_mirror = np.concatenate([count + size + np.arange(size), count + np.arange(size)])
    flipped_eye = np.concatenate([1 - eye_texture[..., :1], eye_texture[..., 1:]], -1)[:, ::-1]
    return (
        np.concatenate([source, np.full(2 * size, -1)]),
        np.concatenate([mirror, eye_mirror]),
        np.concatenate([both, pair]),
        np.concatenate([groups, groups, eye_part, eye_part]),
        np.concatenate([texture, flipped, eye_texture, flipped_eye]),
    )


def _half(kit: Kit, part: Ints, pinned: Ints, first: int, last: int) -> Coarse:
    """The half of a connected part at the image's left, coarser."""
    x = kit.neutral[:, 0][kit.triangles]
    inside = (kit.triangles >= first) & (kit.triangles < last)
    of = np.flatnonzero((x < 1e-3).all(1) & inside.all(1))
    used = np.unique(kit.triangles[of])
    row = np.searchsorted(used, kit.triangles[of])
    neutral = kit.neutral[used]
    moves = np.concatenate([MOTION * kit.expression[:, used], SHAPE * kit.identity[:, used]])
    flat = moves.transpose(1, 0, 2).reshape(len(used), -1)
    u, size, _ = np.linalg.svd(flat - flat.mean(0), full_matrices=False)
    points = np.concatenate([neutral, (u * size)[:, :DIMENSIONS]], 1)
    poses = [neutral]
    for names in KEY_POSES:
        poses.append(neutral + sum(kit.expression[kit.names.index(name)][used] for name in names))
    wanted = np.concatenate([pinned, kit.mirror[pinned]])
    lines = np.arange(len(PARTS))
    for name, other in NO_LINES.items():
        lines[PARTS.index(name)] = PARTS.index(other)
    weight = np.array([MATTERS.get(name, 1.0) for name in PARTS])[part[of]]
    mesh = Mesh(
        points, np.stack(poses), row, kit.corners[of], part[of], lines[part[of]], weight,
        np.flatnonzero(np.isin(used, wanted)),
    )  # fmt: skip
    coarse = simplify(mesh, COUNTS[first, last])
    return Coarse(used[coarse.triangles], coarse.corners, coarse.groups)


def _texture(kit: Kit, triangles: Ints, corners: Ints, groups: Ints) -> Floats:
    """Texture places of the image-left half, in [0, 1]: the kit's own tile, its middle at 0.5."""
    return np.asarray(kit.uv[corners] - np.floor(kit.uv[corners].mean(1, keepdims=True)))


# Eyeballs: spheres, since the kit's bulge through closed lids


@dataclass(frozen=True, slots=True, eq=False)
class _Eyeballs:
    centre: Floats
    """Of the one at the image's left."""
    radius: float
    neutral: Floats
    even: Floats
    odd: Floats
    expression: Floats


def _eyeball_triangles() -> tuple[Ints, Ints, Floats]:
    """A pole, and circles of vertices around it: triangles, parts, texture places."""
    of = {name: number for number, name in enumerate(PARTS)}
    triangles, part = [], []
    for s in range(SECTORS):
        after = (s + 1) % SECTORS
        triangles.append((0, 1 + s, 1 + after))
        part.append(of["pupil"])
        for ring in range(len(RINGS) - 1):
            a, b = 1 + ring * SECTORS, 1 + (ring + 1) * SECTORS
            triangles += [(a + s, b + s, b + after), (a + s, b + after, a + after)]
            name = "iris" if ring < IRIS_RING else "sclera"
            part += [of[name]] * 2
    row = np.array(triangles)
    place = _directions()[:, :2]
    place = place * (np.degrees(np.arccos(-_directions()[:, 2:])) / RINGS[-1])
    length = np.maximum(np.linalg.norm(_directions()[:, :2], axis=1, keepdims=True), 1e-9)
    return row, np.array(part), np.asarray((0.25 + 0.25 * place / length)[row])


def _directions() -> Floats:
    """Unit vectors from an eyeball's middle to its vertices."""
    out = [(0.0, 0.0, -1.0)]
    for ring in np.radians(RINGS):
        for angle in np.arange(SECTORS) * 2 * np.pi / SECTORS:
            # Counter-clockwise as seen, y down.
            out.append((np.sin(ring) * np.cos(angle), -np.sin(ring) * np.sin(angle), -np.cos(ring)))
    return np.array(out)


def _eyeballs(kit: Kit) -> _Eyeballs:
    """Both eyeballs: their vertices, and how identities move and scale them."""
    ball = np.arange(*SCLERA_LEFT)
    place = kit.neutral[ball]
    white = place[:, 2] > np.quantile(place[:, 2], 0.3)  # without the cornea
    place, ball = place[white], ball[white]
    found = np.linalg.lstsq(
        np.concatenate([2 * place, np.ones((len(place), 1))], 1), (place**2).sum(1), rcond=None
    )[0]
    centre = found[:3]
    radius = float(np.sqrt(found[3] + centre @ centre)) - SUNK
    around = place - centre
    other = kit.mirror[ball]
    even = (kit.identity[:, ball] + kit.identity[:, other] * MIRROR) / 2
    odd = (kit.identity[:, ball] - kit.identity[:, other] * MIRROR) / 2
    ways = np.concatenate([np.eye(3)[:, None].repeat(len(ball), 1), around[None]])
    basis = ways.reshape(4, -1).T
    vertices = _directions() * radius

    def moved(shapes: Floats) -> Floats:
        by = np.linalg.lstsq(basis, shapes.reshape(len(shapes), -1).T, rcond=None)[0].T
        return np.asarray(by[:, None, :3] + by[:, 3, None, None] * vertices)

    wide = np.zeros((len(kit.names), len(vertices), 3))
    opened = np.radians(RINGS[PUPIL_RING] + 8.0)
    ring = slice(1 + PUPIL_RING * SECTORS, 1 + (PUPIL_RING + 1) * SECTORS)
    angle = np.arange(SECTORS) * 2 * np.pi / SECTORS
    target = radius * np.stack([
        np.sin(opened) * np.cos(angle), -np.sin(opened) * np.sin(angle),
        np.full(SECTORS, -np.cos(opened)),
    ], 1)  # fmt: skip
    wide[kit.names.index("PupilDilate_R"), ring] = target - vertices[ring]
    order = kit.expression_mirror()
    left = centre + vertices
    e, o = moved(even), moved(odd)
    return _Eyeballs(
        centre, radius,
        np.concatenate([left, left * MIRROR]),
        np.concatenate([e, e * MIRROR], 1),
        np.concatenate([o, -o * MIRROR], 1),
        np.concatenate([wide, wide[order] * MIRROR], 1),
    )  # fmt: skip
