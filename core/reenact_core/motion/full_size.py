"""New faces at full size: the source's own fine detail, moved as the networks moved its small copy.

Networks and fields work at 256. What they give is the moved source, where they trust it, and
something else, painted or corrected. The first is sampled once more from a larger source, the
second is enlarged:

    y = w * sample(large, field) + enlarged(y_i - w * sample(source, field))      w: trust
"""

import torch
from torch import Tensor
from torch.nn import functional

from reenact_core.head.sampling import pixel_grid, sample


def enlarge(face: Tensor, field: Tensor, trust: Tensor, source: Tensor, large: Tensor) -> Tensor:
    """A new face with the detail of a larger source.

    Where trust is 0 there is no detail: what is painted or drawn there lies nowhere in the source.
    With `large` of the face's own size it is the face; with no motion and full trust it is `large`.

    Convention:
        face: (B, 3, S, S) in [0, 1], y_i; source: (B, 3, S, S) in [0, 1]
        field: (B, S, S, 2) in [-1, 1], where the source's pixels come from
        trust: (B, 1, S, S) in [0, 1], how far the face is the source moved by it
        large, result: (B, 3, L, L) in [0, 1]
    """
    small, size = face.shape[-1], large.shape[-1]
    if size == small:
        return face
    # The displacement is enlarged, not the places: between two pixels these would stand still at
    # the edges, where interpolation has nothing beyond.
    shift = (field - pixel_grid(small, field)).permute(0, 3, 1, 2)
    rest = face - trust * sample(source, field)
    grown = functional.interpolate(
        torch.cat([rest, trust, shift], 1), (size, size), mode="bilinear", align_corners=False
    )
    rest, trust, shift = grown[:, :3], grown[:, 3:4], grown[:, 4:]
    places = pixel_grid(size, field) + shift.permute(0, 2, 3, 1)
    # Cubic, for linear sampling between pixels would blur what this is for.
    moved = functional.grid_sample(
        large, places, mode="bicubic", padding_mode="border", align_corners=False
    )
    return (trust * moved + rest).clamp(0, 1)
