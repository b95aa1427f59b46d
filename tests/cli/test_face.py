from pathlib import Path

import pytest

from reenact_cli.face import face_choice
from reenact_core.timeline.plan import FaceChoice


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("largest", FaceChoice("largest")),
        ("left", FaceChoice("left")),
        ("id:3", FaceChoice(None, track_id=3)),
        ("point:960,400.5@12", FaceChoice(None, point=(960.0, 400.5), frame=12)),
        ("reference:C:/a b.png", FaceChoice(None, reference=Path("C:/a b.png"))),
    ],
)
def test_every_way_of_naming_a_face_is_read(text: str, choice: FaceChoice) -> None:
    assert face_choice(text) == choice


@pytest.mark.parametrize(
    "text", ["", "biggest", "id:", "id:x", "point:1,2", "point:1@2", "reference:"]
)
def test_what_names_no_face_is_refused(text: str) -> None:
    assert face_choice(text) is None
