"""The patch critic in a run: its own optimiser, what it asks of the faces, what it learns.

pix2pixHD's least-squares game with feature matching (`losses`), on the final faces.
"""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from reenact_training import losses
from reenact_training.discriminator import DiscriminatorSettings, PatchDiscriminator


@dataclass(frozen=True, slots=True)
class CriticSettings:
    """The critic, and what it weighs."""

    adversarial: float = 0.0
    """Of the final face against the critic; 0 trains without one."""
    feature_matching: float = 10.0
    """Of the final face's features in the critic, times `adversarial`."""
    rate: float = 2e-4
    """The critic's learning rate."""
    network: DiscriminatorSettings = field(default_factory=DiscriminatorSettings)
    """Its sizes."""


class CriticTask(nn.Module):
    """The critic with its own loss as the forward pass."""

    def __init__(self, critic: PatchDiscriminator) -> None:
        super().__init__()
        self.critic = critic

    def forward(self, made: Tensor, truth: Tensor) -> Tensor:
        """What the critic minimises on made and true pictures (B, 3, H, W)."""
        return losses.critic(self.critic(truth).score, self.critic(made).score)


class Adversary:
    """A critic that is trained beside the networks."""

    def __init__(self, settings: CriticSettings, device: str = "cpu") -> None:
        self.settings = settings
        self.task = CriticTask(PatchDiscriminator(3, settings.network)).to(device)
        self.parallel: nn.Module = self.task
        self.optimizer = torch.optim.Adam(
            self.task.parameters(), lr=settings.rate, betas=(0.5, 0.999)
        )

    def terms(self, made: Tensor, truth: Tensor) -> dict[str, Tensor]:
        """What the critic asks of made pictures; it takes no gradient from it."""
        self.task.requires_grad_(False)
        try:
            judged, true = self.task.critic(made), self.task.critic(truth)
        finally:
            self.task.requires_grad_(True)
        weight = self.settings.adversarial
        matching = losses.feature_matching(judged.features, true.features)
        return {
            "adversarial": weight * losses.adversarial(judged.score),
            "feature_matching": weight * self.settings.feature_matching * matching,
        }

    def learn(self, made: Tensor, truth: Tensor, share: float) -> Tensor:
        """Add its part of a step to the critic's gradients; its loss."""
        loss: Tensor = self.parallel(made.detach(), truth)
        torch.autograd.backward(loss * share)
        return loss.detach()

    def state(self) -> dict[str, Any]:
        """What a state folder keeps."""
        return {"critic": self.task.state_dict(), "optimizer": self.optimizer.state_dict()}

    def load(self, state: dict[str, Any]) -> None:
        """Continue from such a state."""
        self.task.load_state_dict(state["critic"])
        self.optimizer.load_state_dict(state["optimizer"])
