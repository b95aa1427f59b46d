"""The terms of the objective, each a pure function with its equation.

Norms are means over all elements, so that weights do not depend on sizes.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor


def reconstruction(predicted: Tensor, truth: Tensor) -> Tensor:
    """L_r = ||I - Î||, the mean absolute difference of two pictures; equation (5)."""
    return (truth - predicted).abs().mean()


def perceptual(of_predicted: Sequence[Tensor], of_truth: Sequence[Tensor]) -> Tensor:
    """L_per = Σ_i ||φ_i(I) - φ_i(Î)|| over the layers of a feature pyramid; equation (6).

    The truth's features take no gradient.
    """
    pairs = zip(of_predicted, of_truth, strict=True)
    return torch.stack([(b.detach() - a).abs().mean() for a, b in pairs]).sum()


def of_net(terms: Mapping[str, Tensor], weights: Mapping[str, float]) -> Tensor:
    """L_net = λ_r,net L_r,net + λ_per,net L_per,net for net = L, G or C; equation (7).

    Raises:
        ValueError: a term without a weight, or a weight without a term.
    """
    if set(terms) != set(weights):
        raise ValueError(f"terms {sorted(terms)} do not pair with weights {sorted(weights)}")
    return torch.stack([weights[name] * term for name, term in terms.items()]).sum()


def total(of_local: Tensor, of_global: Tensor, of_calibrator: Tensor) -> Tensor:
    """L_total = L_L + L_G + L_C; equation (8)."""
    return of_local + of_global + of_calibrator


def equivariance_of_points(found: Tensor, carried_back: Tensor) -> Tensor:
    """||p - T(p')||: keypoints follow their picture through a known warp T (FOMM, equation 10).

    Convention:
        found: (B, K, 2), in the frame; carried_back: (B, K, 2), T of those in the warped frame
    """
    return (found - carried_back).abs().mean()


def equivariance_of_jacobians(found_inverse: Tensor, carried_back: Tensor) -> Tensor:
    """||1 - J^-1 (∂T/∂p') J'||: so do their local frames (FOMM, equation 11).

    Convention:
        found_inverse: (B, K, 2, 2), J^-1 in the frame; carried_back: (B, K, 2, 2), (∂T/∂p') J'
    """
    identity = torch.eye(2, device=found_inverse.device, dtype=found_inverse.dtype)
    return (identity - found_inverse @ carried_back).abs().mean()


def feature_matching(of_predicted: Sequence[Tensor], of_truth: Sequence[Tensor]) -> Tensor:
    """Σ_j ||D_j(I) - D_j(Î)|| over the critic's layers (pix2pixHD, equation 4).

    The form is `perceptual`'s, with the critic's features; the critic takes no gradient from it
    when the caller steps the generator's optimiser alone.
    """
    return perceptual(of_predicted, of_truth)


def adversarial(scores_of_predicted: Tensor) -> Tensor:
    """The generator's part of the least-squares game: mean of (1 - D(Î))^2."""
    return ((1 - scores_of_predicted) ** 2).mean()


def critic(scores_of_truth: Tensor, scores_of_predicted: Tensor) -> Tensor:
    """The critic's part of it: mean of (1 - D(I))^2 + D(Î)^2."""
    return ((1 - scores_of_truth) ** 2).mean() + (scores_of_predicted**2).mean()


def code_use(logits: Tensor) -> Tensor:
    """How unevenly the codes of a discrete latent are used: 0 if all alike, 1 if one alone.

    1 - H(mean over places of softmax(logits)) / log(codes), mean over groups. Without it a few
    codes can win early and the others never learn (wav2vec 2.0, equation 4).

    Convention:
        logits: (B, groups, codes, h, w)
    """
    shares = logits.softmax(dim=2).mean(dim=(0, 3, 4))
    entropy = -(shares * shares.clamp_min(1e-9).log()).sum(dim=1)
    codes = torch.tensor(float(logits.shape[2]), device=logits.device)
    return (1 - entropy / codes.log()).mean()
