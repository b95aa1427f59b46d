"""The Gumbel-softmax code that stops errors from travelling.

"On the contrary, we map the y'_{i-1} to a discrete latent space utilizing gumbel softmax"
(section III.B of the paper). A small error in a feature leaves its nearest code the same, so the
error ends here; a continuous latent would hand it on.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from reenact_core.models.paper_settings import LatentSettings


class DiscreteLatent(nn.Module):
    """Every feature vector replaced by codes of a learned codebook, one a group of channels.

    Convention:
        features: (B, C, h, w), C a multiple of `groups`; the result has the same shape
        codes: (groups, codes, C / groups)

    In training the choice is drawn by Gumbel-softmax, hard in the forward pass and soft in the
    backward pass (straight-through); in `eval` mode it is the likeliest code, without chance.
    """

    def __init__(self, channels: int, settings: LatentSettings) -> None:
        super().__init__()
        if channels % settings.groups:
            raise ValueError(f"{channels} channels do not fall into {settings.groups} groups")
        self.groups = settings.groups
        self.logits = nn.Conv2d(channels, settings.groups * settings.codes, 1)
        codes = torch.empty(settings.groups, settings.codes, channels // settings.groups)
        # To draw on the meta device, where files are opened, would import sympy.
        self.codes = nn.Parameter(codes if codes.is_meta else codes.normal_())

    def forward(
        self,
        features: Tensor,
        *,
        temperature: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        logits = self.logits(features).float().unflatten(1, (self.groups, -1))
        if not self.training:
            return self.lookup(logits.argmax(dim=2))
        choice = gumbel_softmax(logits, temperature, dim=2, generator=generator)
        coded = torch.einsum("bgvhw,gvc->bgchw", choice.to(self.codes.dtype), self.codes)
        return coded.flatten(1, 2)

    def lookup(self, index: Tensor) -> Tensor:
        """The features that codes (B, groups, h, w), int64, stand for."""
        group = torch.arange(self.groups, device=index.device)[:, None, None]
        return self.codes[group, index].movedim(-1, 2).flatten(1, 2)


def gumbel_softmax(
    logits: Tensor, temperature: float, *, dim: int, generator: torch.Generator | None = None
) -> Tensor:
    """A one-hot draw with the gradient of a soft one (Jang, Gu and Poole 2017).

    soft = softmax((logits + g) / temperature), g = -log(-log u); the result is one-hot(soft) in
    value and soft in gradient. The lower the temperature, the closer the two.
    """
    exponential = torch.empty_like(logits).exponential_(generator=generator)
    noise = -exponential.clamp_min(torch.finfo(logits.dtype).tiny).log()
    soft = functional.softmax((logits + noise) / temperature, dim=dim)
    hard = torch.zeros_like(soft).scatter(dim, soft.argmax(dim=dim, keepdim=True), 1.0)
    return hard + (soft - soft.detach())
