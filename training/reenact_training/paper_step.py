"""One optimisation step of the paper's method: L, G and C, equations (1) to (8).

The networks are called as at inference; what training adds is the blur of equation (4), the random
draw of the discrete latent, and the losses.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.optim import Optimizer

from reenact_core.models.paper import Paper, PaperMotion
from reenact_training import losses
from reenact_training.blur import LARGEST_SIGMA, gaussian_blur, random_sigmas
from reenact_training.discriminator import PatchDiscriminator
from reenact_training.equivariance import RandomWarp, equivariance
from reenact_training.features import Features

NETS = ("local", "global", "calibrator")


@dataclass(frozen=True, slots=True)
class PaperLossSettings:
    """Weights λ of the terms; the paper leaves their values to its supplement."""

    net: Mapping[str, float] = field(
        default_factory=lambda: {"reconstruction": 10.0, "perceptual": 10.0}
    )
    """λ_r and λ_per of each of L, G and C."""
    equivariance: float = 10.0
    """Of both keypoint detectors."""
    adversarial: float = 1.0
    """Of the final face against the critic; 0 trains without one."""
    feature_matching: float = 10.0
    """Of the final face's features in the critic."""
    largest_sigma: float = LARGEST_SIGMA
    """Upper end of equation (4)'s σ, in pixels of the training pictures."""


@dataclass(frozen=True, slots=True, eq=False)
class PaperBatch:
    """Frames of B videos, each driving itself: S is its first frame, d_i is the truth.

    Convention:
        each: (B, 3, H, W), float32 in [0, 1]
    """

    source: Tensor
    """S = d_0."""
    last: Tensor
    """d_{i-1}."""
    current: Tensor
    """d_i."""


@dataclass(frozen=True, slots=True, eq=False)
class PaperFaces:
    """The three results for d_i, and the keypoints they stand on."""

    global_face: Tensor
    local_face: Tensor
    final_face: Tensor
    motion: PaperMotion
    """The keypoints of d_i."""


@dataclass(frozen=True, slots=True, eq=False)
class PaperTrainer:
    """What a step changes, and what it measures by."""

    paper: Paper
    optimizer: Optimizer
    features: Features
    settings: PaperLossSettings
    discriminator: PatchDiscriminator | None = None
    """The critic; None, or a weight of 0, trains without."""
    discriminator_optimizer: Optimizer | None = None

    def step(
        self,
        batch: PaperBatch,
        *,
        temperature: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> dict[str, float]:
        """Change the networks once; the terms of the loss before the change, by name.

        Args:
            temperature: of the Gumbel-softmax; lowered in the course of a run.
            generator: on the networks' device, of all chance in the step.
        """
        self.paper.train()
        faces = make_faces(self.paper, batch, self.settings.largest_sigma, temperature, generator)
        terms = self.terms(faces, batch, generator)
        of_nets = losses.total(*(terms[net] for net in NETS))  # (8)
        total = of_nets + torch.stack([t for n, t in terms.items() if n not in NETS]).sum()
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        self.optimizer.step()
        measured = {name: term.item() for name, term in terms.items()} | {"total": total.item()}
        return measured | self._step_critic(faces.final_face.detach(), batch.current)

    def terms(
        self, faces: PaperFaces, batch: PaperBatch, generator: torch.Generator | None
    ) -> dict[str, Tensor]:
        """All weighted terms: those of equation (8) and what the architecture brings along."""
        made = dict(zip(NETS, (faces.local_face, faces.global_face, faces.final_face), strict=True))
        terms = {name: self._of_net(face, batch.current) for name, face in made.items()}
        terms["equivariance"] = self.settings.equivariance * detector_loss(
            self.paper, batch.current, faces.motion, generator
        )
        if self.discriminator is not None and self.settings.adversarial:
            judged, true = self.discriminator(faces.final_face), self.discriminator(batch.current)
            terms["adversarial"] = self.settings.adversarial * losses.adversarial(judged.score)
            terms["feature_matching"] = self.settings.feature_matching * losses.feature_matching(
                judged.features, true.features
            )
        return terms

    def _of_net(self, face: Tensor, truth: Tensor) -> Tensor:
        """Equation (7)."""
        terms = {
            "reconstruction": losses.reconstruction(face, truth),
            "perceptual": losses.perceptual(self.features(face), self.features(truth)),
        }
        return losses.of_net(terms, self.settings.net)

    def _step_critic(self, made: Tensor, truth: Tensor) -> dict[str, float]:
        if self.discriminator is None or self.discriminator_optimizer is None:
            return {}
        loss = losses.critic(self.discriminator(truth).score, self.discriminator(made).score)
        self.discriminator_optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        self.discriminator_optimizer.step()
        return {"critic": loss.item()}


def make_faces(
    paper: Paper,
    batch: PaperBatch,
    largest_sigma: float,
    temperature: float,
    generator: torch.Generator | None = None,
) -> PaperFaces:
    """Equations (1) to (4): a blurred d_{i-1} stands for y_{i-1}.

    S is d_0 here, so that the driver's keypoints are the source's: nothing is carried over.
    """
    source = paper.encode(batch.source)
    last, current = paper.read(batch.last), paper.read(batch.current)
    sigma = random_sigmas(
        len(batch.last), largest_sigma, device=batch.last.device, generator=generator
    )
    blurred = gaussian_blur(batch.last, sigma)  # (4)
    of_global = paper.paint_global(source, current).picture  # (1)
    of_local = paper.paint_local(
        blurred, last, current, temperature=temperature, generator=generator
    ).picture  # (2)
    final = paper.calibrate(of_global, of_local, batch.source).picture  # (3)
    return PaperFaces(of_global, of_local, final, current)


def detector_loss(
    paper: Paper, frames: Tensor, found: PaperMotion, generator: torch.Generator | None = None
) -> Tensor:
    """The equivariance of both keypoint detectors under one random warp."""
    warp = RandomWarp.draw(len(frames), device=frames.device, generator=generator)
    warped = paper.read(warp.frames(frames))
    of_global = equivariance(found.of_global, warped.of_global, warp)
    return of_global + equivariance(found.of_local, warped.of_local, warp)
