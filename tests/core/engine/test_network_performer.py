from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from reenact_core.devices import Compute
from reenact_core.engine.network_performer import NetworkPerformer
from reenact_core.engine.performer import Crops, NewFace, Take
from reenact_core.engine.spool import open_spool, to_samples
from reenact_core.errors import SettingsError
from reenact_core.models.compact import Compact
from reenact_core.models.integrators.table import Integrator
from reenact_core.motion.compact_integrator import CompactIntegrator
from reenact_core.motion.lanes import LaneSettings
from reenact_core.motion.transfer import MotionSettings
from reenact_core.timeline.plan import Scheme
from tests.chance import chance_networks
from tests.synthetic import draw, one_face
from tests.tiny import tiny_fomm
from tests.tiny_volumes import tiny_liveportrait

SIZE, COUNT = 256, 6


@pytest.fixture(scope="module")
def network() -> Compact:
    return chance_networks()


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


def test_the_still_nearest_to_the_performance_is_chosen(network: Compact, crops: Crops) -> None:
    for number in (0, 5):
        acting = [replace(crops, numbers=np.array([number]))]
        chosen = performer(network).choose_still([crops[0], crops[5]], acting)
        assert chosen == (number == 5)


def test_side_by_side_gives_what_one_by_one_gives(network: Compact, crops: Crops) -> None:
    takes = [take("a", crops), take("b", crops)]
    one = by_place(performer(network, width=1).perform(takes))
    four = by_place(performer(network, width=4).perform(takes))
    for place, face in one.items():
        assert np.abs(face.pixels - four[place].pixels).max() < 1e-4


def test_a_large_source_gives_large_faces_of_the_same_form(
    network: Compact, crops: Crops, tmp_path: Path
) -> None:
    """A source with no more to show than its small one: the faces are the small ones, enlarged."""
    small = take("a", crops)
    small = replace(small, driving=Crops(crops.spool, np.array([2, 4])))
    with open_spool(tmp_path / "large", (2 * SIZE, 2 * SIZE, 3), np.uint16) as spool:
        wide = cv2.resize(small.source, (2 * SIZE, 2 * SIZE), interpolation=cv2.INTER_CUBIC)
        spool.write(0, to_samples(np.asarray(wide, np.float32), np.uint16))
        large = replace(small, large=Crops(spool, np.array([0])))
        faces = by_place(performer(network).perform([small]))
        grown = by_place(performer(network).perform([large]))
    for place, face in faces.items():
        assert grown[place].pixels.shape == (2 * SIZE, 2 * SIZE, 3)
        assert np.array_equal(grown[place].points, face.points)
        again = cv2.resize(grown[place].pixels, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
        assert np.abs(again - face.pixels).mean() < 0.01


def test_another_integrator_s_picture_alone_has_no_more_to_show(network: Compact) -> None:
    assert performer(network).enlarges("global")
    other = swapped(network, CompactIntegrator(network))
    assert not other.enlarges("global")
    assert other.enlarges("subtle")


def test_a_middling_face_is_one_of_a_kind_that_is_frequent(network: Compact, crops: Crops) -> None:
    same = Crops(crops.spool, np.array([2, 2, 2, 5, 2]))
    assert performer(network).choose_source(same, crops) != 3


# Another G.


def swapped(network: Compact, integrator: Integrator | None) -> NetworkPerformer:
    return NetworkPerformer(network, MotionSettings(), LaneSettings(4), Compute(), integrator)


def test_the_checkpoints_own_g_as_another_gives_what_it_gives(
    network: Compact, crops: Crops
) -> None:
    """Up to what frames tell of each other: who it is, and how expressions go on. An integrator
    alone is given them one by one."""
    own = CompactIntegrator(network)
    settings = MotionSettings(smoothing=0)
    ours, other = (
        by_place(
            NetworkPerformer(network, settings, LaneSettings(4), Compute(), integrator).perform(
                [take("a", crops, "global")]
            )
        )
        for integrator in (None, own)
    )
    for place, face in ours.items():
        assert np.abs(face.pixels - other[place].pixels).mean() < 2e-3
        assert np.array_equal(face.points, other[place].points)
    assert np.abs(ours["a", 3].pixels - crops[3]).mean() < 1e-3  # S itself is a driving frame


@pytest.mark.parametrize("scheme", ["subtle", "local"])
def test_l_and_c_go_on_top_of_another_g(network: Compact, crops: Crops, scheme: Scheme) -> None:
    faces = by_place(swapped(network, tiny_liveportrait()).perform([take("a", crops, scheme)]))
    assert len(faces) == COUNT
    assert all(np.isfinite(face.pixels).all() for face in faces.values())


def test_g_alone_is_the_methods_own_picture(network: Compact, crops: Crops) -> None:
    fomm = tiny_fomm()
    faces = by_place(swapped(network, fomm).perform([take("a", crops, "global")]))

    def tensor(index: int) -> torch.Tensor:
        return torch.from_numpy(crops[index]).permute(2, 0, 1)[None]

    start = next(i for i in range(COUNT) if np.array_equal(crops[i], crops[3]))
    expected = fomm.reenact(tensor(3), tensor(start), tensor(5))[0].permute(1, 2, 0).numpy()
    assert np.abs(faces["a", 5].pixels - expected).max() < 1e-5


def test_a_face_on_footage_is_put_where_its_head_is(network: Compact, crops: Crops) -> None:
    """The source is given back unmoved; on another head it has to move there."""

    class Still(CompactIntegrator):
        def reenact(
            self,
            source: torch.Tensor,
            driving_initial: torch.Tensor,
            driving: torch.Tensor,
            relative: bool | None = True,
            adapt_scale: bool | None = False,
        ) -> torch.Tensor:
            return source.expand_as(driving).clone()

    taken = Take("a", crops[3], crops, "global", 1.0, None, "absolute")
    faces = by_place(swapped(network, Still(network)).perform([taken]))
    moved = [np.abs(face.pixels - crops[3]).mean() for face in faces.values()]
    assert 2 * min(moved) < max(moved)  # the head of one frame is the source's own


def test_a_part_of_the_motion_is_refused(network: Compact, crops: Crops) -> None:
    half = Take("a", crops[3], crops, "global", 0.5, None, "relative")
    with pytest.raises(SettingsError, match=r"strength 0\.5 needs the checkpoint's own"):
        list(swapped(network, tiny_fomm()).perform([half]))
