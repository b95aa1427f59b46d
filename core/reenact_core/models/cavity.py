"""The inside of a mouth that the source never opens: what is seen between parted lips.

No other picture of this person is known, and a network taught on few mouths paints lips there. So
it is drawn: a dark hollow in the colour of the lips, and before it the edge of the upper teeth, as
bright as the face is lit. It is used only where `slits.bared` says that the source shows nothing.
"""

import torch
from torch import Tensor
from torch.nn import functional

from reenact_core.models.colourfulness import within_colours
from reenact_core.models.flow_prior import blurred
from reenact_core.models.head_chart import Pose, project
from reenact_core.models.slits import SLITS, InSlit, bared_in, find

LIPS, SKIN = (50, 52, 56, 57, 58), (30, 31, 35, 3, 13)
"""Landmarks whose colours stand for the lips and for how the face is lit."""
HOLLOW = (0.24, 0.13, 0.12)
"""Colour of the hollow against that of the lips, R'G'B'."""
ENAMEL = (1.0, 0.95, 0.87)
"""Colour of teeth in white light, R'G'B'."""
TEETH = 0.055
"""How far the upper teeth reach below the lip, head units."""
SOFT = 0.02
"""Head units over which the teeth pass into the dark."""
PARTED = 0.05
"""Width of the source's own mouth, head units, from which on it shows its own teeth."""
BLENDED = 1.2
"""Sigma in pixels (at 256) over which the edge of what is drawn is softened."""


def mouth_cavity(head: Tensor, new: Tensor, source: Tensor, at: Pose, pixels: Tensor) -> Tensor:
    """The inside of the mouth and how far it covers the face, (B, 4, S, S) in [0, 1].

    Convention:
        head: (B, S, S, 3), places on the new face; new, source: landmarks (B, 79, 3) of both
        at: the source's pose; pixels: (B, 3, S, S), S
    """
    here, then = find(SLITS[0], head, new), find(SLITS[0], head, source)
    points = project(source, at)
    lips, skin = (_colour(pixels, points[:, which]) for which in (LIPS, SKIN))
    light = skin.amax(1, keepdim=True)
    enamel = light * skin.new_tensor(ENAMEL).view(1, 3, 1, 1)
    shown = _teeth(here, head, new) * (1 - then.width / PARTED).clamp_min(0)
    hollow = lips * skin.new_tensor(HOLLOW).view(1, 3, 1, 1)
    inside = within_colours(torch.lerp(hollow, enamel, shown[:, None]), pixels)
    drawn = torch.cat([inside, bared_in(here, then)[:, None]], 1)
    return blurred(drawn.flatten(0, 1)[:, None], BLENDED).view_as(drawn).clamp(0, 1)


def opened(face: Tensor, inside: Tensor, sure: Tensor) -> Tensor:
    """A face (B, 3, S, S) with the inside of its mouth, but where the motion is sure.

    Convention:
        inside: (B, 4, S, S), `mouth_cavity`; sure: (B, 1, S, S) in [0, 1], `certainty`
    """
    return face + drawn_over(inside, sure) * (inside[:, :3] - face)


def drawn_over(inside: Tensor, sure: Tensor) -> Tensor:
    """How far `opened` draws over a face, (B, 1, S, S) in [0, 1]."""
    return inside[:, 3:] * (1 - sure)


def _colour(pixels: Tensor, points: Tensor) -> Tensor:
    """The mean colour (B, 3, 1, 1) of pixels at points (B, N, 2)."""
    found = functional.grid_sample(
        pixels, points[:, None], padding_mode="border", align_corners=False
    )
    return found.mean((2, 3), keepdim=True)


def _teeth(here: InSlit, head: Tensor, shape: Tensor) -> Tensor:
    """How bright the teeth show, (B, S, S) in [0, 1]: darker towards the corners and below."""
    left, right = shape[:, 48, 0, None, None], shape[:, 54, 0, None, None]
    across = ((2 * head[..., 0] - left - right) / (right - left).clamp_min(1e-3)).abs()
    edge = torch.sigmoid((TEETH - here.side * here.width) / (SOFT / 4))
    return 0.8 * edge * (1 - (across / 0.85) ** 2).clamp_min(0).sqrt()
