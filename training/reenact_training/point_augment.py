"""Changes to face crops that real footage brings: framing, colour, blur, noise, low resolution."""

import torch
from torch import Generator, Tensor
from torch.nn.functional import affine_grid, avg_pool2d, conv2d, grid_sample, interpolate, pad

from reenact_training.synthetic.chance import chosen, noise, normal, uniform
from reenact_training.synthetic.crops import Crops
from reenact_training.synthetic.motion import rotation_matrix


def augment(crops: Crops, generator: Generator, rough: float = 1.0) -> Crops:
    """Other framings and other pictures of the same faces; images stay uint8.

    Args:
        rough: the share of the crops that may be covered, blurred, small or noisy
    """
    crops = reframed(crops, generator)
    image = _recoloured(crops.images.float().div(255), generator)
    if rough < 1:
        rows = torch.randperm(len(image), generator=generator)[: round(rough * len(image))]
        rows = rows.to(image.device)
        image[rows] = _roughened(image[rows], generator)
    else:
        image = _roughened(image, generator)
    return _with_images(crops, (image * 255 + 0.5).to(torch.uint8))


def _roughened(image: Tensor, generator: Generator) -> Tensor:
    image = _low_resolution(_motion_blur(_covered(image, generator), generator), generator)
    grain = torch.randn(image.shape, generator=generator).to(image.device)
    strength = uniform(generator, len(image), 1, 1, 1).pow(3) * 0.08
    return (image + grain * strength.to(image.device)).clamp(0, 1)


def _with_images(crops: Crops, images: Tensor) -> Crops:
    return Crops(images, crops.points, crops.visible, crops.rotation, crops.expression, crops.face)


def reframed(crops: Crops, generator: Generator) -> Crops:
    """Crops turned, scaled and shifted a little, with their truth."""
    count, device = len(crops.images), crops.images.device
    roll = normal(generator, count, spread=0.22).to(device)
    scale = torch.exp(normal(generator, count, spread=0.12)).to(device)
    shift = normal(generator, count, 2, spread=0.07).to(device)
    zero = torch.zeros_like(roll)
    turn = rotation_matrix(zero, zero, roll)
    linear = turn[:, :2, :2].transpose(1, 2) / scale[:, None, None]
    back = torch.cat([linear, -(linear @ shift[:, :, None])], dim=2)
    place = affine_grid(back, [count, 3, *crops.images.shape[-2:]], align_corners=False)
    images = grid_sample(
        crops.images.float(), place, padding_mode="reflection", align_corners=False
    )
    flat = crops.points[..., :2] @ turn[:, :2, :2].transpose(1, 2) * scale[:, None, None]
    depth = crops.points[..., 2:] * scale[:, None, None]
    points = torch.cat([flat + shift[:, None], depth], dim=-1)
    return Crops(
        images.clamp(0, 255).to(torch.uint8), points, crops.visible, turn @ crops.rotation,
        crops.expression, crops.face,
    )  # fmt: skip


def _recoloured(image: Tensor, generator: Generator) -> Tensor:
    count, device = len(image), image.device
    gain = torch.exp(
        normal(generator, count, 1, 1, 1, spread=0.25)
        + normal(generator, count, 3, 1, 1, spread=0.09)
    )
    gamma = torch.exp(normal(generator, count, 1, 1, 1, spread=0.25))
    lift = normal(generator, count, 3, 1, 1, spread=0.04)
    image = (image.clamp(1e-3, 1).pow(gamma.to(device)) * gain.to(device) + lift.to(device)).clamp(
        0, 1
    )
    grey = image.mean(1, keepdim=True)
    colourful = uniform(generator, count, 1, 1, 1, low=0.2, high=1.5)
    colourful = colourful * (1 - chosen(generator, count, 0.12)[:, None, None, None])
    uneven = 1 + 0.15 * noise(generator, count, 1, (image.shape[-2], image.shape[-1]), (2, 2))
    return ((grey + (image - grey) * colourful.to(device)) * uneven.to(device)).clamp(0, 1)


def _covered(image: Tensor, generator: Generator) -> Tensor:
    """One crop in four with a plain or noisy rectangle over a part of it."""
    rows = torch.nonzero(chosen(generator, len(image), 0.25))[:, 0]
    count, size = len(rows), image.shape[-1]
    line = (torch.arange(size) + 0.5) / size
    centre, half = uniform(generator, count, 2), uniform(generator, count, 2, low=0.04, high=0.18)
    inside = ((line - centre[:, :1]).abs() < half[:, :1])[:, None, :]
    inside = inside & ((line - centre[:, 1:]).abs() < half[:, 1:])[:, :, None]
    colour = uniform(generator, count, 3, 1, 1)
    colour = colour + noise(generator, count, 3, (size, size), (9, 9)) * 0.1
    rows, inside, colour = (value.to(image.device) for value in (rows, inside, colour))
    image = image.clone()
    image[rows] = torch.where(inside[:, None], colour.clamp(0, 1), image[rows])
    return image


def _motion_blur(image: Tensor, generator: Generator) -> Tensor:
    """A streak of up to 9 pixels over one crop in six, all in the same direction."""
    rows = torch.nonzero(chosen(generator, len(image), 0.17))[:, 0]
    if not len(rows):
        return image
    angle = uniform(generator, 1, high=3.14159)
    line = torch.linspace(-1, 1, 9) * uniform(generator, 1, low=1.0, high=4.0)
    kernel = torch.zeros(9, 9)
    kernel[(4 + line * angle.sin()).round().long(), (4 + line * angle.cos()).round().long()] = 1
    kernel = (kernel / kernel.sum()).to(image.device).expand(3, 1, 9, 9)
    image = image.clone()
    image[rows] = conv2d(pad(image[rows], (4, 4, 4, 4), mode="replicate"), kernel, groups=3)
    return image


def _low_resolution(image: Tensor, generator: Generator) -> Tensor:
    """Crops from small faces, blurred ones and blocky ones; in groups of four alike."""
    size = image.shape[-1]
    groups = []
    for start in range(0, len(image), 4):
        group = image[start : start + 4]
        small = int(24 + (size - 24) * uniform(generator, 1).pow(0.7))
        kind = float(uniform(generator, 1))
        if kind < 0.5:
            low = interpolate(group, size=(small, small), mode="area")
            mode = "bicubic" if kind < 0.3 else "bilinear"
            group = interpolate(low, size=(size, size), mode=mode, align_corners=False)
        elif kind < 0.65:
            group = avg_pool2d(group, 5, 1, 2, count_include_pad=False)
        elif kind < 0.75:
            group = _blocks(group, 0.5 + 0.5 * float(uniform(generator, 1)))
        groups.append(group)
    return torch.cat(groups).clamp(0, 1)


def _blocks(image: Tensor, strength: float) -> Tensor:
    """Detail inside 8 x 8 blocks weakened, as strong compression does."""
    mean = interpolate(avg_pool2d(image, 8), scale_factor=8, mode="nearest")
    half = interpolate(avg_pool2d(image, 2), scale_factor=2, mode="nearest")
    detail = ((half - mean) * 20).round() / 20
    return image + (mean + detail - image) * strength
