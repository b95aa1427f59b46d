"""The light on a face, as nine spherical harmonics a colour, and the same face in another light.

Skin is taken as matt and of one albedo: what it shows is then the irradiance of its normal, and
that is low-frequency whatever the light is (Ramamoorthi and Hanrahan, "An Efficient Representation
for Irradiance Environment Maps", 2001). Pixels are multiplied by the ratio of two such irradiances
(Riklin-Raviv and Shashua, "The Quotient Image", 2001), within bounds, so texture stays.

Convention:
    light: (N, 9, 3), linear R, G, B; albedo is in it
    normals: unit vectors in the camera's axes, x right, y down, z away; 0 where there is no surface
    factors: of R'G'B', so they are the ratio's root by `GAMMA`
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from reenact_core.head.model import NARROW, HeadModel, vertex_normals, vertices_of
from reenact_core.head.ramps import ramp, smoothstep
from reenact_core.head.state import over_time

GAMMA = 2.2
"""Between R'G'B' and light, near enough for ratios."""
ROUNDS = 6
"""Of reweighted least squares."""
FACING = -0.3
"""Depth of the normals of skin that is asked, at most: nearer the outline the background spills."""
FEATURE_CM = 1.5
"""Around eyes, nose and mouth dark places are no hair."""
FRAMED_CM, UNUSUAL = 1.1, 0.35
"""Around brows, eyes, nostrils and mouth nothing is asked; how much a beard's place counts."""
BENT, CURVED, FEW = 0.006, 0.03, 60.0
"""What first and second order cost against the squared level of the light, for each place that is
asked and for so many besides: where few are seen the light is even."""
TINT = 0.3
"""How much of a colour's own course over the face is believed; the rest goes with luma."""
DARK, FILL = 0.003, 0.12
"""Linear light that counts as noise, and the share of a light's mean that reaches the deepest
shadow: what was found on the side that is seen says little of the other."""
DARKER, BRIGHTER, TINTED = (0.55, 1.1), (0.5, 1.0), (0.35, 0.7)
"""By how much (natural logarithms of light, and of its red and blue by its green) a place looks
unlike skin to begin with, and wholly."""
ZONE = (-2.0, 0.5)
"""By how much a whole part of a face may differ from the light that was found."""
WHOLE, WHOLE_TINT = 2.5, 1.5
"""By how much a whole face may become brighter or darker, and a colour of it besides."""
STEADY_FRAMES = 12.0
"""Sigma in frames over which light is averaged."""
HITHER = (0.2, 0.4)
"""By how much more a place's mirror twin must face the viewer to stand in for it a little, and
wholly: a face seen from the front hides its sides on both halves."""
BORDER_CM = 1.5
"""Hair hangs so far over the border of the narrow face."""
RINGS = 2
"""Of triangles around what is no skin that are none either."""
LUMA = (0.299, 0.587, 0.114)


@dataclass(frozen=True, slots=True)
class Limits:
    """How far a face may be relit."""

    darkest: float = 0.6
    brightest: float = 1.6
    """Factors of R'G'B'."""
    tint: float = 1.15
    """How much more one colour may change than luma."""


def irradiance(light: Tensor, normals: Tensor) -> Tensor:
    """What surfaces receive, (N, ..., 3) linear, may be negative.

    Convention:
        normals: (N, ..., 3); where these are 0, as if they faced the camera
    """
    basis = _basis(normals).flatten(1, -2)
    return (basis @ light).view(normals.shape)


def shading(head: HeadModel, placed: Tensor, picture: Tensor) -> Tensor:
    """The light (N, 9, 3) on the faces of pictures, by robust least squares over their skin.

    Convention:
        placed: (N, V, 3), vertices of the fitted heads in network coordinates
        picture: (N, 3, S, S), R'G'B' in [0, 1]
    """
    skin, share = _skin(head)
    normals = vertex_normals(placed, head.triangles)[:, skin]
    found = functional.grid_sample(
        picture, placed[:, skin, None, :2], padding_mode="border", align_corners=False
    )
    colour = found[..., 0].transpose(1, 2).clamp(0, 1) ** GAMMA
    inside = (placed[:, skin, :2].abs() < 1).all(-1)
    weight = share * (normals[..., 2] < FACING) * inside
    return _fitted(_basis(normals), colour, weight)


def skin_shown(head: HeadModel, placed: Tensor, picture: Tensor, light: Tensor) -> Tensor:
    """How far pictures look like skin at the vertices of faces, (N, V) in [0, 1]: hair and what is
    behind an outline do not. Eyes, nose and mouth do; brows take what is next to them; beside the
    face it is 1.

    A beard counts as skin: below the nose the darkness of the middle is the usual one.

    Convention: as `shading`, whose `light` this is
    """
    skin, share = _skin(head)
    normals = vertex_normals(placed, head.triangles)[:, skin]
    colour = _colours(picture, placed[:, skin])
    usual = _filled(light, normals)
    apart = (_luma(colour) / _luma(usual)).log()
    front, lower = normals[..., 2] < 2 * FACING, share < 1
    for zone in (lower, ~lower):
        asked = (front & zone).to(apart)
        apart = apart - zone * _middle(apart, asked)[:, None].clamp(*ZONE)
    shown = _like(colour, usual, apart)
    face = vertices_of(head, NARROW)
    nearest = torch.cdist(head.mean[face], head.mean[skin]).argmin(1)
    whole = torch.ones_like(placed[..., 0])
    features = head.landmarks["points68"].places(head.mean)[27:]
    within = torch.cdist(head.mean[face], features).amin(1) < FEATURE_CM
    whole[:, face] = torch.where(within, 1.0, shown[:, nearest])
    return whole


def mirrored_well(head: HeadModel, placed: Tensor, picture: Tensor, light: Tensor) -> Tensor:
    """How far the colour of every vertex's mirror twin stands in for the vertex's own,
    (N, V, 1) in [0, 1]: skin does, and what grows on the scalp, where the picture shows that half
    far better; hair and walls before it do not.

    Convention: as `shading`, whose `light` this is
    """
    normals = vertex_normals(placed, head.triangles)
    colour = _colours(picture, placed)
    usual = _filled(light, normals)
    skin = _like(colour, usual, (_luma(colour) / _luma(usual)).log())
    narrow = vertices_of(head, NARROW)
    skin[:, narrow] = skin_shown(head, placed, picture, light)[:, narrow]
    skin[:, _inner(head)] = 1
    skin[:, vertices_of(head, ("scalp",))] = 1
    for _ in range(RINGS):  # what is hair there is hair a little way around, too
        least = skin[:, head.triangles].amin(2)[..., None].expand(-1, -1, 3).flatten(1)
        corners = head.triangles.flatten().expand(len(skin), -1)
        skin = skin.scatter_reduce(1, corners, least, "amin")
    hither = normals[..., 2] - normals[:, head.mirror, 2]
    return (skin[:, head.mirror] * smoothstep(hither, *HITHER))[..., None]


def _inner(head: HeadModel) -> Tensor:
    """Vertices of the narrow face that lie well within it, (P,)."""
    narrow = vertices_of(head, NARROW)
    beside = vertices_of(head, ("outer_face", "scalp", "neck", "ears"))
    far = torch.cdist(head.mean[narrow], head.mean[beside]).amin(1) > BORDER_CM
    return torch.as_tensor(narrow[far])


def _colours(picture: Tensor, placed: Tensor) -> Tensor:
    """Linear colours (N, P, 3) at places (N, P, 3), averaged over a few pixels."""
    found = functional.grid_sample(
        functional.avg_pool2d(picture, 3, 1, 1), placed[:, :, None, :2],
        padding_mode="border", align_corners=False,
    )  # fmt: skip
    return found[..., 0].transpose(1, 2).clamp(0, 1) ** GAMMA + DARK


def _like(colour: Tensor, usual: Tensor, apart: Tensor) -> Tensor:
    """How far linear colours (N, P, 3) are those of skin where it is usually of others.

    Convention:
        apart: (N, P), by how much their luma differs, natural logarithms
    """
    tint = (colour / usual).log()
    tint = (tint[..., ::2] - tint[..., 1:2]).abs().amax(-1)
    unlike = torch.maximum(ramp(-apart, *DARKER), ramp(apart, *BRIGHTER))
    return 1 - torch.maximum(unlike, ramp(tint, *TINTED))


def factors(
    from_light: Tensor, from_normals: Tensor, to_light: Tensor, to_normals: Tensor,
    limits: Limits | None = None,
) -> Tensor:  # fmt: skip
    """What R'G'B' of surfaces has to be multiplied by, (N, ..., 3).

    Both lights hold their faces' albedo. `to_light * from_light[:, :1] / to_light[:, :1]` has the
    other's course over the face at the own level and tint.
    """
    bound = limits or Limits()
    before, after = _filled(from_light, from_normals), _filled(to_light, to_normals)
    luma = (_luma(after) / _luma(before))[..., None]
    tint = after / before / luma
    luma = luma.pow(1 / GAMMA).clamp(bound.darkest, bound.brightest)
    return luma * tint.pow(1 / GAMMA).clamp(1 / bound.tint, bound.tint)


def level_of(light: Tensor, normals: Tensor, share: Tensor) -> Tensor:
    """The mean irradiance (N, 1, 3) of surfaces (N, P, 3), of which `share` (N, P) counts."""
    weight = share[..., None] * (normals[..., 2:] < FACING)
    return (_filled(light, normals) * weight).sum(1, keepdim=True) / weight.sum(
        1, keepdim=True
    ).clamp_min(1e-6)


def bounded(level: Tensor) -> Tensor:
    """Factors of R'G'B' for a ratio (N, 1, 3) of whole lights, within reason."""
    luma = _luma(level)[..., None]
    tint = (level / luma).pow(1 / GAMMA).clamp(1 / WHOLE_TINT, WHOLE_TINT)
    return luma.pow(1 / GAMMA).clamp(1 / WHOLE, WHOLE) * tint


def steadied(lights: Tensor, step: int, count: int) -> Tensor:
    """The light of each of `count` frames, from that of every `step`-th (K, 9, 3): averaged over
    time, for light changes slowly and what flickers is the measure; straight in between."""
    steady = over_time(lights.flatten(1), STEADY_FRAMES / step)
    place = torch.arange(count, device=lights.device) / step
    low = place.long().clamp_max(len(lights) - 1)
    share = (place - low).clamp_max(1)[:, None].to(lights)
    high = (low + 1).clamp_max(len(lights) - 1)
    return torch.lerp(steady[low], steady[high], share).view(count, 9, 3)


def _filled(light: Tensor, normals: Tensor) -> Tensor:
    """The irradiance (N, ..., 3), nowhere nearly dark."""
    found = irradiance(light, normals)
    mean = light[:, 0].view(len(light), *[1] * (found.ndim - 2), 3).clamp_min(0)
    return torch.hypot(found.clamp_min(0), FILL * mean) + DARK


MIRRORED = Limits(darkest=0.3, brightest=1.3)
"""A half in deep shade is far darker than its mirror image; a half that seems brighter was hardly
seen."""


def mirrored(head: HeadModel, light: Tensor, placed: Tensor, limits: Limits = MIRRORED) -> Tensor:
    """What the colour of every vertex's mirror twin has to be multiplied by to be lit as the vertex
    itself is, (N, V, 3).

    Convention:
        placed: (N, V, 3), the head in the picture that the colours come from
        light: the light of that picture
    """
    normals = vertex_normals(placed, head.triangles)
    return factors(light, normals[:, head.mirror], light, normals, limits)


def _basis(normals: Tensor) -> Tensor:
    """The nine real spherical harmonics, each of mean square 1 over the sphere, (..., 9)."""
    none = (normals.square().sum(-1, keepdim=True) < 0.25).to(normals)
    x, y, z = (normals - none * normals.new_tensor([0.0, 0, 1])).unbind(-1)
    first, second = 3**0.5, 15**0.5
    terms = (
        torch.ones_like(x), first * x, first * y, first * z, second * x * y, second * y * z,
        second * x * z, second / 2 * (x * x - y * y), 5**0.5 / 2 * (3 * z * z - 1),
    )  # fmt: skip
    return torch.stack(terms, -1)


def _fitted(basis: Tensor, colour: Tensor, weight: Tensor) -> Tensor:
    """Light (N, 9, 3) behind linear colours (N, P, 3)."""
    total = weight.sum(1).clamp_min(1e-6)
    level = ((_luma(colour) * weight).sum(1) / total).clamp_min(1e-4)
    seen = colour / level[:, None, None]
    luma = _luma(seen)[..., None]
    cost = basis.new_tensor([0.0] + [BENT] * 3 + [CURVED] * 5)
    robust = weight
    for _ in range(ROUNDS):
        light = _solved(basis, luma, robust, cost)
        missed = ((basis @ light) - luma)[..., 0].abs()
        usual = _middle(missed, weight).clamp_min(0.02)
        # Highlights and hair pull nothing at all (Geman and McClure).
        robust = weight / (1 + (missed / (2 * usual[:, None])).square()).square()
    whole = _solved(basis, luma, robust, cost)
    own = _solved(basis, seen, robust, cost)
    share = own[:, :1] / whole[:, :1].clamp_min(1e-3)
    return torch.lerp(whole * share, own, TINT) * level[:, None, None]


def _solved(basis: Tensor, seen: Tensor, weight: Tensor, cost: Tensor) -> Tensor:
    weighed = basis * weight[..., None]
    prior = cost * (weight.sum(1, keepdim=True) + FEW) + 1e-4
    normal = weighed.transpose(1, 2) @ basis + torch.diag_embed(prior)
    solved: Tensor = torch.linalg.solve(normal, weighed.transpose(1, 2) @ seen)
    return solved


def _middle(values: Tensor, weight: Tensor) -> Tensor:
    """The weighted median (N,) of values (N, P)."""
    order = values.sort(1)
    gone = weight.gather(1, order.indices).cumsum(1)
    half = gone[:, -1:] / 2
    return order.values.gather(1, torch.searchsorted(gone, half).clamp_max(values.shape[1] - 1))[
        :, 0
    ]


def _skin(head: HeadModel) -> tuple[Tensor, Tensor]:
    """Vertices of skin (P,) and how much each counts (P,): less where a beard grows."""
    skin = vertices_of(head, ("face",))
    points = head.landmarks["points68"].places(head.mean)
    features = torch.cat([points[17:27], points[31:]])
    place = head.mean[skin]
    far = torch.cdist(place, features).amin(1) > FRAMED_CM
    skin, place = skin[far], place[far]
    beard = (place[:, 1] > points[33, 1]).to(place)
    return skin, 1 - (1 - UNUSUAL) * beard


def _luma(colour: Tensor) -> Tensor:
    return colour @ colour.new_tensor(LUMA)
