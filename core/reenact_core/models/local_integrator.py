"""The local integrator L: y_i^L = L(d_{i-1}, d_i, y_{i-1}), equation (2)."""

from dataclasses import replace

import torch
from torch import Tensor, nn

from reenact_core.models.discrete_latent import DiscreteLatent
from reenact_core.models.generator import GeneratedFace, Generator
from reenact_core.models.keypoint_detector import KeypointDetector, Keypoints
from reenact_core.models.paper_settings import IntegratorSettings, LatentSettings


class LocalIntegrator(nn.Module):
    """FOMM's architecture that continues its own last output, through a discrete latent.

    The key names are FOMM's, with `latent` besides, so that FOMM's weights can be its start.
    Equation (4), the blur of what stands for y_{i-1} in training, belongs to training alone:
    see `reenact_training.blur`.
    """

    def __init__(self, settings: IntegratorSettings, latent: LatentSettings) -> None:
        super().__init__()
        self.settings = settings
        self.kp_detector = KeypointDetector(settings.keypoints)
        self.generator = Generator(settings)
        self.latent = DiscreteLatent(self.generator.feature_channels, latent)

    def forward(
        self,
        last_face: Tensor,
        last: Keypoints,
        current: Keypoints,
        *,
        temperature: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> GeneratedFace:
        """The last output, moved by the subtle motion between two neighbouring frames.

        Convention:
            last_face: y_{i-1} (in training y'_{i-1}), (N, 3, H, W) in [0, 1]
            last, current: the keypoints of d_{i-1} and d_i, N each, carried over to where the
                source's face is; in self-reenactment those are the driver's own
            temperature, generator: of the Gumbel-softmax, in training mode only
        """
        encoded = self.generator.encode(last_face)
        coded = self.latent(encoded.features, temperature=temperature, generator=generator)
        face: GeneratedFace = self.generator(replace(encoded, features=coded), last, current)
        return face
