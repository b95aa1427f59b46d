"""Pictures of people on the head model, and the truth about them."""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor
from torch.nn.functional import grid_sample, normalize
from torch.nn.functional import interpolate as grown

from reenact_core.head.model import vertex_normals
from reenact_core.head.rasterise import CoveredPixels, interpolate, rasterise
from reenact_core.models.face_points import PUPIL_LEFT, PUPIL_RIGHT
from reenact_training.synthetic.people import glasses as glass
from reenact_training.synthetic.people import hair as hairs
from reenact_training.synthetic.people.acting import Acting, sample_acting
from reenact_training.synthetic.people.framing import View, sample_framing, view_of
from reenact_training.synthetic.people.inside import is_inside, occlusion, painted, sample_inside
from reenact_training.synthetic.people.lights import Lights, sample_lights, shaded
from reenact_training.synthetic.people.patterns import noise_at, ramp
from reenact_training.synthetic.people.shadow import lit
from reenact_training.synthetic.people.skin import cover_of, sample_skin
from reenact_training.synthetic.people.surface import EYES, STATIC, Surface, load_surface
from reenact_training.synthetic.people.surroundings import (
    Cloth,
    behind,
    developed,
    sample_cloth,
    sample_fingers,
    with_fingers,
)

HIDDEN_CM, HIDDEN_PUPIL_CM = 0.7, 0.35
"""A point so far behind what is seen there is hidden."""
EYE_GLOSS, EYE_SHARPNESS = 1.6, 260.0
MOUTH_GLOSS = 0.35


@dataclass(frozen=True, slots=True, eq=False)
class People:
    """N pictures of people and what is true of them."""

    images: Tensor
    """(N, 3, size, size) R'G'B' in [0, 1]."""
    points: Tensor
    """(N, 79, 3) of the embedded scheme, [-1, 1] over the picture, z in its unit from the origin of
    head coordinates."""
    visible: Tensor
    """(N, 79) bool"""
    acting: Acting
    view: View
    shown: Tensor
    """(N,) bool: False where the face is out of the picture."""


def draw_people(
    seed: int, count: int, size: int = 256, *, device: torch.device | str = "cpu"
) -> People:
    """Random people at random moments, the same for the same seed, two moments each."""
    generator = torch.Generator().manual_seed(seed)
    surface = load_surface()
    head = surface.head
    acting = sample_acting(
        generator, head.expression_names, len(head.identity), count, moments=MOMENTS
    )
    framing = sample_framing(generator, count)
    people = (count + MOMENTS - 1) // MOMENTS
    who = torch.arange(count) // MOMENTS
    skin = sample_skin(generator, people)
    hair = sample_hair_of(generator, skin.hair)[who]
    inside = sample_inside(generator, people, skin.colour.mean(1) < 0.2)[who]
    glasses = glass.sample_glasses(generator, people)[who]
    skin = skin[who]
    lights, cloth = sample_lights(generator, count), sample_cloth(generator, count)
    background = behind(generator, count, size)
    surface, acting = surface.to(device), acting.to(device)
    skin, hair, inside = skin.to(device), hair.to(device), inside.to(device)
    glasses, lights, background = glasses.to(device), lights.to(device), background.to(device)
    head = surface.head
    vertices = head.vertices(acting.identity, acting.expression, acting.gaze)
    vertices = vertices * acting.stretch[:, None]
    points = head.landmarks["embedded79"].places(vertices)
    view = view_of(framing.to(device), points)
    turned = view.turned(vertices)
    placed = view.placed(turned)
    pixels = torch.cat([(placed[..., :2] + 1) * (size / 2), turned[..., 2:]], -1)
    raster = rasterise(pixels, head.triangles, (size, size), sides="front")
    normals = vertex_normals(turned, head.triangles)

    strands = hairs.mesh_of(hair, surface, vertices, _size_of(surface, vertices))
    hair_turned = view.turned(strands.vertices)
    hair_triangles = hairs.triangles_of(surface)
    casting = torch.cat(
        [turned, torch.where(hair.kind[..., None] > 1, hair_turned, turned[:, :1])], 1
    )
    cast = torch.cat([head.triangles, hair_triangles + turned.shape[1]])

    here = CoveredPixels.of(raster)
    static = interpolate(here.raster, surface.static, head.triangles)[:, 0]
    light = occlusion(surface, inside, vertices, points)
    dynamic = torch.cat([turned, normals, light[..., None]], -1)
    at_pixels = interpolate(here.raster, dynamic, head.triangles)[:, 0]
    at, normal, sky = at_pixels[..., :3], at_pixels[..., 3:6], at_pixels[..., 6:]
    part = surface.part[here.raster.face[:, 0].clamp_min(0)]
    lamp = lit(casting, cast, lights.lamp[:, 0], at)
    cover = cover_of(skin, static, _brow_act(acting, head.expression_names))
    places = static[..., :3]
    angle = static[..., STATIC.index("angle")]
    albedo = painted(cover.albedo, inside, part, angle, places, skin.seed)
    albedo = _clothed(albedo, cloth.to(device), places, points, normal)
    eye = torch.isin(part, part.new_tensor([*EYES]))
    mouth = is_inside(part)
    bump = torch.where((eye | mouth)[..., None], 0.0, cover.bump)
    normal = normalize(normal + bump, dim=-1)
    gloss = torch.where(eye, EYE_GLOSS, torch.where(mouth, MOUTH_GLOSS * sky[..., 0], cover.gloss))
    sharp = torch.where(eye, EYE_SHARPNESS, torch.where(mouth, 30.0, skin.gloss[:, 1:]))
    # Light falls into mouths and below lids as their own share says, wherever it comes from.
    lamp = torch.where(eye | mouth, sky[..., 0] * (0.3 + 0.7 * lamp), lamp)
    colour = shaded(lights, albedo, normal, sky[..., 0], lamp, gloss, sharp)
    picture = here.laid(colour.mT, _with_shoulders(background, cloth.to(device), placed, surface))
    level = _level(colour, here, places)

    nearest = raster.depth
    picture, nearest = _haired(
        picture, nearest, hair, strands, hair_turned, hair_triangles, view, lights, cast, casting
    )
    picture, shaded_by = _glazed(picture, nearest, glasses, points, surface, vertices, view, lights)
    picture, covered = with_fingers(
        picture,
        sample_fingers(generator, _faces(placed, surface).cpu(), skin.colour.cpu(), 0.1).to(device),
        _front_light(lights),
    )
    seen = _seen(view, points, nearest, torch.maximum(covered, shaded_by))
    images = developed(generator, picture, level)
    return People(
        images, view.placed(view.turned(points)), seen, acting, view, framing.away.to(device) == 0
    )


MOMENTS = 2
"""How often each person is drawn."""


def sample_hair_of(generator: Generator, colour: Tensor) -> hairs.Hair:
    """Hair of about the colour of people's brows."""
    return hairs.sample_hair(generator, len(colour), colour)


def _size_of(surface: Surface, vertices: Tensor) -> Tensor:
    """How large skulls (N, 3) are beside the mean one's."""
    mean = surface.static[:, :3]
    high = mean[:, 1] < -2
    return vertices[:, high].std(1) / mean[high].std(0)


def _brow_act(acting: Acting, names: tuple[str, ...]) -> Tensor:
    up = [names.index(f"brow{part}Up_{side}") for part in ("Inner", "Outer") for side in "LR"]
    down = [names.index(f"browDown_{side}") for side in "LR"]
    values = acting.expression
    return torch.stack([values[:, up].mean(1), values[:, down].mean(1)], 1).clamp(min=0)


def _clothed(
    albedo: Tensor, cloth: Cloth, places: Tensor, points: Tensor, normal: Tensor
) -> Tensor:
    """Cloth below the collar."""
    x, y, z = places.unbind(-1)
    below, deep = cloth.collar[:, :1], cloth.collar[:, 1:]
    collar = (
        8.5
        + below
        + deep * (1 - (x / 5.5).abs()).clamp(min=0) * (z < 0)
        - 0.35 * (x.abs() - 5).clamp(min=0)
    )
    inside = ramp(y - collar, -0.1, 0.15)
    threads = noise_at(places * 1.2)
    colour = torch.lerp(
        cloth.colours[:, None, 0],
        cloth.colours[:, None, 1],
        ramp(threads[..., :1], 0.45, 0.6) * cloth.pattern[..., None],
    )
    return torch.lerp(albedo, colour, inside[..., None])


def _with_shoulders(background: Tensor, cloth: Cloth, placed: Tensor, surface: Surface) -> Tensor:
    """A trunk behind the neck: a wide ellipse in the colour of the cloth."""
    size = background.shape[-1]
    line = (torch.arange(size, device=background.device) + 0.5) * (2 / size) - 1
    low = surface.static[:, 1] > 12
    neck = placed[:, low]
    wide = (neck[..., 0].amax(1) - neck[..., 0].amin(1)) / 2
    middle = neck[..., 0].mean(1)
    top = neck[..., 1].mean(1)
    x = (line[None, None, :] - middle[:, None, None]) / (1.75 * wide[:, None, None])
    y = (line[None, :, None] - (top + 1.15 * wide)[:, None, None]) / (1.3 * wide[:, None, None])
    inside = ramp(1 - (x.abs().pow(2.6) + y.abs().pow(2.6)), 0.0, 0.05)[:, None]
    shade = (0.75 - 0.35 * x.abs().clamp(max=1) + 0.1 * y)[:, None].clamp(0.1, 1)
    return torch.lerp(background, cloth.colours[:, 0, :, None, None] * shade * 0.8, inside)


def _level(colour: Tensor, here: CoveredPixels, places: Tensor) -> Tensor:
    face = here.raster.covered[:, 0] & (places[..., 2] < -5) & (places[..., 1] < 8)
    total = (colour.mean(-1) * face).sum(1) / face.sum(1).clamp_min(1)
    return total.clamp_min(0.02)


def _haired(
    picture: Tensor, nearest: Tensor, hair: hairs.Hair, mesh: hairs.HairMesh, turned: Tensor,
    triangles: Tensor, view: View, lights: Lights, cast: Tensor, casting: Tensor,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Pictures with hair over them, and the depth of what is nearest now."""
    size = picture.shape[-1]
    placed = view.placed(turned)
    pixels = torch.cat([(placed[..., :2] + 1) * (size / 2), turned[..., 2:]], -1)
    # What is bald or hangs elsewhere is out of the picture.
    pixels = torch.where(hair.kind[..., None] > hairs.BALD, pixels.clamp(-9e4, 9e4), 9e4)
    raster = rasterise(pixels, triangles, (size, size))
    here = CoveredPixels.of(raster)
    normals = vertex_normals(turned, triangles)
    values = interpolate(here.raster, torch.cat([mesh.attributes, turned, normals], -1), triangles)
    attributes, at, normal = values[:, 0, :, :4], values[:, 0, :, 4:7], values[:, 0, :, 7:]
    colour, cover, bump = hairs.strands_of(hair, attributes)
    normal = normal * torch.where(normal[..., 2:] > 0, -1.0, 1.0)
    normal = normalize(normal + bump, dim=-1)
    lamp = lit(casting, cast, lights.lamp[:, 0], at + normal * 0.5)
    sky = (0.45 + 0.55 * ramp(at[..., 2], 9.0, -4.0)) * 0.9
    gloss = hair.gloss * (0.3 + bump[..., 0].abs() * 5)
    shade = shaded(lights, colour, normal, sky, lamp, gloss, torch.full_like(sky, 14.0))
    before = here.raster.depth[:, 0] < here.taken(nearest[:, None])[:, 0] + 0.02
    share = cover * before * here.raster.covered[:, 0]
    laid = here.laid(torch.cat([shade.mT, share[:, None]], 1), 0.0)
    mixed = torch.lerp(picture, laid[:, :3], laid[:, 3:])
    return mixed, torch.where(laid[:, 3] > 0.5, raster.depth, nearest)


def _glazed(
    picture: Tensor, nearest: Tensor, glasses: glass.Glasses, points: Tensor, surface: Surface,
    vertices: Tensor, view: View, lights: Lights,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Pictures with glasses over them, and how much those hide (N, S, S)."""
    size = picture.shape[-1]
    ears = torch.stack(
        [
            vertices[
                :, (surface.static[:, 0] * sign > 7.4) & (surface.static[:, 1].abs() < 4)
            ].mean(1)
            for sign in (-1, 1)
        ],
        1,
    )
    ears[..., 1] = points[:, 27, None, 1] + 0.6
    turned = view.turned(glass.mesh_of(glasses, points, ears))
    placed = view.placed(turned)
    pixels = torch.cat([(placed[..., :2] + 1) * (size / 2), turned[..., 2:]], -1)
    pixels = torch.where(glasses.worn[..., None] > 0, pixels.clamp(-9e4, 9e4), 9e4)
    triangles, kinds = (value.to(picture.device) for value in glass.triangles())
    raster = rasterise(pixels, triangles, (size, size))
    before = raster.covered & (raster.depth < nearest + 0.05)
    lens = (kinds[raster.face.clamp_min(0)] > 0) & before
    frame = before & ~lens
    light = _front_light(lights)
    spot = grown(_reflected(glasses), (size, size), mode="bilinear", align_corners=False)
    glare = ramp(spot[:, 0], 0.55, 0.75) * glasses.lens[:, 4, None, None]
    tint = glasses.lens[:, 3, None, None] * lens
    out = torch.lerp(
        picture, (glasses.lens[:, :3] * light)[..., None, None].expand_as(picture), tint[:, None]
    )
    out = torch.lerp(
        out, (light * 1.2)[..., None, None].expand_as(out), (glare * lens * 0.7)[:, None]
    )
    sheen = 0.7 + 0.6 * spot[:, 1:2]
    metal = (glasses.colour * light + 0.02)[..., None, None] * sheen
    out = torch.lerp(out, metal, frame[:, None].float())
    return out, torch.maximum(tint, glare * lens * 0.7)


def _reflected(glasses: glass.Glasses) -> Tensor:
    """What lenses reflect (N, 3, 32, 32), from 0 to 1."""
    line = torch.arange(32, device=glasses.seed.device) * (5 / 32)
    grid = torch.stack(torch.meshgrid(line, line, indexing="xy"), -1).flatten(0, 1)
    flat = grid + glasses.seed[:, None]
    values = noise_at(torch.cat([flat, torch.zeros_like(flat[..., :1])], -1))
    return values.mT.reshape(len(flat), -1, 32, 32)


def _front_light(lights: Lights) -> Tensor:
    """The light (N, 3) on what faces the camera."""
    normal = lights.sky.new_tensor([0.0, -0.2, -0.98])
    sky = ((0.5 + 0.5 * lights.sky @ normal).square()[..., None] * lights.sky_colour).sum(1)
    lamp = ((lights.lamp @ normal).clamp(min=0)[..., None] * lights.lamp_colour).sum(1)
    return sky * 0.7 + lamp * 0.7


def _faces(placed: Tensor, surface: Surface) -> Tensor:
    face = surface.static[:, 2] < -5
    flat = placed[:, face & (surface.static[:, 1] < 8), :2]
    low, high = flat.amin(1), flat.amax(1)
    return torch.cat([(low + high) / 2, (high - low).amax(1, keepdim=True) / 2], 1)


def _seen(view: View, points: Tensor, nearest: Tensor, covered: Tensor) -> Tensor:
    """Which of the points (N, 79, 3) nothing hides, (N, 79)."""
    turned = view.turned(points)
    flat = view.placed(turned)[..., :2]
    maps = torch.stack([nearest.clamp(max=1e3), covered], 1)
    found = grid_sample(maps, flat[:, None], mode="nearest", align_corners=False)[:, :, 0]
    slack = turned.new_full((turned.shape[1],), HIDDEN_CM)
    slack[[PUPIL_LEFT, PUPIL_RIGHT]] = HIDDEN_PUPIL_CM
    inside = (flat.abs() < 1).all(-1)
    return inside & (turned[..., 2] < found[:, 0] + slack) & (found[:, 1] < 0.5)
