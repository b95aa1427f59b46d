import tomllib
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Literal

import pytest

from reenact_core.errors import SettingsError
from reenact_core.settings import Settings, settings_for, to_table, to_toml, with_table


@dataclass(frozen=True, slots=True)
class Inner:
    scale: float = 1.5
    count: int = 3
    codec: Literal["match", "ffv1"] = "match"
    sizes: tuple[int, ...] = (1, 2)
    corner: tuple[float, float] = (0.0, 1.0)
    limit: int | None = None
    picture: Path | None = None
    time: Fraction = Fraction(1, 2)
    loud: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.scale <= 10:
            raise ValueError(f"scale must be in [0, 10], got {self.scale}")


@dataclass(frozen=True, slots=True)
class Outer:
    smoothing: float = 0.5
    inner: Inner = field(default_factory=Inner)


def test_values_of_every_type_are_read() -> None:
    table = tomllib.loads(
        """
        smoothing = 1
        [inner]
        codec = "ffv1"
        sizes = [4, 5, 6]
        corner = [1, 2.5]
        limit = 7
        picture = "a.png"
        time = "1001/30000"
        loud = true
        """
    )
    read = with_table(Outer(), table, "test")
    expected = Inner(
        codec="ffv1",
        sizes=(4, 5, 6),
        corner=(1.0, 2.5),
        limit=7,
        picture=Path("a.png"),
        time=Fraction(1001, 30000),
        loud=True,
    )
    assert read == Outer(1.0, expected)
    assert isinstance(read.smoothing, float)


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ({"smothing": 1}, "test: there is no setting smothing; did you mean smoothing?"),
        ({"inner": {"cont": 1}}, "test: there is no setting inner.cont; did you mean inner.count?"),
        ({"inner": 3}, "test: inner is a table, got 3"),
        ({"inner": {"count": 1.5}}, "test: inner.count must be a whole number, got 1.5"),
        ({"inner": {"count": True}}, "test: inner.count must be a whole number, got true"),
        ({"inner": {"loud": 1}}, "test: inner.loud must be true or false, got 1"),
        ({"inner": {"codec": "h26"}}, 'test: inner.codec must be one of match, ffv1; got "h26"'),
        ({"inner": {"corner": [1]}}, "test: inner.corner must have 2 values, got 1"),
        ({"inner": {"sizes": 1}}, "test: inner.sizes must be a list, got 1"),
        ({"inner": {"scale": 11}}, "test: inner: scale must be in [0, 10], got 11.0"),
        ({"inner": {"scale": float("nan")}}, "test: inner.scale must be a finite number, got nan"),
        ({"inner": {"time": "1/0"}}, 'test: inner.time must be a fraction, got "1/0"'),
    ],
)
def test_what_is_wrong_is_named_with_the_way_out(table: dict[str, object], sentence: str) -> None:
    with pytest.raises(SettingsError) as caught:
        with_table(Outer(), table, "test")
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("track.detect_every", 0),
        ("track.work_side", 10**9),
        ("crop.size", 10**9),
        ("crop.lift", 9.0),
        ("mask.grow", -3.0),
        ("motion.strength", -0.1),
        ("motion.smoothing", -1.0),
        ("motion.strengths.mouth", 1.6),
        ("lanes.width", 0),
    ],
)
def test_a_number_that_makes_no_sense_is_refused(key: str, value: float) -> None:
    with pytest.raises(SettingsError, match=f"command line: {key.rpartition('.')[0]}: "):
        settings_for(options={key: value})


def test_toml_out_and_in_gives_the_same_settings() -> None:
    changed = Outer(0.25, Inner(scale=1e-6, picture=Path("ü.png"), sizes=(), time=Fraction(1, 3)))
    assert with_table(Outer(), tomllib.loads(to_toml(changed)), "test") == changed


def test_the_default_settings_survive_toml_and_json() -> None:
    assert with_table(Settings(), tomllib.loads(to_toml(Settings())), "test") == Settings()
    assert with_table(Settings(), to_table(Settings()), "test") == Settings()


def test_how_motion_is_carried_over_survives_toml_and_json() -> None:
    table = {"motion": {"expression": "absolute", "pose": "relative", "strengths": {"jaw": 0.5}}}
    settings = with_table(Settings(), table | {}, "test")
    assert settings.motion.strengths.jaw == 0.5
    assert with_table(Settings(), tomllib.loads(to_toml(settings)), "test") == settings
    assert with_table(Settings(), to_table(settings), "test") == settings


def test_a_former_name_is_understood_but_not_beside_the_new_one() -> None:
    old: dict[str, dict[str, str]] = {"motion": {"transfer": "absolute"}}
    assert with_table(Settings(), old, "test").motion.pose == "absolute"
    old["motion"]["pose"] = "relative"
    with pytest.raises(SettingsError, match=r"motion\.transfer is the former name of motion\.pose"):
        with_table(Settings(), old, "test")


def test_a_file_that_is_not_toml_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text("this is not toml")
    with pytest.raises(SettingsError, match=r"bad\.toml: is not a TOML file"):
        settings_for(file=path)
    with pytest.raises(SettingsError, match=r"none\.toml: cannot be read \(No such file"):
        settings_for(file=tmp_path / "none.toml")


def test_a_misspelled_option_key_is_a_settings_error() -> None:
    with pytest.raises(SettingsError, match="command line: there is no setting"):
        settings_for(options={"nothing.here": 1, "not.given": None})
