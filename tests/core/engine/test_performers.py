"""Which reader goes with which networks, and how takes and settings are joined."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reenact_core.devices import Compute
from reenact_core.engine.performer import Take, settings_of
from reenact_core.engine.performers import performer_of, with_reader
from reenact_core.errors import CheckpointError, SettingsError
from reenact_core.head.regions import RegionStrengths
from reenact_core.models.catalogue import FACE_MESH
from reenact_core.models.compact import Compact
from reenact_core.models.load import Models
from reenact_core.models.readers.reader import ReaderChoice
from reenact_core.motion.transfer import MotionSettings, check_whole
from reenact_core.settings import Settings
from tests.tiny import tiny_paper


def models(network: Any) -> Models:
    return Models(Path("tiny.safetensors"), "tiny", network, {}, Compute())


def reading(reader: ReaderChoice) -> Settings:
    return Settings(motion=MotionSettings(reader=reader))


@pytest.fixture
def with_mesh(tmp_path: Path) -> Path:
    for file in FACE_MESH.downloads:
        (tmp_path / file.name).touch()
    return tmp_path


def test_auto_is_replaced_by_the_best_reader_that_is_here(with_mesh: Path, tmp_path: Path) -> None:
    compact = models(Compact())
    assert with_reader(reading("auto"), compact, [with_mesh]).motion.reader == "mesh"
    assert with_reader(reading("auto"), compact, []).motion.reader == "embedded"
    named = reading("embedded")
    assert with_reader(named, compact, [with_mesh]) == named


def test_keypoints_need_no_reader_and_take_none(with_mesh: Path) -> None:
    paper = models(tiny_paper())
    assert with_reader(reading("auto"), paper, [with_mesh]).motion.reader == "embedded"
    with pytest.raises(CheckpointError, match="leave reader mesh away"):
        performer_of(paper, reading("mesh"), Compute())


TAKE = Take("a", None, None, "global", 0.5, None, "absolute")  # type: ignore[arg-type]


def test_a_take_says_how_and_the_settings_where_it_is_silent() -> None:
    motion = MotionSettings(expression="relative", pose="relative", strength=1.5)
    silent = settings_of(motion, TAKE)
    assert (silent.expression, silent.pose) == ("relative", "relative")
    said = settings_of(motion, replace(TAKE, expression="absolute", pose="absolute"))
    assert (said.expression, said.pose) == ("absolute", "absolute")
    assert said.scheme == "global"


def test_what_nobody_says_is_the_modes_own() -> None:
    assert settings_of(MotionSettings(), TAKE).pose == "absolute"
    assert settings_of(MotionSettings(), replace(TAKE, transfer="relative")).pose == "relative"
    assert settings_of(MotionSettings(), TAKE).expression == "auto"


def test_strengths_of_take_and_settings_are_multiplied() -> None:
    motion = MotionSettings(strength=0.8, strengths=RegionStrengths(mouth=0.5))
    take = replace(TAKE, strengths=RegionStrengths(mouth=0.5, gaze=0))
    both = settings_of(motion, take)
    assert both.strength == pytest.approx(0.4)
    assert both.strengths == RegionStrengths(mouth=0.25, gaze=0)


def test_a_method_without_parts_refuses_parts() -> None:
    whole = MotionSettings(expression="relative")
    check_whole(whole, "relative", "it")
    with pytest.raises(SettingsError, match=r"^it carries over pose and expression together"):
        check_whole(whole, "absolute", "it")
    with pytest.raises(SettingsError, match=r"strength jaw=0\.5 asks for a part"):
        check_whole(MotionSettings(strengths=RegionStrengths(jaw=0.5)), "relative", "it")
