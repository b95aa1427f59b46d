"""Tracks are compared with a reference picture."""

import numpy as np
import pytest
from numpy.typing import NDArray

from reenact_core.errors import FaceError
from reenact_core.timing import FrameRange
from reenact_core.tracking.choose import Likeness
from reenact_core.tracking.detect import MEAN_FIVE_POINTS, Detector, FaceDetection, Pixels
from reenact_core.tracking.likeness import PLAIN, best_frames, likeness_of, looks_of_picture
from reenact_core.tracking.track import FaceTrack
from tests.core.tracking.moving import RATE, Patch, frame_pixels

PATCHES = [Patch(90, 120, 100, 1), Patch(230, 120, 80, 2)]


def face(patch: Patch) -> FaceDetection:
    points = MEAN_FIVE_POINTS * patch.side + [patch.box.left, patch.box.top]
    return FaceDetection(patch.box, 0.9, 0.0, points)


def track(number: int, patch: Patch, count: int = 12) -> FaceTrack:
    box = np.array([patch.box.left, patch.box.top, patch.box.right, patch.box.bottom])
    points = face(patch).landmarks
    assert points is not None
    frames = FrameRange(0, count, RATE)
    return FaceTrack(
        number, frames, np.tile(box, (count, 1)), np.tile(points, (count, 1, 1)), np.ones(count)
    )


def scene(frame: int) -> NDArray[np.uint8]:
    return frame_pixels(PATCHES, (320, 240))


def likeness_to(picture: Pixels, detector: Detector) -> Likeness:
    return likeness_of(scene, PLAIN, looks_of_picture(picture, detector, PLAIN, name="face.png"))


def test_the_face_of_the_picture_is_the_most_alike() -> None:
    wanted = Patch(120, 130, 140, 2)
    picture = frame_pixels([wanted], (280, 260), ground=50)
    likeness = likeness_to(picture, lambda pixels: [face(wanted)])
    assert likeness.to_reference is not None
    other, same = (likeness.to_reference(track(n + 1, PATCHES[n])) for n in range(2))
    assert same > likeness.same
    assert other < likeness.maybe


def test_tracks_are_told_apart() -> None:
    likeness = likeness_of(scene, PLAIN)
    one, again, other = track(1, PATCHES[0]), track(2, PATCHES[0], 6), track(3, PATCHES[1])
    assert likeness.between(one, again) > likeness.same
    assert likeness.between(one, other) < likeness.maybe
    assert likeness.to_reference is None


def test_large_pictures_are_searched_small_and_compared_whole() -> None:
    wanted = Patch(900, 700, 900, 1)
    picture = frame_pixels([wanted], (1800, 1400), ground=50)
    sizes = []

    def detector(pixels: Pixels) -> list[FaceDetection]:
        sizes.append(pixels.shape)
        scale = pixels.shape[1] / 1800
        return [face(Patch(900 * scale, 700 * scale, 900 * scale, 1))]

    likeness = likeness_to(picture, detector)
    assert likeness.to_reference is not None
    assert max(sizes[0]) == 640
    assert likeness.to_reference(track(1, PATCHES[0])) > likeness.to_reference(track(2, PATCHES[1]))


def test_a_picture_without_a_face_is_refused_by_name() -> None:
    picture = np.zeros((50, 60, 3), np.uint8)
    with pytest.raises(FaceError, match=r"face\.png.*no face"):
        likeness_to(picture, lambda pixels: [])


def test_frames_are_looked_at_where_the_face_is_sure() -> None:
    shown = track(1, PATCHES[0], 50)
    shown.confidence[:20] = 0.0
    frames = best_frames(shown)
    assert len(frames) == 3
    assert min(frames) >= 20
