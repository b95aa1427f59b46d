"""Heads for tests: turned and acting as they are told, without pictures."""

import math
from dataclasses import replace

import torch

from reenact_core.head.model import load_head_model
from reenact_core.head.pose import Pose
from reenact_core.head.state import HeadState

SCHEME = "embedded79"


def pose(yaw: float = 0.0, pitch: float = 0.0, scale: float = 0.06) -> Pose:
    """One head, turned by degrees."""
    a, b = math.radians(yaw), math.radians(pitch)
    turn = torch.tensor([[math.cos(a), 0, -math.sin(a)], [0, 1, 0], [math.sin(a), 0, math.cos(a)]])
    nod = torch.tensor([[1, 0, 0], [0, math.cos(b), -math.sin(b)], [0, math.sin(b), math.cos(b)]])
    return Pose((nod @ turn)[None], torch.tensor([scale]), torch.tensor([[0.05, -0.1]]))


def state(
    yaw: float = 0.0, pitch: float = 0.0, *, scale: float = 0.06, seed: int = 0, **acts: float
) -> HeadState:
    """A head; `acts` are expressions by name, `seed` says who it is (0: the mean)."""
    head = load_head_model()
    generator = torch.Generator().manual_seed(seed)
    identity = torch.randn(1, len(head.identity), generator=generator) * (seed > 0)
    expression = torch.zeros(1, len(head.expression))
    for name, value in acts.items():
        expression[:, head.expression_names.index(name)] = value
    still = HeadState(
        pose(yaw, pitch, scale), identity, expression, torch.zeros(1, 2),
        torch.zeros(1, len(head.landmarks[SCHEME]), 3), torch.ones(1, 2), torch.ones(1, 2),
        torch.zeros(1), torch.zeros(1), torch.zeros(1), torch.zeros(1), SCHEME,
    )  # fmt: skip
    rest = replace(still, expression=torch.zeros_like(expression)).gaps(head)
    now = still.gaps(head)
    return replace(
        still,
        open_eyes=rest[:, :2],
        eyes=(now / rest)[:, :2].clamp(0, 1.3),
        shut_lips=rest[:, 2],
        lips=(now - rest)[:, 2].clamp_min(0),
    )
