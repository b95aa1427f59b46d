"""Shots of floating point through the whole engine."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from reenact_core.engine.events import ShotDone
from reenact_core.engine.performer import Performer
from reenact_core.frames import Picture
from reenact_core.media.decode import decode
from reenact_core.media.layouts import write_planes
from reenact_core.media.probe import probe
from reenact_core.timing import FrameRange
from tests.core.engine.shots import plan_of, recast, render, shot_of
from tests.echo import EchoPerformer
from tests.synthetic import draw, one_face, write_portrait

WIDTH, HEIGHT, COUNT = 192, 144, 8


@pytest.fixture(scope="module", params=["half", "float"])
def sequence(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """OpenEXR files of linear light, around the face below 0, above 1, infinite and no number."""
    folder = tmp_path_factory.mktemp("exr")
    faces = one_face(WIDTH, HEIGHT)
    for number in range(COUNT):
        shown = draw(WIDTH, HEIGHT, faces(number)).astype(np.float64) / 255
        light = np.where(shown <= 0.04045, shown / 12.92, ((shown + 0.055) / 1.055) ** 2.4)
        light[:12] = light[:12] * 40 - 2
        light[-10:, ::3], light[-10:, 1::3], light[-10:, 2::3] = np.nan, np.inf, -np.inf
        planes = tuple(light[:, :, plane].astype(np.float32) for plane in range(3))
        write_exr(folder / f"s.{number:04d}.exr", planes, str(request.param))
    return folder / "s.%04d.exr"


def write_exr(path: Path, planes: tuple[np.ndarray, ...], size: str) -> None:
    frame = av.VideoFrame(WIDTH, HEIGHT, "gbrpf32le")
    write_planes(frame, planes)
    frame.pts = 0
    with av.open(str(path), "w", format="image2pipe") as file:
        stream = file.add_stream("exr", rate=25, options={"format": size})
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "gbrpf32le"
        file.mux(stream.encode(frame))
        file.mux(stream.encode(None))


def pictures(path: Path) -> list[Picture]:
    info = probe(path)
    return list(decode(info, FrameRange(0, info.frame_count, Fraction(25))))


@pytest.mark.parametrize("performer", [None, EchoPerformer(0.5)], ids=["echo", "darker"])
def test_only_the_face_of_a_float_shot_changes(
    sequence: Path, performer: Performer | None, tmp_path: Path
) -> None:
    portrait = write_portrait(tmp_path / "face.png")
    shot = shot_of(sequence, 0, COUNT, recast(portrait))
    shot = replace(shot, target=replace(shot.target, first_number=0))
    events = render(tmp_path / "out", plan_of(shot), performer, codec="match")
    (done,) = (event.rendered for event in events if isinstance(event, ShotDone))
    old, new = pictures(sequence), pictures(done.output.path)
    assert len(new) == COUNT
    for before, after in zip(old, new, strict=True):
        assert after.layout == before.layout
        changed = np.zeros((HEIGHT, WIDTH), bool)
        for mine, theirs in zip(after.planes, before.planes, strict=True):
            bits = np.uint16 if mine.dtype == np.float16 else np.uint32
            changed |= mine.view(bits) != theirs.view(bits)
        assert not changed[:, :20].any() and not changed[:12].any() and not changed[-10:].any()
        middle = changed[60:80, 86:106]
        if performer is None:
            assert not changed.any(), np.argwhere(changed)[:5]
        else:
            assert middle.mean() > 0.9
            assert np.isfinite(np.stack(after.planes)[:, changed]).all()
