"""The objective of the compact configuration: equations (5) to (8)."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from reenact_training.losses import of_net, perceptual, reconstruction, total
from reenact_training.unroll import Examples, Unrolled


@dataclass(frozen=True, slots=True)
class ObjectiveSettings:
    """Weights of the terms."""

    global_weight: float = 0.7
    """Of L_G, the loss of y^G."""
    local_weight: float = 0.7
    """Of L_L, the loss of y^L."""
    calibrated_weight: float = 1.0
    """Of L_C, the loss of y."""
    structure: float = 1.0
    """Of the perceptual part, against 1 for the reconstruction."""
    beside_head: float = 0.25
    """Weight of pixels beside the head, against 1 on it."""
    features: float = 2.0
    """What mouth and eyes weigh beyond that: small parts that a viewer looks at most."""


def objective(
    unrolled: Unrolled, examples: Examples, settings: ObjectiveSettings
) -> dict[str, Tensor]:
    """L_total = L_L + L_G + L_C, equation (8), minimised as `total`, and its terms by name."""
    weight = importance(examples, settings).flatten(0, 1)
    wanted = examples.truth.flatten(0, 1) * weight
    losses = {
        name: network_loss(faces.flatten(0, 1) * weight, wanted, settings)
        for name, faces in (
            ("global", unrolled.global_faces),
            ("local", unrolled.local_faces),
            ("calibrated", unrolled.faces),
        )
    }
    whole = total(
        settings.local_weight * losses["local"],
        settings.global_weight * losses["global"],
        settings.calibrated_weight * losses["calibrated"],
    )
    return {"total": whole, **losses}


def importance(examples: Examples, settings: ObjectiveSettings) -> Tensor:
    """How much every pixel of the truth counts, (T, B, 1, S, S)."""
    on_head = settings.beside_head + (1 - settings.beside_head) * examples.heads
    return on_head + settings.features * examples.features


def network_loss(face: Tensor, truth: Tensor, settings: ObjectiveSettings) -> Tensor:
    """L_net, equation (7), with edges in place of VGG19's features."""
    terms = {
        "reconstruction": reconstruction(face, truth),
        "structure": perceptual(edges(face), edges(truth)),
    }
    return of_net(terms, {"reconstruction": 1.0, "structure": settings.structure})


def edges(picture: Tensor, scales: int = 4) -> list[Tensor]:
    """Differences of neighbouring pixels on a pyramid: they hold what is warped to its place."""
    found = []
    for _ in range(scales):
        found += [picture.diff(dim=-1), picture.diff(dim=-2)]
        picture = functional.avg_pool2d(picture, 2)
    return found


def psnr(face: Tensor, truth: Tensor) -> Tensor:
    """Peak signal-to-noise ratio in dB of pictures in [0, 1]."""
    return -10 * torch.log10((face - truth).square().mean().clamp(min=1e-10))
