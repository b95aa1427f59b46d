from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
import torch

from reenact_core.devices import Compute
from reenact_core.engine.network_performer import NetworkPerformer
from reenact_core.engine.performer import Crops, NewFace, Take
from reenact_core.engine.spool import open_spool, to_samples
from reenact_core.models.compact import Compact
from reenact_core.models.face_points import load_face_points
from reenact_core.motion.lanes import LaneSettings
from reenact_core.motion.transfer import MotionSettings
from reenact_core.timeline.plan import Scheme
from tests.synthetic import draw, one_face

SIZE, COUNT = 256, 6


@pytest.fixture(scope="module")
def network() -> Compact:
    torch.manual_seed(0)
    networks = Compact().eval().requires_grad_(False)
    networks.points = load_face_points()
    return networks


@pytest.fixture
def crops(tmp_path: Path) -> Iterator[Crops]:
    faces = one_face(SIZE, SIZE)
    with ExitStack() as stack:
        spool = stack.enter_context(open_spool(tmp_path / "crops", (SIZE, SIZE, 3), np.uint8))
        for number in range(COUNT):
            pixels = draw(SIZE, SIZE, faces(3 * number)).astype(np.float32) / 255
            spool.write(number, to_samples(pixels, np.uint8))
        yield Crops(spool, np.arange(COUNT))


def performer(network: Compact, width: int = 4, best_start: bool = True) -> NetworkPerformer:
    motion = MotionSettings(best_start=best_start)
    return NetworkPerformer(network, motion, LaneSettings(width), Compute())


def take(name: str, crops: Crops, scheme: Scheme = "subtle") -> Take:
    return Take(name, crops[3], crops, scheme, 1.0, None, "relative")


def by_place(results: Iterator[tuple[str, int, NewFace]]) -> dict[tuple[str, int], NewFace]:
    found: dict[tuple[str, int], NewFace] = {}
    for name, index, face in results:
        assert (name, index) not in found
        found[name, index] = face
    return found


def test_every_frame_of_every_take_comes_once(network: Compact, crops: Crops) -> None:
    takes = [take("a", crops), take("b", crops, "global")]
    found = by_place(performer(network).perform(takes))
    assert set(found) == {(name, index) for name in "ab" for index in range(COUNT)}
    for face in found.values():
        assert face.pixels.shape == (SIZE, SIZE, 3)
        assert face.points.shape == (79, 2)
        assert face.pixels.min() >= 0
        assert face.pixels.max() <= 1


def test_side_by_side_gives_what_one_by_one_gives(network: Compact, crops: Crops) -> None:
    takes = [take("a", crops), take("b", crops)]
    one = by_place(performer(network, width=1).perform(takes))
    four = by_place(performer(network, width=4).perform(takes))
    for place, face in one.items():
        assert np.abs(face.pixels - four[place].pixels).max() < 1e-4


def test_a_middling_face_is_one_of_a_kind_that_is_frequent(network: Compact, crops: Crops) -> None:
    same = Crops(crops.spool, np.array([2, 2, 2, 5, 2]))
    assert performer(network).choose_source(same, crops) != 3
