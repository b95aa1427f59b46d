"""The objective of the paper's method: L, G and C, equations (1) to (8).

The networks are called as at inference; what training adds is the blur of equation (4), the random
draw of the discrete latent, and the losses.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from reenact_core.models.paper import Paper, PaperMotion
from reenact_training import losses
from reenact_training.blur import LARGEST_SIGMA, gaussian_blur, random_sigmas
from reenact_training.equivariance import RandomWarp, equivariance
from reenact_training.unroll import Examples

NETS = ("local", "global", "calibrator")

Features = Callable[[Tensor], list[Tensor]]


@dataclass(frozen=True, slots=True)
class PaperLossSettings:
    """Weights λ of the terms; the paper leaves their values to its supplement."""

    reconstruction: float = 10.0
    """λ_r of each of L, G and C."""
    perceptual: float = 10.0
    """λ_per of each of L, G and C."""
    equivariance: float = 10.0
    """Of both keypoint detectors."""
    largest_sigma: float = LARGEST_SIGMA
    """Upper end of equation (4)'s σ, in pixels at 256 x 256."""


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

    @classmethod
    def of(cls, examples: Examples) -> "PaperBatch":
        """The source and the last two moments of each example.

        They must show one person: another driver's keypoints are not the source's.
        """
        return cls(examples.source, examples.driving_frames[-2], examples.truth[-1])


@dataclass(frozen=True, slots=True, eq=False)
class PaperFaces:
    """The three results for d_i, and the keypoints they stand on."""

    global_face: Tensor
    local_face: Tensor
    final_face: Tensor
    motion: PaperMotion
    """The keypoints of d_i."""


def paper_terms(
    paper: Paper,
    faces: PaperFaces,
    batch: PaperBatch,
    settings: PaperLossSettings,
    features: Features,
) -> dict[str, Tensor]:
    """All weighted terms: those of equation (8), the detectors' equivariance, and their `total`."""
    made = (faces.local_face, faces.global_face, faces.final_face)
    terms = {
        name: of_net(face, batch.current, settings, features)
        for name, face in zip(NETS, made, strict=True)
    }
    of_nets = losses.total(*(terms[net] for net in NETS))  # (8)
    equivariant = detector_loss(paper, batch.current, faces.motion)
    terms["equivariance"] = settings.equivariance * equivariant
    return {**terms, "total": of_nets + terms["equivariance"]}


def of_net(face: Tensor, truth: Tensor, settings: PaperLossSettings, features: Features) -> Tensor:
    """L_net, equation (7)."""
    terms = {
        "reconstruction": losses.reconstruction(face, truth),
        "perceptual": losses.perceptual(features(face), features(truth)),
    }
    weights = {"reconstruction": settings.reconstruction, "perceptual": settings.perceptual}
    return losses.of_net(terms, weights)


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
