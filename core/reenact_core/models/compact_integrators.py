"""The global and the local integrator of the compact configuration.

Both move the source's own pixels by a field that was measured by optical flow and carried over to
the source's face (`flow_prior`, `carry_over`). The networks here refine that field, say where the
source cannot show what is asked for, and paint there.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from reenact_core.head.interior.colourfulness import within_colours
from reenact_core.head.sampling import pixel_grid, sample
from reenact_core.models.compact_layers import Conv, UNet, quiet_conv
from reenact_core.models.compact_settings import CompactSettings
from reenact_core.models.discrete_latent import DiscreteLatent
from reenact_core.models.paper_settings import LatentSettings

GEOMETRY_CHANNELS = 9
"""Head coordinates (3), inside the outline (1), shown by the source (1), mouth and eyes (3), and
where source and d_0 are alike (1)."""
LARGEST_REFINEMENT = 0.15
"""What the network may add to a field, in [-1, 1] units."""
EXPLAINED = 8 / 255
"""Photometric error at which a motion that explains a driving frame is sure by 1/e."""
TRUSTED = 5.0
"""Logit of the trust in warped pixels before any training."""


@dataclass(frozen=True, slots=True, eq=False)
class Moved:
    """What an integrator gives.

    Convention:
        face: (B, 3, S, S) in [0, 1]
        field: (B, S, S, 2) in [-1, 1], where the source's pixels come from
        trust: (B, 1, S, S) in [0, 1], how far the face is moved source rather than painted
        painted: (B, 3, S, S) in [0, 1], what fills the rest
    """

    face: Tensor
    field: Tensor
    trust: Tensor
    painted: Tensor

    def float(self) -> "Moved":
        """The same in float32, whatever precision it was computed in."""
        return Moved(
            self.face.float(), self.field.float(), self.trust.float(), self.painted.float()
        )


class MotionRefiner(nn.Module):
    """The dense motion network: a carried-over field to a better one, and the trust in it.

    Where source and d_0 are alike, the field was measured on the very pixels that it moves, and
    stays as it is.
    """

    def __init__(self, settings: CompactSettings) -> None:
        super().__init__()
        self.network = UNet(3 + 2 + GEOMETRY_CHANNELS + 1, settings.motion_widths)
        self.out = quiet_conv(settings.motion_widths[0], 3, (0.0, 0.0, TRUSTED))

    def forward(
        self, source: Tensor, field: Tensor, geometry: Tensor, error: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The refined field (B, S, S, 2) and the logit of the trust (B, 1, side, side).

        Convention:
            source: (B, 3, S, S); field: (B, S, S, 2); geometry: (B, GEOMETRY_CHANNELS, side, side)
            error: (B, 1, S, S), photometric error of the motion on the driving face
        """
        side = geometry.shape[-1]
        coarse = shrink_field(field, side)
        moved = sample(functional.interpolate(source, (side, side), mode="area"), coarse)
        shift = (coarse - pixel_grid(side, coarse)).permute(0, 3, 1, 2)
        small = functional.interpolate(error, (side, side), mode="area")
        out = self.out(self.network(torch.cat([moved, shift * 4, geometry, small * 8], 1)))
        change = torch.tanh(out[:, :2]) * LARGEST_REFINEMENT
        fine = functional.interpolate(
            change, field.shape[1:3], mode="bilinear", align_corners=False
        )
        fine = fine * (1 - grow(likeness_in(geometry), fine))
        return field + fine.permute(0, 2, 3, 1), out[:, 2:]


class Encoder(nn.Module):
    """A face (B, 3, S, S) to its features at a quarter of the resolution."""

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.first = Conv(3, widths[0])
        self.to_half = Conv(widths[0], widths[1])
        self.to_quarter = Conv(widths[1], widths[2])

    def forward(self, face: Tensor) -> Tensor:
        features = functional.avg_pool2d(self.first(face), 2)
        features = functional.avg_pool2d(self.to_half(features), 2)
        out: Tensor = self.to_quarter(features)
        return out


class Painter(nn.Module):
    """The generator: warped features to pixels for what the source does not show.

    It paints at half the resolution, for what it paints has no detail of its own. Gives
    (B, 3, S, S) in [0, 1] and what it adds to the logit of the trust, (B, 1, S, S).
    """

    def __init__(self, settings: CompactSettings) -> None:
        super().__init__()
        _, half, quarter = settings.painter_widths
        self.mix = Conv(quarter + GEOMETRY_CHANNELS + 1, quarter)
        self.deep = UNet(quarter, (quarter, quarter, quarter))
        self.to_half = Conv(quarter, half)
        self.out = quiet_conv(half, 4, (0.0,) * 4)

    def forward(self, features: Tensor, trust: Tensor, geometry: Tensor) -> tuple[Tensor, Tensor]:
        mixed = self.mix(torch.cat([features * trust, geometry, trust], 1))
        half = self.to_half(functional.interpolate(self.deep(mixed), scale_factor=2))
        out = functional.interpolate(
            self.out(half), scale_factor=2, mode="bilinear", align_corners=False
        )
        return torch.sigmoid(out[:, :3]), out[:, 3:]


class GlobalIntegrator(nn.Module):
    """G: y_i^G = G(d_0, d_i, S), equation (1); the whole motion at once."""

    def __init__(self, settings: CompactSettings) -> None:
        super().__init__()
        self.paints = settings.paints
        self.motion = MotionRefiner(settings)
        self.encoder = Encoder(settings.painter_widths)
        self.painter = Painter(settings)

    def forward(
        self,
        source: Tensor,
        features: Tensor,
        field: Tensor,
        geometry: Tensor,
        error: Tensor,
        hidden: Tensor,
    ) -> Moved:
        """y_i^G from S, its features (`encoder(source)`) and the carried-over motion.

        Convention:
            hidden: (B, 1, S, S) in [0, 1], what the source does not show
        """
        field, logit = self.motion(source, field, geometry, error)
        if not self.paints:
            return moved_only(source, field)
        moved = sample(features, shrink_field(field, features.shape[-1]))
        painted, doubt = self.painter(moved, torch.sigmoid(logit), geometry)
        painted = within_colours(painted, source)
        trust = torch.sigmoid(grow(logit, doubt) + doubt)
        trust = hold_back(trust) if self.training else trust
        trust = 1 - (1 - trust) * paintable(hidden, geometry, error)
        face = trust * sample(source, field) + (1 - trust) * painted
        return Moved(face, field, trust, painted)


class LocalIntegrator(nn.Module):
    """L: y_i^L = L(d_{i-1}, d_i, y_{i-1}), equation (2); continues from its own last output.

    What the source shows is moved from the source by the integrated field, so that it stays
    sharp. The rest comes from y_{i-1}, moved by the subtle motion, and from a painter that sees
    y_{i-1} through the discrete latent alone.
    """

    def __init__(self, settings: CompactSettings) -> None:
        super().__init__()
        self.paints = settings.paints
        quarter = settings.painter_widths[-1]
        self.motion = MotionRefiner(settings)
        self.encoder = Encoder(settings.painter_widths)
        self.latent = DiscreteLatent(
            quarter, LatentSettings(codes=settings.codes, groups=settings.code_groups)
        )
        self.painter = Painter(settings)
        self.keep = quiet_conv(GEOMETRY_CHANNELS + 2, 1, (2.0,))

    def forward(
        self,
        source: Tensor,
        previous: Tensor,
        field: Tensor,
        subtle: Tensor,
        geometry: Tensor,
        error: Tensor,
        hidden: Tensor,
        temperature: float = 1.0,
    ) -> Moved:
        """y_i^L.

        Convention:
            hidden: (B, 1, S, S) in [0, 1], what the source does not show
            previous: (B, 3, S, S), y_{i-1}; in training blurred by equation (4)
            field: (B, S, S, 2), the integrated motion to the source
            subtle: (B, S, S, 2), the motion to y_{i-1}
        """
        field, logit = self.motion(source, field, geometry, error)
        if not self.paints:
            return moved_only(source, field)
        features = sample(self.encoder(previous), shrink_field(subtle, geometry.shape[-1]))
        coded = self.latent(features, temperature=temperature)
        painted, doubt = self.painter(coded, torch.sigmoid(logit), geometry)
        painted = within_colours(painted, source)
        small = functional.interpolate(error, geometry.shape[-2:], mode="area")
        keep = self.keep(torch.cat([geometry, small * 8, torch.sigmoid(logit)], 1))
        kept = torch.sigmoid(grow(keep, doubt))
        painted = kept * sample(previous, subtle) + (1 - kept) * painted
        trust = torch.sigmoid(grow(logit, doubt) + doubt)
        trust = hold_back(trust) if self.training else trust
        trust = 1 - (1 - trust) * paintable(hidden, geometry, error)
        face = trust * sample(source, field) + (1 - trust) * painted
        return Moved(face, field, trust, painted)


def moved_only(source: Tensor, field: Tensor) -> Moved:
    """The source moved by a field, with nothing painted."""
    face = sample(source, field)
    return Moved(face, field, torch.ones_like(face[:, :1]), face)


def hold_back(trust: Tensor) -> Tensor:
    """Trust lowered in half of the faces, in training, so that the painter learns everywhere.

    Otherwise hardly any of a loss reaches it: most of a face is moved. The calibration net sees
    the lowered trust beside the face that it made.
    """
    ceiling = (1.5 - torch.rand_like(trust[:, :1, :1, :1])).clamp(max=1)
    return trust * ceiling


def certainty(geometry: Tensor, error: Tensor) -> Tensor:
    """How sure a carried-over motion is before any network looks at it, (B, 1, S, S) in [0, 1].

    Where source and d_0 show the same and the motion explains the driving frame, the source's
    pixels are the answer; networks act by what is left.
    """
    return grow(likeness_in(geometry), error) * torch.exp(-((error / EXPLAINED) ** 2))


def paintable(hidden: Tensor, geometry: Tensor, error: Tensor) -> Tensor:
    """Where an integrator may paint at all, (B, 1, S, S) in [0, 1]: what the source hides.

    Elsewhere the source's own pixels are sharper than any paint. Nowhere where the motion is sure.
    """
    return hidden * (1 - certainty(geometry, error))


def likeness_in(geometry: Tensor) -> Tensor:
    """Where source and d_0 are alike, (B, 1, side, side) in [0, 1]: the last of the maps."""
    return geometry[:, -1:]


def shrink_field(field: Tensor, side: int) -> Tensor:
    """A field (B, S, S, 2) at another resolution, (B, side, side, 2)."""
    small = functional.interpolate(field.permute(0, 3, 1, 2), (side, side), mode="area")
    return small.permute(0, 2, 3, 1)


def grow(small: Tensor, like: Tensor) -> Tensor:
    """A map at the resolution of another."""
    return functional.interpolate(small, like.shape[-2:], mode="bilinear", align_corners=False)
