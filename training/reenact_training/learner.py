"""What is taught: networks with their objective as the forward pass, for each architecture.

In training mode with the blur of equation (4), the random draw of the latent and the critic; in
`eval` mode as at inference.
"""

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn

from reenact_core.devices import Compute
from reenact_core.models.compact import Compact
from reenact_core.models.flow_prior import Measure
from reenact_core.models.paper import Paper
from reenact_core.motion.transfer import MotionSettings
from reenact_training import losses
from reenact_training.adversary import Adversary
from reenact_training.objective import ObjectiveSettings, objective, psnr
from reenact_training.paper_step import (
    Features,
    PaperBatch,
    PaperLossSettings,
    make_faces,
    paper_terms,
)
from reenact_training.unroll import Examples, unroll

MOTION = MotionSettings(pose="absolute", best_start=False, smoothing=0)
BLURRED = 0.5
"""Share of the faces that meet their last output blurred."""


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """What came out of a batch.

    Convention:
        terms: of the loss, by name; `total` is what is minimised
        faces, truth: (T, B, 3, S, S) in [0, 1], y and what it should be
    """

    terms: dict[str, Tensor]
    faces: Tensor
    truth: Tensor

    def played(self, adversary: Adversary | None) -> "Learned":
        """With what the critic asks of the final faces added to the loss."""
        if adversary is None:
            return self
        asked = adversary.terms(self.faces.flatten(0, 1), self.truth.flatten(0, 1))
        return Learned(self.terms, self.faces, self.truth).with_terms(asked)

    def with_terms(self, more: dict[str, Tensor]) -> "Learned":
        """With more terms, which are added to the total."""
        whole = self.terms["total"] + torch.stack(list(more.values())).sum()
        return Learned({**self.terms, **more, "total": whole}, self.faces, self.truth)

    def values(self) -> dict[str, float]:
        """The terms and the PSNR as numbers."""
        found = {name: float(term.detach()) for name, term in self.terms.items()}
        return {**found, "psnr": float(psnr(self.faces.detach(), self.truth))}


class CompactLearner(nn.Module):
    """The compact configuration; its reader of faces stays as it is."""

    def __init__(
        self,
        network: Compact,
        settings: ObjectiveSettings,
        measure: Measure,
        features: Features | None = None,
        perceptual: float = 0.0,
    ) -> None:
        """`features` are compared with the weight `perceptual`, beside the objective's edges."""
        super().__init__()
        self.network = network
        self.settings = settings
        self.measure = measure
        self.features = features
        self.perceptual = perceptual
        network.points.requires_grad_(False)
        network.close_ups.requires_grad_(False)

    def train(self, mode: bool = True) -> Self:
        """As of any module, but for the readers, whose norms keep their statistics."""
        super().train(mode)
        self.network.points.eval()
        self.network.close_ups.eval()
        return self

    def forward(
        self, examples: Examples, temperature: float, adversary: Adversary | None = None
    ) -> Learned:
        """Equations (1) to (8) on examples whose recurrence is unrolled."""
        blurred = BLURRED if self.training else 0.0
        unrolled = unroll(
            self.network, examples, MOTION, self.measure, temperature=temperature, blurred=blurred
        )
        terms = objective(unrolled, examples, self.settings)
        learned = Learned(terms, unrolled.faces, examples.truth)
        if self.features is not None and self.perceptual > 0:
            made, true = unrolled.faces.flatten(0, 1), examples.truth.flatten(0, 1)
            asked = losses.perceptual(self.features(made), self.features(true))
            learned = learned.with_terms({"perceptual": self.perceptual * asked})
        return learned.played(adversary)


class PaperLearner(nn.Module):
    """The networks of the paper: each example's source, and two neighbouring moments of it."""

    def __init__(
        self, network: Paper, settings: PaperLossSettings, features: Features, compute: Compute
    ) -> None:
        super().__init__()
        self.network = network
        self.settings = settings
        self.features = features
        self.compute = compute

    def forward(
        self, examples: Examples, temperature: float, adversary: Adversary | None = None
    ) -> Learned:
        """Equations (1) to (8), d_{i-1} blurred standing for y_{i-1}."""
        batch = PaperBatch.of(examples)
        sigma = self.settings.largest_sigma * batch.current.shape[-1] / 256 * self.training
        with self.compute.reduced():
            faces = make_faces(self.network, batch, sigma, temperature)
            terms = paper_terms(self.network, faces, batch, self.settings, self.features)
        learned = Learned(terms, faces.final_face.float()[None], batch.current[None])
        return learned.played(adversary)


Learner = CompactLearner | PaperLearner
