"""Single moments of many heads, cut as a tracker would cut them: what point networks train on."""

import dataclasses
from dataclasses import dataclass

import torch
from torch import Tensor

from reenact_training.synthetic.chance import chosen, normal, uniform
from reenact_training.synthetic.heads import sample_identity
from reenact_training.synthetic.motion import angles, rotation_matrix, sample_poses
from reenact_training.synthetic.render import render
from reenact_training.synthetic.scene import sample_scene

BOX_SIDE = 2.3
"""The larger side of the box of a face, in head units."""
MOMENTS = 3
"""How often each person is drawn: new pose, expression, light and background every time."""
WIDEST = 1.9
"""The jaw's value in the widest mouths that are drawn: a yawn, or a shout."""


@dataclass(frozen=True, slots=True, eq=False)
class Crops:
    """Face crops and the truth about them."""

    images: Tensor
    """(N, 3, size, size) uint8."""
    points: Tensor
    """(N, 79, 3) in network coordinates of the crop, z from the head's origin."""
    visible: Tensor
    """(N, 79) bool."""
    rotation: Tensor
    """(N, 3, 3)."""
    expression: Tensor
    """(N, 12)."""
    face: Tensor
    """(N,) bool: False for crops of the background alone."""


@torch.inference_mode()
def render_crops(
    seed: int,
    count: int,
    size: int = 128,
    *,
    device: torch.device | str = "cpu",
    empty: float = 0.06,
    agape: float = 0.0,
) -> Crops:
    """Random face crops, the same for the same seed.

    The crop's side is 1.5 to 3 times the larger side of the face's box, its centre up to a tenth of
    the side beside the face's.

    Args:
        empty: the share of crops that show no face, or only a corner of one
        agape: the share of mouths opened at random, up to `WIDEST` times as far as a clip's
    """
    generator = torch.Generator().manual_seed(seed)
    people = (count + MOMENTS - 1) // MOMENTS
    identity = sample_identity(generator, people, grid=112, texture=192)
    identity = identity[torch.arange(count) // MOMENTS]
    scene = sample_scene(generator, count, background=96, occluded=0.12)
    motion = sample_poses(generator, count)
    side = torch.exp(normal(generator, count, spread=0.22)) * 2.05
    scale = 2 / (side.clamp(1.4, 3.3) * BOX_SIDE)
    yaw, pitch, _ = angles(motion.rotation)
    middle = torch.stack([0.55 * yaw.sin(), 0.50 + 0.5 * pitch.sin()], dim=1) * scale[:, None]
    offset = normal(generator, count, 2, spread=0.08) - middle
    away = chosen(generator, count, empty)
    far = torch.where(uniform(generator, count, 2) < 0.5, -1.0, 1.0) * uniform(
        generator, count, 2, low=0.9, high=2.2
    )
    offset = torch.where(away[:, None] > 0, far, offset)
    roll = normal(generator, count, spread=0.1)
    tilt = rotation_matrix(torch.zeros(count), torch.zeros(count), roll)
    expression = motion.expression if not agape else _agape(motion.expression, agape, generator)
    motion = dataclasses.replace(
        motion, scale=scale, offset=offset, rotation=tilt @ motion.rotation, expression=expression
    )
    clip = render(
        identity.to(device), motion.to(device), scene.to(device), size,
        oversample=1, noise_seed=seed, chunk=16,
    )  # fmt: skip
    return Crops(
        (clip.images * 255 + 0.5).to(torch.uint8), clip.landmarks, clip.visible,
        clip.motion.rotation, clip.motion.expression, away.to(device) == 0,
    )  # fmt: skip


def _agape(expression: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Expressions (N, 12), some with a mouth that is open by a random value of the jaw."""
    count = len(expression)
    jaw = uniform(generator, count, low=0.1, high=WIDEST)
    expression = expression.clone()
    wide = chosen(generator, count, share) > 0
    expression[:, 0] = torch.where(wide, jaw, expression[:, 0])
    return expression
