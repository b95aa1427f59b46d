"""Thin plate splines: smooth motions that a few control points tell (TPSMM, section 3.2)."""

import torch
from torch import Tensor
from torch.nn import functional

CONTROL_POINTS = 5
"""Of one spline."""

STIFFNESS = 0.01
"""On the whole diagonal of the system, the zero block included, as upstream has it: a spline
meets its points only nearly, and the system can always be solved."""


def spline_motions(grid: Tensor, source: Tensor, driving: Tensor) -> Tensor:
    """Where each place of the driving face was in the source, spline by spline.

    T(z) = A z + b + sum over i of w_i U(|z - q_i|^2), with T(q_i) nearly p_i.

    Convention:
        grid: (h, w, 2); source p, driving q: (N, 5 K, 2), five in a row to a spline, float32
        result: (N, K, h, w, 2), float32
    """
    (height, width, _), count = grid.shape, len(driving)
    centres = driving.reshape(count, -1, CONTROL_POINTS, 2)
    targets = source.reshape(count, -1, CONTROL_POINTS, 2)
    moved = _basis(grid.flatten(0, 1), centres) @ _coefficients(centres, targets)
    return moved.reshape(count, -1, height, width, 2)


def _coefficients(centres: Tensor, targets: Tensor) -> Tensor:
    """The weights w, A and b of every spline: (N, K, 8, 2), L^-1 (p, 0)."""
    basis = _basis(centres, centres)
    affine = basis[..., CONTROL_POINTS:].transpose(-1, -2)
    system = torch.cat([basis, functional.pad(affine, (0, 3))], dim=-2)
    system = system + STIFFNESS * torch.eye(system.shape[-1], device=system.device)
    inverse: Tensor = torch.linalg.inv_ex(system)[0]  # without waiting for the device to report
    return inverse @ functional.pad(targets, (0, 0, 0, 3))


def _basis(places: Tensor, centres: Tensor) -> Tensor:
    """U(|z - q_1|^2), ..., U(|z - q_5|^2), x, y, 1 at places (..., P, 2): (N, K, P, 8)."""
    squared: Tensor = ((places[..., None, :] - centres[..., None, :, :]) ** 2).sum(dim=-1)
    radial = squared * torch.log(squared + 1e-9)
    places = functional.pad(places, (0, 1), value=1.0)
    return torch.cat([radial, places.expand(*radial.shape[:-1], 3)], dim=-1)
