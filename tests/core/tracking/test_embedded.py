"""The cascades' windows become boxes of one meaning; rolled faces are found by turning back."""

import cv2
import numpy as np
import pytest

from reenact_core.geometry import Box
from reenact_core.tracking.embedded import EmbeddedDetector, Sight, _turned, joined


def test_a_picture_without_a_face_has_none() -> None:
    detect = EmbeddedDetector()
    assert detect(np.full((120, 160, 3), 127, np.uint8)) == []
    assert detect(np.zeros((7, 5, 3), np.uint8)) == []


def test_views_of_one_face_become_one_detection() -> None:
    front = Sight(Box(10, 10, 50, 50), 0.8, 0.8)
    profile = Sight(Box(14, 12, 50, 48), 0.5, 0.05)
    far = Sight(Box(200, 10, 240, 50), 0.6, 0.6)
    first, second = sorted(joined([front, profile, far]), key=lambda face: face.box.left)
    assert first.score == pytest.approx(1 - 0.2 * 0.5)
    assert first.box.left == pytest.approx(10.2, abs=0.1)
    assert second.box == far.box
    assert second.score == pytest.approx(0.6)


@pytest.mark.parametrize("roll", [-32.0, 32.0])
def test_turning_the_picture_back_makes_a_rolled_face_upright(roll: float) -> None:
    picture = np.zeros((200, 300), np.uint8)
    angle = np.radians(roll)
    left, right = (
        np.array([150, 100]) + side * np.array([np.cos(angle), np.sin(angle)]) for side in (-50, 50)
    )
    cv2.line(picture, left.astype(int).tolist(), right.astype(int).tolist(), 255, 3)
    turned, to_turned = _turned(picture, roll)
    rows, columns = np.nonzero(turned)
    assert np.ptp(rows) < 10
    assert np.ptp(columns) > 90
    ends = to_turned[:, :2] @ np.stack([left, right], axis=1) + to_turned[:, 2:]
    assert abs(ends[1, 0] - ends[1, 1]) < 1
