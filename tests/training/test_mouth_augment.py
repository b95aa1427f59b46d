"""Changed close-ups of mouths: their points go with them, and only the inside is painted."""

import torch

from reenact_training.mouth_augment import inside_of, stretched, with_other_insides
from reenact_training.synthetic.crops import Crops

SIDE = 48


def mouths(count: int = 8) -> Crops:
    """White discs for lips on black, with points on their rims; inner lips half as wide."""
    line = (torch.arange(SIDE) + 0.5) * 2 / SIDE - 1
    distance = (line[None] ** 2 + line[:, None] ** 2).sqrt()
    image = (255 * (distance < 0.6)).to(torch.uint8).expand(count, 3, SIDE, SIDE).clone()
    outer, inner = (torch.linspace(torch.pi, 3 * torch.pi, n + 1)[:-1] for n in (12, 8))
    ring = [0.6 * torch.stack([outer.cos(), outer.sin()], -1)]
    ring += [0.4 * torch.stack([inner.cos(), inner.sin()], -1)]
    points = torch.cat([torch.cat(ring), torch.zeros(20, 1)], -1).expand(count, -1, -1).clone()
    seen = torch.ones(count, 20, dtype=torch.bool)
    return Crops(
        image, points, seen, torch.eye(3).expand(count, 3, 3), torch.zeros(count, 12), seen[:, 0]
    )


def rim(image: torch.Tensor) -> tuple[int, int]:
    """First and last white row in the middle column."""
    rows = torch.nonzero(image[0, :, SIDE // 2] > 127)[:, 0]
    return int(rows[0]), int(rows[-1])


def test_points_are_stretched_with_the_picture() -> None:
    before = mouths()
    after = stretched(before, torch.Generator().manual_seed(3))
    heights = after.points[:, :12, 1].amax(1) - after.points[:, :12, 1].amin(1)
    assert heights.std() > 0.05
    for image, points in zip(after.images, after.points, strict=True):
        top, bottom = rim(image)
        for row, y in ((top, points[:12, 1].amin()), (bottom, points[:12, 1].amax())):
            assert abs((row + 0.5) * 2 / SIDE - 1 - float(y)) < 0.08
    assert torch.equal(before.points[..., 0], after.points[..., 0])


def test_only_the_inside_is_painted() -> None:
    before = mouths()
    after = with_other_insides(before, torch.Generator().manual_seed(1), share=1.0)
    _, inside = inside_of(before.points, SIDE)
    changed = (after.images != before.images).any(1)
    assert not changed[inside == 0].any()
    assert changed[inside == 1].float().mean() > 0.9
    assert torch.equal(before.points, after.points)


def test_some_are_left_as_they_are() -> None:
    before = mouths(32)
    after = with_other_insides(before, torch.Generator().manual_seed(2), share=0.5)
    changed = (after.images != before.images).flatten(1).any(1)
    assert 6 < int(changed.sum()) < 26
