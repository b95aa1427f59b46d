"""Which way the surface of posed heads faces."""

import torch
from torch import Tensor


def vertex_normals(vertices: Tensor, triangles: Tensor) -> Tensor:
    """The outward unit normal at every vertex (N, V, 3), of the triangles around it by their area.

    Convention:
        vertices: (N, V, 3), axes as in `head.model`, all in one unit
        triangles: (F, 3) int64, counter-clockwise from outside
    """
    a, b, c = vertices[:, triangles].unbind(2)
    flat = torch.linalg.cross(b - a, c - a).movedim(1, 0).flatten(1).contiguous()
    total = flat.new_zeros(vertices.shape[1], flat.shape[1])
    for corner in range(3):  # rows of all heads: adding up within each is slow
        total.index_add_(0, triangles[:, corner], flat)
    by_head: Tensor = total.view(-1, len(vertices), 3).movedim(1, 0)
    return by_head / by_head.square().sum(-1, keepdim=True).sqrt().clamp_min(1e-12)
