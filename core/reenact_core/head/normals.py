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
    flat = torch.linalg.cross(b - a, c - a)
    total = torch.zeros_like(vertices)
    for corner in range(3):
        total.index_add_(1, triangles[:, corner], flat)
    return total / total.square().sum(-1, keepdim=True).sqrt().clamp_min(1e-12)
