"""Any one-shot method in the place of the compact configuration's G: y_i^G = G(d_0, d_i, S).

L and C go on as they are: they stand on the motion that was measured on the driving face and
carried over to the source's, and take from G nothing but its picture. What they would know of
their own G is chosen so: its field is the carried-over direct motion, which is what it was asked
to do; its trust is 0 everywhere, for its generator painted every pixel, and none of them must be
moved once more. No inside of a mouth is drawn over its picture: it painted its own.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from reenact_core.head.sampling import pixel_grid, sample
from reenact_core.models.compact import Compact
from reenact_core.models.integrators.table import Integrator
from reenact_core.motion.batched import read_faces
from reenact_core.motion.recurrent import StepInput

SIDE = 256
"""Of the pictures that an integrator is given: what all published ones were trained at."""

LARGEST_SCALE = 2.0
"""A face that would have to grow or shrink by more than this to fit was not read right."""


@dataclass(frozen=True, slots=True, eq=False)
class OtherIntegrator:
    """How an integrator is asked."""

    integrator: Integrator
    relative: bool | None
    """As `Integrator.reenact` has it; None is the method's own habit."""
    fitted: bool
    """Whether its faces are put where the new head is: needed where that is another place than
    the source's head and the driver's motion give, as on a head in footage."""


def faces_of(other: OtherIntegrator, source: Tensor, driving: Iterable[Tensor]) -> Iterator[Tensor]:
    """y_0^G, y_1^G, ..., each (1, 3, S, S), float32.

    Convention:
        source: (1, 3, S, S) in [0, 1]; driving: chunks (n, 3, S, S) in [0, 1], d_0 the first frame
    """
    initial: Tensor | None = None
    side, small = source.shape[-1], _at_side(source, SIDE)
    for chunk in driving:
        frames = _at_side(chunk, SIDE)
        initial = frames[:1] if initial is None else initial
        with torch.inference_mode():
            faces = other.integrator.reenact(small, initial, frames, other.relative, None)
        yield from torch.split(_at_side(faces, side).clamp(0, 1), 1)


def put_in(models: Compact, other: OtherIntegrator, inputs: StepInput, face: Tensor) -> StepInput:
    """A step's inputs with another integrator's face (1, 3, S, S) as y_i^G."""
    if other.fitted:
        face = fitted(models, face, inputs.points)
    trust, inside = torch.zeros_like(inputs.global_trust), torch.zeros_like(inputs.inside)
    return replace(inputs, global_face=face, global_trust=trust, inside=inside)


def fitted(models: Compact, face: Tensor, points: Tensor) -> Tensor:
    """Faces (N, 3, S, S) shifted, turned and scaled as a whole, so that their points lie there.

    Convention:
        points: (N, 79, 2) in [-1, 1], where the new face's points shall be
    """
    found = read_faces(models, face).points[..., :2]
    turn, shift = similarity(points.to(found), found)
    grid = pixel_grid(face.shape[-1], face)
    turned = torch.einsum("nab,hwb->nhwa", turn, grid) + shift[:, None, None]
    return sample(face, turned)


def similarity(start: Tensor, end: Tensor) -> tuple[Tensor, Tensor]:
    """Turn and scale (N, 2, 2) and shift (N, 2) that lead points (N, K, 2) nearest to others.

    Least squares; points that would have to change their size beyond reason stay where they are.
    """
    middle, target = start.mean(dim=1), end.mean(dim=1)
    a, b = start - middle[:, None], end - target[:, None]
    size = (a**2).sum(dim=(1, 2)).clamp(min=1e-9)
    along = (a * b).sum(dim=(1, 2)) / size
    across = (a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]).sum(dim=1) / size
    scale = torch.hypot(along, across)
    usable = (scale < LARGEST_SCALE) & (scale > 1 / LARGEST_SCALE)
    along, across = torch.where(usable, along, 1.0), torch.where(usable, across, 0.0)
    turn = torch.stack([along, -across, across, along], dim=-1).reshape(-1, 2, 2)
    shift = target - (turn @ middle[..., None])[..., 0]
    return turn, torch.where(usable[:, None], shift, torch.zeros_like(shift))


def _at_side(pictures: Tensor, side: int) -> Tensor:
    """Pictures at another size; smaller ones are averaged, larger ones drawn smoothly."""
    if pictures.shape[-2:] == (side, side):
        return pictures.float()
    shrunk = pictures.shape[-1] > side
    if shrunk:
        return functional.interpolate(pictures.float(), (side, side), mode="area")
    return functional.interpolate(
        pictures.float(), (side, side), mode="bilinear", align_corners=False
    )
