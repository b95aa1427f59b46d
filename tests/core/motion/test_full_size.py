"""Large faces: the source's detail where it was moved, and nothing made up elsewhere."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from reenact_core.head.sampling import pixel_grid, sample
from reenact_core.motion.full_size import enlarge

SMALL = 32


def pictures(size: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """A picture full of detail and its small copy."""
    large = torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(seed))
    return large, functional.interpolate(large, (SMALL, SMALL), mode="area")


def at_rest() -> Tensor:
    return pixel_grid(SMALL, torch.zeros(1))[None]


def whole(value: float) -> Tensor:
    return torch.full((1, 1, SMALL, SMALL), value)


def chance(*shape: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(9))


def test_a_source_of_the_same_size_gives_the_face_back() -> None:
    _, source = pictures(SMALL)
    face, field = chance(1, 3, SMALL, SMALL), 2 * chance(1, SMALL, SMALL, 2) - 1
    assert torch.equal(enlarge(face, field, chance(1, 1, SMALL, SMALL), source, source), face)


@pytest.mark.parametrize("size", [64, 80, 128])
def test_a_face_at_rest_is_the_large_source(size: int) -> None:
    large, source = pictures(size)
    made = enlarge(sample(source, at_rest()), at_rest(), whole(1.0), source, large)
    assert torch.allclose(made, large, atol=1e-5)


def test_a_face_moved_as_a_whole_is_the_large_source_moved() -> None:
    large, source = pictures(128)
    field = at_rest() + torch.tensor([3 * 2 / 128, -2 * 2 / 128])
    made = enlarge(sample(source, field), field, whole(1.0), source, large)
    inner = slice(8, -8)
    moved = large.roll((-3, 2), (3, 2))
    assert torch.allclose(made[..., inner, inner], moved[..., inner, inner], atol=1e-4)


def test_what_is_painted_has_no_detail_of_the_source() -> None:
    large, source = pictures(128)
    face = torch.full((1, 3, SMALL, SMALL), 0.4)
    assert torch.allclose(enlarge(face, at_rest(), whole(0.0), source, large), torch.tensor(0.4))


def test_a_correction_is_added_as_a_difference() -> None:
    large, source = pictures(128)
    large, source = 0.8 * large, 0.8 * source
    made = enlarge(sample(source, at_rest()) + 0.1, at_rest(), whole(1.0), source, large)
    assert torch.allclose(made, large + 0.1, atol=1e-5)


@given(st.integers(0, 2**16), st.floats(0, 1))
@settings(max_examples=20, deadline=None)
def test_a_large_face_made_small_again_is_the_face(seed: int, trust: float) -> None:
    """With a large source that has no more to show than the small one."""
    coarse = torch.rand(1, 3, 4, 4, generator=torch.Generator().manual_seed(seed))
    large, source, painted = (
        functional.interpolate(one, (size, size), mode="bicubic", align_corners=False).clamp(0, 1)
        for one, size in ((coarse, 64), (coarse, SMALL), (coarse.flip(1), SMALL))
    )
    bend = 0.05 * torch.sin(3 * at_rest().flip(-1))
    field = at_rest() + bend
    face = trust * sample(source, field) + (1 - trust) * painted
    made = enlarge(face, field, whole(trust), source, large)
    small = functional.interpolate(made, (SMALL, SMALL), mode="area")
    assert (small - face).abs().max() < 0.03
