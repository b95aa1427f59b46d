"""Other methods in the place of G."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from reenact_core.models.keypoint_detector import Keypoints
from reenact_core.motion.other_integrator import OtherIntegrator, faces_of, similarity
from tests.tiny import pictures


class Recorder:
    """An integrator that gives the driving frames back, at its own size, and remembers."""

    def __init__(self, side: int) -> None:
        self.side = side
        self.asked: list[tuple[int, float, bool | None, bool | None]] = []

    def detect(self, frames: Tensor) -> Keypoints:
        return Keypoints(frames.new_zeros(len(frames), 1, 2))

    def reenact(
        self,
        source: Tensor,
        driving_initial: Tensor,
        driving: Tensor,
        relative: bool | None = True,
        adapt_scale: bool | None = False,
    ) -> Tensor:
        assert source.shape == driving_initial.shape == (1, 3, 256, 256)
        first = driving_initial.mean().item()
        self.asked.append((len(driving), first, relative, adapt_scale))
        size = (self.side, self.side)
        return torch.nn.functional.interpolate(driving, size, mode="bilinear")


@pytest.mark.parametrize("side", [256, 512])
@pytest.mark.parametrize("crop", [256, 128, 320])
def test_faces_come_one_by_one_at_the_crops_size(side: int, crop: int) -> None:
    driving, method = pictures(5, size=crop, seed=1), Recorder(side)
    other = OtherIntegrator(method, None, fitted=False)
    source = pictures(1, size=crop, seed=2)
    faces = list(faces_of(other, source, torch.split(driving, 2)))
    assert [face.shape for face in faces] == [(1, 3, crop, crop)] * 5
    assert (torch.cat(faces) - driving).abs().mean() < 0.02
    counts, firsts, relative, scaled = zip(*method.asked, strict=True)
    assert counts == (2, 2, 1)
    assert len(set(firsts)) == 1  # d_0 is the first frame of all, for every chunk
    assert set(relative) == set(scaled) == {None}


@given(
    angle=st.floats(-3, 3),
    scale=st.floats(0.6, 1.8),
    shift=st.tuples(st.floats(-0.5, 0.5), st.floats(-0.5, 0.5)),
)
def test_a_similarity_is_found_again(
    angle: float, scale: float, shift: tuple[float, float]
) -> None:
    points = torch.rand(1, 79, 2, generator=torch.Generator().manual_seed(1)) - 0.5
    cosine, sine = scale * math.cos(angle), scale * math.sin(angle)
    turn = torch.tensor([[cosine, -sine], [sine, cosine]])
    moved = points @ turn.T + torch.tensor(shift)
    found, offset = similarity(points, moved)
    torch.testing.assert_close(found[0], turn, rtol=0, atol=1e-4)
    torch.testing.assert_close(offset[0], torch.tensor(shift), rtol=0, atol=1e-4)


@pytest.mark.parametrize("scale", [0.0, 0.1, 9.0])
def test_a_size_beyond_reason_changes_nothing(scale: float) -> None:
    points = torch.rand(2, 79, 2) - 0.5
    turn, shift = similarity(points, scale * points + 0.3)
    assert torch.equal(turn, torch.eye(2).expand(2, 2, 2))
    assert torch.equal(shift, torch.zeros(2, 2))
