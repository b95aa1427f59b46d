"""A morphable head: every head is a mean, directions of identity, and expressions.

    v(identity, expression) = mean + identity · I + expression · E + blink · (identity · C)

The last term makes lids meet at full blink whoever's they are. Learned from ICT-FaceKit by
training/recipes/make_head_model.py; docs/explanation/head-model.md says how.

Convention:
    head coordinates: x to the image's right, y down, z away from the viewer for a head that looks
        straight at the camera; centimetres; the origin is inside the head, in its middle
        at the height of the nose's tip
    left and right in the names of expressions are the head's own: `_L` is at the image's right
"""

from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

import torch
from torch import Tensor

from reenact_core.errors import CheckpointError
from reenact_core.head.landmarks import Landmarks

PARTS = (
    "face", "outer_face", "scalp", "neck", "ears", "lips", "eyelids", "mouth_socket",
    "eye_sockets", "gums", "tongue", "teeth_upper", "teeth_lower", "sclera", "iris", "pupil",
)  # fmt: skip
"""What a triangle belongs to. The face ends before temples, ears and throat; outer_face goes on."""

NARROW = ("face", "lips", "eyelids")
NARROW_PARTS = tuple(PARTS.index(name) for name in NARROW)
"""Of the narrow face; what is behind lips and lids is not in it."""

WEIGHTS = Path(__file__).parent / "weights" / "head.safetensors"
SCHEMES = ("points68", "mesh468", "embedded79")
EYEBALL_SECTORS = 20
"""Vertices of each circle around the pole of an eyeball."""
BLINKS = ("eyeBlink_R", "eyeBlink_L")
"""Of the eye at the image's left, and of the one at its right."""


@dataclass(frozen=True, slots=True, eq=False)
class HeadModel:
    """The head model on a device."""

    mean: Tensor
    """(V, 3) float32, with lips shut and eyes open."""
    identity: Tensor
    """(I, V, 3): directions in which people differ, of standard normal weights."""
    expression: Tensor
    """(E, V, 3): what each expression does at its full extent, 1."""
    expression_names: tuple[str, ...]
    """As ARKit has them, `browInnerUp` and `cheekPuff` for each side, and pupils."""
    lids: Tensor
    """(L,) int64: the vertices of C."""
    lids_shut: Tensor
    """(I, L): how far down, at full blink, for each identity."""
    triangles: Tensor
    """(F, 3) int64, counter-clockwise from outside."""
    part: Tensor
    """(F,) int64, rows of `PARTS`."""
    texture: Tensor
    """(F, 3, 2) in [0, 1]: the place of every corner in a tile; skin of face, back of the head,
    mouth and eyes have tiles of their own."""
    mirror: Tensor
    """(V,) int64: the vertex at the mirrored place."""
    identity_sign: Tensor
    """(I,): -1 for what turns round in a mirror."""
    expression_mirror: Tensor
    """(E,) int64: the expression of the other side."""
    eyeballs: tuple[Tensor, Tensor]
    """Vertices of the eyeball at the image's left and of the one at its right, the pole first."""
    landmarks: dict[str, Landmarks]
    """By the names of `SCHEMES`."""

    def vertices(self, identity: Tensor, expression: Tensor, gaze: Tensor | None = None) -> Tensor:
        """The vertices (N, V, 3) of N heads.

        Convention:
            identity: (N, I), or (1, I) for one person
            expression: (N, E) in [0, 1]
            gaze: (N, 2) degrees, to the image's right and down, or (N, 2, 2) for each eye
        """
        out = self.mean + torch.einsum("ni,ivc->nvc", identity, self.identity)
        out = out + torch.einsum("ne,evc->nvc", expression, self.expression)
        shut = torch.einsum("ni,il->nl", identity, self.lids_shut) * self._blink(expression)
        down = torch.zeros_like(shut)
        out[:, self.lids] += torch.stack([down, shut, down], -1)
        return out if gaze is None else self.looking(out, gaze)

    def _blink(self, expression: Tensor) -> Tensor:
        """How far the lid that each of `lids` is on is shut, (N, L)."""
        left, right = (expression[:, self.expression_names.index(name), None] for name in BLINKS)
        return torch.where(self.mean[self.lids, 0] < 0, left, right)

    def basis(self, identity: Tensor, vertices: Tensor) -> tuple[Tensor, Tensor]:
        """One person's face at rest (K, 3), and what expressions do to it (E, K, 3).

        Args:
            identity: (I,)
            vertices: (K,) int64, the ones that are wanted
        """
        rest = self.mean[vertices] + torch.einsum("i,ikc->kc", identity, self.identity[:, vertices])
        moves = self.expression[:, vertices].clone()
        whole = self.mean.new_zeros(len(self.mean))
        whole[self.lids] = identity @ self.lids_shut
        side = self.mean[vertices, 0] < 0
        for name, here in zip(BLINKS, (side, ~side), strict=True):
            moves[self.expression_names.index(name), :, 1] += whole[vertices] * here
        return rest, moves

    def looking(self, vertices: Tensor, gaze: Tensor) -> Tensor:
        """Heads with their eyeballs turned: expressions that look somewhere move lids alone."""
        turns = gaze[:, None].expand(-1, 2, -1) if gaze.ndim == 2 else gaze
        out = vertices.clone()
        for side, ball in enumerate(self.eyeballs):
            middle = self.eye_centres(vertices)[:, side, None]
            rotation = eye_rotation(turns[:, side])
            out[:, ball] = (vertices[:, ball] - middle) @ rotation.transpose(1, 2) + middle
        return out

    def eye_centres(self, vertices: Tensor) -> Tensor:
        """The middles of both eyeballs (N, 2, 3), image-left first; they are spheres."""
        pole = torch.stack([vertices[:, ball[0]] for ball in self.eyeballs], 1)
        rim = torch.stack([vertices[:, ball[-EYEBALL_SECTORS:]] for ball in self.eyeballs], 1)
        circle = rim.mean(2)
        axis, radius = circle - pole, (rim[:, :, 0] - circle).norm(dim=-1, keepdim=True)
        # The point of the axis that is as far from the pole as from the last circle of vertices.
        depth = axis.norm(dim=-1, keepdim=True)
        reach = (depth.square() + radius.square()) / (2 * depth.square())
        return torch.as_tensor(pole + axis * reach)

    def mirrored(self, identity: Tensor, expression: Tensor) -> tuple[Tensor, Tensor]:
        """The identity and expression of the mirrored head."""
        return identity * self.identity_sign, expression[..., self.expression_mirror]

    def to(self, device: str) -> "HeadModel":
        """The same model on another device."""
        return HeadModel(
            self.mean.to(device), self.identity.to(device), self.expression.to(device),
            self.expression_names, self.lids.to(device), self.lids_shut.to(device),
            self.triangles.to(device), self.part.to(device), self.texture.to(device),
            self.mirror.to(device), self.identity_sign.to(device),
            self.expression_mirror.to(device),
            (self.eyeballs[0].to(device), self.eyeballs[1].to(device)),
            {name: table.to(device) for name, table in self.landmarks.items()},
        )  # fmt: skip


def eye_rotation(gaze: Tensor) -> Tensor:
    """Rotations (N, 3, 3) of eyes that look some degrees (N, 2) to the image's right and down."""
    x, y = torch.deg2rad(gaze).unbind(-1)
    o, one = torch.zeros_like(x), torch.ones_like(x)
    yaw = torch.stack([x.cos(), o, -x.sin(), o, one, o, x.sin(), o, x.cos()], -1).view(-1, 3, 3)
    pitch = torch.stack([one, o, o, o, y.cos(), -y.sin(), o, y.sin(), y.cos()], -1).view(-1, 3, 3)
    return yaw @ pitch


@lru_cache(maxsize=16)
def vertices_of(head: HeadModel, parts: tuple[str, ...]) -> Tensor:
    """The vertices (P,) of parts, by their names in `PARTS`."""
    wanted = torch.isin(head.part, head.part.new_tensor([PARTS.index(name) for name in parts]))
    with torch.inference_mode(False):
        return torch.as_tensor(torch.unique(head.triangles[wanted]))


def vertex_normals(vertices: Tensor, triangles: Tensor) -> Tensor:
    """The outward unit normal at every vertex (N, V, 3), of the triangles around it by their area.

    Convention:
        vertices: (N, V, 3), all in one unit
        triangles: (F, 3) int64, counter-clockwise from outside
    """
    a, b, c = vertices[:, triangles].unbind(2)
    flat = torch.linalg.cross(b - a, c - a).movedim(1, 0).flatten(1).contiguous()
    total = flat.new_zeros(vertices.shape[1], flat.shape[1])
    for corner in range(3):  # rows of all heads: adding up within each is slow
        total.index_add_(0, triangles[:, corner], flat)
    by_head: Tensor = total.view(-1, len(vertices), 3).movedim(1, 0)
    return by_head / by_head.square().sum(-1, keepdim=True).sqrt().clamp_min(1e-12)


@cache
def load_head_model(path: Path = WEIGHTS, device: str = "cpu") -> HeadModel:
    """The head model of a file, the one that comes with reenact where none is named.

    Raises:
        CheckpointError: the file is missing or holds no head model.
    """
    if device != "cpu":
        return load_head_model(path).to(device)
    with torch.inference_mode(False):  # it is kept, and training must be able to use it too
        return _read(path)


def _read(path: Path) -> HeadModel:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            names = (file.metadata() or {})["expression_names"].split()
            held = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118, no mapping
        whole = {n: t.float() if t.is_floating_point() else t.long() for n, t in held.items()}
        return HeadModel(
            whole["mean"], whole["identity"], whole["expression"], tuple(names), whole["lids"],
            whole["lids_shut"], whole["triangles"], whole["part"], whole["texture"],
            whole["mirror"], whole["identity_sign"], whole["expression_mirror"],
            (whole["eyeballs"][0], whole["eyeballs"][1]),
            {
                scheme: Landmarks(
                    whole[f"{scheme}.points"], whole[f"{scheme}.vertices"],
                    whole[f"{scheme}.shares"], whole[f"{scheme}.trust"],
                )
                for scheme in SCHEMES
            },
        )  # fmt: skip
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path}: cannot be read as safetensors ({error})") from error
    except KeyError as error:
        raise CheckpointError(f"{path}: holds no head model; {error} is missing") from error
