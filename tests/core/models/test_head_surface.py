"""A person's own surface: through their landmarks, the same from every side."""

import torch
from torch import Tensor

from reenact_core.models.face_points import JAW, NOSE, load_face_points
from reenact_core.models.head_chart import head_ellipsoid, pixel_grid, unproject
from reenact_core.models.head_surface import radii_in_view, radius_at, radius_globe
from tests.core.models.test_head_chart import pose

SIDE = 48


def mean_head() -> Tensor:
    return load_face_points().mean_head[None]


def seen(shape: Tensor, yaw: float, pitch: float = 0.0) -> tuple[Tensor, Tensor]:
    """Places of a head that a view sees, and whether each is on the head."""
    at, grid = pose(yaw, pitch), pixel_grid(SIDE, shape)[None]
    radius, outline = radii_in_view(shape, at, SIDE).unbind(1)
    return unproject(grid, at, radius, outline)


def radii_of(places: Tensor) -> Tensor:
    centre, axes = head_ellipsoid(places)
    far: Tensor = ((places - centre) / axes).norm(dim=-1)
    return far


def test_the_surface_passes_near_jaw_and_nose() -> None:
    shape = mean_head()
    landmarks = [*JAW, *NOSE]
    missed = (
        radius_at(shape[:, None], radius_globe(shape))[:, 0, landmarks]
        - radii_of(shape)[:, landmarks]
    )
    assert missed.abs().max() < 0.12 and missed.abs().mean() < 0.03
    assert (1 - radii_of(shape)[:, landmarks]).abs().mean() > 0.06  # an ellipsoid would not


def test_places_seen_from_any_side_lie_on_one_surface() -> None:
    shape = mean_head()
    for yaw, pitch in ((0, 0), (35, -10), (-60, 15)):
        places, inside = seen(shape, yaw, pitch)
        off = radii_of(places) - radius_at(places, radius_globe(shape))
        assert off[inside > 0.2].abs().median() < 0.005
        assert off[inside > 0.2].abs().quantile(0.95) < 0.03


def test_a_smaller_head_has_a_narrower_outline() -> None:
    shape = mean_head()
    _, usual = seen(shape, 20)
    _, small = seen(shape * torch.tensor([0.8, 1.0, 1.0]), 20)
    assert (small > 0).sum() < 0.95 * (usual > 0).sum()
