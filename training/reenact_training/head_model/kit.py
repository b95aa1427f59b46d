"""ICT-FaceKit as arrays, in the axes of our heads, and one half of it.

The kit (https://github.com/ICT-VGL/ICT-FaceKit, USC Institute for Creative Technologies, MIT
licence) packed as one npz: neutral (V, 3), identity (100, V, 3), expression (57, V, 3),
expression_names, faces (F, 4; -1 for a triangle), face_uv (F, 4), uv (U, 2), material (F,),
material_names.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

AXES = np.array([1.0, -1.0, -1.0])
"""The kit has y up and z to the viewer; our heads have y down and z away."""
MIRROR = np.array([-1.0, 1.0, 1.0])
SKIN, GUMS, TEETH = (0, 14062), (14062, 17039), (17039, 21451)
"""Where vertices of the connected parts begin and end."""
MOUTH_SOCKET, EYE_SOCKETS, HEAD, FACE, NARROW_FACE = 11248, 13294, 9409, 0, 6706
"""First vertex of the insides of mouth and eyes, of what is no face; how many the narrow face has.
"""
SCLERA_LEFT, IRIS_LEFT = (23021, 23791), (23791, 24591)
"""The eyeball at the image's left."""

# fmt: off
POINTS_68: tuple[int, ...] = (
    1225, 1888, 1052, 367, 1719, 1722, 2199, 1447, 966, 3661, 4390, 3927, 3924, 2608, 3272, 4088,
    3443, 268, 493, 1914, 2044, 1401, 3615, 4240, 4114, 2734, 2509, 978, 4527, 4942, 4857, 1140,
    2075, 1147, 4269, 3360, 1507, 1542, 1537, 1528, 1518, 1511, 3742, 3751, 3756, 3721, 3725, 3732,
    5708, 5695, 2081, 0, 4275, 6200, 6213, 6346, 6461, 5518, 5957, 5841, 5702, 5711, 5533, 6216,
    6207, 6470, 5517, 5966,
)
# fmt: on
"""The kit's vertices of the 68 points."""


@dataclass(frozen=True, slots=True, eq=False)
class Kit:
    """The kit's shapes."""

    neutral: Floats
    """(V, 3)"""
    identity: Floats
    """(100, V, 3), of standard normal weights."""
    expression: Floats
    """(57, V, 3)"""
    names: tuple[str, ...]
    triangles: Ints
    """(F, 3), counter-clockwise from outside."""
    corners: Ints
    """(F, 3), rows of `uv`."""
    quad: Ints
    """(F,): the kit's face that a triangle is half of, or is."""
    material: NDArray[np.str_]
    """(F,)"""
    uv: Floats
    """(U, 2)"""
    mirror: Ints
    """(V,): the vertex at the mirrored place."""

    def expression_mirror(self) -> list[int]:
        """The expression that takes the place of each in a mirrored head."""
        other = {"_L": "_R", "_R": "_L", "Left": "Right", "Right": "Left"}
        order = []
        for name in self.names:
            end = next((end for end in other if name.endswith(end)), None)
            twin = name.removesuffix(end) + other[end] if end else name
            order.append(self.names.index(twin))
        return order


def read_kit(path: Path) -> Kit:
    """The kit of an npz."""
    with np.load(path, allow_pickle=False) as packed:
        held: dict[str, Any] = {name: packed[name] for name in packed.files}
    faces, corners = held["faces"].astype(np.int64), held["face_uv"].astype(np.int64)
    four = faces[:, 3] >= 0
    other = [0, 2, 3]
    neutral = held["neutral"].astype(np.float64) * AXES
    material = np.array([str(name) for name in held["material_names"]])[held["material"]]
    return Kit(
        neutral,
        held["identity"].astype(np.float64) * AXES,
        held["expression"].astype(np.float64) * AXES,
        tuple(str(name) for name in held["expression_names"]),
        np.concatenate([faces[:, :3], faces[four][:, other]]),
        np.concatenate([corners[:, :3], corners[four][:, other]]),
        np.concatenate([np.arange(len(faces)), np.flatnonzero(four)]),
        np.concatenate([material, material[four]]),
        held["uv"].astype(np.float64),
        _mirrored(neutral),
    )


def _mirrored(points: Floats) -> Ints:
    """The vertex at every mirrored place, within each connected part."""
    order = np.arange(len(points))
    for first, last in (SKIN, GUMS, TEETH, (TEETH[1], len(points))):
        part = points[first:last]
        order[first:last] = first + KDTree(part).query(part * MIRROR)[1]
    return order
