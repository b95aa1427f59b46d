"""Motion measured on the driving face, carried over to the source's face through the head model.

The fitted heads tell where a place on the head was at an earlier moment, for the new face and for
the driving face alike (`told`). What flow measured on the driving face beside that is small; it is
taken from the same place on the driving face, turned and scaled as the two faces are, and added.
Where source and first driving frame are the same picture, what is told cancels and the flow itself
remains.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from reenact_core.head.field import (
    Beside,
    HeadView,
    Outline,
    at_pixels,
    inside_outline,
    on_part,
    rolled,
    shown,
    towards_viewer,
    within,
)
from reenact_core.head.model import HeadModel
from reenact_core.head.pose import Pose
from reenact_core.head.ramps import smoothstep
from reenact_core.head.rasterise import CoveredPixels
from reenact_core.head.sampling import extended, pixel_grid, sample
from reenact_core.models.flow_prior import blurred, folding, settled

TOLD_CONFINED = (1.1, 2.4)
"""Distances from the head's middle, in units of its outline, up to which the head's motion is whole
and from which on there is none."""
FLOW_CONFINED = (1.2, 2.0)
"""The same for what flow adds to it, which knows hair and neck."""
BELIEVED = 15 / 255
"""Error at which a flow is believed by 1/e."""
BESIDE = 0.03
"""Motion beside the told one, in [-1, 1] units, that is believed by 1/e on another face: an
expression's remainder is small, and what is larger is hair or background mistaken for a face."""
FAINT = 0.05
"""Share of a surface that is hardly seen."""
UNFOLDED = 6.0
"""Sigma in pixels (at 256) around a fold within which a flow is given up."""


@dataclass(frozen=True, slots=True, eq=False)
class Earlier:
    """An earlier moment of a face, whose pixels are moved to where it is now.

    Convention:
        told: (B, S, S, 2) in [-1, 1], where the pixels of now were, as the heads tell it
        shows: (B, S, S) in [0, 1], whether that moment's picture shows the place
    """

    told: Tensor
    shows: Tensor

    def motion(self) -> Tensor:
        """`told` as a field (B, 2, S, S)."""
        moved = self.told - pixel_grid(self.told.shape[1], self.told)
        return moved.permute(0, 3, 1, 2)


@dataclass(frozen=True, slots=True, eq=False)
class Chart:
    """The pixels of a face now: on its head, and in other pictures of it and of the driver.

    Convention:
        covered: (B, S, S) in {0, 1}, whether the head is there
        inner: (B, S, S) in {0, 1}, whether it is seen between lips or lids alone
        inside: (B, S, S), see `inside_outline`
        head: (B, S, S, 3), head coordinates, cm; beside the head those of its middle plane
        driving: (B, S, S, 2), the same places in the driving frame of the moment
        known: (B, S, S) in [0, 1], whether the driving frame shows the place
        earlier: as asked for; the twin comes last
    """

    covered: Tensor
    inner: Tensor
    inside: Tensor
    head: Tensor
    driving: Tensor
    known: Tensor
    earlier: tuple[Earlier, ...]


def chart(
    head: HeadModel,
    now: HeadView,
    driving: HeadView | None,
    earlier: list[HeadView],
    twin: HeadView | None = None,
) -> Chart:
    """Where every pixel of a face lies on its head and in other pictures.

    Convention:
        driving: the driving face at the same moment; None: it is this face
        earlier: moments of this face
        twin: the first of them `mirrored`: what is beside its head is not asked for
    """
    if now.raster is None:
        raise ValueError("the face of now must be rasterised")
    size, on_head = now.raster.face.shape[-1], CoveredPixels.of(now.raster)
    grid = pixel_grid(size, now.vertices).movedim(-1, 0)
    covered, inside = now.raster.covered.to(grid.dtype), inside_outline(now, head, size)
    views = [view for view in (driving, *earlier, twin) if view is not None]
    attributes = [now.shape, now.facing[..., None]]
    for view in views:
        attributes += [view.vertices, view.facing[..., None]]
    (found,) = at_pixels(on_head.raster, head, torch.cat(attributes, -1))
    own, *theirs = torch.split(found[:, 0].mT.contiguous(), 4, 1)  # (N, 4, P) each
    inner = within(on_head.raster, head)
    seen = [
        _Seen(
            view, place[:, :2],
            # A mirrored half is asked for what it shows well, whatever faces hither now.
            shown(
                view, place[:, :3].mT[:, None], place[:, 3:], inner,
                torch.ones_like(own[:, 3:]) if view is twin else own[:, 3:],
            ),
            hides=view is not driving and view.front is not None, is_twin=view is twin,
        )
        for view, place in zip(views, theirs, strict=True)
    ]  # fmt: skip
    plane, of_head = Beside.of(now, size), 1 - on_part(on_head.raster, head, "neck")
    beside = Outline.of(now, head).seen(
        [Outline.of(one.view, head) for one in seen if not one.is_twin], size
    )
    went_on = _went_on(on_head, of_head, beside, covered, seen)
    known, at_driver = torch.ones_like(covered), grid.expand(len(covered), -1, -1, -1)
    if driving is not None:
        at_driver, towards = went_on.pop(0), towards_viewer(own[:, 3:], inner)
        known = ((seen.pop(0).shows + FAINT) / (towards + FAINT)).clamp(max=1)
        known = on_head.laid(known, 1.0)[:, 0]
    confined = confinement(inside, *TOLD_CONFINED)[:, None]
    moments = tuple(
        Earlier(
            torch.lerp(grid, place, confined).movedim(1, -1), on_head.laid(one.shows, 1.0)[:, 0]
        )
        for place, one in zip(went_on, seen, strict=True)
    )
    at_head = on_head.laid(own[:, :3], plane.places)
    return Chart(
        covered, within(now.raster, head), inside, at_head.movedim(1, -1),
        at_driver.movedim(1, -1), known, moments,
    )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """What a view shows of the pixels (B, P) of a head.

    Convention:
        place: (B, 2, P); shows: (B, 1, P), see `shown`
    """

    view: HeadView
    place: Tensor
    shows: Tensor
    hides: bool
    """Whether what it hides is taken from the rim of what it shows."""
    is_twin: bool


def _went_on(
    on_head: CoveredPixels,
    of_head: Tensor,
    beside: list[Tensor],
    covered: Tensor,
    seen: list[_Seen],
) -> list[Tensor]:
    """The places (B, 2, S, S) of all pixels in each view: what is beside the head goes on from the
    neck, and what a view hides lies between what it shows and what is beside the head.

    Convention:
        of_head: (B, 1, P) in {0, 1}, which of its pixels are not the neck's
        beside: (B, 2, S, S) of each view but the twin, see `Outline`
    """
    around = torch.cat(beside, 1)
    apart = torch.cat([one.place for one in seen if not one.is_twin], 1) - on_head.taken(around)
    apart = on_head.laid(apart * (1 - of_head), 0.0)
    around = around + extended(apart, covered[:, None])
    outside = list(torch.split(around, 2, 1))
    if seen[-1].is_twin:
        outside.append(torch.zeros_like(outside[0]))
    places = [one.place for one in seen]
    for n, one in enumerate(seen):
        if not one.hides:
            continue
        whole = on_head.laid(one.place, outside[n])
        beyond = 0.0 if one.is_twin else 1.0
        # The rim of the head says nothing of the neck, nor the neck's of the head.
        known = [on_head.laid(one.shows * part, beyond) for part in (of_head, 1 - of_head)]
        rim, low = extended(whole.repeat(2, 1, 1, 1), torch.cat(known)).chunk(2)
        hidden = torch.lerp(on_head.taken(low), on_head.taken(rim), of_head)
        places[n] = torch.lerp(hidden, one.place, one.shows)
        if one.is_twin:
            outside[n] = rim
    return [on_head.laid(place, out) for place, out in zip(places, outside, strict=True)]


@dataclass(frozen=True, slots=True, eq=False)
class Transport:
    """How motion between two moments gets from the driving face to the new one.

    Convention:
        told: (B, S, S, 2), where the new picture's pixels come from as the heads tell it
        driving_told: (B, 2, s, s), the same motion of the driving face, a field in its picture
        turn: (B, 2, 2), scaled rotation from the driving face to the target
    """

    ground: "Ground"
    told: Tensor
    driving_told: Tensor
    turn: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """What all motions of a new picture are carried over by, where flow was measured.

    Convention:
        driving: (B, s, s, 2), known: (B, s, s), as in `Chart`
        alike: (B, 1, s, s) in [0, 1], where source and d_0 show the same surroundings, so that
            motion beside the head is the source's too
        held: (B, s, s) in [0, 1], how much of what flow adds a pixel takes part in
    """

    driving: Tensor
    known: Tensor
    alike: Tensor
    held: Tensor

    @classmethod
    def of(cls, places: Chart, alike: Tensor, side: int) -> "Ground":
        """Of a chart and what is alike (B, 1, S, S), where flow has so many pixels a side."""
        small = _coarse(alike, side)
        inside = _coarse(places.inside[:, None], side)[:, 0]
        held = torch.maximum(confinement(inside, *FLOW_CONFINED), small[:, 0])
        known = _coarse(places.known[:, None], side)[:, 0]
        return cls(_shrunk(places.driving, side), known, small, held)


def carry_over(flow: Tensor, error: Tensor, by: Transport) -> Tensor:
    """Where every pixel of the new picture comes from, (B, S, S, 2) in [-1, 1].

    What flow found beside what the heads tell is carried over as it is where source and d_0 are
    alike. Elsewhere it is settled, and given up where the motion would fold: on another face its
    fine noise would tear.

    Convention:
        flow: (B, 2, s, s), driving frame to the earlier driving frame, [-1, 1] units; s is S or
            less
        error: (B, 1, s, s) in [0, 1], of that flow on the driving frames
    """
    found, ground = flow - by.driving_told, by.ground
    calm = settled(found, torch.exp(-error / BELIEVED) * (1 - folding(flow)))
    left = sample(torch.cat([found, calm], 1), ground.driving)
    left = ground.alike * left[:, :2] + (1 - ground.alike) * _small(left[:, 2:])
    left = torch.einsum("bij,bjhw->bhwi", by.turn, left)
    left = (ground.held * ground.known)[..., None] * left
    left = unfolded(_shrunk(by.told, flow.shape[-1]), left, ground.alike)
    return by.told + _grown(left, by.told.shape[1])


def _coarse(values: Tensor, side: int) -> Tensor:
    """Values (B, C, S, S) at the resolution at which flow was measured."""
    if values.shape[-1] == side:
        return values
    return functional.interpolate(values, (side, side), mode="area")


def _shrunk(field: Tensor, side: int) -> Tensor:
    """A field (B, S, S, 2) at that resolution."""
    return _coarse(field.permute(0, 3, 1, 2), side).permute(0, 2, 3, 1)


def _grown(field: Tensor, side: int) -> Tensor:
    """A field (B, s, s, 2) at the resolution of pictures."""
    if field.shape[1] == side:
        return field
    fine = functional.interpolate(
        field.permute(0, 3, 1, 2), (side, side), mode="bilinear", align_corners=False
    )
    return fine.permute(0, 2, 3, 1)


def _small(motion: Tensor) -> Tensor:
    """A field (B, 2, H, W) without what is too large to be believed."""
    return motion * torch.exp(-motion.square().sum(1, keepdim=True) / BESIDE**2)


def unfolded(told: Tensor, left: Tensor, alike: Tensor) -> Tensor:
    """What flow adds to a told motion, without that which makes it fold; fields (B, H, W, 2)."""
    grid = pixel_grid(told.shape[1], told)
    for _ in range(3):
        folds = folding((told + left - grid).permute(0, 3, 1, 2))
        kept = (1 - 6 * blurred(folds, UNFOLDED)).clamp(0, 1)
        left = left * torch.maximum(kept, alike).permute(0, 2, 3, 1)
    return left


def turn_between(one: Pose, other: Pose) -> Tensor:
    """The scaled rotation in the picture from one pose to another, (B, 2, 2)."""
    turn = other.rotation @ one.rotation.mT
    return rolled(Pose(turn, other.scale / one.scale, other.offset))


def confinement(inside: Tensor, whole: float, none: float) -> Tensor:
    """How much of a motion a pixel takes part in: 1 up to a distance, 0 from another on."""
    distance = (1 - inside).clamp(min=0).sqrt()
    return smoothstep(distance, none, whole)
