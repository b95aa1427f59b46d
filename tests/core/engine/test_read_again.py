"""Tracks whose points are read once more."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from torch import Tensor

from reenact_core.crop.align import CropSettings, align
from reenact_core.engine.read_again import read_again
from reenact_core.frames import Picture
from reenact_core.head.model import load_head_model
from reenact_core.models.readers.reader import FaceLandmarks, ReaderName
from reenact_core.timing import FrameRange
from reenact_core.tracking.track import FaceTrack
from tests.core.crop.pictures import FORMS, picture

FRAMES = FrameRange(3, 8, Fraction(25))
CROP = CropSettings(size=64)


def track(first: float = 40.0) -> FaceTrack:
    """A face that goes to the right by three pixels a frame, unseen in the last."""
    boxes = np.array([[first + 3.0 * n, 30.0, first + 3.0 * n + 50, 80.0] for n in range(5)])
    boxes[4] = np.nan
    landmarks = np.full((5, 5, 2), 1.0)
    landmarks[4] = np.nan
    return FaceTrack(1, FRAMES, boxes, landmarks, np.array([1, 1, 1, 1, 0.0]))


def pictures() -> Iterator[Picture]:
    for index in range(FRAMES.start, FRAMES.stop):
        yield replace(picture(FORMS[5], 120, 200), index=index)


class Seeing:
    """Sees the same face in every crop, the mean head `grow` wide, as sure as it is told."""

    name: ReaderName = "mesh"
    scheme = "points68"

    def __init__(self, sure: Sequence[float] = (1, 1, 1, 1), grow: Sequence[float] = (0.05,) * 4):
        self.sure, self.grow = list(sure), list(grow)

    def read(self, crops: Tensor) -> FaceLandmarks:
        head = load_head_model()
        shape = head.landmarks[self.scheme].places(head.mean)
        grow = torch.tensor([self.grow.pop(0) for _ in crops])
        sure = torch.tensor([float(self.sure.pop(0)) for _ in crops])
        return FaceLandmarks(shape * grow[:, None, None], torch.ones(len(crops), len(shape)), sure)


def in_crop(found: FaceTrack) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Landmarks in [-1, 1] over the crops of the track."""
    return align(track(), CROP).apply(found.landmarks) / 32 - 1


def mean79(grow: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    head = load_head_model()
    return head.landmarks["embedded79"].places(head.mean)[:, :2].double().numpy() * grow


def test_points_are_those_of_the_head_in_pixels_of_the_frame() -> None:
    (found,) = read_again(pictures(), [track()], Seeing(), CROP)
    assert found.landmarks.shape == (5, 79, 2)
    assert np.isnan(found.landmarks[4]).all()
    assert np.array_equal(found.boxes, track().boxes, equal_nan=True)
    for row in range(4):
        assert np.abs(in_crop(found)[row] - mean79(0.05)).max() < 0.03


def test_unsure_frames_lie_between_their_neighbours() -> None:
    reader = Seeing(sure=(1, 0.2, 1, 1), grow=(0.05, 0.5, 0.07, 0.07))
    (found,) = read_again(pictures(), [track()], reader, CROP)
    points = in_crop(found)
    assert np.allclose(points[1], (points[0] + points[2]) / 2, atol=1e-6)


def test_a_face_that_it_never_sees_stays_as_it_is() -> None:
    (found,) = read_again(pictures(), [track()], Seeing(sure=(0.1,) * 4), CROP)
    assert np.array_equal(found.landmarks, track().landmarks, equal_nan=True)


def test_faces_of_one_picture_are_kept_apart() -> None:
    two = [track(), replace(track(90.0), face_id=2)]
    found = read_again(pictures(), two, Seeing(sure=(1,) * 8, grow=(0.05,) * 8), CROP)
    assert [one.face_id for one in found] == [1, 2]
    shift = found[1].landmarks[:4] - found[0].landmarks[:4]
    assert shift[..., 0] == pytest.approx(50, abs=0.5)
    assert shift[..., 1] == pytest.approx(0, abs=0.5)
