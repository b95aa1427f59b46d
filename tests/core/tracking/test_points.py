"""Points are read from upright crops along the path, and given back in pixels of the frame."""

import numpy as np
import pytest
from numpy.typing import NDArray

from reenact_core.geometry import Box
from reenact_core.tracking.place import Place, place_of
from reenact_core.tracking.points import CropReading, network_reader, read_points

Pixels = NDArray[np.uint8]


def dotted(place: Place, dots: NDArray[np.float64]) -> Pixels:
    """A dark picture (240, 320, 3) with soft bright dots at points relative to a place."""
    rows, columns = np.mgrid[0:240, 0:320] + 0.5
    turn = np.array([[np.cos(place[3]), -np.sin(place[3])], [np.sin(place[3]), np.cos(place[3])]])
    picture = np.zeros((240, 320))
    for x, y in dots @ turn.T * np.exp(place[2]) + place[:2]:
        picture += 250 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 18)
    return np.repeat(np.clip(picture, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def brightest(crops: Pixels) -> list[CropReading]:
    """A reader that says every point is where the crop is brightest."""
    readings = []
    for crop in crops:
        weights = crop[..., 0].astype(np.float64) ** 4 + 1e-9
        centre = np.array(
            [(weights.sum(axis=axis) * (np.arange(128) + 0.5)).sum() for axis in (0, 1)]
        )
        points = np.tile(centre / weights.sum() / 64 - 1, (79, 1))
        readings.append(CropReading(points, 5.0))
    return readings


@pytest.mark.parametrize("roll", [0.0, 25.0, -60.0])
@pytest.mark.parametrize("side", [30.0, 70.0, 110.0])
def test_points_come_back_to_where_they_are_in_the_frame(roll: float, side: float) -> None:
    place = place_of(Box(150 - side / 2, 110 - side / 2, 150 + side / 2, 110 + side / 2), roll)
    dot = np.array([[0.2, -0.15]])
    picture = dotted(place, dot)
    reading = read_points(lambda frame: picture, [(7, place)], brightest)[7]
    angle = place[3]
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    expected = (dot @ turn.T * side + place[:2])[0]
    np.testing.assert_allclose(reading.points[0], expected, atol=0.6)


def test_readings_that_lie_off_the_path_are_not_good() -> None:
    place = place_of(Box(100, 60, 160, 120))
    picture = dotted(place, np.array([[0.4, 0.4]]))
    assert not read_points(lambda frame: picture, [(0, place)], brightest)[0].good


def test_faces_beyond_the_frames_edge_can_be_read() -> None:
    picture = np.zeros((240, 320, 3), np.uint8)
    outside = place_of(Box(-500, -500, -440, -440))
    assert set(read_points(lambda frame: picture, [(0, outside)], brightest)) == {0}


def test_every_place_is_read_once_in_batches() -> None:
    sizes = []

    def counting(crops: Pixels) -> list[CropReading]:
        sizes.append(len(crops))
        return [CropReading(np.zeros((79, 2)), 0.0) for _ in crops]

    picture = np.zeros((240, 320, 3), np.uint8)
    places = [(frame, place_of(Box(100, 60, 160, 120))) for frame in range(40)]
    assert list(read_points(lambda frame: picture, places, counting)) == list(range(40))
    assert (max(sizes), sum(sizes)) == (16, 40)


def test_the_network_that_is_shipped_can_be_asked() -> None:
    (reading,) = network_reader()(np.zeros((1, 128, 128, 3), np.uint8))
    assert reading.points.shape == (79, 2)
    assert np.isfinite(reading.points).all()
