"""Several synthetic people who act alike: the exact truth for one face driven by another.

An ensemble holds one performance, rendered once for each person in surroundings of their own. Any
two of them make a cross-identity example (source: one frame of A; driving: B; truth: A), one alone
makes a self-reenactment.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Generator, Tensor

from reenact_core.head.model import load_head_model
from reenact_core.head.state import HeadState, states_of
from reenact_core.models.face_points import PUPIL_LEFT, PUPIL_RIGHT
from reenact_training.synthetic.heads import sample_identity
from reenact_training.synthetic.motion import Motion, rotation_matrix, sample_motion
from reenact_training.synthetic.render import render
from reenact_training.synthetic.scene import follow, sample_scene

RATE = 25.0
SPREAD = (0.25, 0.12, 0.08)
"""Spread in radians of the source's yaw, pitch and roll about those of d_0."""


@dataclass(frozen=True, slots=True, eq=False)
class Ensemble:
    """P people through the same T moments: first the source picture, then the performance.

    Convention:
        pictures: (P, T, 3, S, S) uint8, R'G'B'
        heads: (P, T, S, S) uint8, 255 where the head is
        rotation: (T, 3, 3); scale: (T,); offset: (T, 2), the poses, the same for all
        landmarks: (P, T, 79, 3), network coordinates
    """

    pictures: Tensor
    heads: Tensor
    rotation: Tensor
    scale: Tensor
    offset: Tensor
    landmarks: Tensor

    def states(self, person: int) -> HeadState:
        """One person's head in all moments."""
        return states_of_points(self.landmarks[person])

    def save(self, path: Path) -> None:
        """Write to one file."""
        torch.save({name: getattr(self, name) for name in self.__slots__}, path)

    @classmethod
    def load(cls, path: Path) -> "Ensemble":
        """Read what `save` wrote."""
        return cls(**torch.load(path, weights_only=True))


def states_of_points(landmarks: Tensor) -> HeadState:
    """A person's head in T moments, from landmarks (T, 79, 3) of `models.face_points`."""
    pupils = landmarks[:, [PUPIL_LEFT, PUPIL_RIGHT], :2]
    return states_of(load_head_model(), "embedded79", landmarks, pupils=pupils)


def make_ensemble(
    seed: int, *, people: int, moments: int, size: int, device: str = "cpu"
) -> Ensemble:
    """The ensemble of a seed, drawn on a device and kept on the CPU."""
    generator = torch.Generator().manual_seed(seed)
    motion = _performance(generator, moments)
    pictures, heads, landmarks = [], [], []
    for person in range(people):
        identity = sample_identity(generator, 1)
        scene = follow(sample_scene(generator, 1, background=size), generator, moments, RATE)
        clip = render(
            identity.to(device),
            motion.to(device),
            scene.to(device),
            size,
            noise_seed=seed * 16 + person,
        )
        pictures.append((clip.images * 255 + 0.5).to(torch.uint8).cpu())
        heads.append((clip.head_mask * 255 + 0.5).to(torch.uint8).cpu())
        landmarks.append(clip.landmarks.cpu())
    return Ensemble(
        torch.stack(pictures),
        torch.stack(heads),
        motion.rotation,
        motion.scale,
        motion.offset,
        torch.stack(landmarks),
    )


def _performance(generator: Generator, moments: int) -> Motion:
    """A performance, some frames apart, and before it d_0 with the head turned a bit."""
    step = int(torch.randint(1, 4, (), generator=generator))
    begin = int(torch.randint(0, 50, (), generator=generator))
    frames = sample_motion(generator, begin + step * moments, RATE)
    shown = frames[torch.arange(begin, begin + step * (moments - 1), step)[: moments - 1]]
    first = shown[torch.zeros(1, dtype=torch.long)]
    turn = torch.randn(3, 1, generator=generator) * torch.tensor(SPREAD)[:, None]
    turned = rotation_matrix(*turn) @ first.rotation
    source = Motion(turned, first.scale, first.offset, first.expression, first.body)
    joined = {
        name: torch.cat([getattr(source, name), getattr(shown, name)]) for name in Motion.__slots__
    }
    return Motion(**joined)
