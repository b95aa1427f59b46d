"""Where the points of other schemes lie on our head."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from scipy.spatial import KDTree

from reenact_core.head.landmarks import Landmarks
from reenact_core.head.model import PARTS, HeadModel
from reenact_core.head.rasterise import Raster, interpolate, rasterise
from reenact_core.models.face_points import load_face_points
from reenact_training.head_model.kit import POINTS_68, Floats, Ints

# fmt: off
MESH_68 = (
    162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389, 71, 63, 105,
    66, 107, 336, 296, 334, 293, 301, 168, 197, 5, 4, 75, 97, 2, 326, 305, 33, 160, 158, 133, 153,
    144, 362, 385, 387, 263, 373, 380, 61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181, 78, 82,
    13, 312, 308, 317, 14, 87,
)
"""The points of MediaPipe's mesh that are the 68."""
LIDS_LOWER = (33, 7, 163, 144, 145, 153, 154, 155, 133)
LIDS_UPPER = (33, 246, 161, 160, 159, 158, 157, 173, 133)
LIDS_LOWER_RIGHT = (263, 249, 390, 373, 374, 380, 381, 382, 362)
LIDS_UPPER_RIGHT = (263, 466, 388, 387, 386, 385, 384, 398, 362)
"""The mesh's points along the lids, from outer to inner corner; image-left eye, image-right eye."""
LIP_INNER = (
    78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95,
)
# fmt: on
STEADY = 0.35
"""A point is left out whose place on drawn heads varies more than this, cm."""
JAW_TRUST = 0.15
LID_TRUST = 20.0
"""Lids lie a few millimetres apart: counted as the others, their points are outvoted. Where stills
act as real clips, eyes open with the driver's with a correlation of 0.46 at 1 and 0.79 at 20
(three pairs), 0.87 at 5 and 0.90 at 20 (three others)."""
MOUTH_CORNERS = (61, 291, 78, 308, 185, 40, 409, 270, 146, 91, 375, 321, 62, 292, 76, 306)
CORNER_TRUST = 5.0
"""What the points about the corners of the mouth count more than they would: the lips are many. On
six pairs mouths are as wide as the driver's with a spread of 0.75 of his with it, 0.70 without."""
SIDE, FACE_SHARE = 256, 1.5
"""Pixels of a drawn head; how many times the face the network is shown."""


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """Points on a surface: corners of triangles and shares of them."""

    vertices: Ints
    """(K, 3)"""
    shares: Floats
    """(K, 3)"""


def points68(row: dict[int, int]) -> Landmarks:
    """The 68 points, which are vertices of ours (`row`: ours by the kit's number)."""
    at = np.array([row[v] for v in POINTS_68])
    trust = np.ones(68)
    trust[:17] = JAW_TRUST
    return landmarks(np.arange(68), _at_vertices(at), trust)


def embedded79(head: HeadModel) -> Landmarks:
    """The points of the embedded reader: the 68 where they are the same, else by its mean head."""
    of68 = head.landmarks["points68"]
    mean = load_face_points().mean_head.double().numpy()
    known = np.arange(17, 68)
    ours = of68.places(head.mean).double().numpy()
    fitted = _registered(head, mean, known, ours)
    jaw = np.r_[np.arange(17), np.arange(68, 77)]
    skin = _skin_triangles(head)
    found = nearest(fitted[jaw], head.mean.double().numpy(), skin)
    places = [Places(of68.vertices[17:68].numpy(), of68.shares[17:68].double().numpy()), found]
    poles = np.array([int(ball[0]) for ball in head.eyeballs])
    places.append(_at_vertices(poles))
    points = np.r_[known, jaw, 77, 78]
    trust = np.r_[np.ones(51), np.full(17, JAW_TRUST), np.full(9, JAW_TRUST), np.ones(2)]
    order = np.argsort(points)
    return landmarks(points[order], _joined(places, order), trust[order])


def _registered(head: HeadModel, mean: Floats, known: Ints, ours: Floats) -> Floats:
    """A scheme's own mean head, laid on ours by the points that both have."""
    a, b = mean[known], ours[known]
    a0, b0 = a.mean(0), b.mean(0)
    u, s, vt = np.linalg.svd((b - b0).T @ (a - a0))
    sign = np.array([1, 1, np.sign(np.linalg.det(u @ vt))])
    scale = (s * sign).sum() / ((a - a0) ** 2).sum()
    laid = scale * (mean - a0) @ (u @ np.diag(sign) @ vt).T + b0
    # What is left over is spread smoothly.
    apart = np.linalg.norm(laid[:, None] - laid[known], axis=-1)
    share = np.exp(-((apart / 4.0) ** 2)) + 1e-9
    share /= share.sum(1, keepdims=True)
    return np.asarray(laid + share @ (b - laid[known]))


def mesh468(head: HeadModel, network: Path, lids: tuple[Ints, Ints], heads: int = 60) -> Landmarks:
    """The points of MediaPipe's mesh: where its network sees them on drawn heads, in the mean.

    Args:
        network: face_landmark.tflite
        lids: our vertices along the upper and the lower lid at the image's left
    """
    seen = _seen(head, network, heads)
    mean = head.mean.double().numpy()
    middle = np.nanmedian(seen, 0)
    spread = np.nanmedian(np.linalg.norm(seen - middle, axis=-1), 0)
    often = np.isfinite(seen[..., 0]).mean(0) > 0.5
    twin = _mesh_mirror(middle)
    middle = (middle + middle[twin] * [-1, 1, 1]) / 2
    found = nearest(middle, mean, _skin_triangles(head))
    vertices, shares = found.vertices, found.shares
    good = often & (spread < STEADY)
    good &= good[twin] & (twin[twin] == np.arange(len(twin)))
    trust = np.clip(1 - spread / STEADY, 0.1, 1) * 0.5
    of68 = head.landmarks["points68"]
    rows = list(MESH_68[17:])
    vertices[rows], shares[rows] = of68.vertices[17:].numpy(), of68.shares[17:].numpy()
    trust[rows], good[rows] = 1, True
    good[[p for p in LIP_INNER if p not in MESH_68]] = False
    trust[list(MOUTH_CORNERS)] *= CORNER_TRUST
    mirror = head.mirror.numpy()
    for line, edge, left in (
        (LIDS_UPPER, lids[0], True), (LIDS_LOWER, lids[1], True),
        (LIDS_UPPER_RIGHT, lids[0], False), (LIDS_LOWER_RIGHT, lids[1], False),
    ):  # fmt: skip
        inner = [p for p in line if p not in MESH_68]
        at = middle[inner, 0] if left else -middle[inner, 0]
        at = _between_corners(at, middle[list(line)], mean, of68, left)
        for point, x in zip(inner, at, strict=True):
            vertices[point], shares[point] = _along(mean, edge, x, None if left else mirror)
            good[point] = True
        trust[list(line)] = LID_TRUST
    kept = np.flatnonzero(good)
    return landmarks(kept, Places(vertices[kept], shares[kept]), trust[kept])


def _between_corners(at: Floats, line: Floats, mean: Floats, of68: Landmarks, left: bool) -> Floats:
    """Places x between the corners that the network sees, to between our own."""
    seen = np.abs(line[[0, -1], 0])
    ours = np.abs(mean[of68.vertices[[36, 39], 0].numpy(), 0])
    share = (np.abs(at) - seen[0]) / (seen[1] - seen[0])
    return np.asarray(-(ours[0] + share * (ours[1] - ours[0])))


def _along(mean: Floats, edge: Ints, x: float, mirror: Ints | None) -> tuple[Ints, Floats]:
    """The place on an edge at x (image-left), or its mirror image."""
    right = int(np.clip(np.searchsorted(mean[edge, 0], x), 1, len(edge) - 1))
    a, b = int(edge[right - 1]), int(edge[right])
    share = float(np.clip((x - mean[a, 0]) / max(mean[b, 0] - mean[a, 0], 1e-6), 0, 1))
    pair = np.array([a, b, b])
    return pair if mirror is None else mirror[pair], np.array([1 - share, share, 0.0])


def _mesh_mirror(middle: Floats) -> Ints:
    """The mesh's point at the mirrored place, by what was seen."""
    apart = np.linalg.norm(middle[:, None] * [-1, 1, 1] - middle, axis=-1)
    return np.asarray(np.nan_to_num(apart, nan=np.inf).argmin(1))


def _seen(head: HeadModel, network: Path, heads: int) -> Floats:
    """The mean head's places (heads, 468, 3) where the network sees points; NaN beside the head."""
    net = cv2.dnn.readNetFromTFLite(str(network))
    chance = np.random.default_rng(1)
    out = np.full((heads, 468, 3), np.nan)
    for k in range(heads):
        vertices = _one(head, chance)
        middle = vertices[head.landmarks["points68"].vertices[17:68, 0]].mean(0)
        scale = SIDE / (FACE_SHARE * 17.5)
        pixels = (vertices - middle) * scale + torch.tensor([SIDE / 2, SIDE * 0.47, 0])
        raster = rasterise(pixels[None], head.triangles, (SIDE, SIDE))
        picture = _painted(head, raster, vertices, chance)
        small = cv2.resize(picture, (192, 192), interpolation=cv2.INTER_AREA)
        net.setInput(np.ascontiguousarray(small.transpose(2, 0, 1)[None]))
        answers = net.forward(net.getUnconnectedOutLayersNames())
        points = max(answers, key=lambda a: int(a.size)).reshape(468, 3)[:, :2] * SIDE / 192
        places = interpolate(raster, head.mean, head.triangles)[0].numpy()
        part = head.part[raster.face[0].clamp_min(0)].numpy()
        skin = raster.covered[0].numpy() & (part <= PARTS.index("eyelids"))
        column, row = np.clip(np.floor(points).astype(int), 0, SIDE - 1).T
        here = skin[row, column]
        out[k, here] = places[row, column][here]
    return out


def _one(head: HeadModel, chance: np.random.Generator) -> torch.Tensor:
    """A head of chance, hardly turned, its face at rest or nearly."""
    identity = torch.tensor(chance.standard_normal((1, len(head.identity))), dtype=torch.float32)
    expression = torch.tensor(
        chance.random((1, len(head.expression))) ** 6 * 0.5, dtype=torch.float32
    )
    yaw, pitch, roll = np.radians(chance.normal(0, [8, 6, 3]))
    c, s = np.cos, np.sin
    turn = (
        np.array([[c(roll), -s(roll), 0], [s(roll), c(roll), 0], [0, 0, 1]])
        @ np.array([[1, 0, 0], [0, c(pitch), -s(pitch)], [0, s(pitch), c(pitch)]])
        @ np.array([[c(yaw), 0, -s(yaw)], [0, 1, 0], [s(yaw), 0, c(yaw)]])
    )
    return head.vertices(identity * 0.8, expression)[0] @ torch.tensor(turn.T, dtype=torch.float32)


COLOURS = {
    "lips": (0.62, 0.33, 0.31), "sclera": (0.85, 0.83, 0.8), "iris": (0.25, 0.18, 0.12),
    "pupil": (0.03, 0.03, 0.03), "mouth_socket": (0.2, 0.07, 0.07), "gums": (0.5, 0.25, 0.25),
    "tongue": (0.55, 0.3, 0.3), "teeth_upper": (0.85, 0.83, 0.76), "teeth_lower": (0.8, 0.78, 0.7),
    "scalp": (0.15, 0.11, 0.08),
}  # fmt: skip


def _painted(
    head: HeadModel, raster: Raster, vertices: torch.Tensor, chance: np.random.Generator
) -> "np.ndarray[tuple[int, int, int], np.dtype[np.float32]]":
    """A crude picture of a head: skin, lips, brows, lash lines and eyes under one light."""
    corners = vertices[head.triangles]
    normal = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    at = torch.zeros_like(vertices)
    for corner in range(3):
        at.index_add_(0, head.triangles[:, corner], normal)
    at = torch.nn.functional.normalize(at, dim=1)
    light = torch.tensor([chance.normal(0, 0.4), -0.4 + chance.normal(0, 0.2), -1.0])
    seen = interpolate(raster, at, head.triangles)[0] @ (light / light.norm())
    skin = np.array([0.78, 0.58, 0.48]) * chance.uniform(0.5, 1.1)
    colours = np.array([COLOURS.get(name, tuple(skin)) for name in PARTS])
    part = head.part[raster.face[0].clamp_min(0)].numpy()
    colour = colours[part]
    place = interpolate(raster, head.mean, head.triangles)[0].numpy()
    points = head.landmarks["points68"].places(head.mean).numpy()
    surface = raster.covered[0].numpy() & (part <= PARTS.index("eyelids"))
    skin_places = place[surface]
    for rows, reach, dark in (
        (range(17, 22), 0.42, 0.2), (range(22, 27), 0.42, 0.2), ((36, 37, 38, 39), 0.12, 0.2),
        ((42, 43, 44, 45), 0.12, 0.2), ((36, 41, 40, 39), 0.07, 0.4), ((42, 47, 46, 45), 0.07, 0.4),
    ):  # fmt: skip
        line = points[list(rows)]
        steps = np.linspace(0, 1, 12)[:, None, None]
        fine = (line[:-1] + (line[1:] - line[:-1]) * steps).reshape(-1, 3)
        apart = KDTree(fine).query(skin_places, distance_upper_bound=2 * reach)[0]
        colour[surface] *= (1 - np.clip(1.5 - apart / reach, 0, 1) * (1 - dark))[:, None]
    shade = 0.35 + 0.75 * np.clip(seen.numpy(), 0, 1)
    background = chance.uniform(0.2, 0.8, 3)
    picture = np.where(raster.covered[0].numpy()[..., None], colour * shade[..., None], background)
    return np.asarray(cv2.GaussianBlur(np.clip(picture, 0, 1), (0, 0), 0.8), np.float32)


def _skin_triangles(head: HeadModel) -> Ints:
    """Triangles of what is seen of a head at rest."""
    return np.asarray(head.triangles[head.part <= PARTS.index("eyelids")].numpy())


def nearest(points: Floats, vertices: Floats, triangles: Ints) -> Places:
    """The nearest place on a mesh to each of some points."""
    middle = KDTree(vertices[triangles].mean(1))
    corners, shares = [], []
    for point in np.nan_to_num(points):
        near = np.asarray(middle.query(point, k=24)[1])
        apart, share = _closest(point, vertices[triangles[near]])
        best = int(apart.argmin())
        corners.append(triangles[near[best]])
        shares.append(share[best])
    return Places(np.array(corners), np.array(shares))


def _closest(p: Floats, corners: Floats) -> tuple[Floats, Floats]:
    """How far a point is from triangles (K, 3, 3), and the shares of their corners there."""
    sides = np.stack([corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]], 2)
    uv = np.einsum("kij,kj->ki", np.linalg.pinv(sides), p - corners[:, 0])
    inner = np.concatenate([1 - uv.sum(1, keepdims=True), uv], 1)
    tries = [inner]
    for i, j in ((0, 1), (1, 2), (2, 0)):
        along = corners[:, j] - corners[:, i]
        t = ((p - corners[:, i]) * along).sum(1) / np.maximum((along**2).sum(1), 1e-12)
        share = np.zeros_like(inner)
        share[:, j] = np.clip(t, 0, 1)
        share[:, i] = 1 - share[:, j]
        tries.append(share)
    shares = np.stack(tries)
    apart = np.linalg.norm(np.einsum("tki,kic->tkc", shares, corners) - p, axis=-1)
    apart[0] = np.where(inner.min(1) >= 0, apart[0], np.inf)
    best = apart.argmin(0)
    row = np.arange(len(best))
    return apart[best, row], shares[best, row]


def _at_vertices(at: Ints) -> Places:
    shares = np.zeros((len(at), 3))
    shares[:, 0] = 1
    return Places(np.repeat(at[:, None], 3, 1), shares)


def _joined(places: list[Places], order: Ints) -> Places:
    return Places(
        np.concatenate([p.vertices for p in places])[order],
        np.concatenate([p.shares for p in places])[order],
    )


def landmarks(points: Ints, places: Places, trust: Floats) -> Landmarks:
    """A table of the core's."""
    return Landmarks(
        torch.tensor(points), torch.tensor(places.vertices),
        torch.tensor(places.shares, dtype=torch.float32), torch.tensor(trust, dtype=torch.float32),
    )  # fmt: skip
