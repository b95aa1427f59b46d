import json
from pathlib import Path

import numpy as np
import pytest

from reenact_core.engine.events import Progress, ShotDone, ShotFailed
from tests.core.engine.shots import (
    frames_of,
    plan_of,
    recast,
    redirect,
    render,
    shot_of,
    workshop_in,
)
from tests.echo import EchoPerformer
from tests.synthetic import ClipFormat, one_face, write_clip, write_portrait


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    return write_clip(folder / "clip.mkv", 30, form=ClipFormat(sound=True))


@pytest.fixture(scope="module")
def portrait(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_portrait(tmp_path_factory.mktemp("portrait") / "face.png")


def test_an_echo_gives_the_source_back_sample_by_sample(
    tmp_path: Path, clip: Path, portrait: Path
) -> None:
    events = render(tmp_path / "out", plan_of(shot_of(clip, 5, 25, recast(portrait))))
    done = [event for event in events if isinstance(event, ShotDone)]
    assert [event for event in events if isinstance(event, ShotFailed)] == []
    made, source = frames_of(done[0].rendered.output.path), frames_of(clip)[5:25]
    assert len(made) == 20
    for (_, new), (_, old) in zip(made, source, strict=True):
        assert all((a == b).all() for a, b in zip(new, old, strict=True))
