"""Pictures of talking heads with everything that is true about them."""

import dataclasses
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, grid_sample, interpolate, max_pool2d

from reenact_training.synthetic.expression import open_mouth
from reenact_training.synthetic.heads import SOLIDS, Identity
from reenact_training.synthetic.light import cast_shadow, develop, shade, soften
from reenact_training.synthetic.motion import Motion, rotation_matrix
from reenact_training.synthetic.paint import paint
from reenact_training.synthetic.posed import (
    Posed,
    landmarks_in_space,
    opened_to_space,
    pose_surface,
)
from reenact_training.synthetic.scene import Scene
from reenact_training.synthetic.surface import sample_map, to_plane, unit
from reenact_training.synthetic.trace import (
    FAR,
    Rays,
    network_grid,
    project,
    project_view,
    trace_column,
    trace_ellipsoid,
    trace_surface,
    view_rays,
)

BACKGROUND, SKIN, HAIR, EAR, NECK, BODY, GLASSES, OCCLUDER = range(8)
"""What a pixel shows."""

_NECK_TOP = (0.0, 0.95, 0.38)
_NECK_FOOT = (0.0, 2.12, 0.60)
_EAR_PARTS = ("ear_left", "ear_right")


@dataclass(frozen=True, slots=True, eq=False)
class Layers:
    """What every ray met first, (F, C, H, W)."""

    depth: Tensor
    """1: view z of the nearest thing; FAR over background."""
    part: Tensor
    """1: long, one of the part numbers."""
    colour: Tensor
    """3: linear."""
    material: Tensor
    """2: material coordinate where the head's surface is met."""
    mouth: Tensor
    """1: place between the lips there, -1 elsewhere."""
    on_surface: Tensor
    """1: bool, the ray met the head's surface."""


@dataclass(frozen=True, slots=True, eq=False)
class HeadClip:
    """T frames of one head, or T single frames, with the truth about each.

    Convention:
        network coordinates: [-1, 1] over the picture, x right, y down, `align_corners=False`
        head and view coordinates: see docs/explanation/architecture.md and `trace.py`
    """

    images: Tensor
    """(T, 3, H, W) R'G'B' in [0, 1]."""
    identity: Identity
    """One row a frame."""
    motion: Motion
    """Pose and expression of every frame."""
    scene: Scene
    """One row a frame."""
    landmarks: Tensor
    """(T, 79, 3): x, y in network coordinates; z away from the viewer in the same unit, from the
    head's origin."""
    visible: Tensor
    """(T, 79) bool: no other surface hides the point."""
    part: Tensor
    """(T, H, W) uint8: what a pixel shows, one of the part numbers."""
    face_mask: Tensor
    """(T, H, W) in [0, 1]: skin of the face with eyes and mouth, soft at its edges."""
    head_mask: Tensor
    """(T, H, W) in [0, 1]: face, hair, ears and neck."""
    depth: Tensor
    """(T, H, W) view z in head units; FAR over background."""
    material: Tensor
    """(T, 2, H, W) material coordinates where the head's surface is seen, NaN elsewhere."""
    mouth: Tensor
    """(T, H, W) place between the lips, 0 at the upper and 1 at the lower; -1 elsewhere."""

    def __len__(self) -> int:
        return len(self.images)


def render(
    identity: Identity, motion: Motion, scene: Scene, size: int, *, oversample: int = 2,
    noise_seed: int = 0, chunk: int = 8,
) -> HeadClip:  # fmt: skip
    """A clip of a head.

    Args:
        identity: one person, or one for every frame
        motion: T frames
        scene: one scene, or one for every frame (`scene.follow` makes it move)
        size: width and height of the frames
        oversample: rays along a side of a pixel
        noise_seed: of the camera's noise, the only thing drawn by chance here
    """
    frames = len(motion)
    every = torch.zeros(frames, dtype=torch.long)
    identity = identity if len(identity) == frames else identity[every]
    scene = scene if len(scene) == frames else scene[every]
    generator = torch.Generator().manual_seed(noise_seed)
    grain = torch.randn(frames, 1, size, size, generator=generator)
    parts = [
        _render_chunk(
            identity[start : start + chunk], motion[start : start + chunk],
            scene[start : start + chunk], grain[start : start + chunk], size, oversample,
        )
        for start in range(0, frames, chunk)
    ]  # fmt: skip
    if len(parts) == 1:
        return parts[0]
    tensors = {
        field.name: torch.cat([getattr(part, field.name) for part in parts])
        for field in dataclasses.fields(HeadClip)
        if field.name not in ("identity", "motion", "scene")
    }
    return HeadClip(identity=identity, motion=motion, scene=scene, **tensors)


def _render_chunk(
    identity: Identity, motion: Motion, scene: Scene, grain: Tensor, size: int, oversample: int
) -> HeadClip:
    posed = pose_surface(identity, motion.expression)
    grid = network_grid(size * oversample, motion.scale.device)
    layers = draw(identity, posed, motion, scene, grid)
    linear = torch.where(layers.depth < FAR / 2, layers.colour, background(scene, grid))
    layers, linear = _hold_before(scene, layers, linear, grid)
    if oversample == 1:
        linear = smooth_edges(linear, layers)
    whole = interpolate if oversample == 1 else avg_pool2d
    mean = linear if oversample == 1 else whole(linear, oversample)
    blur = scene.camera[:, 4] * size / 256
    image = soften(develop(scene, mean), blur)
    image = (image + grain.to(image.device) * scene.camera[:, 5, None, None, None]).clamp(0, 1)
    face, head = (_cover(layers.part, kinds, oversample) for kinds in (_FACE_PARTS, _HEAD_PARTS))
    landmarks, visible = true_landmarks(identity, posed, motion, scene, layers)
    every = slice(oversample // 2, None, oversample)
    thin = Layers(
        *(getattr(layers, field.name)[..., every, every] for field in dataclasses.fields(layers))
    )
    material = torch.where(
        thin.on_surface, thin.material, torch.full_like(thin.material, torch.nan)
    )
    return HeadClip(
        image, identity, motion, scene, landmarks, visible, thin.part[:, 0].to(torch.uint8),
        face, head, thin.depth[:, 0], material, thin.mouth[:, 0],
    )  # fmt: skip


def smooth_edges(linear: Tensor, layers: Layers) -> Tensor:
    """The picture with its outlines mixed with what is beside them, in place of more rays."""
    depth = layers.depth.clamp_max(9)
    number = layers.part.to(depth.dtype)
    steps = [max_pool2d(v, 3, 1, 1) + max_pool2d(-v, 3, 1, 1) for v in (depth, number)]
    edge = ((steps[0] > 0.35) | (steps[1] > 0.5)).to(depth.dtype)
    around = avg_pool2d(linear, 3, 1, 1, count_include_pad=False)
    return linear + (around - linear) * edge * 0.8


_FACE_PARTS = (SKIN, GLASSES)
_HEAD_PARTS = (SKIN, HAIR, EAR, NECK, GLASSES)


def _cover(part: Tensor, kinds: tuple[int, ...], oversample: int) -> Tensor:
    inside = torch.isin(part, torch.tensor(kinds, device=part.device)).float()
    return avg_pool2d(inside, oversample)[:, 0] if oversample > 1 else inside[:, 0]


def draw(identity: Identity, posed: Posed, motion: Motion, scene: Scene, grid: Tensor) -> Layers:
    """What the camera sees of the head and the body at network coordinates `grid` (2, H, W)."""
    to_head = motion.rotation.transpose(1, 2)
    rays = view_rays(motion, scene.camera[:, 6], grid)
    in_head = rays.turned(to_head)
    layers = _surface_layer(identity, posed, motion, scene, in_head)
    layers = _solid_layers(identity, motion, scene, in_head, layers)
    layers = _body_layers(identity, motion, scene, rays, layers)
    return _glasses_layer(identity, in_head, layers)


def draw_body(identity: Identity, motion: Motion, scene: Scene, grid: Tensor) -> Layers:
    """What the camera sees of the neck and the body alone, far quicker than `draw`."""
    rays = view_rays(motion, scene.camera[:, 6], grid)
    depth = torch.full_like(rays.origin[:, :1], FAR)
    part = torch.full_like(depth, BACKGROUND, dtype=torch.long)
    nothing = Layers(
        depth, part, torch.zeros_like(rays.origin), torch.zeros_like(rays.origin[:, :2]),
        torch.full_like(depth, -1), torch.zeros_like(depth, dtype=torch.bool),
    )  # fmt: skip
    return _body_layers(identity, motion, scene, rays, nothing)


def _surface_layer(
    identity: Identity, posed: Posed, motion: Motion, scene: Scene, rays: Rays
) -> Layers:
    radius = posed.fields[:, :1]
    depth = trace_surface(rays, radius)
    point = rays.at(depth.clamp_max(3))
    plane = to_plane(unit(point, 1).permute(0, 2, 3, 1))
    to_light = torch.einsum("fji,fj->fi", motion.rotation, scene.light_direction[:, 0])
    small = interpolate(radius, size=(80, 80), mode="area")
    shadow = sample_map(cast_shadow(small, to_light), plane)
    fields = sample_map(posed.fields, plane)
    opened = fields[:, 1:3].permute(0, 2, 3, 1)
    pixel = 2.0 / rays.origin.shape[-1] / motion.scale * 0.26
    painted = paint(identity, motion.expression, opened, pixel[:, None, None])
    normal = torch.einsum("fij,fjhw->fihw", motion.rotation, unit(fields[:, 3:6], 1))
    colour = shade(scene, painted.albedo, normal, painted.gloss, fields[:, 6:7], shadow)
    met = depth < FAR / 2
    kind = torch.where(painted.cover > 0.5, HAIR, SKIN)
    part = torch.where(met, kind, torch.full_like(kind, BACKGROUND))
    return Layers(depth, part, colour, painted.material, painted.mouth, met)


def _laid_over(layers: Layers, depth: Tensor, part: int, colour: Tensor) -> Layers:
    near = depth < layers.depth
    return dataclasses.replace(
        layers,
        depth=torch.where(near, depth, layers.depth),
        part=torch.where(near, torch.full_like(layers.part, part), layers.part),
        colour=torch.where(near, colour, layers.colour),
        mouth=torch.where(near, torch.full_like(layers.mouth, -1), layers.mouth),
        on_surface=layers.on_surface & ~near,
    )


def _solid_layers(
    identity: Identity, motion: Motion, scene: Scene, rays: Rays, layers: Layers
) -> Layers:
    for index, name in enumerate(SOLIDS):
        half_axes = identity.solid_axes[:, index]
        rows = torch.nonzero(half_axes[:, 0] > 1e-3)[:, 0]
        if not len(rows):
            continue
        own = Rays(rays.origin[rows], rays.direction[rows])
        depth, normal = trace_ellipsoid(own, identity.solid_centre[rows, index], half_axes[rows])
        point = own.at(depth.clamp_max(9))
        colour = identity.solid_colour[rows, index, :, None, None]
        if name in _EAR_PARTS:
            albedo = colour * _concha(point, identity.solid_centre[rows, index], half_axes[rows])
            gloss, part = 0.3, EAR
        else:
            albedo, gloss, part = colour * _streaks(point, name), 0.4, HAIR
        view = torch.einsum("fij,fjhw->fihw", motion.rotation[rows], normal)
        ambient = torch.full_like(depth, 0.75) * (
            1 - 0.45 * ((point[:, 1:2] - 0.4) / 2).clamp(0, 1)
        )
        lit = shade(
            scene[rows],
            albedo,
            view,
            torch.full_like(depth, gloss),
            ambient,
            torch.full_like(depth, 0.75),
        )
        layers = _laid_over_rows(layers, rows, depth, part, lit)
    return layers


def _laid_over_rows(
    layers: Layers, rows: Tensor, depth: Tensor, part: int, colour: Tensor
) -> Layers:
    if len(rows) == len(layers.depth):
        return _laid_over(layers, depth, part, colour)
    names = [field.name for field in dataclasses.fields(layers)]
    some = _laid_over(Layers(*(getattr(layers, name)[rows] for name in names)), depth, part, colour)
    return Layers(
        *(getattr(layers, name).index_copy(0, rows, getattr(some, name)) for name in names)
    )


def _concha(point: Tensor, centre: Tensor, half_axes: Tensor) -> Tensor:
    """The hollow of an ear, darker, (F, 1, H, W)."""
    local = (point - centre[..., None, None]) / half_axes[..., None, None].clamp_min(1e-3)
    y, z = local[:, 1:2], local[:, 2:3]
    bowl = torch.exp(-(((y - 0.15) / 0.40) ** 2) - ((z + 0.25) / 0.42) ** 2)
    groove = torch.exp(-(((((y + 0.1) ** 2 + (z - 0.05) ** 2).sqrt() - 0.66) / 0.10) ** 2))
    return (1 - 0.5 * bowl - 0.25 * groove).clamp(0.3, 1)


def _streaks(point: Tensor, name: str) -> Tensor:
    """Strands of long hair, (F, 1, H, W)."""
    if name == "brim":
        return torch.full_like(point[:, :1], 0.8)
    around = torch.atan2(point[:, :1], point[:, 2:3] + 0.01)
    wave = torch.sin(around * 61 + 2.2 * torch.sin(point[:, 1:2] * 2.1)) * 0.14
    wave = wave + torch.sin(around * 23 - 1.4 * point[:, 1:2]) * 0.16
    return (0.85 + wave).clamp(0.3, 1.3)


def _body_layers(
    identity: Identity, motion: Motion, scene: Scene, rays: Rays, layers: Layers
) -> Layers:
    device, frames = motion.scale.device, len(motion)
    top = torch.tensor(_NECK_TOP, device=device).expand(frames, 3) * identity.axes
    top = torch.einsum("fij,fj->fi", motion.rotation, top)
    zero = torch.zeros(frames, device=device)
    turn = rotation_matrix(motion.body[:, 0], zero, zero)
    shift = torch.cat([motion.body[:, 1:], zero[:, None]], dim=1)
    foot = torch.tensor(_NECK_FOOT, device=device) + shift
    neck_width, shoulders, collar, pattern = identity.build.unbind(1)
    cloth, other = identity.clothes[:, :3], identity.clothes[:, 3:]
    depth, normal, height = trace_column(rays, top, foot, neck_width)
    dressed = ((height - (1 - collar)[:, None, None, None]) / 0.03 + 0.5).clamp(0, 1)
    skin = identity.skin[..., None, None]
    albedo = skin + (other[..., None, None] - skin) * dressed
    under_chin = 0.45 + 0.55 * (height / 0.5).clamp(0, 1)
    lit = shade(
        scene, albedo, normal, torch.full_like(depth, 0.3), under_chin * 0.9, under_chin * 0.8
    )
    layers = _laid_over(layers, depth, NECK, lit)
    own = rays.turned(turn.transpose(1, 2))
    centre = torch.einsum("fji,fj->fi", turn, foot) + torch.tensor([0.0, 1.55, 0.15], device=device)
    axes = torch.stack([shoulders, zero + 1.62, zero + 0.95], dim=1)
    depth, normal = trace_ellipsoid(own, centre, axes)
    point = own.at(depth.clamp_max(9)) - centre[..., None, None]
    albedo = _cloth(point, cloth, other, pattern)
    view = torch.einsum("fij,fjhw->fihw", turn, normal)
    lit = shade(scene, albedo, view, torch.full_like(depth, 0.1), torch.full_like(depth, 0.85),
                torch.full_like(depth, 0.85))  # fmt: skip
    return _laid_over(layers, depth, BODY, lit)


def _cloth(point: Tensor, cloth: Tensor, other: Tensor, pattern: Tensor) -> Tensor:
    """Plain, striped, or a jacket over a shirt, (F, 3, H, W) by points about the chest."""
    x, y = point[:, :1], point[:, 1:2]
    kind = pattern[:, None, None, None]
    stripes = torch.sin(torch.where(kind < 0.75, y * 22, x * 22)) > 0
    shirt = x.abs() < (-0.25 - y) * 0.42
    second = torch.where(
        kind < 0.45, torch.zeros_like(shirt), torch.where(kind < 0.85, shirt, stripes)
    )
    first, rest = cloth[..., None, None], other[..., None, None]
    folds = 1 + 0.10 * torch.sin(x * 5 + 3 * torch.sin(y * 2)) * torch.sin(y * 4 + x)
    return torch.where(second, rest, first) * folds


def _glasses_layer(identity: Identity, rays: Rays, layers: Layers) -> Layers:
    rows = torch.nonzero(identity.glasses[:, 0] > 0)[:, 0]
    if not len(rows):
        return layers
    names = [field.name for field in dataclasses.fields(layers)]
    some = Layers(*(getattr(layers, name)[rows] for name in names))
    some = _worn(identity[rows], Rays(rays.origin[rows], rays.direction[rows]), some)
    return Layers(
        *(getattr(layers, name).index_copy(0, rows, getattr(some, name)) for name in names)
    )


def _worn(identity: Identity, rays: Rays, layers: Layers) -> Layers:
    """Lenses in a plane before the eyes, and the bars to the ears."""
    _, cx, cy, half_x, half_y, round_, rim, dark, glare = (
        value[:, None, None, None] for value in identity.glasses.unbind(1)
    )
    front = -1.44 * identity.axes[:, 2, None, None, None]
    depth = (front - rays.origin[:, 2:]) / rays.direction[:, 2:].clamp_min(0.02)
    point = rays.at(depth.clamp(-5, 5))
    x, y = point[:, :1].abs(), point[:, 1:2]
    corner = round_ * torch.minimum(half_x, half_y)
    qx, qy = (x - cx).abs() - half_x + corner, (y - cy).abs() - half_y + corner
    outside = (qx.clamp_min(0).square() + qy.clamp_min(0).square()).sqrt()
    distance = outside + torch.maximum(qx, qy).clamp_max(0) - corner
    bar_side = 1.05 * identity.axes[:, 0, None, None, None]
    level = (y - cy + 0.3 * half_y).abs()
    bridge = ((x < cx - half_x) | ((x > cx + half_x) & (x < bar_side))) & (level < rim)
    seen = (depth < layers.depth + 0.15) & (rays.direction[:, 2:] > 0.1)
    frame = ((distance.abs() < rim) | bridge) & seen
    lens = (distance < 0) & seen & ~frame
    sheen = glare * ((x * 0.7 - y + 3) * 2.0).frac().sub(0.5).abs().mul(2).pow(6)
    tinted = layers.colour * (1 - dark) + sheen * 0.5
    colour = torch.where(lens, tinted, layers.colour)
    way = rays.direction[:, :1]
    steep = torch.where(way.abs() < 0.02, torch.full_like(way, 0.02), way)
    side_depth = (-bar_side * steep.sign() - rays.origin[:, :1]) / steep
    bar = rays.at(side_depth.clamp(-5, 5))
    on_bar = ((bar[:, 1:2] - cy + 0.3 * half_y).abs() < rim * 1.2) & (bar[:, 2:] < 0.1)
    on_bar &= (bar[:, 2:] > front) & (side_depth < layers.depth) & (way.abs() > 0.05)
    solid = frame | on_bar
    colour = torch.where(solid, identity.rim_colour[..., None, None], colour)
    part = torch.where(solid, torch.full_like(layers.part, GLASSES), layers.part)
    return dataclasses.replace(layers, colour=colour, part=part)


def background(scene: Scene, grid: Tensor) -> Tensor:
    """The linear picture (F, 3, H, W) behind the head."""
    place = background_place(scene, grid.expand(len(scene), -1, -1, -1))
    picture = grid_sample(
        scene.background, place.permute(0, 2, 3, 1), padding_mode="reflection", align_corners=False
    )
    return picture.clamp(0, 1).pow(2.2)


def background_place(scene: Scene, grid: Tensor) -> Tensor:
    """Where in the background's picture network coordinates (F, 2, H, W) lie."""
    zoom, shift = scene.background_place[:, 0, None, None, None], scene.background_place[:, 1:3]
    return grid * zoom + shift[..., None, None]


def _hold_before(
    scene: Scene, layers: Layers, linear: Tensor, grid: Tensor
) -> tuple[Layers, Tensor]:
    """A hand or a microphone in front of everything."""
    if not bool((scene.occluder[..., 4] > 0).any()):
        return layers, linear
    inside, height = occluder_cover(scene, grid)
    colour = scene.occluder_colour[..., None, None] * (0.55 + 0.6 * height)
    part = torch.where(inside, torch.full_like(layers.part, OCCLUDER), layers.part)
    depth = torch.where(inside, torch.full_like(layers.depth, -3.0), layers.depth)
    layers = dataclasses.replace(
        layers, part=part, depth=depth, on_surface=layers.on_surface & ~inside,
        mouth=torch.where(inside, torch.full_like(layers.mouth, -1), layers.mouth),
    )  # fmt: skip
    return layers, torch.where(inside, colour, linear)


def occluder_cover(scene: Scene, grid: Tensor) -> tuple[Tensor, Tensor]:
    """Where something is held before the head, (F, 1, H, W) bool, and its roundness in [0, 1]."""
    best = torch.full((len(scene), *grid.shape[-2:]), -1.0, device=grid.device)
    x, y = grid[0], grid[1]
    for capsule in scene.occluder.unbind(1):
        x0, y0, x1, y1, radius = (value[:, None, None] for value in capsule.unbind(1))
        dx, dy = x1 - x0, y1 - y0
        share = (((x - x0) * dx + (y - y0) * dy) / (dx.square() + dy.square() + 1e-6)).clamp(0, 1)
        distance = ((x - x0 - share * dx).square() + (y - y0 - share * dy).square()).sqrt()
        best = torch.maximum(
            best, torch.where(radius > 0, 1 - distance / radius.clamp_min(1e-4), -1.0)
        )
    return (best > 0)[:, None], best.clamp(0, 1).sqrt()[:, None]


def true_landmarks(
    identity: Identity, posed: Posed, motion: Motion, scene: Scene, layers: Layers
) -> tuple[Tensor, Tensor]:
    """Landmarks (F, 79, 3) in network coordinates, and whether they are seen (F, 79)."""
    space = landmarks_in_space(identity, posed, motion.expression)
    seen = project(motion, scene.camera[:, 6], space)
    place = seen[:, None, :, :2]
    hit = grid_sample(layers.depth.clamp_max(9), place, mode="nearest", align_corners=False)[
        :, 0, 0
    ]
    inside = (seen[..., :2].abs() < 1).all(-1)
    visible = inside & (seen[..., 2] < hit + 0.22)
    z = seen[..., 2:] * motion.scale[:, None, None]
    return torch.cat([seen[..., :2], z], dim=-1), visible


def flow(clip: HeadClip, i: int, j: int) -> tuple[Tensor, Tensor]:
    """For every pixel of frame i, where the same thing lies in frame j.

    Convention:
        result: (H, W, 2) network coordinates in frame j; (H, W) bool, True where it is seen in both

    The head's surface follows its material, hair and ears the head, the neck and the body the
    shoulders, the background the camera.
    """
    size = clip.images.shape[-1]
    grid = network_grid(size, clip.images.device)
    one_i, one_j = slice(i, i + 1), slice(j, j + 1)
    place, depth = _carried(clip, one_i, one_j, grid)
    hit = grid_sample(
        clip.depth[one_j, None].clamp_max(9), place[None], mode="nearest", align_corners=False
    )[0, 0]
    part_i = clip.part[i]
    seen = (place.abs() < 1).all(-1) & (part_i != OCCLUDER)
    behind = torch.where(part_i == BACKGROUND, hit > 8, depth < hit + 0.12)
    return place, seen & behind


def _carried(clip: HeadClip, i: slice, j: slice, grid: Tensor) -> tuple[Tensor, Tensor]:
    """Where the pixels of a frame go, (H, W, 2), and their view depth there (H, W)."""
    perspective = clip.scene.camera[:, 6]
    motion_i, motion_j, scene_j = clip.motion[i], clip.motion[j], clip.scene[j]
    depth = clip.depth[i, None].clamp_max(9)
    view = view_rays(motion_i, perspective[i], grid).at(depth)
    rigid_head = motion_j.rotation @ motion_i.rotation.transpose(1, 2)
    surface = _surface_carried(clip, i, j)
    head = torch.einsum("fij,fjhw->fihw", rigid_head, view)
    shift = motion_j.body[:, 1:] - motion_i.body[:, 1:]
    body = torch.cat([view[:, :2] + shift[..., None, None], view[:, 2:]], dim=1)
    part = clip.part[i, None]
    on_surface = ~torch.isnan(clip.material[i, :1])
    moved = torch.where(
        on_surface, surface, torch.where((part == NECK) | (part == BODY), body, head)
    )
    flat = project_view(motion_j, perspective[j], moved.flatten(2).transpose(1, 2))
    flat = flat.transpose(1, 2).reshape(moved.shape)
    still = background_place(clip.scene[i], grid[None])
    zoom, offset = scene_j.background_place[:, :1], scene_j.background_place[:, 1:3]
    still = (still - offset[..., None, None]) / zoom[..., None, None]
    place = torch.where(part == BACKGROUND, still, flat[:, :2])
    return place[0].permute(1, 2, 0), flat[0, 2]


def _surface_carried(clip: HeadClip, i: slice, j: slice) -> Tensor:
    """View coordinates (1, 3, H, W) in frame j of the surface that frame i shows."""
    identity, expression = clip.identity[j], clip.motion.expression[j]
    posed = pose_surface(identity, expression)
    size = clip.material.shape[-1]
    material = torch.nan_to_num(clip.material[i]).flatten(2).transpose(1, 2)
    between = clip.mouth[i].flatten(1)
    opened = open_mouth(expression, material)
    below = open_mouth(expression, material, below=torch.ones_like(between, dtype=torch.bool))
    above = open_mouth(expression, material, below=torch.zeros_like(between, dtype=torch.bool))
    inside = (between >= 0)[..., None]
    share = between.clamp(0, 1)[..., None]
    opened = torch.where(inside, above + (below - above) * share, opened)
    space = opened_to_space(identity, posed, opened, material)
    view = space @ clip.motion[j].rotation.transpose(1, 2)
    return view.transpose(1, 2).reshape(1, 3, size, size)
