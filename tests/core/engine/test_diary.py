"""A take that is stopped and gone on with elsewhere has the samples of one that was not."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from reenact_core.devices import Compute
from reenact_core.engine import diary as diaries
from reenact_core.engine import network_performer
from reenact_core.engine.diary import Diary
from reenact_core.engine.network_performer import NetworkPerformer
from reenact_core.engine.performer import Crops, NewFace, Take
from reenact_core.engine.spool import open_spool, to_samples
from reenact_core.models.compact import Compact
from reenact_core.models.readers.registry import open_reader
from reenact_core.motion.lanes import LaneSettings
from reenact_core.motion.transfer import MotionSettings
from tests.chance import chance_networks
from tests.synthetic import draw, one_face

SIZE, COUNT = 128, 5


@pytest.fixture(scope="module")
def networks() -> Compact:
    return chance_networks()


@pytest.fixture(params=["embedded", "mesh"])
def performer(networks: Compact, request: pytest.FixtureRequest) -> NetworkPerformer:
    reader = None
    if request.param == "mesh":
        models: Path = request.getfixturevalue("shared") / "models"
        reader = open_reader("mesh", Compute(), [models])
        assert reader is not None
    return NetworkPerformer(
        networks, MotionSettings(), LaneSettings(2), Compute(), chosen_reader=reader
    )


KINDS = ("animate", "animate large", "redirect", "recast", "stills")


@pytest.fixture(params=KINDS)
def takes(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[list[Take]]:
    faces = one_face(SIZE, SIZE)
    with ExitStack() as stack:
        spool = stack.enter_context(open_spool(tmp_path / "crops", (SIZE, SIZE, 3), np.uint8))
        for number in range(COUNT):
            pixels = draw(SIZE, SIZE, faces(3 * number)).astype(np.float32) / 255
            spool.write(number, to_samples(pixels, np.uint8))
        crops = Crops(spool, np.arange(COUNT))
        take = Take("a", crops[2], crops, "subtle", 1.0, None, "relative")
        if request.param == "animate large":
            side = 2 * SIZE
            wide = stack.enter_context(open_spool(tmp_path / "large", (side, side, 3), np.uint8))
            wide.write(0, draw(side, side, one_face(side, side)(6)))
            take = replace(take, large=Crops(wide, np.array([0])))
        if request.param == "redirect":
            own = Crops(spool, np.arange(COUNT)[::-1].copy())
            take = replace(take, own=own, source_at=1)
        if request.param == "recast":
            take = replace(take, transfer="absolute", pasted_over=True)
        if request.param == "stills":
            take = replace(take, others=(crops[0], crops[4]))
        yield [take]


def test_a_diary_leads_on_to_the_same_samples(
    performer: NetworkPerformer,
    takes: list[Take],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(network_performer, "CHUNK", 2)
    monkeypatch.setattr(diaries, "SECONDS", 0.0)
    unbroken = {(name, index): face for name, index, face in performer.perform(takes)}
    found: dict[tuple[str, int], NewFace] = {}
    for stop in (3, None):
        run = performer.go_on(takes, Diary.at(tmp_path / "diary.npz"))
        found |= {(name, index): face for name, index, face in islice(run, stop)}
    assert found.keys() == unbroken.keys()
    for place, face in found.items():
        np.testing.assert_array_equal(face.pixels, unbroken[place].pixels)
        np.testing.assert_array_equal(face.points, unbroken[place].points)
        np.testing.assert_array_equal(face.mask, unbroken[place].mask)


def test_a_damaged_diary_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "diary.npz"
    Diary.at(path).write({"a>": {"given": np.array(3)}})
    assert set(Diary.at(path).pages) == {"a>"}
    path.write_bytes(path.read_bytes()[:40])
    assert not Diary.at(path).pages
