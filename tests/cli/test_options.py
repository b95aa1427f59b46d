"""Options that several commands share."""

from typing import Any

import click
import pytest
from click.testing import CliRunner

from reenact_cli.options import motion_options, motion_table
from reenact_core.settings import settings_for


def given(*arguments: str) -> tuple[int, str, dict[str, Any]]:
    """Exit status, output, and what a command was given."""
    received: dict[str, Any] = {}

    @click.command()
    @motion_options
    def command(**options: Any) -> None:
        received.update(options)

    result = CliRunner().invoke(command, arguments)
    return result.exit_code, result.output, received


def test_what_is_not_given_leaves_the_settings_as_they_are() -> None:
    status, _, options = given()
    assert status == 0
    assert settings_for(options=motion_table(scheme=None, **options)) == settings_for()


def test_options_of_motion_are_settings() -> None:
    arguments = ("--reader", "mesh", "--expression", "absolute", "--pose", "relative")
    strengths = ("--strength", "0.8", "--strength", "mouth=1.2", "--strength", "gaze=0")
    _, _, options = given(*arguments, *strengths)
    motion = settings_for(options=motion_table(scheme="global", **options)).motion
    assert (motion.reader, motion.expression, motion.pose) == ("mesh", "absolute", "relative")
    assert (motion.scheme, motion.strength) == ("global", 0.8)
    assert (motion.strengths.mouth, motion.strengths.gaze, motion.strengths.jaw) == (1.2, 0, 1)


@pytest.mark.parametrize(
    ("value", "words"),
    [("nose=1", "nose is no region"), ("mouth=2", "from 0 to 1.5"), ("much", "from 0 to 1.5")],
)
def test_a_wrong_strength_is_wrong_usage(value: str, words: str) -> None:
    status, output, _ = given("--strength", value)
    assert status == 2
    assert words in output
