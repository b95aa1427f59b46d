"""Landmarks of crops as a value."""

import pytest
import torch

from reenact_core.models.readers.reader import FaceLandmarks


def landmarks(count: int, *, pupils: bool = True) -> FaceLandmarks:
    return FaceLandmarks(
        torch.rand(count, 5, 3),
        torch.rand(count, 5),
        torch.rand(count),
        torch.rand(count, 2, 2) if pupils else None,
    )


def test_batches_are_joined_in_order() -> None:
    parts = [landmarks(2), landmarks(0), landmarks(3)]
    whole = FaceLandmarks.cat(parts)
    assert len(whole) == 5
    assert torch.equal(whole.points[2:], parts[2].points)
    assert torch.equal(whole.trust[:2], parts[0].trust)
    assert torch.equal(whole.confidence[2:], parts[2].confidence)
    assert whole.pupils is not None and parts[2].pupils is not None
    assert torch.equal(whole.pupils[2:], parts[2].pupils)


def test_batches_without_pupils_have_none_together() -> None:
    assert FaceLandmarks.cat([landmarks(1, pupils=False)] * 2).pupils is None
    with pytest.raises(ValueError, match="some have none"):
        FaceLandmarks.cat([landmarks(1), landmarks(1, pupils=False)])


def test_shapes_that_do_not_belong_together_are_refused() -> None:
    with pytest.raises(ValueError, match=r"trust \(N, K\)"):
        FaceLandmarks(torch.zeros(2, 5, 3), torch.zeros(2, 4), torch.zeros(2))
    with pytest.raises(ValueError, match="confidence"):
        FaceLandmarks(torch.zeros(2, 5, 3), torch.zeros(2, 5), torch.zeros(3))
    with pytest.raises(ValueError, match="pupils"):
        FaceLandmarks(torch.zeros(2, 5, 3), torch.zeros(2, 5), torch.zeros(2), torch.zeros(2, 2, 3))
